//! `mint proof --ledger` and `POST /activate`: a machine that asks to be activated is counted, and what it runs must be
//! approved.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::Stamp;
use crate::code::Code;
use crate::fingerprint::Fingerprint;
use crate::id::Hex;
use crate::json::Writer;
use crate::ledger::activation::Activate;
use crate::ledger::approval::{Assembly, Unapproved};
use crate::ledger::license::{self, Held};
use crate::ledger::license_key::LicenseKey;
use crate::ledger::{Ledger, LedgerError, Transaction, approval};
use crate::operation::proof::{self, Answer, Fresh};
use crate::proof::{ManifestBinding, Proof};
use crate::request::{LicenseReference, Nonce, Request};
use crate::verdict::Refusal;

/// Why a machine is not activated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActivateError {
    /// The ledger could not be asked.
    Ledger(LedgerError),
    /// The answer is no, for these reasons.
    Refused(Vec<Refusal>),
}

/// What a machine asks to have activated.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Its request.
    pub request: &'a Request,
    /// The assemblies that its program consists of.
    pub assemblies: &'a [Assembly],
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
    let fresh = answer.fresh.clone();
    let mut proof = proof::answer(asked.request, answer).map_err(ActivateError::Refused)?;
    let held = activate(ledger, stamp, asked, &proof, &fresh)?;
    // A machine that was activated before keeps its proof id.
    (proof.proof_id, proof.heartbeat_nonce) = (held.proof_id, held.heartbeat_nonce);
    Ok(proof)
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

/// Names a machine: what tells it from another in the ledger. A machine that enrols anew with the same salt, unchanged, has
/// the same name.
pub fn machine_id(fingerprint: &Fingerprint) -> String {
    let mut out = Writer::default();
    fingerprint.write(&mut out);
    Hex(&Sha256::digest(out.finish())).to_string()
}

/// Counts the machine of a request against its license; what it holds already it keeps. Returns what its proof must say:
/// the id and the nonce that the ledger holds.
fn activate(
    ledger: &Ledger,
    stamp: &Stamp,
    asked: Asked<'_>,
    proof: &Proof,
    fresh: &Fresh,
) -> Result<Fresh, LedgerError> {
    let Asked { request, assemblies, holds_key } = asked;
    ledger.read(|transaction| approved(transaction, proof, assemblies))?;
    let activated = ledger.activate(Activate {
        license_id: proof.license_id.clone(),
        fingerprint: machine_id(&request.fingerprint),
        proof_id: fresh.proof_id.clone(),
        nonce: STANDARD.encode(fresh.heartbeat_nonce.0),
        instance_key: holds_key.then(|| STANDARD.encode(request.instance_key.as_bytes())),
        environment: request.environment.clone(),
        product_version: request.product_version.clone(),
        expires_at: proof.expires_at,
        now: stamp.now,
        actor: stamp.actor.clone(),
    })?;
    let nonce = STANDARD.decode(&activated.nonce).ok().and_then(|bytes| bytes.try_into().ok());
    let nonce = nonce.ok_or_else(|| LedgerError::corrupted(format_args!("the nonce of {}", activated.proof_id)))?;
    Ok(Fresh { proof_id: activated.proof_id, heartbeat_nonce: Nonce(nonce), now: fresh.now })
}

/// Whether the build that a proof covers, and the assemblies that run, are approved for its license, as far as the ledger
/// approves anything for that.
pub(super) fn approved(
    transaction: &mut Transaction<'_>,
    proof: &Proof,
    assemblies: &[Assembly],
) -> Result<(), LedgerError> {
    let license_id = &proof.license_id;
    if !approval::is_begun(transaction, license_id)? {
        return Ok(());
    }
    if let Some(ManifestBinding::Digest(digest)) = &proof.manifest {
        let digest = Hex(digest).to_string();
        if !approval::is_approved(transaction, license_id, &digest)? {
            let message = format!("build {digest} is not approved for license {license_id}");
            return Err(LedgerError::refused(Code::ManifestMismatch, message));
        }
    }
    let unapproved = approval::unapproved(transaction, license_id, assemblies)?;
    if unapproved.is_empty() {
        return Ok(());
    }
    let named = unapproved.iter().map(Unapproved::to_string).collect::<Vec<_>>().join(", ");
    Err(LedgerError::refused(Code::ManifestMismatch, format_args!("unapproved versions: {named}")))
}

impl From<LedgerError> for ActivateError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Refused(refusal) => Self::Refused(vec![refusal]),
            other => Self::Ledger(other),
        }
    }
}
