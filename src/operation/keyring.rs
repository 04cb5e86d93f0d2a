//! `mint keyring`: the next keyring from the one before it.

use std::fmt;

use crate::code::Code;
use crate::id::KeyId;
use crate::key::PublicKey;
use crate::keyring::document::KeyringDocument;
use crate::keyring::{Distrust, KeyStatus, Purpose, TrustedKey};
use crate::state::{SequenceError, paced};
use crate::time::Timestamp;

/// What is to change.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Keys to add, or whose purposes to set anew.
    pub add: Vec<(PublicKey, Vec<Purpose>)>,
    /// Keys that sign no more from now on.
    pub retire: Vec<KeyId>,
    /// Keys nothing of which counts any more.
    pub revoke: Vec<KeyId>,
    /// How many keys must sign documents of a purpose.
    pub thresholds: Vec<(Purpose, u64)>,
    /// The first moment at which an added key may have signed. When absent it is the time of this keyring, and in a first
    /// keyring the beginning of time: its keys were there before it, and what they signed must go on counting.
    pub not_before: Option<Timestamp>,
}

/// Says why there is no next keyring.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyringError {
    /// The keyring would be issued before the one that it follows; both times.
    Backwards(Timestamp, Timestamp),
    /// The signing key may not sign keyrings, says the keyring before.
    Distrust(Distrust),
    /// No key could sign the keyring after this one.
    Orphaned,
    /// The key is revoked, and a revoked key does not come back.
    Revoked(KeyId),
    /// The sequence cannot grow so far.
    Sequence(SequenceError),
    /// The keyring does not hold this key.
    Unknown(KeyId),
}

/// Makes the next keyring: `sequence` grows by one, and the signing key may sign keyrings from the first one on.
///
/// # Errors
/// [`KeyringError`] names the change that cannot be made.
pub fn next(
    previous: Option<&KeyringDocument>,
    signer: &PublicKey,
    changes: &Changes,
    now: Timestamp,
) -> Result<KeyringDocument, KeyringError> {
    let not_before = changes.not_before.unwrap_or(if previous.is_none() { Timestamp::EPOCH } else { now });
    let mut document = match previous {
        None => {
            let root = TrustedKey { purposes: vec![Purpose::Keyring], ..TrustedKey::bare(signer.clone()) };
            KeyringDocument { sequence: 1, issued_at: now, keys: vec![root], thresholds: [].into() }
        }
        Some(previous) => {
            let entry = previous.keys.iter().find(|entry| entry.key == *signer);
            let entry = entry.ok_or(KeyringError::Unknown(signer.id()))?;
            entry.allows(Purpose::Keyring, Some(now)).map_err(KeyringError::Distrust)?;
            if now < previous.issued_at {
                return Err(KeyringError::Backwards(now, previous.issued_at));
            }
            let sequence = previous.sequence.saturating_add(1);
            paced(sequence, now).map_err(KeyringError::Sequence)?;
            KeyringDocument { sequence, issued_at: now, ..previous.clone() }
        }
    };
    for (key, purposes) in &changes.add {
        let mut purposes = purposes.clone();
        purposes.sort_unstable();
        purposes.dedup();
        match document.keys.iter_mut().find(|entry| entry.key == *key) {
            Some(entry) => entry.purposes = purposes,
            None => document.keys.push(TrustedKey { purposes, not_before, ..TrustedKey::bare(key.clone()) }),
        }
    }
    for (ids, status) in [(&changes.retire, KeyStatus::Retired), (&changes.revoke, KeyStatus::Revoked)] {
        for id in ids {
            let entry = document.keys.iter_mut().find(|entry| entry.key.id() == *id);
            let entry = entry.ok_or(KeyringError::Unknown(*id))?;
            if entry.status == KeyStatus::Revoked && status == KeyStatus::Retired {
                return Err(KeyringError::Revoked(*id));
            }
            entry.status = status;
            entry.not_after = Some(entry.not_after.map_or(now, |last| last.min(now)).max(entry.not_before));
        }
    }
    document.thresholds.extend(changes.thresholds.iter().copied());
    document.keys.sort_by_key(|entry| entry.key.id());
    let heirs = document
        .keys
        .iter()
        .filter(|entry| entry.status == KeyStatus::Active && entry.purposes.contains(&Purpose::Keyring));
    if heirs.count() < document.threshold(Purpose::Keyring) {
        return Err(KeyringError::Orphaned);
    }
    Ok(document)
}

impl KeyringError {
    /// Returns the code this fault is reported under.
    pub fn code(&self) -> Code {
        match self {
            Self::Distrust(Distrust::Purpose(..)) => Code::WrongPurpose,
            Self::Distrust(Distrust::Revoked(_)) | Self::Revoked(_) => Code::KeyRevoked,
            Self::Distrust(Distrust::Window { .. }) => Code::KeyRetired,
            Self::Backwards(..) | Self::Orphaned => Code::Usage,
            Self::Sequence(error) => error.code(),
            Self::Unknown(_) => Code::UnknownKey,
        }
    }
}

impl fmt::Display for KeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backwards(now, before) => {
                write!(f, "the keyring is issued at {now}, and the one before it was issued later, at {before}")
            }
            Self::Distrust(distrust) => distrust.fmt(f),
            Self::Orphaned => f.write_str("no key, or too few, could sign the keyring after this one"),
            Self::Revoked(id) => write!(f, "key {} is revoked, and to retire it would let it count again", id.kid()),
            Self::Sequence(error) => write!(f, "the keyring cannot follow the one before it: {error}"),
            Self::Unknown(id) => write!(f, "the keyring before this one does not hold key {}", id.kid()),
        }
    }
}

impl std::error::Error for KeyringError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SecretKey;

    fn public(seed: u8) -> PublicKey {
        SecretKey::from_seed(&[seed; 32]).public()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    #[test]
    fn a_key_is_announced_and_the_old_one_retired() {
        let announce = Changes { add: vec![(public(2), vec![Purpose::License])], ..Changes::default() };
        let first = next(None, &public(1), &announce, at(100)).unwrap();
        assert_eq!((first.sequence, first.keys.len()), (1, 2));
        let retire = Changes { retire: vec![public(2).id()], ..Changes::default() };
        let second = next(Some(&first), &public(1), &retire, at(200)).unwrap();
        let retired = second.keyring().find(&public(2).id()).unwrap().clone();
        assert_eq!(retired.allows(Purpose::License, Some(at(200))), Ok(()));
        assert!(retired.allows(Purpose::License, Some(at(201))).is_err());
    }

    #[test]
    fn a_key_begins_with_the_keyring_that_adds_it_unless_that_is_the_first() {
        let add = |seed, not_before| Changes {
            add: vec![(public(seed), vec![Purpose::License])],
            not_before,
            ..Changes::default()
        };
        let first = next(None, &public(1), &add(2, None), at(100)).unwrap();
        let second = next(Some(&first), &public(1), &add(3, None), at(200)).unwrap();
        let third = next(Some(&second), &public(1), &add(4, Some(at(50))), at(300)).unwrap();
        let begins = |seed| third.keyring().find(&public(seed).id()).unwrap().not_before.seconds();
        assert_eq!([1, 2, 3, 4].map(begins), [0, 0, 200, 50]);
    }

    #[test]
    fn a_keyring_is_never_issued_before_the_one_that_it_follows() {
        let first = next(None, &public(1), &Changes::default(), at(100)).unwrap();
        let refused = next(Some(&first), &public(1), &Changes::default(), at(99)).unwrap_err();
        assert_eq!((refused.code(), refused), (Code::Usage, KeyringError::Backwards(at(99), at(100))));
        assert!(next(Some(&first), &public(1), &Changes::default(), at(100)).is_ok());
    }

    #[test]
    fn a_revoked_key_does_not_come_back_by_being_retired() {
        let add = Changes { add: vec![(public(2), vec![Purpose::License])], ..Changes::default() };
        let first = next(None, &public(1), &add, at(100)).unwrap();
        let revoke = Changes { revoke: vec![public(2).id()], ..Changes::default() };
        let second = next(Some(&first), &public(1), &revoke, at(200)).unwrap();
        let retire = Changes { retire: vec![public(2).id()], ..Changes::default() };
        let refused = next(Some(&second), &public(1), &retire, at(300)).unwrap_err();
        assert_eq!(refused, KeyringError::Revoked(public(2).id()));
    }

    #[test]
    fn only_a_root_signs_and_the_last_root_cannot_be_retired() {
        let first = next(None, &public(1), &Changes::default(), at(100)).unwrap();
        assert_eq!(
            next(Some(&first), &public(2), &Changes::default(), at(200)).unwrap_err(),
            KeyringError::Unknown(public(2).id())
        );
        let retire = Changes { retire: vec![public(1).id()], ..Changes::default() };
        assert_eq!(next(Some(&first), &public(1), &retire, at(200)).unwrap_err(), KeyringError::Orphaned);
        let unknown = Changes { revoke: vec![public(7).id()], ..Changes::default() };
        assert_eq!(
            next(Some(&first), &public(1), &unknown, at(200)).unwrap_err(),
            KeyringError::Unknown(public(7).id())
        );
    }
}
