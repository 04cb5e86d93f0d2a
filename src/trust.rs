//! [`establish`]: which keys are trusted, given bare keys and keyrings that vouch for each other.

use std::collections::BTreeSet;
use std::fmt;

use crate::code::Code;
use crate::dsse::{Envelope, EnvelopeError, Kind};
use crate::id::KeyId;
use crate::key::PublicKey;
use crate::keyring::document::{DocumentError, KeyringDocument};
use crate::keyring::{Keyring, Purpose, TrustedKey};
use crate::state::{Mark, SequenceError, Series, VerifierState, paced};
use crate::time::{CLOCK_TOLERANCE, Timestamp};

/// The trusted keys, and the keyring that counts among those at hand.
#[derive(Clone, Debug)]
pub struct Established {
    /// The trusted keys.
    pub keyring: Keyring,
    counting: Option<Counting>,
}

/// The keyring with the highest sequence.
#[derive(Clone, Debug)]
struct Counting {
    document: KeyringDocument,
    /// The keys that signed it.
    signers: BTreeSet<KeyId>,
    /// Its place in the series of every key that signed it or a keyring on the way to it.
    marks: Vec<Mark>,
}

/// Says why a keyring is not to be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustError {
    /// The payload is no keyring.
    Document(DocumentError),
    /// No key that is trusted so far, or that the first keyring lists itself, signed it.
    Envelope(EnvelopeError),
    /// Two keyrings carry this sequence and differ.
    Forked(u64),
    /// The keyring was issued in the future; when, and what the clock says.
    Future(Timestamp, Timestamp),
    /// A keyring was signed by a key that is trusted as a root, but not by any that the keyring before it allows; both
    /// sequences, the earlier first, and the key.
    Roots(u64, u64, KeyId),
    /// A newer keyring, or another in its place, was accepted before, or the sequence is not one to come to.
    Sequence(SequenceError),
}

/// Reads a keyring without believing it.
///
/// # Errors
/// `Envelope` for another kind of document, `Document` for a payload that is no keyring.
pub fn read(envelope: &Envelope) -> Result<KeyringDocument, TrustError> {
    if envelope.payload_type() != Kind::Keyring.payload_type() {
        let found = envelope.payload_type().to_owned();
        return Err(TrustError::Envelope(EnvelopeError::WrongKind(Kind::Keyring.payload_type(), found)));
    }
    KeyringDocument::parse(envelope.unverified_payload()).map_err(TrustError::Document)
}

/// Establishes the trusted keys. Keyrings are taken in the order of their sequence, each signed by keys that the one before
/// it allows for the purpose `keyring`, the first by a bare key; the last one counts. Without any bare key the first
/// keyring is what the caller names as the root of trust, and must be signed by a key that it lists for that purpose
/// itself.
///
/// A bare key is trusted for every purpose unless the keyring that counts says otherwise of it.
///
/// # Errors
/// [`TrustError`] for the first keyring that is not to be believed; none is passed over.
pub fn establish(bare: &[PublicKey], keyrings: &[Envelope]) -> Result<Established, TrustError> {
    let mut documents =
        keyrings.iter().map(|envelope| Ok((read(envelope)?, envelope))).collect::<Result<Vec<_>, _>>()?;
    documents.sort_by_key(|(document, _)| document.sequence);
    for pair in documents.windows(2) {
        let ((first, left), (second, right)) = (&pair[0], &pair[1]);
        if first.sequence == second.sequence && left.unverified_payload() != right.unverified_payload() {
            return Err(TrustError::Forked(first.sequence));
        }
    }
    let mut roots = BTreeSet::new();
    let mut last: Option<(KeyringDocument, BTreeSet<KeyId>, &Envelope)> = None;
    for (document, envelope) in documents {
        let (authority, threshold) = match &last {
            // A copy of what is believed already.
            Some((before, ..)) if before.sequence == document.sequence => continue,
            Some((before, ..)) => (before.keyring(), before.threshold(Purpose::Keyring)),
            None if bare.is_empty() => (document.keyring(), 1),
            None => (bare.iter().cloned().collect(), 1),
        };
        let verified = envelope.verify(Kind::Keyring, &authority, Some(document.issued_at), threshold);
        let signers = match (verified, &last) {
            (Ok(verified), _) => verified.signers().clone(),
            (Err(error), Some((before, ..))) => return Err(stranger(error, before, &document, envelope, bare)),
            (Err(error), None) => return Err(TrustError::Envelope(error)),
        };
        paced(document.sequence, document.issued_at).map_err(TrustError::Sequence)?;
        roots.extend(signers.iter().copied());
        last = Some((document, signers, envelope));
    }
    let counting = last.map(|(document, signers, envelope)| {
        let mark = |root| Mark::new(Series::of("keyring", root), document.sequence, envelope.unverified_payload());
        let marks = roots.into_iter().map(mark).collect();
        Counting { document, signers, marks }
    });
    Ok(Established { keyring: merge(counting.as_ref().map(|counting| &counting.document), bare), counting })
}

/// Tells a keyring of another root from one that nobody trusted signed.
fn stranger(
    error: EnvelopeError,
    before: &KeyringDocument,
    document: &KeyringDocument,
    envelope: &Envelope,
    bare: &[PublicKey],
) -> TrustError {
    let listed = before.keyring();
    let others: Keyring = bare.iter().filter(|key| listed.find(&key.id()).is_none()).cloned().collect();
    let other = envelope.verify(Kind::Keyring, &others, None, 1).ok();
    match other.and_then(|verified| verified.signers().first().copied()) {
        Some(root) => TrustError::Roots(before.sequence, document.sequence, root),
        None => TrustError::Envelope(error),
    }
}

fn merge(counting: Option<&KeyringDocument>, bare: &[PublicKey]) -> Keyring {
    let mut keyring = counting.map(KeyringDocument::keyring).unwrap_or_default();
    bare.iter().cloned().for_each(|key| keyring.add(TrustedKey::bare(key)));
    let purposes = counting.iter().flat_map(|document| document.thresholds.keys().map(|purpose| (*document, *purpose)));
    purposes.for_each(|(document, purpose)| keyring.demand(purpose, document.threshold(purpose)));
    keyring
}

impl Established {
    /// Returns the keyring that counts, if there is one.
    pub fn document(&self) -> Option<&KeyringDocument> {
        self.counting.as_ref().map(|counting| &counting.document)
    }

    /// Returns the keys that signed the keyring that counts.
    pub fn signers(&self) -> impl Iterator<Item = &KeyId> {
        self.counting.iter().flat_map(|counting| &counting.signers)
    }

    /// Returns when the keyring that counts was issued: a time that has certainly passed once it was admitted.
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.document().map(|document| document.issued_at)
    }

    /// Judges whether the keyring may count here and now: not issued in the future, and no older than what the state
    /// remembers of any root on the way to it.
    ///
    /// # Errors
    /// `Future`, `Sequence`.
    pub fn admit(&self, state: Option<&VerifierState>, now: Timestamp) -> Result<(), TrustError> {
        let Some(counting) = &self.counting else { return Ok(()) };
        let issued_at = counting.document.issued_at;
        if issued_at.since(now) > CLOCK_TOLERANCE {
            return Err(TrustError::Future(issued_at, now));
        }
        let Some(state) = state else { return Ok(()) };
        counting.marks.iter().try_for_each(|mark| state.admits(mark)).map_err(TrustError::Sequence)
    }

    /// Remembers the keyring, which was admitted.
    pub fn remember(&self, state: &mut VerifierState) {
        if let Some(counting) = &self.counting {
            counting.marks.iter().for_each(|mark| state.accept(mark));
            state.see(counting.document.issued_at);
        }
    }
}

impl TrustError {
    /// Returns the code this fault is reported under.
    pub fn code(&self) -> Code {
        match self {
            Self::Document(error) => error.code(),
            Self::Envelope(error) => error.code(),
            Self::Forked(_) | Self::Roots(..) => Code::Forked,
            Self::Future(..) => Code::ClockRolledBack,
            Self::Sequence(error) => error.code(),
        }
    }
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(error) => write!(f, "this is no keyring: {error}"),
            Self::Envelope(error) => write!(f, "the keyring is not to be believed: {error}"),
            Self::Forked(sequence) => write!(f, "two keyrings carry sequence {sequence} and differ"),
            Self::Future(issued_at, now) => write!(f, "the keyring was issued at {issued_at}, and it is {now} here"),
            Self::Roots(before, sequence, root) => write!(
                f,
                "two roots disagree: keyring {sequence} was signed by key {}, which keyring {before} does not list",
                root.kid()
            ),
            Self::Sequence(error) => write!(f, "the keyring is not to be believed: {error}"),
        }
    }
}

impl std::error::Error for TrustError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SecretKey;
    use crate::keyring::{Distrust, KeyStatus};
    use crate::state::MAX_LEAD;

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&[seed; 32])
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    fn keyring(sequence: u64, entries: &[(u8, &[Purpose])], signers: &[u8]) -> Envelope {
        let entry = |(seed, purposes): &(u8, &[Purpose])| TrustedKey {
            purposes: purposes.to_vec(),
            ..TrustedKey::bare(key(*seed).public())
        };
        let keys = entries.iter().map(entry).collect();
        let document = KeyringDocument { sequence, issued_at: at(100), keys, thresholds: [].into() };
        let signers: Vec<_> = signers.iter().map(|seed| key(*seed)).collect();
        Envelope::sign(Kind::Keyring, document.to_payload().into_bytes(), &signers.iter().collect::<Vec<_>>())
    }

    #[test]
    fn a_product_that_trusts_one_key_accepts_another_after_one_file() {
        let ring = keyring(1, &[(1, &[Purpose::Keyring]), (2, &[Purpose::License])], &[1]);
        let trusted = establish(&[key(1).public()], &[ring]).unwrap().keyring;
        let second = trusted.find(&key(2).public().id()).unwrap();
        assert_eq!(second.allows(Purpose::License, Some(at(100))), Ok(()));
        let first = trusted.find(&key(1).public().id()).unwrap();
        assert!(matches!(first.allows(Purpose::License, Some(at(100))), Err(Distrust::Purpose(..))));
    }

    #[test]
    fn a_root_hands_over_and_then_speaks_no_more() {
        let first = keyring(1, &[(1, &[Purpose::Keyring]), (2, &[Purpose::Keyring])], &[1]);
        let second = keyring(2, &[(2, &[Purpose::Keyring]), (3, &[Purpose::License])], &[2]);
        let by_the_old_root = keyring(3, &[(1, &[Purpose::License])], &[1]);
        let bare = [key(9).public()];
        let all = [second.clone(), first.clone()];
        assert!(establish(&[], &all).unwrap().keyring.find(&key(3).public().id()).is_some());
        assert_eq!(establish(&bare, std::slice::from_ref(&first)).unwrap_err().code(), Code::UnknownKey);
        let three = [first, second, by_the_old_root];
        assert_eq!(establish(&[], &three).unwrap_err().code(), Code::UnknownKey);
    }

    #[test]
    fn keyrings_that_differ_under_one_sequence_are_a_fork() {
        let left = keyring(1, &[(1, &[Purpose::Keyring])], &[1]);
        let right = keyring(1, &[(1, &[Purpose::Keyring, Purpose::License])], &[1]);
        assert_eq!(establish(&[], &[left.clone(), right]).unwrap_err(), TrustError::Forked(1));
        assert!(establish(&[], &[left.clone(), left]).is_ok());
    }

    #[test]
    fn two_roots_that_disagree_are_named() {
        let (left, right) =
            (keyring(1, &[(1, &[Purpose::Keyring])], &[1]), keyring(2, &[(2, &[Purpose::Keyring])], &[2]));
        let bare = [key(1).public(), key(2).public()];
        let refused = establish(&bare, &[left.clone(), right.clone()]).unwrap_err();
        assert_eq!((refused.code(), refused), (Code::Forked, TrustError::Roots(1, 2, key(2).public().id())));
        assert_eq!(establish(&bare[..1], &[left, right]).unwrap_err().code(), Code::UnknownKey);
    }

    #[test]
    fn every_root_on_the_way_remembers_the_keyring_that_counts() {
        let first = keyring(1, &[(1, &[Purpose::Keyring]), (2, &[Purpose::Keyring])], &[1]);
        let second = keyring(2, &[(2, &[Purpose::Keyring])], &[2]);
        let fork = keyring(2, &[(2, &[Purpose::Keyring]), (3, &[Purpose::License])], &[2]);
        let mut state = VerifierState::default();
        let all = establish(&[key(1).public()], &[first.clone(), second.clone()]).unwrap();
        assert_eq!(all.admit(Some(&state), at(100)), Ok(()));
        all.remember(&mut state);
        assert_eq!(state.latest_seen, Some(at(100)));
        let older = establish(&[key(1).public()], std::slice::from_ref(&first)).unwrap();
        let refused = older.admit(Some(&state), at(100)).unwrap_err();
        assert_eq!(
            (refused.code(), refused),
            (Code::RolledBack, TrustError::Sequence(SequenceError::RolledBack(1, 2)))
        );
        for bare in [&[][..], &[key(2).public()]] {
            assert_eq!(establish(bare, std::slice::from_ref(&second)).unwrap().admit(Some(&state), at(100)), Ok(()));
            let forked = establish(bare, std::slice::from_ref(&fork)).unwrap().admit(Some(&state), at(100));
            assert_eq!(forked.unwrap_err().code(), Code::Forked);
        }
        // A new root is a new beginning: the way back after a root was misused to push the sequence to its end.
        let anew = establish(&[key(4).public()], &[keyring(1, &[(4, &[Purpose::Keyring])], &[4])]).unwrap();
        assert_eq!(anew.admit(Some(&state), at(100)), Ok(()));
    }

    #[test]
    fn a_keyring_that_leaves_no_room_after_it_is_not_believed_with_or_without_a_memory() {
        let ring = |sequence| keyring(sequence, &[(1, &[Purpose::Keyring])], &[1]);
        // It was issued at 100.
        assert!(establish(&[], &[ring(MAX_LEAD + 100)]).is_ok());
        for sequence in [MAX_LEAD + 101, i64::MAX.unsigned_abs()] {
            let refused = establish(&[key(1).public()], &[ring(1), ring(sequence)]).unwrap_err();
            assert_eq!(refused.code(), Code::FastForwarded);
        }
    }

    #[test]
    fn a_keyring_from_the_future_does_not_count_yet() {
        let ring = establish(&[], &[keyring(1, &[(1, &[Purpose::Keyring])], &[1])]).unwrap();
        // It was issued at 100.
        let early = Timestamp::EPOCH;
        assert_eq!(ring.admit(None, early), Ok(()), "within the tolerance");
        let document = KeyringDocument { issued_at: at(301), ..ring.document().unwrap().clone() };
        let late = Envelope::sign(Kind::Keyring, document.to_payload().into_bytes(), &[&key(1)]);
        let refused = establish(&[], &[late]).unwrap().admit(None, early).unwrap_err();
        assert_eq!((refused.code(), refused), (Code::ClockRolledBack, TrustError::Future(at(301), early)));
    }

    #[test]
    fn a_keyring_needs_as_many_signers_as_the_one_before_it_asks_for() {
        let mut document = read(&keyring(1, &[(1, &[Purpose::Keyring]), (2, &[Purpose::Keyring])], &[1])).unwrap();
        document.thresholds = [(Purpose::Keyring, 2)].into();
        let first = Envelope::sign(Kind::Keyring, document.to_payload().into_bytes(), &[&key(1)]);
        let lone = keyring(2, &[(1, &[Purpose::Keyring])], &[1]);
        let both = keyring(2, &[(1, &[Purpose::Keyring])], &[1, 2]);
        assert!(matches!(
            establish(&[], &[first.clone(), lone]),
            Err(TrustError::Envelope(EnvelopeError::Threshold(1, 2)))
        ));
        assert!(establish(&[], &[first, both]).is_ok());
    }

    #[test]
    fn a_revoked_key_vouches_for_nothing() {
        let mut document = read(&keyring(1, &[(1, &[Purpose::Keyring]), (2, &[Purpose::Keyring])], &[1])).unwrap();
        document.keys.iter_mut().filter(|entry| entry.key == key(2).public()).for_each(|entry| {
            entry.status = KeyStatus::Revoked;
        });
        let first = Envelope::sign(Kind::Keyring, document.to_payload().into_bytes(), &[&key(1)]);
        let second = keyring(2, &[(1, &[Purpose::Keyring])], &[2]);
        assert_eq!(establish(&[], &[first, second]).unwrap_err().code(), Code::KeyRevoked);
    }
}
