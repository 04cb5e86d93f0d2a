//! Signing keys that follow each other: a new one is announced in the keyring, takes over when half of the overlap is past,
//! and the old one retires at its end. What a key signed in its time goes on counting.

use std::fmt;
use std::sync::Arc;

use super::Stamp;
use crate::code::Code;
use crate::dsse::{Envelope, Kind};
use crate::id::KeyId;
use crate::key::{PublicKey, SecretKey};
use crate::keyring::document::KeyringDocument;
use crate::keyring::{KeyStatus, Purpose, TrustedKey};
use crate::ledger::{Ledger, LedgerError, published};
use crate::operation::keyring::{Changes, next};
use crate::time::{DAY, Timestamp};
use crate::trust;

/// Where private keys are kept.
pub trait KeyStore: fmt::Debug + Send + Sync {
    /// Makes a new key; when this returns, it is kept for good.
    ///
    /// # Errors
    /// Says why there is none.
    fn make(&self) -> Result<SecretKey, String>;

    /// Finds a key that is kept; nothing where it is not.
    ///
    /// # Errors
    /// Says why one that is there cannot be used.
    fn find(&self, key: &PublicKey) -> Result<Option<SecretKey>, String>;
}

/// How keys follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    /// After so many days a key is followed by another.
    pub every_days: u32,
    /// For so many days both are in the keyring as keys that sign, fewer than `every_days`.
    pub overlap_days: u32,
}

/// What there is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// A new key is announced, which signs from this moment on.
    Announce(Timestamp),
    /// The keyring is made for the first time.
    Begin,
    /// These keys retire.
    Retire(Vec<KeyId>),
}

/// Takes the next step, where it is time for one; returns the sequence of the keyring that tells of it. `own` is the key that
/// the server was started with, `named` the keyring; `since` is when keys began to be rotated here.
///
/// # Errors
/// `Refused` with what the keyring says of the signing key, `bad-key` when a key cannot be kept or found;
/// `Unavailable`.
pub fn rotate(
    ledger: &Ledger,
    stamp: &Stamp,
    rhythm: Rhythm,
    keys: (&Arc<SecretKey>, &dyn KeyStore),
    named: Option<&KeyringDocument>,
    since: Timestamp,
) -> Result<Option<u64>, LedgerError> {
    let now = stamp.now;
    let text = ledger.read(|transaction| published::find(transaction, published::KEYRING))?;
    let published = text.map(|text| read(&text)).transpose()?;
    let current = published.as_ref().into_iter().chain(named).max_by_key(|document| document.sequence);
    let Some(step) = step(current, rhythm, since, now) else { return Ok(None) };
    let (signer, held) = at_hand(current, keys, now)?;
    let mut changes = Changes::default();
    match step {
        Step::Begin => changes.add.push((signer.public(), Purpose::ALL.to_vec())),
        Step::Announce(from) => {
            let made = keys.1.make().map_err(unavailable)?;
            changes.add.push((made.public(), Purpose::ALL.to_vec()));
            changes.not_before = Some(from);
        }
        Step::Retire(ids) => changes.retire = ids,
    }
    let document =
        next(current, &signer.public(), &changes, now).map_err(|error| LedgerError::refused(error.code(), error))?;
    // Whoever trusts an older key believes the keyring too.
    let signers: Vec<&SecretKey> = std::iter::once(&signer).chain(&held).map(Arc::as_ref).collect();
    let text = Envelope::sign(Kind::Keyring, document.to_payload().into_bytes(), &signers).to_json() + "\n";
    let sequence = document.sequence;
    let newest =
        ledger.write(move |transaction| published::publish(transaction, published::KEYRING, sequence, &text, now))?;
    Ok(newest.then_some(sequence))
}

/// Finds the key that signs now: of those that the keyring lets sign licenses, the last to have begun whose private half is
/// at hand. Where that is the one `in_use`, nothing is opened.
///
/// # Errors
/// `Refused` with `bad-key` when there is none.
pub fn signer(
    document: &KeyringDocument,
    in_use: Option<&Arc<SecretKey>>,
    (own, store): (&Arc<SecretKey>, &dyn KeyStore),
    now: Timestamp,
) -> Result<Arc<SecretKey>, LedgerError> {
    let begun = begun(document, now);
    for entry in &begun {
        let held = [in_use, Some(own)].into_iter().flatten().find(|held| held.public() == entry.key);
        if let Some(held) = held {
            return Ok(Arc::clone(held));
        }
        if let Some(found) = store.find(&entry.key).map_err(unavailable)? {
            return Ok(Arc::new(found));
        }
    }
    let kids: Vec<String> = begun.iter().map(|entry| entry.key.id().kid().to_string()).collect();
    Err(unavailable(format!("none of the keys that sign now is kept here: {}", kids.join(", "))))
}

/// Reads a keyring that the ledger hands out.
///
/// # Errors
/// `Refused` with the code of what is wrong with it.
pub fn read(text: &str) -> Result<KeyringDocument, LedgerError> {
    let envelope = Envelope::parse(text.as_bytes());
    let envelope = envelope.map_err(|error| LedgerError::refused(error.code(), error))?;
    trust::read(&envelope).map_err(|error| LedgerError::refused(error.code(), error))
}

fn step(document: Option<&KeyringDocument>, rhythm: Rhythm, since: Timestamp, now: Timestamp) -> Option<Step> {
    let Some(document) = document else { return Some(Step::Begin) };
    let half = i64::from(rhythm.overlap_days) * DAY / 2;
    let newest = signing(document).map(|entry| entry.not_before).max()?;
    let has_taken_over = newest.saturating_add(half) <= now;
    // What was there from the beginning of time has nothing to take over from.
    let old = signing(document).filter(|entry| entry.not_before < newest).map(|entry| entry.key.id());
    let old: Vec<KeyId> = old.collect();
    if has_taken_over && !old.is_empty() {
        return Some(Step::Retire(old));
    }
    let due = newest.max(since).saturating_add(i64::from(rhythm.every_days) * DAY);
    (old.is_empty() && due <= now).then(|| Step::Announce(now.saturating_add(half)))
}

/// The keys that sign licenses, and keyrings too: those that follow each other here.
fn signing(document: &KeyringDocument) -> impl Iterator<Item = &TrustedKey> {
    let signs = |entry: &&TrustedKey| {
        let purposes = &entry.purposes;
        entry.status == KeyStatus::Active
            && purposes.contains(&Purpose::License)
            && purposes.contains(&Purpose::Keyring)
    };
    document.keys.iter().filter(signs)
}

/// The keys that sign now, the one that began last first.
fn begun(document: &KeyringDocument, now: Timestamp) -> Vec<&TrustedKey> {
    let mut begun: Vec<&TrustedKey> = signing(document).filter(|entry| entry.not_before <= now).collect();
    begun.sort_by_key(|entry| std::cmp::Reverse((entry.not_before, entry.key.id())));
    begun
}

/// Returns the key that signs now, and every other that is kept and was not revoked.
fn at_hand(
    document: Option<&KeyringDocument>,
    (own, store): (&Arc<SecretKey>, &dyn KeyStore),
    now: Timestamp,
) -> Result<(Arc<SecretKey>, Vec<Arc<SecretKey>>), LedgerError> {
    let Some(document) = document else { return Ok((Arc::clone(own), Vec::new())) };
    let signer = signer(document, None, (own, store), now)?;
    let mut others = Vec::new();
    for entry in &document.keys {
        let signs = entry.status != KeyStatus::Revoked && entry.purposes.contains(&Purpose::Keyring);
        if !signs || entry.key == signer.public() {
            continue;
        }
        if entry.key == own.public() {
            others.push(Arc::clone(own));
        } else {
            others.extend(store.find(&entry.key).map_err(unavailable)?.map(Arc::new));
        }
    }
    Ok((signer, others))
}

fn unavailable(detail: String) -> LedgerError {
    LedgerError::refused(Code::BadKey, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RHYTHM: Rhythm = Rhythm { every_days: 30, overlap_days: 10 };

    fn day(day: i64) -> Timestamp {
        Timestamp::from_seconds(day * DAY).unwrap()
    }

    fn public(seed: u8) -> PublicKey {
        SecretKey::from_seed(&[seed; 32]).public()
    }

    #[test]
    fn a_key_is_announced_takes_over_and_the_old_one_retires() {
        assert_eq!(step(None, RHYTHM, day(100), day(100)), Some(Step::Begin));
        let add =
            |key, not_before| Changes { add: vec![(key, Purpose::ALL.to_vec())], not_before, ..Changes::default() };
        let first = next(None, &public(1), &add(public(1), None), day(100)).unwrap();
        assert_eq!(step(Some(&first), RHYTHM, day(100), day(129)), None);
        assert_eq!(step(Some(&first), RHYTHM, day(100), day(130)), Some(Step::Announce(day(135))));
        let second = next(Some(&first), &public(1), &add(public(2), Some(day(135))), day(130)).unwrap();
        assert_eq!(step(Some(&second), RHYTHM, day(100), day(139)), None);
        assert_eq!(step(Some(&second), RHYTHM, day(100), day(140)), Some(Step::Retire(vec![public(1).id()])));
        let retire = Changes { retire: vec![public(1).id()], ..Changes::default() };
        let third = next(Some(&second), &public(2), &retire, day(140)).unwrap();
        assert_eq!(step(Some(&third), RHYTHM, day(100), day(164)), None);
        assert_eq!(step(Some(&third), RHYTHM, day(100), day(165)), Some(Step::Announce(day(170))));
    }
}
