//! `mintage mint keyring`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use mintage::code::Code;
use mintage::dsse::{Envelope, EnvelopeError, Kind};
use mintage::id::KeyId;
use mintage::key::PublicKey;
use mintage::keyring::Purpose;
use mintage::keyring::document::{KeyringDocument, MAX_KEYRING_BYTES};
use mintage::operation::keyring::{Changes, next};
use mintage::time::Timestamp;
use mintage::trust::{self, Established, TrustError};

use crate::failure::Failure;
use crate::keys::{Signer, Trust};
use crate::output::Output;
use crate::render::Terminal;
use crate::{clock, files};

/// Mint a keyring: which keys are trusted, for what, and when
///
/// The first keyring lists the signing key as its root. Every further one is made from the one before it and signed by a
/// key which that one allows for the purpose `keyring`, so a rotation is one file. Where the one before asks for several
/// signers, one mints it and each of the others adds a signature with --cosign.
///
/// The one before must be believed itself: the signing key signed it, or --trust names the root, or the keyrings before
/// it, that vouch for who did.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    signer: Signer,
    /// The keyring to change
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,
    #[command(flatten)]
    trust: Trust,
    /// Add a public key, or set its purposes anew: license, proof, manifest, revocations, keyring; repeatable
    #[arg(long, value_name = "FILE:PURPOSE[,PURPOSE]")]
    add: Vec<String>,
    /// From when on the added keys may have signed; from this keyring on if left out, and since ever in a first one
    #[arg(long, value_name = "WHEN")]
    not_before: Option<String>,
    /// Let a key sign no more; what it signed until now still counts; repeatable
    #[arg(long, value_name = "KEYID")]
    retire: Vec<String>,
    /// Let nothing count any more that a key signed; repeatable
    #[arg(long, value_name = "KEYID")]
    revoke_key: Vec<String>,
    /// How many keys must sign documents of a purpose; repeatable
    #[arg(long, value_name = "PURPOSE=N")]
    threshold: Vec<String>,
    /// When the keyring counts as issued; now if left out
    #[arg(long, value_name = "WHEN")]
    issued_at: Option<String>,
    /// Add the key's signature to a keyring that is minted already, and change nothing in it
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["previous", "add", "not_before", "retire", "revoke_key", "threshold", "issued_at"]
    )]
    cosign: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    if let Some(path) = &arguments.cosign {
        return cosign(path, arguments, terminal);
    }
    let now = clock::now()?;
    let now = arguments.issued_at.as_deref().map_or(Ok(now), |at| Timestamp::parse_when(at, now))?;
    let previous = arguments.previous.as_deref().map(read).transpose()?;
    let changes = arguments.changes(previous.as_ref().map(|(document, _)| document), now)?;
    let key = arguments.signer.open()?;
    if let Some((document, envelope)) = &previous {
        let vouched = vouch(arguments, document, envelope, &key.public())?;
        let signers: Vec<&KeyId> = vouched.signers().collect();
        if !signers.contains(&&key.public().id()) {
            let kids: Vec<_> = signers.iter().map(|id| id.kid().to_string()).collect();
            terminal.note(&format!("keyring {} was signed by key {}", document.sequence, kids.join(", ")));
        }
    }
    let document = next(previous.as_ref().map(|(document, _)| document), &key.public(), &changes, now)?;
    let envelope = Envelope::sign(Kind::Keyring, document.to_payload().into_bytes(), &[&key]);
    let json = envelope.to_json();
    arguments.output.hand_out(format!("{json}\n"), || json, terminal)?;
    let (sequence, count) = (document.sequence, document.keys.len());
    terminal.note(&format!("minted keyring {sequence} with {count} keys, signed by key {}", key.public().id().kid()));
    let wanted = previous.map_or(1, |(document, _)| document.threshold(Purpose::Keyring));
    if wanted > 1 {
        terminal.note(&format!("it is believed once {wanted} keys have signed it; add the others with --cosign"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes sure that what is carried on is the vendor's own newest: keys slipped into a copy, or a stranger's keyring, would
/// be signed anew.
fn vouch(
    arguments: &Arguments,
    document: &KeyringDocument,
    envelope: &Envelope,
    key: &PublicKey,
) -> anyhow::Result<Established> {
    let vouched = arguments.trust.vouch(key, envelope).map_err(|error| match error.downcast::<TrustError>() {
        Ok(error @ TrustError::Envelope(EnvelopeError::BadSignature | EnvelopeError::UnknownKey(_))) => {
            let message = format!("{error}; --previous is carried on only from a root that is trusted");
            let hint = "name with --trust the root, or the keyrings before it, that vouch for who signed it";
            Failure::new(error.code(), message).hint(hint).unable().into()
        }
        Ok(error) => error.into(),
        Err(error) => error,
    })?;
    match vouched.document() {
        Some(newest) if newest.sequence > document.sequence => {
            let (previous, newest) = (document.sequence, newest.sequence);
            let message = format!("keyring {newest} is there already, and --previous names keyring {previous}");
            Err(Failure::new(Code::RolledBack, message).hint("name the newest keyring with --previous").unable().into())
        }
        _ => Ok(vouched),
    }
}

/// Signs what another key has signed already; whether the signatures suffice is for the keyring before to say.
fn cosign(path: &Path, arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let (document, mut envelope) = read(path)?;
    let key = arguments.signer.open()?;
    let kid = key.public().id().kid();
    // A keyring keeps its keys, so whoever may sign it is in it, if only as one that is retired.
    let Some(entry) = document.keys.iter().find(|entry| entry.key == key.public()) else {
        let message =
            format!("keyring {} does not list key {kid}, so nobody would count its signature", document.sequence);
        let hint = "sign with a key that it lists, or add this one with --add PUB:keyring in the keyring before";
        return Err(Failure::new(Code::UnknownKey, message).hint(hint).into());
    };
    if !entry.purposes.contains(&Purpose::Keyring) {
        let sequence = document.sequence;
        terminal.warning(&format!("keyring {sequence} does not let key {kid} sign keyrings; only the one before may"));
    }
    if !envelope.cosign(&key) {
        let message = format!("keyring `{}` is signed by key {kid} already, or by 64 others", path.display());
        return Err(Failure::new(Code::Usage, message).hint("name another key with --key").into());
    }
    let json = envelope.to_json();
    arguments.output.hand_out(format!("{json}\n"), || json, terminal)?;
    let (sequence, signed) = (document.sequence, envelope.unverified_key_ids().count());
    terminal.note(&format!("signed keyring {sequence} by key {kid}; it carries {signed} signatures"));
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> anyhow::Result<(KeyringDocument, Envelope)> {
    let data = files::read(path, MAX_KEYRING_BYTES)?;
    let fail = |code, message: String| Failure::new(code, format!("keyring `{}`: {message}", path.display())).unable();
    let envelope = Envelope::parse(&data).map_err(|error| fail(error.code(), error.to_string()))?;
    let document = trust::read(&envelope).map_err(|error| fail(error.code(), error.to_string()))?;
    Ok((document, envelope))
}

impl Arguments {
    fn changes(&self, previous: Option<&KeyringDocument>, now: Timestamp) -> anyhow::Result<Changes> {
        let ids = |texts: &[String]| texts.iter().map(|text| key_id(text, previous)).collect::<Result<Vec<_>, _>>();
        Ok(Changes {
            add: self.add.iter().map(|text| added(text)).collect::<Result<_, _>>()?,
            retire: ids(&self.retire)?,
            revoke: ids(&self.revoke_key)?,
            not_before: self.not_before.as_deref().map(|at| Timestamp::parse_when(at, now)).transpose()?,
            thresholds: self.threshold.iter().map(|text| threshold(text)).collect::<Result<_, _>>()?,
        })
    }
}

/// Takes an id whole, or the 16 digits that a license shows, of a key in the keyring before.
fn key_id(text: &str, previous: Option<&KeyringDocument>) -> anyhow::Result<KeyId> {
    let keys = previous.map(|document| document.keys.as_slice()).unwrap_or_default();
    let short = keys.iter().map(|entry| entry.key.id()).find(|id| id.kid().to_string() == text);
    short.or_else(|| KeyId::parse(text).ok()).ok_or_else(|| {
        let message = format!("`{text}` is neither a key id nor the short id of a key in the keyring before");
        Failure::new(Code::Usage, message).hint("see the ids with `mintage inspect`").into()
    })
}

fn added(text: &str) -> anyhow::Result<(PublicKey, Vec<Purpose>)> {
    let Some((path, purposes)) = text.rsplit_once(':') else {
        let message = format!("`{text}` names no purpose");
        return Err(Failure::new(Code::Usage, message).hint("write --add ci.pub:manifest").into());
    };
    let data = files::read(Path::new(path), MAX_KEYRING_BYTES)?;
    let key = PublicKey::from_file_bytes(&data).with_context(|| format!("key file `{path}`"))?;
    Ok((key, purposes.split(',').map(purpose).collect::<Result<_, _>>()?))
}

fn threshold(text: &str) -> anyhow::Result<(Purpose, u64)> {
    let parts =
        text.split_once('=').and_then(|(name, count)| Some((name, count.parse().ok().filter(|count| *count > 0)?)));
    let Some((name, count)) = parts else {
        let message = format!("`{text}` is not PURPOSE=N with N of at least 1");
        return Err(Failure::new(Code::Usage, message).hint("write --threshold keyring=2").into());
    };
    let purpose = purpose(name)?;
    if purpose == Purpose::License && count > 1 {
        let failure = Failure::new(Code::Usage, "a license carries one signature, so no more can be asked for");
        return Err(failure.hint("leave out the number of signatures for licenses").into());
    }
    Ok((purpose, count))
}

fn purpose(name: &str) -> anyhow::Result<Purpose> {
    Purpose::ALL.into_iter().find(|purpose| purpose.as_str() == name).ok_or_else(|| {
        let hint = "purposes are license, proof, manifest, revocations and keyring";
        Failure::new(Code::Usage, format_args!("`{name}` is not a purpose")).hint(hint).into()
    })
}
