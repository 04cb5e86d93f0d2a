//! `ledger release` and `POST /deactivate`: a machine gives its activation or its seat back, or the vendor takes it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Stamp, readable};
use crate::code::Code;
use crate::dsse::{Envelope, EnvelopeError};
use crate::id::Kid;
use crate::key::PublicKey;
use crate::ledger::activation::{self, Activation};
use crate::ledger::license_key::LicenseKey;
use crate::ledger::machine::Machine;
use crate::ledger::release::{self, Release};
use crate::ledger::seat::{self, Lease};
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
    /// Another key signed it than the one that the ledger holds: of what, its id, and the short id of that key.
    OtherKey(&'static str, String, Kid),
    /// There is no key that could have signed: of what, and its id.
    Unsigned(&'static str, String),
}

/// What a machine gave back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Returned {
    /// Its activation.
    Machine(Released),
    /// Its seat.
    Seat {
        /// The lease as it is now.
        lease: Lease,
        /// Whether it had ended before, and nothing was done.
        unchanged: bool,
    },
}

/// Takes back what a machine signed that it uses no more: its activation, or its seat, which is free at once even if it was
/// taken along. The ledger holds the key that may sign that. `reason` stands in the place of the one that was signed.
///
/// # Errors
/// [`SignedError`].
pub fn take_back(
    ledger: &Ledger,
    stamp: &Stamp,
    envelope: &Envelope,
    reason: Option<String>,
) -> Result<Returned, SignedError> {
    let claimed = SignedRelease::parse(envelope.unverified_payload()).map_err(SignedError::Release)?;
    let known = ledger.read(|transaction| Known::find(transaction, &claimed.proof_id)).map_err(SignedError::Ledger)?;
    let (what, instance_key, license_id) = match &known {
        Known::Machine(activation) => ("activation", activation.instance_key.as_deref(), &activation.license_id),
        Known::Seat(lease, instance_key) => ("lease", instance_key.as_deref(), &lease.license_id),
    };
    let id = &claimed.proof_id;
    let key = read_key(instance_key).ok_or_else(|| SignedError::Unsigned(what, id.clone()))?;
    let release = SignedRelease::verify_for(envelope, &key, id, license_id).map_err(|error| match error {
        ReleaseError::Envelope(EnvelopeError::BadSignature) => SignedError::OtherKey(what, id.clone(), key.id().kid()),
        error => SignedError::Release(error),
    })?;
    if release.released_at.since(stamp.now) > CLOCK_TOLERANCE {
        return Err(SignedError::Future(release.released_at, stamp.now));
    }
    let document = envelope.to_json();
    if let Known::Machine(_) = known {
        let released = self::release(ledger, stamp, id, reason.or(release.reason), Some(document));
        return released.map(Returned::Machine).map_err(SignedError::Ledger);
    }
    let (Stamp { actor, now }, id) = (stamp.clone(), id.clone());
    let ended = ledger.write(move |transaction| release::release_lease(transaction, &id, &document, now, &actor));
    let (lease, was_held) = ended.map_err(SignedError::Ledger)?;
    Ok(Returned::Seat { lease, unchanged: !was_held })
}

/// What the ledger knows under the id of a proof.
enum Known {
    Machine(Activation),
    /// With the key that the lease names.
    Seat(Lease, Option<String>),
}

impl Known {
    fn find(transaction: &mut Transaction<'_>, proof_id: &str) -> Result<Self, LedgerError> {
        let unknown = match activation::find(transaction, proof_id) {
            Err(LedgerError::Refused(refusal)) => LedgerError::Refused(refusal),
            found => return found.map(Self::Machine),
        };
        match seat::find(transaction, proof_id) {
            Ok(lease) => Ok(Self::Seat(lease, release::lease_key(transaction, proof_id)?)),
            // When it is neither, the first answer is the one to give.
            Err(LedgerError::Refused(_)) => Err(unknown),
            Err(error) => Err(error),
        }
    }
}

/// Returns the key of an activation's machine, if it holds one.
#[cfg(feature = "report")]
pub(super) fn instance_key(activation: &Activation) -> Option<PublicKey> {
    read_key(activation.instance_key.as_deref())
}

fn read_key(stored: Option<&str>) -> Option<PublicKey> {
    PublicKey::from_bytes(&STANDARD.decode(stored?).ok()?.try_into().ok()?).ok()
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
/// `Refused` with `unknown-license`, `usage` for a reason that steers terminals; `Unavailable`.
pub fn release(
    ledger: &Ledger,
    stamp: &Stamp,
    proof_id: &str,
    reason: Option<String>,
    document: Option<String>,
) -> Result<Released, LedgerError> {
    readable(reason.as_deref())?;
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
    /// The machine.
    pub machine: Option<Machine>,
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
/// `wrong-machine` where what is named does not belong together, with `nonce-mismatch`, with `usage` for a reason that steers
/// terminals; `Unavailable`.
pub fn give_back(ledger: &Ledger, stamp: &Stamp, asked: GivenBack) -> Result<Released, LedgerError> {
    readable(asked.reason.as_deref())?;
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
        if let Some(machine) = &asked.machine
            && !activation.is_of(machine)?
        {
            let message = format!("activation {id} is of another machine");
            return Err(LedgerError::refused(Code::WrongMachine, message));
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
    let license_id = &held.license.license_id;
    let named = match (&asked.proof_id, &asked.machine) {
        (Some(id), _) => activation::of_license(transaction, license_id)?.into_iter().find(|one| one.proof_id == *id),
        // A machine may have given back what it holds anew; one that gives it back twice has it given back already.
        (None, Some(machine)) => activation::last_of_machine(transaction, license_id, machine)?,
        (None, None) => None,
    };
    named.ok_or_else(|| unknown("the license is not activated on this machine"))
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
    /// Says what to do about it, where its code says too little.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::OtherKey(..) => {
                Some("give back the newest proof of that machine, or have the issuer release it by its id")
            }
            Self::Unsigned(..) => Some("have the issuer release it by its id"),
            Self::Future(..) | Self::Ledger(_) | Self::Release(_) => None,
        }
    }

    /// Returns the code this is reported under.
    pub fn code(&self) -> Code {
        match self {
            Self::Future(..) => Code::ClockRolledBack,
            Self::Ledger(error) => error.code(),
            Self::Release(error) => error.code(),
            Self::OtherKey(..) | Self::Unsigned(..) => Code::BadSignature,
        }
    }
}

impl fmt::Display for SignedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Future(made, now) => write!(f, "the machine was released at {made}, and it is {now} here"),
            Self::Ledger(error) => error.fmt(f),
            Self::Release(error) => write!(f, "the release is not to be believed: {error}"),
            Self::OtherKey(what, id, kid) => {
                write!(f, "the release was not signed by {kid}, the instance key that the ledger holds of {what} {id}")
            }
            Self::Unsigned(what, id) => write!(f, "{what} {id} has no key that could have signed its release"),
        }
    }
}

impl std::error::Error for SignedError {}
