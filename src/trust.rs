//! [`establish`]: which keys are trusted, given bare keys and keyrings that vouch for each other.

use std::fmt;

use crate::code::Code;
use crate::dsse::{Envelope, EnvelopeError, Kind};
use crate::json::JsonError;
use crate::key::PublicKey;
use crate::keyring::document::KeyringDocument;
use crate::keyring::{Keyring, Purpose, TrustedKey};

/// Says why a keyring is not to be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustError {
    /// No key that is trusted so far, or that the first keyring lists itself, signed it.
    Envelope(EnvelopeError),
    /// Two keyrings carry this sequence and differ.
    Forked(u64),
    /// The payload is no keyring.
    Json(JsonError),
}

/// Reads a keyring without believing it.
///
/// # Errors
/// `Envelope` for another kind of document, `Json` for a payload that is no keyring.
pub fn read(envelope: &Envelope) -> Result<KeyringDocument, TrustError> {
    if envelope.payload_type() != Kind::Keyring.payload_type() {
        let found = envelope.payload_type().to_owned();
        return Err(TrustError::Envelope(EnvelopeError::WrongKind(Kind::Keyring.payload_type(), found)));
    }
    KeyringDocument::parse(envelope.unverified_payload()).map_err(TrustError::Json)
}

/// Establishes the trusted keys. Keyrings are taken in the order of their sequence, each signed by keys that those before
/// it, or the bare keys, allow for the purpose `keyring`; the last one counts. Without any bare key the first keyring is
/// what the caller names as the root of trust, and must be signed by a key that it lists for that purpose itself.
///
/// A bare key is trusted for every purpose unless the keyring that counts says otherwise of it.
///
/// # Errors
/// [`TrustError`] for the first keyring that is not to be believed; none is passed over.
pub fn establish(bare: &[PublicKey], keyrings: &[Envelope]) -> Result<Keyring, TrustError> {
    let mut documents =
        keyrings.iter().map(|envelope| Ok((read(envelope)?, envelope))).collect::<Result<Vec<_>, _>>()?;
    documents.sort_by_key(|(document, _)| document.sequence);
    for pair in documents.windows(2) {
        let ((first, left), (second, right)) = (&pair[0], &pair[1]);
        if first.sequence == second.sequence && left.unverified_payload() != right.unverified_payload() {
            return Err(TrustError::Forked(first.sequence));
        }
    }
    let mut counting: Option<KeyringDocument> = None;
    for (document, envelope) in documents {
        let authority = match (&counting, bare) {
            (None, []) => document.keyring(),
            (counting, bare) => merge(counting.as_ref(), bare),
        };
        let threshold = counting.as_ref().map_or(1, |counting| counting.threshold(Purpose::Keyring));
        let verified = envelope.verify(Kind::Keyring, &authority, Some(document.issued_at), threshold);
        verified.map_err(TrustError::Envelope)?;
        counting = Some(document);
    }
    Ok(merge(counting.as_ref(), bare))
}

fn merge(counting: Option<&KeyringDocument>, bare: &[PublicKey]) -> Keyring {
    let mut keyring = counting.map(KeyringDocument::keyring).unwrap_or_default();
    bare.iter().cloned().for_each(|key| keyring.add(TrustedKey::bare(key)));
    let purposes = counting.iter().flat_map(|document| document.thresholds.keys().map(|purpose| (*document, *purpose)));
    purposes.for_each(|(document, purpose)| keyring.demand(purpose, document.threshold(purpose)));
    keyring
}

impl TrustError {
    /// Returns the code this fault is reported under.
    pub fn code(&self) -> Code {
        match self {
            Self::Envelope(error) => error.code(),
            Self::Forked(_) => Code::Forked,
            Self::Json(error) => error.code(),
        }
    }
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Envelope(error) => write!(f, "the keyring is not to be believed: {error}"),
            Self::Forked(sequence) => write!(f, "two keyrings carry sequence {sequence} and differ"),
            Self::Json(error) => write!(f, "this is no keyring: {error}"),
        }
    }
}

impl std::error::Error for TrustError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SecretKey;
    use crate::keyring::{Distrust, KeyStatus};
    use crate::time::Timestamp;

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
        let trusted = establish(&[key(1).public()], &[ring]).unwrap();
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
        assert!(establish(&[], &all).unwrap().find(&key(3).public().id()).is_some());
        assert_eq!(establish(&bare, std::slice::from_ref(&first)).unwrap_err().code(), Code::BadSignature);
        let three = [first, second, by_the_old_root];
        assert_eq!(establish(&[], &three).unwrap_err().code(), Code::BadSignature);
    }

    #[test]
    fn keyrings_that_differ_under_one_sequence_are_a_fork() {
        let left = keyring(1, &[(1, &[Purpose::Keyring])], &[1]);
        let right = keyring(1, &[(1, &[Purpose::Keyring, Purpose::License])], &[1]);
        assert_eq!(establish(&[], &[left.clone(), right]).unwrap_err(), TrustError::Forked(1));
        assert!(establish(&[], &[left.clone(), left]).is_ok());
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
