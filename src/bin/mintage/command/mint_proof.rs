//! `mintage mint proof`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mintage::code::{Code, Exit};
use mintage::dsse::{Envelope, Kind};
use mintage::id::KeyId;
use mintage::json::Writer;
use mintage::keyring::Keyring;
use mintage::manifest::MAX_MANIFEST_BYTES;
use mintage::operation::document::{self, armored};
use mintage::operation::ledger::activate::{self, ActivateError, Asked};
use mintage::operation::ledger::lease;
use mintage::operation::manifest::signed;
use mintage::operation::proof::{self, Answer, Build, Fresh, SignedLicense};
use mintage::operation::revocations::admit;
use mintage::operation::verify::MAX_TEXT_BYTES;
use mintage::policy::RevocationsContext;
use mintage::request::{LicenseReference, MAX_REQUEST_BYTES, Nonce, Request};
use mintage::revocations::MAX_REVOCATIONS_BYTES;
use mintage::time::Timestamp;
use mintage::verdict::Refusal;

use crate::book::{Book, stamp};
use crate::command::mint::secret;
use crate::failure::Failure;
use crate::keys::{Signer, Trust, signer_hint};
use crate::output::Output;
use crate::qr::QrArgs;
use crate::render::Terminal;
use crate::{clock, files, random};

/// Mint an activation proof: the answer to a machine's request
///
/// The license is the one that the request carries, or --license. It must be signed by a trusted key, be in force, and be
/// the one that the request is for; every reason for a "no" is given. The proof binds the license to the machine, the
/// environment, the product and its version that the request names, and to the build, if one is named. With --borrow-until
/// it is the lease of a seat, which the machine takes along until then.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    signer: Signer,
    /// The request, as its machine wrote it: a file, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// The license, where the request does not carry it or an older one of it
    #[arg(long, value_name = "FILE")]
    license: Option<PathBuf>,
    /// Open a sealed license with the secret in FILE
    #[arg(long, value_name = "FILE")]
    unseal: Option<PathBuf>,
    /// Keys that the license and the manifest may be signed by; the signing key itself if left out
    #[command(flatten)]
    trust: Trust,
    /// The last second of the proof; the end of the license and its grace if left out
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// Lend a seat until then instead: the proof is the lease of a seat that --ledger counts, and lasts as long
    #[arg(long, value_name = "WHEN", conflicts_with = "expires")]
    borrow_until: Option<String>,
    /// Cover the one build that this manifest describes
    #[arg(long, value_name = "FILE", conflicts_with = "manifest_key")]
    manifest: Option<PathBuf>,
    /// Cover every build of the product whose manifest this key signs (64 hex digits, or the 16 of a trusted key); repeatable
    #[arg(long, value_name = "KEYID")]
    manifest_key: Vec<String>,
    /// The versions to cover, such as 1.2.0 or 1.2.*; the one that the request names if left out
    #[arg(long, value_name = "VERSION")]
    product_version: Option<String>,
    /// Refuse a license that this signed list of revocations withdraws
    #[arg(long, value_name = "FILE")]
    revocations: Option<PathBuf>,
    /// Id of the proof; a random UUID if left out
    #[arg(long)]
    id: Option<String>,
    /// When the machine counts as activated; now if left out
    #[arg(long, value_name = "WHEN")]
    issued_at: Option<String>,
    /// Write the proof armored for mail, every line with its own check
    #[arg(long)]
    armor: bool,
    #[command(flatten)]
    book: Book,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    qr: QrArgs,
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    arguments.output.check()?;
    let clock = clock::now()?;
    let now = arguments.issued_at.as_deref().map_or(Ok(clock), |at| Timestamp::parse_when(at, clock))?;
    let ledger = arguments.book.open_if_named()?;
    let when = |text: &Option<String>| text.as_deref().map(|when| Timestamp::parse_when(when, now)).transpose();
    let borrow_until = when(&arguments.borrow_until)?;
    let expires_at = borrow_until.or(when(&arguments.expires)?);
    if let Some(until) = borrow_until.filter(|until| *until <= clock) {
        let failure = Failure::new(Code::Usage, format_args!("{until} is over, and a seat is lent from now on"));
        return Err(failure.hint("name a later time with --borrow-until").into());
    }
    if borrow_until.is_some() && ledger.is_none() {
        let failure = Failure::new(Code::Usage, "only a ledger counts seats, and none was named");
        return Err(failure.hint("name one with --ledger or MINTAGE_LEDGER").into());
    }
    let mut request = match read_request(&arguments.request, terminal)? {
        Ok(request) => request,
        Err(refusal) => return refuse(&[refusal], terminal),
    };
    if let Some(ledger) = &ledger {
        request.license = activate::resolve(ledger, request.license)?;
    }
    let key = arguments.signer.open()?;
    let keyring =
        if arguments.trust.trust.is_empty() { Keyring::from(key.public()) } else { arguments.trust.keyring()? };
    let secret = arguments.unseal.as_deref().map(secret).transpose()?;
    let (token, license) = match proof::license(&license_text(&request, arguments)?, &keyring, secret.as_ref()) {
        Ok(license) => license,
        Err(refusal) => return refuse(&[refusal], terminal),
    };
    let manifest = arguments.manifest.as_deref().map(|path| {
        let text = files::read_setting(path, MAX_MANIFEST_BYTES)?;
        signed(&text, &keyring).map_err(|error| {
            let message = format!("manifest `{}`: {error}", path.display());
            anyhow::Error::from(Failure::new(error.code(), message).hint(signer_hint(error.code())))
        })
    });
    let manifest = manifest.transpose()?;
    let build = match &manifest {
        Some(manifest) => Build::Manifest(manifest),
        None if arguments.manifest_key.is_empty() => Build::AsRequested,
        None => Build::SignedBy(key_ids(&arguments.manifest_key, &keyring)?),
    };
    let revocations = match &arguments.revocations {
        None => RevocationsContext::None,
        Some(path) => admit(files::read_setting(path, MAX_REVOCATIONS_BYTES)?, &keyring, None, None, now).context,
    };
    let fresh = Fresh {
        proof_id: arguments.id.clone().map_or_else(random::license_id, Ok)?,
        heartbeat_nonce: Nonce(random::bytes()?),
        now,
    };
    let license = SignedLicense { text: token.as_str(), token: &license };
    let product_version = arguments.product_version.clone();
    let answer = Answer { license, build, product_version, expires_at, revocations, fresh };
    let asked = Asked { request: &request, assemblies: None, holds_key: true };
    let answered = match (&ledger, borrow_until) {
        (Some(ledger), Some(until)) => lease::lend(ledger, &stamp(clock), &request, answer, until),
        (Some(ledger), None) => activate::answer(ledger, &stamp(clock), asked, answer),
        (None, _) => proof::answer(&request, answer).map_err(ActivateError::Refused),
    };
    let proof = match answered {
        Ok(proof) => proof,
        Err(ActivateError::Refused(refusals)) => return refuse(&refusals, terminal),
        Err(ActivateError::Ledger(error)) => return Err(error.into()),
    };
    let json = Envelope::sign(Kind::Proof, proof.to_payload().into_bytes(), &[&key]).to_json();
    let text = if arguments.armor { armored("proof", &json) } else { format!("{json}\n") };
    let pictures = arguments.qr.draw(&json, arguments.output.overwrite())?;
    arguments.output.hand_out(text, || json, terminal)?;
    pictures.show(terminal);
    if ledger.is_none()
        && let Some(count) = license.token.license().and_then(|license| license.max_activations)
    {
        terminal.note(&format!("the license allows {count} activations, which only a ledger counts"));
    }
    if let Some(build) = manifest.as_ref().map(|verified| &verified.manifest.version)
        && !proof.covers_version(build)
    {
        let covered = proof.product_version.as_deref().unwrap_or_default();
        terminal.warning(&format!(
            "the proof covers version {covered}, and its manifest is of {build}: beside that manifest it is refused"
        ));
    }
    let (id, until) = (&proof.license_id, proof.expires_at);
    let what = if borrow_until.is_some() { "lent seat" } else { "minted proof" };
    terminal.note(&format!("{what} {} for license {id}, until {until}", proof.proof_id));
    if borrow_until.is_some_and(|asked| asked < until) {
        terminal.note("the machine had it already, for longer than was asked now");
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a request, as a file or as it was pasted.
pub(crate) fn read_request(path: &Path, terminal: &Terminal) -> anyhow::Result<Result<Request, Refusal>> {
    let bytes = files::read(path, 2 * MAX_REQUEST_BYTES)?;
    let opened = document::open(&bytes).and_then(|opened| Ok((opened.document.request()?, opened.repairs)));
    Ok(opened.map(|(request, repairs)| {
        repairs.iter().for_each(|repair| terminal.note(&format!("mended: {repair}")));
        request
    }))
}

fn license_text(request: &Request, arguments: &Arguments) -> anyhow::Result<Vec<u8>> {
    match (&arguments.license, &request.license) {
        (Some(path), _) => Ok(files::read(path, MAX_TEXT_BYTES)?),
        (None, LicenseReference::Token(text)) => Ok(text.clone().into_bytes()),
        (None, LicenseReference::Id(id)) => {
            let message = format!("the request names license `{id}` by its id and does not carry it");
            Err(Failure::new(Code::NoLicense, message).hint("name its file with --license").into())
        }
        (None, LicenseReference::Key(_)) => {
            let message = "the request names its license by a license key, which only a ledger can look up";
            Err(Failure::new(Code::LedgerUnavailable, message).hint("name the license with --license").into())
        }
    }
}

fn key_ids(texts: &[String], keyring: &Keyring) -> anyhow::Result<Vec<KeyId>> {
    let find = |text: &String| {
        let known = || keyring.keys().iter().map(|key| key.key.id()).find(|id| id.kid().to_string() == *text);
        KeyId::parse(text).ok().or_else(known).ok_or_else(|| {
            let message = format!("`{text}` is no key id of 64 hex digits, and no trusted key has it as its short id");
            Failure::new(Code::Usage, message).hint("take it from `mintage inspect KEY.pub`").into()
        })
    };
    texts.iter().map(find).collect()
}

/// Says no, with every reason; nothing was minted.
pub(crate) fn refuse(refusals: &[Refusal], terminal: &Terminal) -> anyhow::Result<ExitCode> {
    if terminal.json {
        let mut out = Writer::default();
        out.begin_object();
        out.name("kind").string("request");
        out.name("refusals").begin_array();
        refusals.iter().for_each(|refusal| refusal.write(&mut out));
        out.end_array();
        out.name("verdict").string("refused");
        out.end_object();
        terminal.data(format!("{}\n", out.finish()).as_bytes())?;
    }
    for refusal in refusals {
        terminal.error(Some(refusal.code), &refusal.message, &[refusal.hint()]);
    }
    let exit = refusals.iter().map(|refusal| refusal.code.exit()).min().unwrap_or(Exit::Unable);
    Ok(ExitCode::from(exit.status()))
}
