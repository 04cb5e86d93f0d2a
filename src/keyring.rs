//! [`Keyring`]: the public keys that are trusted, for what, and when.

pub mod document;

use std::collections::BTreeMap;
use std::fmt;

use crate::id::{KeyId, Kid};
use crate::key::PublicKey;
use crate::time::Timestamp;

/// What a key may sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Purpose {
    /// Other keyrings.
    Keyring,
    /// Licenses.
    License,
    /// Build manifests.
    Manifest,
    /// Activation proofs.
    Proof,
    /// Revocation lists.
    Revocations,
}

/// Where a key stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyStatus {
    /// It signs.
    Active,
    /// It signs no more; what it signed within its window still counts.
    Retired,
    /// Nothing that it signed counts.
    Revoked,
}

/// A public key and the bounds of the trust put in it.
#[derive(Clone, Debug)]
pub struct TrustedKey {
    /// The key.
    pub key: PublicKey,
    /// What it may sign.
    pub purposes: Vec<Purpose>,
    /// The first moment at which a document may have been issued under it.
    pub not_before: Timestamp,
    /// The last such moment; `None` while it is not known.
    pub not_after: Option<Timestamp>,
    /// Where it stands in its life.
    pub status: KeyStatus,
}

/// Says why a key that made a signature is not trusted with it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Distrust {
    /// The key may not sign documents of this kind.
    Purpose(KeyId, Purpose),
    /// The document was issued outside the key's window.
    Window {
        /// The key.
        key: KeyId,
        /// When the document says it was issued.
        issued_at: Timestamp,
        /// The key's first moment.
        not_before: Timestamp,
        /// The key's last moment, where it has one.
        not_after: Option<Timestamp>,
    },
    /// The key was revoked.
    Revoked(KeyId),
}

/// Trusted keys, found by id. An id is a hint: the key that verifies decides.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    keys: Vec<TrustedKey>,
    by_kid: BTreeMap<Kid, Vec<usize>>,
    thresholds: BTreeMap<Purpose, usize>,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 5] = [Self::Keyring, Self::License, Self::Manifest, Self::Proof, Self::Revocations];

    /// Returns the word that documents and messages use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keyring => "keyring",
            Self::License => "license",
            Self::Manifest => "manifest",
            Self::Proof => "proof",
            Self::Revocations => "revocations",
        }
    }
}

impl TrustedKey {
    /// Trusts a bare key for every purpose and all time.
    pub fn bare(key: PublicKey) -> Self {
        let purposes = Purpose::ALL.to_vec();
        Self { key, purposes, not_before: Timestamp::EPOCH, not_after: None, status: KeyStatus::Active }
    }

    /// Judges whether this key may have signed a document for `purpose` issued at `issued_at`; the window is not judged
    /// while the document does not say when.
    ///
    /// # Errors
    /// [`Distrust`] names the bound that was crossed.
    pub fn allows(&self, purpose: Purpose, issued_at: Option<Timestamp>) -> Result<(), Distrust> {
        let key = self.key.id();
        if self.status == KeyStatus::Revoked {
            return Err(Distrust::Revoked(key));
        }
        if !self.purposes.contains(&purpose) {
            return Err(Distrust::Purpose(key, purpose));
        }
        let Some(issued_at) = issued_at else {
            return Ok(());
        };
        let in_window = self.not_before <= issued_at && self.not_after.is_none_or(|last| issued_at <= last);
        // A retired key whose last moment was never written down has no window to have signed in.
        if !in_window || (self.status == KeyStatus::Retired && self.not_after.is_none()) {
            let (not_before, not_after) = (self.not_before, self.not_after);
            return Err(Distrust::Window { key, issued_at, not_before, not_after });
        }
        Ok(())
    }
}

impl Keyring {
    /// Adds a key; a key that is there already keeps what was said of it first.
    pub fn add(&mut self, trusted: TrustedKey) {
        if self.find(&trusted.key.id()).is_none() {
            self.by_kid.entry(trusted.key.id().kid()).or_default().push(self.keys.len());
            self.keys.push(trusted);
        }
    }

    /// Returns the key with this id.
    pub fn find(&self, id: &KeyId) -> Option<&TrustedKey> {
        self.hinted(id.kid()).find(|trusted| trusted.key.id() == *id)
    }

    /// Whether a key has this short id.
    pub fn knows(&self, kid: Kid) -> bool {
        self.by_kid.contains_key(&kid)
    }

    /// Returns every key in the order in which they should be tried for a document that carries this hint.
    pub fn candidates(&self, hint: Option<Kid>) -> impl Iterator<Item = &TrustedKey> {
        let hinted = hint.into_iter().flat_map(|kid| self.hinted(kid));
        let others = self.keys.iter().filter(move |trusted| hint.is_none_or(|kid| trusted.key.id().kid() != kid));
        hinted.chain(others)
    }

    /// Asks that documents of a purpose be signed by this many different keys.
    pub fn demand(&mut self, purpose: Purpose, threshold: usize) {
        self.thresholds.insert(purpose, threshold);
    }

    /// Returns how many different keys must sign a document of a purpose; one where nothing is asked.
    pub fn threshold(&self, purpose: Purpose) -> usize {
        self.thresholds.get(&purpose).copied().unwrap_or(1)
    }

    /// Returns every key in the order added.
    pub fn keys(&self) -> &[TrustedKey] {
        &self.keys
    }

    fn hinted(&self, kid: Kid) -> impl Iterator<Item = &TrustedKey> {
        self.by_kid.get(&kid).into_iter().flatten().map(|index| &self.keys[*index])
    }
}

impl FromIterator<PublicKey> for Keyring {
    /// Trusts bare keys for every purpose.
    fn from_iter<I: IntoIterator<Item = PublicKey>>(keys: I) -> Self {
        let mut keyring = Self::default();
        keys.into_iter().for_each(|key| keyring.add(TrustedKey::bare(key)));
        keyring
    }
}

impl From<PublicKey> for Keyring {
    fn from(key: PublicKey) -> Self {
        [key].into_iter().collect()
    }
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Purpose(key, purpose) => {
                write!(f, "signed by key {}, which is not trusted for the purpose `{}`", key.kid(), purpose.as_str())
            }
            Self::Window { key, issued_at, not_before, not_after } => {
                write!(f, "issued at {issued_at} under key {}, which is trusted from {not_before}", key.kid())?;
                match not_after {
                    Some(last) => write!(f, " to {last}"),
                    None if issued_at < not_before => Ok(()),
                    None => f.write_str(" and retired without a last day"),
                }
            }
            Self::Revoked(key) => write!(f, "signed by key {}, which was revoked", key.kid()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SecretKey;

    fn trusted(seed: u8) -> TrustedKey {
        TrustedKey::bare(SecretKey::from_seed(&[seed; 32]).public())
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    #[test]
    fn a_hinted_key_is_tried_first_and_the_others_after_it() {
        let mut keyring = Keyring::default();
        (1..=3).for_each(|seed| keyring.add(trusted(seed)));
        let second = keyring.keys()[1].key.id();
        let order: Vec<_> = keyring.candidates(Some(second.kid())).map(|key| key.key.id()).collect();
        assert_eq!((order.len(), order[0]), (3, second));
        assert_eq!(keyring.candidates(Some(trusted(9).key.id().kid())).count(), 3);
        assert_eq!(keyring.find(&second).unwrap().key.id(), second);
    }

    #[test]
    fn trust_is_bounded_by_status_purpose_and_window() {
        let mut key = trusted(1);
        key.purposes = vec![Purpose::License];
        (key.not_before, key.not_after) = (at(100), Some(at(200)));
        assert_eq!(key.allows(Purpose::License, Some(at(100))), Ok(()));
        assert_eq!(key.allows(Purpose::License, Some(at(200))), Ok(()));
        assert!(matches!(key.allows(Purpose::License, Some(at(99))), Err(Distrust::Window { .. })));
        assert!(matches!(key.allows(Purpose::License, Some(at(201))), Err(Distrust::Window { .. })));
        assert!(matches!(key.allows(Purpose::Manifest, Some(at(150))), Err(Distrust::Purpose(..))));
        key.status = KeyStatus::Retired;
        assert_eq!(key.allows(Purpose::License, Some(at(150))), Ok(()));
        key.not_after = None;
        assert!(matches!(key.allows(Purpose::License, Some(at(150))), Err(Distrust::Window { .. })));
        key.status = KeyStatus::Revoked;
        assert!(matches!(key.allows(Purpose::License, Some(at(150))), Err(Distrust::Revoked(_))));
    }

    #[test]
    fn what_is_said_of_a_key_first_stands() {
        let mut keyring = Keyring::default();
        let mut bounded = trusted(1);
        bounded.purposes = vec![Purpose::Manifest];
        keyring.add(bounded);
        keyring.add(trusted(1));
        assert_eq!(keyring.keys().len(), 1);
        assert!(keyring.keys()[0].allows(Purpose::License, Some(at(1))).is_err());
    }
}
