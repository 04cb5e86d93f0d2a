//! [`Unlock`]: leave, signed by the vendor, to forget what a verifier remembers, when its memory was damaged or a wrong clock
//! got into it. It is for one machine and answers one request.

use std::fmt;

use crate::code::Code;
use crate::dsse::{Envelope, EnvelopeError, Kind};
use crate::fingerprint::{Fingerprint, FingerprintError};
use crate::json::{self, JsonError, Writer};
use crate::keyring::{Keyring, Purpose};
use crate::request::{Nonce, RequestError, read_nonce, understood};
use crate::time::Timestamp;

/// The longest unlock, as its envelope, in bytes.
pub const MAX_UNLOCK_BYTES: usize = 1 << 20;

/// What an unlock says.
#[derive(Clone, Debug, PartialEq)]
pub struct Unlock {
    /// The machine.
    pub fingerprint: Fingerprint,
    /// The nonce of the request that this answers.
    pub nonce: Nonce,
    /// When it was issued: from then on the verifier's memory starts anew.
    pub issued_at: Timestamp,
}

/// Says why a document is no unlock, or not to be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnlockError {
    /// `crit` names a member that this version does not understand.
    Critical(String),
    /// The envelope is refused.
    Envelope(EnvelopeError),
    /// The fingerprint is refused.
    Fingerprint(FingerprintError),
    /// The payload is not the JSON of an unlock.
    Json(JsonError),
}

impl Unlock {
    /// Reads an unlock that a key trusted for `proof` signed.
    ///
    /// # Errors
    /// `Envelope`, then as [`Unlock::parse`].
    pub fn verify(envelope: &Envelope, keyring: &Keyring) -> Result<Self, UnlockError> {
        let threshold = keyring.threshold(Purpose::Proof);
        let verified = envelope.verify(Kind::Unlock, keyring, None, threshold).map_err(UnlockError::Envelope)?;
        let unlock = Self::parse(verified.bytes())?;
        let in_window = envelope.verify(Kind::Unlock, keyring, Some(unlock.issued_at), threshold);
        in_window.map_err(UnlockError::Envelope)?;
        Ok(unlock)
    }

    /// Reads the payload of an unlock, which nobody has vouched for.
    ///
    /// # Errors
    /// `Json`, `Fingerprint` and `Critical` for what is not as [`Unlock::to_payload`] writes it.
    pub fn parse(payload: &[u8]) -> Result<Self, UnlockError> {
        let (mut fingerprint, mut nonce, mut issued_at) = (None, None, None);
        for (name, value) in json::parse(payload)?.into_object("unlock")? {
            match name.as_ref() {
                "crit" => understood(value)?,
                "fingerprint" => {
                    let read = Fingerprint::from_json(value, "fingerprint");
                    fingerprint = Some(read.map_err(UnlockError::Fingerprint)?);
                }
                "issuedAt" => issued_at = Some(value.into_timestamp("issuedAt")?),
                "nonce" => nonce = Some(read_nonce(value, "nonce")?),
                _ => {}
            }
        }
        Ok(Self {
            fingerprint: fingerprint.ok_or(JsonError::Missing("fingerprint"))?,
            nonce: nonce.ok_or(JsonError::Missing("nonce"))?,
            issued_at: issued_at.ok_or(JsonError::Missing("issuedAt"))?,
        })
    }

    /// Returns the payload in its one canonical spelling.
    pub fn to_payload(&self) -> String {
        let mut out = Writer::default();
        out.begin_object();
        self.fingerprint.write(out.name("fingerprint"));
        out.name("issuedAt").integer(self.issued_at.seconds().into());
        out.name("nonce").string(&self.nonce.to_string());
        out.end_object();
        out.finish()
    }
}

impl UnlockError {
    /// Returns the code a document with this fault is refused with.
    pub fn code(&self) -> Code {
        match self {
            Self::Critical(_) => Code::Unsupported,
            Self::Envelope(error) => error.code(),
            Self::Fingerprint(error) => error.code(),
            Self::Json(error) => error.code(),
        }
    }
}

impl From<JsonError> for UnlockError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl From<RequestError> for UnlockError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Critical(name) => Self::Critical(name),
            RequestError::Json(error) => Self::Json(error),
            other => Self::Json(JsonError::Syntax(other.to_string())),
        }
    }
}

impl fmt::Display for UnlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Critical(name) => {
                write!(f, "the unlock demands that `{}` be understood, and this version does not", name.escape_debug())
            }
            Self::Envelope(error) => write!(f, "the unlock is not to be believed: {error}"),
            Self::Fingerprint(error) => write!(f, "this is no unlock: {error}"),
            Self::Json(error) => write!(f, "this is no unlock: {error}"),
        }
    }
}

impl std::error::Error for UnlockError {}
