//! `ledger release` and `POST /deactivate`: a machine gives its activation back, or the vendor takes it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Stamp;
use crate::code::Code;
use crate::dsse::Envelope;
use crate::key::PublicKey;
use crate::ledger::activation::{self, Activation};
use crate::ledger::license_key::LicenseKey;
use crate::ledger::release::{self, Release};
use crate::ledger::{Ledger, LedgerError, Transaction, license};
use crate::release::{Release as SignedRelease, ReleaseError};
use crate::time::{CLOCK_TOLERANCE, Timestamp};

/// Says why what a machine signed is no release of an activation of this ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignedError {
    /// It was made later than now; both times.
    Future(Timestamp, Timestamp),
    /// The ledger could not be asked, or knows no such activation.
    Ledger(LedgerError),
    /// The document is not to be believed.
    Release(ReleaseError),
    /// The activation names no key that could have signed.
    Unsigned(String),
}

/// Reads a release that the machine of an activation signed, with the key that the ledger holds of it.
///
/// # Errors
/// [`SignedError`].
pub fn signed(ledger: &Ledger, envelope: &Envelope, now: Timestamp) -> Result<SignedRelease, SignedError> {
    let claimed = SignedRelease::parse(envelope.unverified_payload()).map_err(SignedError::Release)?;
    let activation = find(ledger, &claimed.proof_id).map_err(SignedError::Ledger)?;
    let key = instance_key(&activation).ok_or_else(|| SignedError::Unsigned(claimed.proof_id.clone()))?;
    let release = SignedRelease::verify_for(envelope, &key, &activation.proof_id, &activation.license_id);
    let release = release.map_err(SignedError::Release)?;
    if release.released_at.since(now) > CLOCK_TOLERANCE {
        return Err(SignedError::Future(release.released_at, now));
    }
    Ok(release)
}

/// Returns the key of an activation's machine, if it holds one.
pub(super) fn instance_key(activation: &Activation) -> Option<PublicKey> {
    let key = STANDARD.decode(activation.instance_key.as_deref()?).ok()?;
    PublicKey::from_bytes(&key.try_into().ok()?).ok()
}

/// What became of an activation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// The activation as it is now.
    pub activation: Activation,
    /// Whether it was released before, and nothing was done.
    pub unchanged: bool,
}

/// Finds an activation: what a document that a machine signed is held against.
///
/// # Errors
/// `Refused` with `unknown-license`; `Unavailable`.
pub fn find(ledger: &Ledger, proof_id: &str) -> Result<Activation, LedgerError> {
    ledger.read(|transaction| activation::find(transaction, proof_id))
}

/// Releases an activation; `document` is what the machine signed, after it was verified.
///
/// # Errors
/// `Refused` with `unknown-license`; `Unavailable`.
pub fn release(
    ledger: &Ledger,
    stamp: &Stamp,
    proof_id: &str,
    reason: Option<String>,
    document: Option<String>,
) -> Result<Released, LedgerError> {
    let Stamp { actor, now } = stamp.clone();
    let release = Release { proof_id: proof_id.to_owned(), reason, document, now, actor };
    ledger.write(move |transaction| {
        let (activation, changed) = release::release(transaction, &release)?;
        Ok(Released { activation, unchanged: !changed })
    })
}

/// Which activation a machine gives back, as far as it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenBack {
    /// The license.
    pub license_id: Option<String>,
    /// The activation.
    pub proof_id: Option<String>,
    /// The machine, as [`machine_id`](super::activate::machine_id) names it.
    pub fingerprint: Option<String>,
    /// Why it may.
    pub right: Right,
    /// Why it does, for people.
    pub reason: Option<String>,
}

/// What shows that somebody may give an activation back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Right {
    /// The license key; the machine must be named then.
    LicenseKey(LicenseKey),
    /// The nonce of the next heartbeat, or the one before; the activation must be named then.
    Nonce(String),
}

/// Releases the activation that a machine gives back without having signed anything.
///
/// # Errors
/// `Refused` with `unknown-license` where the license key or the activation is not there, with `license-mismatch` or
/// `wrong-machine` where what is named does not belong together, with `nonce-mismatch`; `Unavailable`.
pub fn give_back(ledger: &Ledger, stamp: &Stamp, asked: GivenBack) -> Result<Released, LedgerError> {
    let stamp = stamp.clone();
    ledger.write(move |transaction| {
        let activation = match &asked.right {
            Right::LicenseKey(key) => of_license_key(transaction, key, &asked)?,
            Right::Nonce(nonce) => of_nonce(transaction, nonce, &asked)?,
        };
        let (id, of) = (&activation.proof_id, &activation.license_id);
        if let Some(named) = asked.license_id.as_ref().filter(|named| *named != of) {
            let message = format!("activation {id} is of license {of}, not {named}");
            return Err(LedgerError::refused(Code::LicenseMismatch, message));
        }
        if asked.fingerprint.as_ref().is_some_and(|named| *named != activation.fingerprint) {
            return Err(LedgerError::refused(
                Code::WrongMachine,
                format_args!("activation {id} is of another machine"),
            ));
        }
        let Stamp { actor, now } = stamp.clone();
        let release = Release { proof_id: id.clone(), reason: asked.reason.clone(), document: None, now, actor };
        let (activation, changed) = release::release(transaction, &release)?;
        Ok(Released { activation, unchanged: !changed })
    })
}

fn of_license_key(
    transaction: &mut Transaction<'_>,
    key: &LicenseKey,
    asked: &GivenBack,
) -> Result<Activation, LedgerError> {
    let unknown = |what: &str| LedgerError::refused(Code::UnknownLicense, what);
    let held = license::find_by_license_key(transaction, &key.hash())?;
    let held = held.ok_or_else(|| unknown("the ledger knows no such license key"))?;
    let is_named = |one: &Activation| match (&asked.proof_id, &asked.fingerprint) {
        (Some(id), _) => one.proof_id == *id,
        (None, machine) => Some(&one.fingerprint) == machine.as_ref(),
    };
    let mut named = activation::of_license(transaction, &held.license.license_id)?;
    named.retain(is_named);
    // A machine may have given back what it holds anew; one that gives it back twice has it given back already.
    let at = named.iter().position(|one| one.released_at.is_none()).or(named.len().checked_sub(1));
    at.map(|at| named.swap_remove(at)).ok_or_else(|| unknown("the license is not activated on this machine"))
}

fn of_nonce(transaction: &mut Transaction<'_>, nonce: &str, asked: &GivenBack) -> Result<Activation, LedgerError> {
    let activation = activation::find(transaction, asked.proof_id.as_deref().unwrap_or_default())?;
    if release::knows_nonce(transaction, &activation, nonce)? {
        return Ok(activation);
    }
    let message = format!("the nonce for activation {} is not the one handed out", activation.proof_id);
    Err(LedgerError::refused(Code::NonceMismatch, message))
}

impl SignedError {
    /// Returns the code this is reported under.
    pub fn code(&self) -> Code {
        match self {
            Self::Future(..) => Code::ClockBehind,
            Self::Ledger(error) => error.code(),
            Self::Release(error) => error.code(),
            Self::Unsigned(_) => Code::BadSignature,
        }
    }
}

impl fmt::Display for SignedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Future(made, now) => write!(f, "the machine was released at {made}, and it is {now} here"),
            Self::Ledger(error) => error.fmt(f),
            Self::Release(error) => write!(f, "the release is not to be believed: {error}"),
            Self::Unsigned(id) => write!(f, "activation {id} has no key that could have signed its release"),
        }
    }
}

impl std::error::Error for SignedError {}
