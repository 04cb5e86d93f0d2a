//! [`Kind`]: which documents travel in envelopes, the type that each names, and what its signer must be trusted for.

use crate::keyring::Purpose;

/// A kind of document, with the type its envelope names and the purpose its signer must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// How far the audit of a ledger had come.
    Checkpoint,
    /// Trusted keys and what they may sign.
    Keyring,
    /// The files of a build.
    Manifest,
    /// A machine that a license was activated on.
    Proof,
    /// An activation that its machine gave back; signed by the instance key that the proof names.
    Release,
    /// Withdrawn licenses.
    Revocations,
    /// Leave to forget what a verifier remembers.
    Unlock,
    /// A report of use; signed by an instance key too.
    Usage,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Checkpoint,
        Self::Keyring,
        Self::Manifest,
        Self::Proof,
        Self::Release,
        Self::Revocations,
        Self::Unlock,
        Self::Usage,
    ];

    /// Returns the payload type that stands in the envelope.
    pub fn payload_type(self) -> &'static str {
        match self {
            Self::Checkpoint => "application/vnd.mintage.checkpoint+json",
            Self::Keyring => "application/vnd.mintage.keyring+json",
            // An in-toto Statement, so that stock tools know it.
            Self::Manifest => "application/vnd.in-toto+json",
            Self::Proof => "application/vnd.mintage.proof+json",
            Self::Release => "application/vnd.mintage.release+json",
            Self::Revocations => "application/vnd.mintage.revocations+json",
            Self::Unlock => "application/vnd.mintage.unlock+json",
            Self::Usage => "application/vnd.mintage.usage+json",
        }
    }

    /// Returns what a signer must be trusted for. An instance key is vouched for by the proof that names it.
    pub fn purpose(self) -> Purpose {
        match self {
            Self::Keyring => Purpose::Keyring,
            Self::Manifest => Purpose::Manifest,
            Self::Proof | Self::Release | Self::Unlock | Self::Usage => Purpose::Proof,
            Self::Checkpoint | Self::Revocations => Purpose::Revocations,
        }
    }

    /// Returns the word that outputs use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::Keyring => "keyring",
            Self::Manifest => "manifest",
            Self::Proof => "proof",
            Self::Release => "release",
            Self::Revocations => "revocations",
            Self::Unlock => "unlock",
            Self::Usage => "usage",
        }
    }

    /// Returns the kind that an envelope's payload type names.
    pub fn of(payload_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.payload_type() == payload_type)
    }
}
