//! `mintage verify PROOF`, and every other signed document that is judged without a folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use mintage::code::Code;
use mintage::dsse::{Envelope, Kind};
use mintage::keyring::Keyring;
use mintage::manifest::{MAX_MANIFEST_BYTES, VerifiedManifest};
use mintage::operation::manifest::signed;
use mintage::operation::proof;
use mintage::operation::signed::{self as documents, SignedVerdict};
use mintage::operation::verify::{Against, unverified_fingerprint};
use mintage::policy::{Context, MachineContext};
use mintage::proof::{MAX_PROOF_BYTES, Proof};
use mintage::seal::SealSecret;
use mintage::time::Timestamp;
use mintage::verdict::Verdict;

use crate::command::activate::read_envelope;
use crate::failure::Failure;
use crate::files;
use crate::instance::Instance;
use crate::machine::Here;
use crate::render::Terminal;

/// The longest text of a proof: armor adds half of its length.
pub(crate) const MAX_PROOF_TEXT: usize = 2 * MAX_PROOF_BYTES;

/// Says what an activation is held against.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Activations")]
pub(crate) struct Activated {
    /// The activation proof of a license, release or report of use
    #[arg(long, value_name = "FILE", conflicts_with = "batch")]
    pub(crate) proof: Option<PathBuf>,
    /// Where the product runs, such as `production`
    #[arg(long)]
    pub(crate) environment: Option<String>,
    /// The version of the product that runs; that of --manifest if left out, which must be covered beside it
    #[arg(long, value_name = "VERSION")]
    pub(crate) product_version: Option<String>,
    /// The manifest of the build that runs, which a proof may be bound to
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) instance: Instance,
}

/// What a proof is judged with on this machine.
#[derive(Clone, Copy)]
pub(crate) struct Running<'a> {
    pub(crate) keyring: &'a Keyring,
    pub(crate) context: &'a Context,
    pub(crate) secret: Option<&'a SealSecret>,
    pub(crate) here: Here<'a>,
    pub(crate) instance: &'a Instance,
    pub(crate) terminal: &'a Terminal,
}

impl Activated {
    /// Adds what was said of the build and its surroundings.
    pub(crate) fn add_to(&self, context: &mut Context, keyring: &Keyring) -> anyhow::Result<()> {
        context.environment.clone_from(&self.environment);
        context.product_version.clone_from(&self.product_version);
        context.manifest = self.manifest.as_deref().map(|path| read_manifest(path, keyring)).transpose()?;
        Ok(())
    }
}

/// Reads a proof from its file, armored or not.
pub(crate) fn read_proof(path: &Path) -> anyhow::Result<Envelope> {
    read_envelope(path, Kind::Proof, MAX_PROOF_TEXT)
}

/// Reads the manifest of the build that runs; one that is not believed is a no.
pub(crate) fn read_manifest(path: &Path, keyring: &Keyring) -> anyhow::Result<Arc<VerifiedManifest>> {
    let text = files::read_setting(path, MAX_MANIFEST_BYTES)?;
    let verified = signed(&text, keyring)
        .map_err(|error| Failure::new(error.code(), format_args!("manifest `{}`: {error}", path.display())))?;
    Ok(Arc::new(verified))
}

/// Judges a proof on this machine.
pub(crate) fn judge(envelope: &Envelope, running: Running<'_>) -> anyhow::Result<Verdict> {
    let (context, released_at) = about_machine(envelope, None, running)?;
    let against = Against { keyring: running.keyring, context: &context, secret: running.secret };
    Ok(proof::verify(envelope, against, released_at))
}

/// Reads a proof as what stands beside a license.
pub(crate) fn admit(envelope: &Envelope, license: &[u8], running: Running<'_>) -> anyhow::Result<Context> {
    let (mut context, released_at) = about_machine(envelope, Some(license), running)?;
    let against = Against { keyring: running.keyring, context: running.context, secret: running.secret };
    context.proof = proof::admit(envelope, against, released_at);
    Ok(context)
}

/// Reads of this machine what the proof, and the license inside or beside it, are compared with.
fn about_machine(
    envelope: &Envelope,
    license: Option<&[u8]>,
    running: Running<'_>,
) -> anyhow::Result<(Context, Option<Timestamp>)> {
    let mut context = running.context.clone();
    // What is no proof will be refused as none.
    let Ok(claimed) = Proof::parse(envelope.unverified_payload()) else { return Ok((context, None)) };
    let of_license = unverified_fingerprint(license.unwrap_or(claimed.license.as_bytes()), running.secret);
    let bound: Vec<_> = of_license.iter().chain([&claimed.fingerprint]).collect();
    context.machine = running.here.context(&bound, running.terminal)?;
    // Whoever asks about the document alone, such as its issuer, may have activated and released machines of his own.
    let here = !matches!(context.machine, MachineContext::Any);
    let released_at = if here { running.instance.released_at(&claimed)? } else { None };
    Ok((context, released_at))
}

/// Judges any other kind.
pub(crate) fn other(
    envelope: &Envelope,
    kind: Kind,
    activated: &Activated,
    keyring: &Keyring,
    now: Timestamp,
) -> anyhow::Result<SignedVerdict> {
    let proof = activated.proof.as_deref().map(read_proof).transpose()?;
    Ok(documents::verify(envelope, kind, documents::Beside { keyring, proof: proof.as_ref(), now }))
}

/// Says that a document of a kind is not judged.
pub(crate) fn unjudged(name: &str) -> anyhow::Error {
    let message = format!("this is a {name}, which nobody signs");
    Failure::new(Code::WrongKind, message).hint("see what it says with `mintage inspect`").into()
}
