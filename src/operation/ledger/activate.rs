//! `mint proof --ledger`: a machine that asks to be activated is counted, and its build must be approved.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::Stamp;
use crate::code::Code;
use crate::fingerprint::Fingerprint;
use crate::id::Hex;
use crate::json::Writer;
use crate::ledger::activation::Activate;
use crate::ledger::license::{self, Held};
use crate::ledger::license_key::LicenseKey;
use crate::ledger::{Ledger, LedgerError, approval};
use crate::operation::proof::Fresh;
use crate::request::{Nonce, Request};
use crate::time::Timestamp;

/// Finds the license that a license key stands for.
///
/// # Errors
/// `Refused` with `unknown-license`; `Unavailable`.
pub fn by_license_key(ledger: &Ledger, key: &LicenseKey) -> Result<Held, LedgerError> {
    let hash = key.hash();
    let held = ledger.read(|transaction| license::find_by_license_key(transaction, &hash))?;
    held.ok_or_else(|| LedgerError::refused(Code::UnknownLicense, "the ledger knows no such license key"))
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
///
/// # Errors
/// `Refused` with `manifest-mismatch` when the ledger approves builds, and not this one; else as [`Ledger::activate`].
pub fn activate(
    ledger: &Ledger,
    stamp: &Stamp,
    request: &Request,
    license_id: &str,
    expires_at: Timestamp,
    fresh: &Fresh,
) -> Result<Fresh, LedgerError> {
    if let Some(digest) = &request.manifest_digest {
        let digest = Hex(digest).to_string();
        if !ledger.read(|transaction| approval::is_approved(transaction, license_id, &digest))? {
            let message = format!("build {digest} is not approved for license {license_id}");
            return Err(LedgerError::refused(Code::ManifestMismatch, message));
        }
    }
    let activated = ledger.activate(Activate {
        license_id: license_id.to_owned(),
        fingerprint: machine_id(&request.fingerprint),
        proof_id: fresh.proof_id.clone(),
        nonce: STANDARD.encode(fresh.heartbeat_nonce.0),
        instance_key: Some(STANDARD.encode(request.instance_key.as_bytes())),
        environment: request.environment.clone(),
        product_version: request.product_version.clone(),
        expires_at,
        now: stamp.now,
        actor: stamp.actor.clone(),
    })?;
    let nonce = STANDARD.decode(&activated.nonce).ok().and_then(|bytes| bytes.try_into().ok());
    let nonce = nonce.ok_or_else(|| LedgerError::corrupted(format_args!("the nonce of {}", activated.proof_id)))?;
    Ok(Fresh { proof_id: activated.proof_id, heartbeat_nonce: Nonce(nonce), now: fresh.now })
}
