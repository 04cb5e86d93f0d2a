//! [`Proof`]: that a license was activated on a machine, for an environment, a product and a build.

mod read;
mod write;

use std::fmt;

use crate::code::Code;
use crate::dsse::{Envelope, EnvelopeError, Kind};
use crate::fingerprint::{Fingerprint, FingerprintError};
use crate::id::KeyId;
use crate::json::JsonError;
use crate::key::{KeyError, PublicKey};
use crate::keyring::{Keyring, Purpose};
use crate::request::{Nonce, RequestError};
use crate::time::Timestamp;

/// The longest proof, as its envelope, in bytes.
pub const MAX_PROOF_BYTES: usize = 1 << 20;

/// What a proof says. Every member is signed.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    /// Identifies the activation; a UUID unless the vendor chose otherwise.
    pub proof_id: String,
    /// The token of the license, whole.
    pub license: String,
    /// The id of that license.
    pub license_id: String,
    /// Whom that license was issued to.
    pub tenant_id: String,
    /// The machine.
    pub fingerprint: Fingerprint,
    /// Where the product runs there; `None` covers every environment.
    pub environment: Option<String>,
    /// The product; `None` covers every one that the license does.
    pub product: Option<String>,
    /// The versions covered, see [`Proof::covers_version`]; `None` covers all.
    pub product_version: Option<String>,
    /// The builds covered; `None` covers all.
    pub manifest: Option<ManifestBinding>,
    /// The nonce of the request that this answers.
    pub nonce: Nonce,
    /// The key of the machine, which signs what the machine says of this activation.
    pub instance_key: PublicKey,
    /// What the machine's first heartbeat must carry.
    pub heartbeat_nonce: Nonce,
    /// When the machine was activated.
    pub activated_at: Timestamp,
    /// The last second in which the proof counts.
    pub expires_at: Timestamp,
    /// The sequence of the newest revocations that the vendor knew of.
    pub revocation_sequence: Option<u64>,
}

/// Which builds a proof covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestBinding {
    /// The one build with this digest: SHA-256 of the sums text, which is the digest of its manifest's subject.
    Digest([u8; 32]),
    /// Every build of a product whose manifest one of these keys signed.
    Keys {
        /// The keys.
        keys: Vec<KeyId>,
        /// The product.
        product: String,
    },
}

/// A proof that trusted keys signed.
#[derive(Clone, Debug)]
pub struct VerifiedProof {
    /// What it says.
    pub proof: Proof,
    /// The key that signed it; the first of several.
    pub key_id: KeyId,
}

/// Says why a document is no proof, or not to be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProofError {
    /// `crit` names a member that this version does not understand.
    Critical(String),
    /// The envelope is refused.
    Envelope(EnvelopeError),
    /// The fingerprint is refused.
    Fingerprint(FingerprintError),
    /// The instance key is no usable key.
    InstanceKey(KeyError),
    /// The payload is not the JSON of a proof.
    Json(JsonError),
}

impl Proof {
    /// Reads a proof that a key trusted for `proof` signed.
    ///
    /// # Errors
    /// `Envelope`, then as [`Proof::parse`].
    pub fn verify(envelope: &Envelope, keyring: &Keyring) -> Result<VerifiedProof, ProofError> {
        let threshold = keyring.threshold(Purpose::Proof);
        let verified = envelope.verify(Kind::Proof, keyring, None, threshold).map_err(ProofError::Envelope)?;
        let proof = Self::parse(verified.bytes())?;
        // Only now is it known when the signer says it signed.
        let verified = envelope.verify(Kind::Proof, keyring, Some(proof.activated_at), threshold);
        let verified = verified.map_err(ProofError::Envelope)?;
        let key_id = verified.signers().first().copied();
        let key_id = key_id.ok_or(ProofError::Envelope(EnvelopeError::BadSignature))?;
        Ok(VerifiedProof { proof, key_id })
    }

    /// Whether a version is covered: the one named; with `1.2.*` every version that begins so; and where builds are bound by
    /// the keys that sign them, later patches of the same release, `1.2.7` by `1.2.0`.
    pub fn covers_version(&self, version: &str) -> bool {
        let Some(covered) = self.product_version.as_deref() else { return true };
        if let Some(prefix) = covered.strip_suffix(".*") {
            return version == prefix || version.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'));
        }
        let by_keys = matches!(self.manifest, Some(ManifestBinding::Keys { .. }));
        covered == "*" || covered == version || (by_keys && is_later_patch(covered, version))
    }
}

/// Whether both are versions `MAJOR.MINOR.PATCH` of one release, and the second is not older.
fn is_later_patch(from: &str, to: &str) -> bool {
    let parts = |version: &str| {
        let (release, patch) = version.rsplit_once('.')?;
        let is_release = release.split('.').count() == 2 && release.split('.').all(|part| part.parse::<u64>().is_ok());
        is_release.then_some((release.to_owned(), patch.parse::<u64>().ok()?))
    };
    matches!((parts(from), parts(to)), (Some((a, from)), Some((b, to))) if a == b && from <= to)
}

impl ProofError {
    /// Returns the code a document with this fault is refused with.
    pub fn code(&self) -> Code {
        match self {
            Self::Critical(_) => Code::Unsupported,
            Self::Envelope(error) => error.code(),
            Self::Fingerprint(error) => error.code(),
            Self::InstanceKey(error) => error.code(),
            Self::Json(error) => error.code(),
        }
    }
}

impl From<JsonError> for ProofError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl From<RequestError> for ProofError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Critical(name) => Self::Critical(name),
            RequestError::Fingerprint(error) => Self::Fingerprint(error),
            RequestError::InstanceKey(error) => Self::InstanceKey(error),
            RequestError::Json(error) => Self::Json(error),
            // Only a whole request names its kind.
            RequestError::Kind(_) => Self::Json(JsonError::Missing("kind")),
        }
    }
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Critical(name) => {
                write!(f, "the proof demands that `{}` be understood, and this version does not", name.escape_debug())
            }
            Self::Envelope(error) => write!(f, "the proof is not to be believed: {error}"),
            Self::Fingerprint(error) => write!(f, "this is no proof: {error}"),
            Self::InstanceKey(error) => write!(f, "this is no proof: the member `instanceKey`: {error}"),
            Self::Json(error) => write!(f, "this is no proof: {error}"),
        }
    }
}

impl std::error::Error for ProofError {}

#[cfg(test)]
mod tests;
