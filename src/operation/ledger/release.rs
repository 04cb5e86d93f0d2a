//! `ledger release`: a machine gives its activation back, or the vendor takes it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Stamp;
use crate::code::Code;
use crate::dsse::{Envelope, Kind};
use crate::key::PublicKey;
use crate::keyring::Keyring;
use crate::ledger::activation::{self, Activation};
use crate::ledger::release::{self, Release};
use crate::ledger::{Ledger, LedgerError};
use crate::release::{Release as SignedRelease, ReleaseError};

/// Says why what a machine signed is no release of an activation of this ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignedError {
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
pub fn signed(ledger: &Ledger, envelope: &Envelope) -> Result<SignedRelease, SignedError> {
    let claimed = SignedRelease::parse(envelope.unverified_payload()).map_err(SignedError::Release)?;
    let activation = find(ledger, &claimed.proof_id).map_err(SignedError::Ledger)?;
    let bytes = activation.instance_key.and_then(|key| STANDARD.decode(key).ok()).and_then(|key| key.try_into().ok());
    let key = bytes.and_then(|bytes| PublicKey::from_bytes(&bytes).ok());
    let key = key.ok_or_else(|| SignedError::Unsigned(claimed.proof_id.clone()))?;
    let refused = |error| SignedError::Release(ReleaseError::Envelope(error));
    envelope.verify(Kind::Release, &Keyring::from(key), None, 1).map_err(refused)?;
    Ok(claimed)
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

impl SignedError {
    /// Returns the code this is reported under.
    pub fn code(&self) -> Code {
        match self {
            Self::Ledger(error) => error.code(),
            Self::Release(error) => error.code(),
            Self::Unsigned(_) => Code::BadSignature,
        }
    }
}

impl fmt::Display for SignedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ledger(error) => error.fmt(f),
            Self::Release(error) => write!(f, "the release is not to be believed: {error}"),
            Self::Unsigned(id) => write!(f, "activation {id} has no key that could have signed its release"),
        }
    }
}

impl std::error::Error for SignedError {}
