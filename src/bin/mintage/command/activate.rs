//! `mintage activate`.

mod heartbeat;
mod online;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mintage::armor::Repair;
use mintage::code::Code;
use mintage::dsse::{Envelope, Kind};
use mintage::operation::document::{self, armored};
use mintage::policy::Context;
use mintage::proof::Proof;
use mintage::release::Release;

use crate::clock;
use crate::command::verify_proof::{self, Running};
use crate::enrol::Enrol;
use crate::failure::Failure;
use crate::files::{self, Mode, Unfinished};
use crate::keys::Trust;
use crate::machine::Here;
use crate::online::Online;
use crate::output::Output;
use crate::render::Terminal;
use crate::request::{self, Activation};
use crate::verdict::Answer;

/// What is installed came whole.
const NO_REPAIRS: &[Repair] = &[];

/// Activate a license on this machine, with no network or at the issuer's server
///
/// First --request-out writes a request, which goes to the issuer as a file, a mail or a picture. The issuer answers with a
/// proof (`mint proof --request`). --install verifies the proof on this machine and puts it where the product reads it.
/// --deactivate gives the activation back: it writes a release for the issuer, and the proof stops counting here at once.
///
/// With --server all of this is one step: the license is named by --key or --license, and the verified proof goes to
/// --output. --heartbeat asks there whether the license still counts, now and then or --once; a license that was withdrawn,
/// or an activation that is gone, ends it with status 1. --deactivate sends the release. Every request is sent again, the
/// same, until it is answered or --retries are used up; status 3 says that nothing was answered. No other command opens a
/// connection for itself.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("step").args(["request_out", "install", "deactivate", "heartbeat"]))]
#[command(group = clap::ArgGroup::new("way").required(true).multiple(true)
    .args(["request_out", "install", "deactivate", "heartbeat", "server"]))]
pub(crate) struct Arguments {
    /// Write a request to activate --license to FILE (`-` for standard output)
    #[arg(long, value_name = "FILE", requires = "license", conflicts_with = "server")]
    request_out: Option<PathBuf>,
    /// Verify --proof on this machine, and write it to FILE
    #[arg(long, value_name = "FILE", requires = "proof", conflicts_with = "server")]
    install: Option<PathBuf>,
    /// Give the activation of --proof back: write the release for the issuer, or send it to --server
    #[arg(long, requires = "proof")]
    deactivate: bool,
    /// Ask the server again and again whether the activation of --proof still counts
    #[arg(long, requires = "proof", requires = "server")]
    heartbeat: bool,
    /// The issuer's answer, or the installed proof
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    /// Why the activation is given back
    #[arg(long, requires = "deactivate")]
    reason: Option<String>,
    /// The tenant that runs the product
    #[arg(long)]
    tenant: Option<String>,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    online: online::Exchange,
    #[command(flatten)]
    server: Online,
    #[command(flatten)]
    activation: Activation,
    #[command(flatten)]
    enrol: Enrol,
}

impl Arguments {
    /// Returns the machine that proofs are compared with: this one, and no other will do.
    fn here(&self) -> Here<'_> {
        Here { source: &self.enrol.source, exact: self.enrol.fingerprint_value.as_deref(), any: false }
    }
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    arguments.server.check()?;
    if let Some(path) = &arguments.request_out {
        let output = Output { output: Some(path.clone()), force: arguments.output.force };
        return request::run(&arguments.activation, &arguments.enrol, &output, terminal);
    }
    let Some(path) = &arguments.proof else { return online::activate(arguments, terminal) };
    let envelope = verify_proof::read_proof(path)?;
    match &arguments.install {
        Some(target) => {
            let file = Unfinished::create(target, Mode::Public, arguments.output.overwrite())?;
            install(&envelope, file, arguments, terminal)
        }
        None if arguments.heartbeat => heartbeat::run(&envelope, arguments, terminal),
        None if arguments.deactivate => deactivate(path, &envelope, arguments, terminal),
        None => {
            let message = "a proof is there already, and --server would ask for one";
            let hint = "leave out --proof, or say --heartbeat or --deactivate";
            Err(Failure::new(Code::Usage, message).hint(hint).into())
        }
    }
}

/// Puts a proof in place once it counts on this machine, and answers a request that was made here.
fn install(
    envelope: &Envelope,
    mut file: Unfinished,
    arguments: &Arguments,
    terminal: &Terminal,
) -> anyhow::Result<ExitCode> {
    let keyring = arguments.trust.keyring()?;
    let mut context = Context::at(clock::now()?);
    context.tenant.clone_from(&arguments.tenant);
    context.product.clone_from(&arguments.enrol.product);
    context.environment.clone_from(&arguments.activation.environment);
    context.product_version.clone_from(&arguments.activation.product_version);
    if let Some(path) = &arguments.activation.manifest {
        context.manifest = Some(verify_proof::read_manifest(path, &keyring)?);
    }
    let running = Running {
        keyring: &keyring,
        context: &context,
        secret: None,
        here: arguments.here(),
        instance: &arguments.activation.instance,
        terminal,
    };
    let verdict = verify_proof::judge(envelope, running)?;
    if let Some(proof) = verdict.proof.as_ref().filter(|_| verdict.is_valid()) {
        answers_a_request(proof, arguments)?;
        let instance = &arguments.activation.instance;
        file.append(format!("{}\n", envelope.to_json()).as_bytes())?;
        // Taken back unless it is known what answers to the key: the key must outlast every document in place.
        let placed = file.place()?;
        instance.add_answer(&proof.instance_key, &proof.proof_id)?;
        placed.keep();
        instance.answered(&proof.instance_key)?;
        let (id, end) = (&proof.license_id, proof.expires_at);
        terminal.note(&format!("license {id} is activated on this machine until {end}, by proof {}", proof.proof_id));
        terminal.value(|| verdict.to_json(NO_REPAIRS))?;
        return Ok(ExitCode::SUCCESS);
    }
    Answer::of(&verdict, &[]).give(&Output { output: None, force: false }, terminal)
}

/// Holds a proof against what was asked for here: a proof made for another machine's key is of no use to this one.
fn answers_a_request(proof: &Proof, arguments: &Arguments) -> anyhow::Result<()> {
    let instance = &arguments.activation.instance;
    let hint = "make a request here with --request-out, and have it answered";
    let kid = proof.instance_key.id().kid();
    if instance.open(&proof.instance_key)?.is_none() {
        let message = format!("the proof is for instance key {kid}, which this machine does not hold");
        return Err(Failure::new(Code::NonceMismatch, message).hint(hint).into());
    }
    match instance.pending(&proof.instance_key)? {
        Some(request) if request.nonce != proof.nonce => {
            let message = format!("the proof answers nonce {}, and {} was asked with", proof.nonce, request.nonce);
            Err(Failure::new(Code::NonceMismatch, message).hint(hint).into())
        }
        _ => Ok(()),
    }
}

/// Gives an activation back. The release is written or sent first: were this cut short, the activation would still be in
/// force here.
fn deactivate(
    path: &Path,
    envelope: &Envelope,
    arguments: &Arguments,
    terminal: &Terminal,
) -> anyhow::Result<ExitCode> {
    let instance = &arguments.activation.instance;
    let proof = Proof::parse(envelope.unverified_payload())
        .map_err(|error| Failure::new(error.code(), format_args!("proof `{}`: {error}", path.display())))?;
    let kid = proof.instance_key.id().kid();
    if let Some(released_at) = instance.released_at(&proof)? {
        let message = format!("proof {} was given back on {released_at}", proof.proof_id);
        return Err(Failure::new(Code::Released, message).into());
    }
    let Some(key) = instance.open(&proof.instance_key)? else {
        let message = format!("the proof is for instance key {kid}, which this machine does not hold");
        return Err(Failure::new(Code::WrongMachine, message)
            .hint("deactivate on the machine that was activated, as the user who did it")
            .into());
    };
    let release = Release::of(&proof, arguments.reason.clone(), clock::now()?);
    Release::parse(release.to_payload().as_bytes())
        .map_err(|error| Failure::new(Code::Usage, format_args!("the release cannot be made: {error}")))?;
    let signed = Envelope::sign(Kind::Release, release.to_payload().into_bytes(), &[&key]);
    let json = signed.to_json();
    if arguments.server.server.is_some() {
        online::deactivate(&json, arguments, terminal)?;
        terminal.value(|| json)?;
    } else {
        let text = if arguments.activation.armor { armored("release", &json) } else { format!("{json}\n") };
        let pictures = arguments.activation.qr.draw(&json, arguments.output.overwrite())?;
        arguments.output.hand_out(text, || json, terminal)?;
        pictures.show(terminal);
    }
    instance.give_back(&proof, &signed)?;
    if path != Path::new("-") {
        files::remove(path)?;
    }
    let sent = if arguments.server.server.is_some() { "" } else { "; send the release to the issuer" };
    terminal.note(&format!("proof {} is given back{sent}", proof.proof_id));
    Ok(ExitCode::SUCCESS)
}

/// Reads a document that must be of one kind.
pub(crate) fn read_envelope(path: &Path, kind: Kind, limit: usize) -> anyhow::Result<Envelope> {
    let bytes = files::read(path, limit)?;
    let opened = document::open(&bytes).and_then(|opened| opened.document.envelope(kind));
    Ok(opened
        .map_err(|refusal| Failure::new(refusal.code, format_args!("`{}`: {}", path.display(), refusal.message)))?)
}
