//! [`Machine`]: what tells one machine from another in the ledger.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::LedgerError;
use crate::fingerprint::Fingerprint;
use crate::id::Hex;
use crate::json::Writer;

/// A machine that asks, or one that is bound: the digest of its fingerprint, and of an `fp1` fingerprint the whole, by whose
/// rule it is the same machine still when some of it has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    digest: String,
    enrolled: Option<Box<Enrolled>>,
}

/// An `fp1` fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Enrolled {
    document: String,
    fingerprint: Fingerprint,
    can_drift: bool,
}

impl Machine {
    /// Names the machine of a fingerprint. One that enrols anew with the same salt, unchanged, has the same digest.
    pub fn of(fingerprint: &Fingerprint) -> Self {
        let mut out = Writer::default();
        fingerprint.write(&mut out);
        let document = out.finish();
        let digest = Hex(&Sha256::digest(&document)).to_string();
        let enrolled = match fingerprint {
            Fingerprint::Exact(_) => None,
            Fingerprint::Fp1(_) => {
                let (fingerprint, can_drift) = (fingerprint.clone(), fingerprint.can_drift());
                Some(Box::new(Enrolled { document, fingerprint, can_drift }))
            }
        };
        Self { digest, enrolled }
    }

    /// Names a machine of which no more is known than what tells it from others: it is only itself.
    pub fn of_digest(digest: impl Into<String>) -> Self {
        Self { digest: digest.into(), enrolled: None }
    }

    /// Reads a machine as the ledger holds it.
    ///
    /// # Errors
    /// `Unavailable(Corrupted)` when the document is none, or has another digest.
    pub(super) fn stored(digest: &str, document: Option<&str>) -> Result<Self, LedgerError> {
        let Some(document) = document else { return Ok(Self::of_digest(digest)) };
        let fingerprint = Fingerprint::parse(document, "document").map_err(LedgerError::corrupted)?;
        let machine = Self::of(&fingerprint);
        if machine.digest == digest && machine.enrolled.is_some() {
            return Ok(machine);
        }
        let found = machine.digest;
        Err(LedgerError::corrupted(format_args!("machine {digest} is bound by a document with the digest {found}")))
    }

    /// Returns the SHA-256 of the canonical fingerprint, in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns an `fp1` fingerprint as canonical JSON; nothing of any other.
    pub(super) fn document(&self) -> Option<&str> {
        self.enrolled.as_ref().map(|enrolled| enrolled.document.as_str())
    }

    /// Whether a machine with another digest may be this one.
    pub(super) fn can_drift(&self) -> bool {
        self.drifting().is_some()
    }

    /// Returns the digests by which this machine is found after it has drifted; none where it cannot.
    pub(super) fn hallmarks(&self) -> BTreeSet<String> {
        self.drifting().map(Fingerprint::hallmarks).unwrap_or_default()
    }

    /// Returns the digests among which are hallmarks of whatever machine this one has drifted from.
    pub(super) fn digests(&self) -> BTreeSet<String> {
        self.drifting().map(Fingerprint::digests).unwrap_or_default()
    }

    /// Says by how many points another machine is this one, by the rule of this one's fingerprint; `None` when it is not.
    pub(super) fn recognises(&self, other: &Self) -> Option<u32> {
        if self.digest == other.digest {
            return Some(u32::MAX);
        }
        let comparison = self.drifting()?.compare_enrolled(other.drifting()?);
        comparison.code().is_none().then_some(comparison.score)
    }

    fn drifting(&self) -> Option<&Fingerprint> {
        self.enrolled.as_ref().filter(|enrolled| enrolled.can_drift).map(|enrolled| &enrolled.fingerprint)
    }
}
