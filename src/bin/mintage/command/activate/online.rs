//! `activate --server`: asks the issuer's server for a proof, or gives an activation back there.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use mintage::code::Code;
use mintage::dsse::{Envelope, Kind};
use mintage::json::{Value, Writer};
use mintage::operation::document;
use mintage::proof::Proof;
use mintage::request::Request;
use zeroize::Zeroizing;

use crate::command::verify_proof::MAX_PROOF_TEXT;
use crate::failure::Failure;
use crate::files::{Mode, Unfinished};
use crate::instance::Instance;
use crate::machine;
use crate::online::{Server, members, string};
use crate::process;
use crate::render::Terminal;
use crate::request::{self, Wanted};

/// Says what is asked of the server, and how often.
#[derive(Args, Debug)]
#[command(next_help_heading = "The issuer's server")]
pub(crate) struct Exchange {
    /// The license key to activate: its text, or @FILE, which keeps it out of the list of processes
    #[arg(long, value_name = "KEY", env = "MINTAGE_LICENSE_KEY", hide_env_values = true, conflicts_with = "license")]
    key: Option<String>,
    /// Ask once, at once, and end: for a timer of the system
    #[arg(long, requires = "heartbeat")]
    pub(super) once: bool,
    /// Seconds between two heartbeats
    #[arg(long, value_name = "SECONDS", default_value_t = 14_400, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) every: u64,
    /// Seconds before the first heartbeat
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(super) first_after: u64,
}

/// Asks for a proof, and installs it once it counts on this machine.
pub(super) fn activate(arguments: &super::Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let Some(target) = arguments.output.file() else {
        let message = "there is no file named for the proof";
        return Err(Failure::new(Code::Usage, message).hint("name one with --output").into());
    };
    // What is bound to be refused is refused before anything is sent: an activation is taken once the server has answered.
    let file = Unfinished::create(target, Mode::Public, arguments.output.overwrite())?;
    arguments.trust.keyring()?;
    let server = arguments.server.open()?;
    let wanted = wanted(arguments)?;
    let request = request::make(&arguments.activation, &arguments.enrol, &wanted, terminal)?;
    let instance = &arguments.activation.instance;
    let envelope = ask(&server, &request, terminal).inspect_err(|_| {
        // The first fault is the one to tell.
        let _ = instance.discard(&request.instance_key);
    })?;
    let replaced = proof_in(target);
    let installed = super::install(&envelope, file, arguments, terminal)?;
    if installed != ExitCode::SUCCESS {
        instance.discard(&request.instance_key)?;
    } else if let Some(replaced) = replaced {
        forget(&replaced, &envelope, instance)?;
    }
    Ok(installed)
}

/// Reads a proof that is about to be replaced, if that is what is there.
fn proof_in(path: &Path) -> Option<Proof> {
    let file = path.is_file().then(|| File::open(path).ok())??;
    let mut text = Vec::new();
    file.take(u64::try_from(MAX_PROOF_TEXT).ok()?).read_to_end(&mut text).ok()?;
    let envelope = document::open(&text).ok()?.document.envelope(Kind::Proof).ok()?;
    Proof::parse(envelope.unverified_payload()).ok()
}

/// Forgets the key of a proof that another one of the same activation has replaced: the ledger holds the new one's.
fn forget(replaced: &Proof, envelope: &Envelope, instance: &Instance) -> anyhow::Result<()> {
    let is_same = |new: &Proof| new.proof_id == replaced.proof_id && new.instance_key != replaced.instance_key;
    match Proof::parse(envelope.unverified_payload()) {
        Ok(new) if is_same(&new) => instance.drop_answer(&replaced.instance_key, &replaced.proof_id),
        _ => Ok(()),
    }
}

/// Gives an activation back; one that the server knows for given back already is.
pub(super) fn deactivate(release: &str, arguments: &super::Arguments, terminal: &Terminal) -> anyhow::Result<()> {
    let mut out = Writer::default();
    out.begin_object();
    out.name("release").raw(release);
    out.end_object();
    let answer = arguments.server.open()?.post("deactivate", &out.finish(), terminal)?;
    // What is forgotten here must be free there.
    let said = members(&answer).and_then(|members| members.into_iter().find(|(name, _)| name == "success"));
    if matches!(said, Some((_, Value::Bool(true)))) {
        return Ok(());
    }
    let message = "the server does not say that the activation is given back";
    Err(Failure::new(Code::ServerUnreachable, message).hint("ask again; tell the issuer if it stays").into())
}

fn wanted(arguments: &super::Arguments) -> anyhow::Result<Wanted> {
    match (&arguments.online.key, &arguments.activation.license) {
        (_, Some(path)) => Wanted::of_license(path),
        (Some(key), None) if !key.is_empty() => {
            process::keep_secrets();
            Ok(Wanted::of_license_key(&Zeroizing::new(machine::text(key)?)))
        }
        _ => {
            let message = "nothing says which license is to be activated";
            let hint = "give its license key with --key @FILE or MINTAGE_LICENSE_KEY, or its file with --license";
            Err(Failure::new(Code::Usage, message).hint(hint).into())
        }
    }
}

/// Asks for a proof; what comes back must answer this very request, and is not believed yet.
fn ask(server: &Server, request: &Request, terminal: &Terminal) -> anyhow::Result<Envelope> {
    let mut out = Writer::default();
    out.begin_object();
    out.name("request").raw(&request.to_json());
    out.end_object();
    let answer = server.post("activate", &Zeroizing::new(out.finish()), terminal)?;
    let saved = members(&answer).and_then(|members| string(&members, "activationProof"));
    let saved = saved.and_then(|text| STANDARD.decode(text).ok()).ok_or_else(|| {
        Failure::new(Code::ServerUnreachable, "the server says that it activated, and hands out no proof")
    })?;
    let envelope = document::open(&saved).and_then(|opened| opened.document.envelope(Kind::Proof));
    let envelope = envelope.map_err(|refusal| {
        Failure::new(refusal.code, format_args!("what the server handed out: {}", refusal.message)).no()
    })?;
    let said = Proof::parse(envelope.unverified_payload())
        .map_err(|error| Failure::new(error.code(), format_args!("what the server handed out: {error}")).no())?;
    if (said.nonce, &said.instance_key) != (request.nonce, &request.instance_key) {
        let message = format!("the server's proof answers nonce {}, and {} was asked with", said.nonce, request.nonce);
        return Err(Failure::new(Code::NonceMismatch, message).hint("ask again; tell the issuer if it stays").into());
    }
    Ok(envelope)
}
