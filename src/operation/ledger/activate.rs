//! `mint proof --ledger` and `POST /activate`: a machine that asks to be activated is counted, and what it runs must be
//! approved.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Stamp;
use crate::code::Code;
use crate::id::Hex;
use crate::key::PublicKey;
use crate::ledger::activation::{Activate, Activated};
use crate::ledger::approval::{Assembly, Unapproved};
use crate::ledger::license::{self, Held};
use crate::ledger::license_key::LicenseKey;
use crate::ledger::machine::Machine;
use crate::ledger::{Ledger, LedgerError, Transaction, approval};
use crate::operation::proof::{self, Answer};
use crate::proof::{ManifestBinding, Proof};
use crate::request::{LicenseReference, Nonce, Request};
use crate::verdict::Refusal;

const APPROVE: &str = "run versions that the issuer approved, or have these approved";

/// Why a machine is not activated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActivateError {
    /// The ledger could not be asked.
    Ledger(LedgerError),
    /// The answer is no, for these reasons.
    Refused(Vec<Refusal>),
}

/// A proof that counts for nothing until its machine has been counted.
#[derive(Clone, Debug)]
pub struct Draft {
    proof: Proof,
    activate: Activate,
}

/// What a machine asks to have activated.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Its request.
    pub request: &'a Request,
    /// The assemblies that its program consists of, which may be none that anybody approves; `None` where it says nothing
    /// of them.
    pub assemblies: Option<&'a [Assembly]>,
    /// Whether it holds the key that the request names. Where that was made for it and thrown away, the one that the
    /// ledger holds, if any, stays.
    pub holds_key: bool,
}

/// Puts the license itself in the place of an id or a license key that names it.
///
/// # Errors
/// `Refused` with `malformed` for what is no license key, with `unknown-license`; `Unavailable`.
pub fn resolve(ledger: &Ledger, reference: LicenseReference) -> Result<LicenseReference, LedgerError> {
    let token = match &reference {
        LicenseReference::Id(id) => by_id(ledger, id)?.token,
        LicenseReference::Key(key) => {
            let key = LicenseKey::parse(key).map_err(|error| LedgerError::refused(Code::Malformed, error))?;
            let hash = key.hash();
            let token = ledger.read(|transaction| license::token_by_license_key(transaction, &hash))?;
            token.ok_or_else(no_such_key)?
        }
        LicenseReference::Token(_) => return Ok(reference),
    };
    Ok(LicenseReference::Token(token))
}

/// Answers a request: judges it as [`proof::answer`] does, then counts the machine against its license.
///
/// # Errors
/// [`ActivateError`]; nothing was counted then.
pub fn answer(ledger: &Ledger, stamp: &Stamp, asked: Asked<'_>, answer: Answer<'_>) -> Result<Proof, ActivateError> {
    let draft = Draft::of(asked.request, asked.holds_key, stamp, answer).map_err(ActivateError::Refused)?;
    draft.approved(ledger, asked.assemblies)?;
    let Draft { proof, activate } = draft;
    let activated = ledger.activate(activate)?;
    Ok(settled(proof, activated)?)
}

/// Finds the license that a license key stands for.
///
/// # Errors
/// `Refused` with `unknown-license`; `Unavailable`.
pub fn by_license_key(ledger: &Ledger, key: &LicenseKey) -> Result<Held, LedgerError> {
    let hash = key.hash();
    let held = ledger.read(|transaction| license::find_by_license_key(transaction, &hash))?;
    held.ok_or_else(no_such_key)
}

fn no_such_key() -> LedgerError {
    LedgerError::refused(Code::UnknownLicense, "the ledger knows no such license key")
}

/// Finds a license by its id.
///
/// # Errors
/// `Refused` with `unknown-license`; `Unavailable`.
pub fn by_id(ledger: &Ledger, license_id: &str) -> Result<Held, LedgerError> {
    let held = ledger.read(|transaction| license::find(transaction, license_id))?;
    held.ok_or_else(|| license::unknown(license_id))
}

/// Spells the key of a machine as the ledger holds it: base64.
pub(super) fn stored(instance_key: &PublicKey) -> String {
    STANDARD.encode(instance_key.as_bytes())
}

impl Draft {
    /// Judges a request as [`proof::answer`] does. `holds_key` is as in [`Asked`].
    ///
    /// # Errors
    /// As [`proof::answer`].
    pub fn of(request: &Request, holds_key: bool, stamp: &Stamp, answer: Answer<'_>) -> Result<Self, Vec<Refusal>> {
        let proof = proof::answer(request, answer)?;
        let activate = Activate {
            license_id: proof.license_id.clone(),
            machine: Machine::of(&request.fingerprint),
            proof_id: proof.proof_id.clone(),
            nonce: proof.heartbeat_nonce.to_string(),
            instance_key: holds_key.then(|| stored(&request.instance_key)),
            environment: request.environment.clone(),
            product_version: request.product_version.clone(),
            expires_at: proof.expires_at,
            now: stamp.now,
            actor: stamp.actor.clone(),
        };
        Ok(Self { proof, activate })
    }

    /// Whether the build that the proof covers, and the assemblies that run, are approved for its license, as far as the
    /// ledger approves anything for that. `assemblies` is as in [`Asked`].
    ///
    /// # Errors
    /// `Refused` with `manifest-mismatch`, with `build-required` where neither is named; `Unavailable`.
    pub fn approved(&self, ledger: &Ledger, assemblies: Option<&[Assembly]>) -> Result<(), LedgerError> {
        ledger.read(|transaction| approved(transaction, &self.proof, assemblies))
    }

    /// Counts the machine against its license, and waits for nothing: see [`Ledger::write_then`]. What `then` is handed is as
    /// by [`answer`].
    pub fn count_then(self, ledger: &Ledger, then: impl FnOnce(Result<Proof, LedgerError>) + Send + 'static) {
        let Self { proof, activate } = self;
        ledger.activate_then(activate, |activated| then(activated.and_then(|activated| settled(proof, activated))));
    }
}

/// Says in a proof what the ledger holds: a machine that was activated before keeps its proof's id and its nonce.
fn settled(mut proof: Proof, activated: Activated) -> Result<Proof, LedgerError> {
    let nonce = STANDARD.decode(&activated.nonce).ok().and_then(|bytes| bytes.try_into().ok());
    let nonce = nonce.ok_or_else(|| LedgerError::corrupted(format_args!("the nonce of {}", activated.proof_id)))?;
    (proof.proof_id, proof.heartbeat_nonce) = (activated.proof_id, Nonce(nonce));
    Ok(proof)
}

/// Whether the build that a proof covers, and the assemblies that run, are approved for its license, as far as the ledger
/// approves anything for that.
pub(super) fn approved(
    transaction: &mut Transaction<'_>,
    proof: &Proof,
    assemblies: Option<&[Assembly]>,
) -> Result<(), LedgerError> {
    let license_id = &proof.license_id;
    if !approval::is_begun(transaction, license_id)? {
        return Ok(());
    }
    // No build would help a license that may not be used.
    if let Some(held) = license::find(transaction, license_id)? {
        let (reason, end) = (held.reason.as_deref(), held.license.grace_until());
        license::usable(license_id, held.state, reason, end, proof.activated_at)?;
    }
    // What covers every build would cover those that nobody approved.
    if proof.manifest.is_none() && assemblies.is_none() {
        let message = format!("builds are approved for license {license_id}, and the request names none");
        return Err(LedgerError::refused(Code::BuildRequired, message));
    }
    if let Some(ManifestBinding::Digest(digest)) = &proof.manifest {
        let digest = Hex(digest).to_string();
        if !approval::is_approved(transaction, license_id, &digest)? {
            let message = format!("build {digest} is not approved for license {license_id}");
            return Err(LedgerError::refused(Code::ManifestMismatch, message).with_hint(APPROVE));
        }
    }
    let unapproved = approval::unapproved(transaction, license_id, assemblies.unwrap_or_default())?;
    if unapproved.is_empty() {
        return Ok(());
    }
    let named = unapproved.iter().map(Unapproved::to_string).collect::<Vec<_>>().join(", ");
    Err(LedgerError::refused(Code::ManifestMismatch, format_args!("unapproved versions: {named}")).with_hint(APPROVE))
}

impl From<LedgerError> for ActivateError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Refused(refusal) => Self::Refused(vec![refusal]),
            other => Self::Ledger(other),
        }
    }
}
