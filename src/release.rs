//! [`Release`]: that a machine gave its activation back. The instance key that the proof names signs it, so nobody else can
//! give a machine's activation away.

use std::fmt;

use crate::code::Code;
use crate::dsse::{Envelope, EnvelopeError, Kind};
use crate::json::{self, JsonError, Writer};
use crate::key::PublicKey;
use crate::proof::Proof;
use crate::request::{RequestError, optional, understood, word};
use crate::time::Timestamp;

/// The longest release, as its envelope, in bytes.
pub const MAX_RELEASE_BYTES: usize = 64 << 10;

/// What a machine says when it gives its activation back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The proof of the activation.
    pub proof_id: String,
    /// The license that was activated.
    pub license_id: String,
    /// Why, for people.
    pub reason: Option<String>,
    /// When, by that machine's clock.
    pub released_at: Timestamp,
}

/// Says why a document is no release, or not to be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReleaseError {
    /// `crit` names a member that this version does not understand.
    Critical(String),
    /// The envelope is refused.
    Envelope(EnvelopeError),
    /// The payload is not the JSON of a release.
    Json(JsonError),
    /// It names another license than the activation's; both ids.
    OtherLicense(String, String),
    /// It gives back another activation than the proof's; both proof ids.
    OtherProof(String, String),
}

impl Release {
    /// Gives the activation of a proof back.
    pub fn of(proof: &Proof, reason: Option<String>, released_at: Timestamp) -> Self {
        let (proof_id, license_id) = (proof.proof_id.clone(), proof.license_id.clone());
        Self { proof_id, license_id, reason, released_at }
    }

    /// Reads a release that the instance key of `proof` signed for that very proof.
    ///
    /// # Errors
    /// As [`Release::verify_for`].
    pub fn verify(envelope: &Envelope, proof: &Proof) -> Result<Self, ReleaseError> {
        Self::verify_for(envelope, &proof.instance_key, &proof.proof_id, &proof.license_id)
    }

    /// Reads a release that the instance key of an activation signed for that very activation.
    ///
    /// # Errors
    /// `Envelope` when another key signed it, `OtherProof`, `OtherLicense`, and as [`Release::parse`].
    pub fn verify_for(
        envelope: &Envelope,
        instance_key: &PublicKey,
        proof_id: &str,
        license_id: &str,
    ) -> Result<Self, ReleaseError> {
        let payload = envelope.verify_by(Kind::Release, instance_key).map_err(ReleaseError::Envelope)?;
        let release = Self::parse(payload)?;
        if release.proof_id != proof_id {
            return Err(ReleaseError::OtherProof(release.proof_id, proof_id.to_owned()));
        }
        if release.license_id != license_id {
            return Err(ReleaseError::OtherLicense(release.license_id, license_id.to_owned()));
        }
        Ok(release)
    }

    /// Reads the payload of a release, which nobody has vouched for.
    ///
    /// # Errors
    /// `Json` and `Critical` for what is not as [`Release::to_payload`] writes it.
    pub fn parse(payload: &[u8]) -> Result<Self, ReleaseError> {
        let (mut proof_id, mut license_id, mut reason, mut released_at) = (None, None, None, None);
        for (name, value) in json::parse(payload)?.into_object("release")? {
            match name.as_ref() {
                "crit" => understood(value)?,
                "licenseId" => license_id = Some(word(value, "licenseId")?),
                "proofId" => proof_id = Some(word(value, "proofId")?),
                "reason" => reason = Some(word(value, "reason")?),
                "releasedAt" => released_at = Some(value.into_timestamp("releasedAt")?),
                _ => {}
            }
        }
        Ok(Self {
            proof_id: proof_id.ok_or(JsonError::Missing("proofId"))?,
            license_id: license_id.ok_or(JsonError::Missing("licenseId"))?,
            reason,
            released_at: released_at.ok_or(JsonError::Missing("releasedAt"))?,
        })
    }

    /// Returns the payload in its one canonical spelling.
    pub fn to_payload(&self) -> String {
        let mut out = Writer::default();
        out.begin_object();
        out.name("licenseId").string(&self.license_id);
        out.name("proofId").string(&self.proof_id);
        optional(&mut out, "reason", self.reason.as_deref());
        out.name("releasedAt").integer(self.released_at.seconds().into());
        out.end_object();
        out.finish()
    }
}

impl ReleaseError {
    /// Returns the code a document with this fault is refused with.
    pub fn code(&self) -> Code {
        match self {
            Self::Critical(_) => Code::Unsupported,
            Self::Envelope(error) => error.code(),
            Self::Json(error) => error.code(),
            Self::OtherLicense(..) | Self::OtherProof(..) => Code::LicenseMismatch,
        }
    }
}

impl From<JsonError> for ReleaseError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl From<RequestError> for ReleaseError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Critical(name) => Self::Critical(name),
            RequestError::Json(error) => Self::Json(error),
            other => Self::Json(JsonError::Syntax(other.to_string())),
        }
    }
}

impl fmt::Display for ReleaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Critical(name) => {
                write!(f, "the release demands that `{}` be understood, and this version does not", name.escape_debug())
            }
            Self::Envelope(EnvelopeError::BadSignature) => {
                f.write_str("the release was not signed by the instance key that the proof names")
            }
            Self::Envelope(error) => write!(f, "the release is not to be believed: {error}"),
            Self::Json(error) => write!(f, "this is no release: {error}"),
            Self::OtherLicense(found, wanted) => {
                write!(f, "the release is of license `{found}`, and the activation is of license `{wanted}`")
            }
            Self::OtherProof(found, wanted) => {
                write!(f, "the release gives back `{found}`, and the proof is `{wanted}`")
            }
        }
    }
}

impl std::error::Error for ReleaseError {}
