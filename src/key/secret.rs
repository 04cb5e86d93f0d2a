//! Secrets: a signing key and a passphrase, wiped when dropped and never printed.

use std::fmt;

#[cfg(feature = "vendor")]
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
#[cfg(feature = "vendor")]
use curve25519_dalek::scalar::Scalar;
#[cfg(feature = "vendor")]
use ed25519_dalek::hazmat::ExpandedSecretKey;
use ed25519_dalek::{Signer, SigningKey};
#[cfg(feature = "vendor")]
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use super::PublicKey;

/// The longest passphrase that locks a new key, in bytes; OpenSSL reads no more than 1,023.
const MAX_PASSPHRASE_BYTES: usize = 1_000;

/// An Ed25519 private key. It cannot be cloned, compared, printed or serialised by accident, and is wiped when dropped.
pub struct SecretKey {
    signing: SigningKey,
    public: PublicKey,
}

/// A passphrase, wiped when dropped.
pub struct Passphrase(Zeroizing<String>);

impl SecretKey {
    /// Takes the 32-byte seed of RFC 8032, section 5.1.5.
    ///
    /// # Panics
    /// Never: the public half of any seed is a canonical point of large order.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(seed);
        let public = PublicKey::from_bytes(signing.verifying_key().as_bytes());
        Self { public: public.expect("a clamped scalar times the base point is a strong key"), signing }
    }

    /// Returns the public half.
    pub fn public(&self) -> PublicKey {
        self.public.clone()
    }

    /// Signs a message (RFC 8032, section 5.1.6); the same message always gives the same 64 bytes.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message).to_bytes()
    }

    /// Signs messages, each with the signature of [`SecretKey::sign`]; many share one field inversion, which makes each a
    /// fifth cheaper.
    #[cfg(feature = "vendor")]
    pub fn sign_many(&self, messages: &[&[u8]]) -> Vec<[u8; 64]> {
        let expanded = ExpandedSecretKey::from(self.signing.as_bytes());
        // RFC 8032, section 5.1.6. What is drawn from a message is as secret as the key.
        let draw = |message: &&[u8]| {
            let hash = Sha512::new().chain_update(expanded.hash_prefix).chain_update(message).finalize();
            Scalar::from_bytes_mod_order_wide(&hash.into())
        };
        let drawn: Zeroizing<Vec<Scalar>> = Zeroizing::new(messages.iter().map(draw).collect());
        let points: Vec<EdwardsPoint> = drawn.iter().map(EdwardsPoint::mul_base).collect();
        let encodings = EdwardsPoint::compress_batch_alloc(&points);
        let sign = |((message, drawn), CompressedEdwardsY(r)): ((&&[u8], &Scalar), CompressedEdwardsY)| {
            let hash = Sha512::new().chain_update(r).chain_update(self.public.as_bytes()).chain_update(message);
            let s = Scalar::from_bytes_mod_order_wide(&hash.finalize().into()) * expanded.scalar + drawn;
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&r);
            signature[32..].copy_from_slice(s.as_bytes());
            signature
        };
        messages.iter().zip(drawn.iter()).zip(encodings).map(sign).collect()
    }

    /// Returns the seed, wiped when dropped.
    #[cfg(feature = "vendor")]
    pub(super) fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.signing.to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("id", &self.public.id()).finish_non_exhaustive()
    }
}

impl Passphrase {
    /// Takes a text; the caller's own copies are the caller's to wipe.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Returns the text for the one use it has: deriving a key.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Says what makes the passphrase easy to guess, or a key that it locks closed to OpenSSL; `None` when nothing plain does.
    pub fn weakness(&self) -> Option<&'static str> {
        const COMMON: [&str; 8] =
            ["password", "passphrase", "qwertyuiop", "letmein", "1234567890", "0123456789", "changeme", "mintage"];
        let text = self.reveal();
        let mut distinct: Vec<char> = text.chars().collect();
        distinct.sort_unstable();
        distinct.dedup();
        let bare = text.to_lowercase();
        let bare = bare.trim_matches(|char: char| !char.is_alphabetic());
        match text.chars().count() {
            0 => Some("the passphrase is empty"),
            1..10 => Some("the passphrase has fewer than 10 characters"),
            _ if text.len() > MAX_PASSPHRASE_BYTES => {
                Some("the passphrase is longer than the 1,000 bytes that OpenSSL opens a key with")
            }
            _ if text.contains('\0') => Some("the passphrase holds a NUL, which OpenSSL opens no key with"),
            _ if distinct.len() < 5 => Some("the passphrase has fewer than 5 different characters"),
            _ if COMMON.contains(&bare) || COMMON.contains(&text) => {
                Some("the passphrase is among the first that anyone would try")
            }
            _ => None,
        }
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passphrase").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_passphrases_are_named() {
        let weakness = |text: &str| Passphrase::new(text.to_owned()).weakness();
        for text in ["", "short", "aaaaaaaaaaaaaa", "Password123!", "1234567890"] {
            assert!(weakness(text).is_some(), "{text}");
        }
        let long = "tulip-anchor-9".repeat(80);
        assert_eq!(weakness(&long[..1_000]), None);
        assert!(weakness(&long[..1_001]).unwrap().contains("longer than the 1,000 bytes"));
        assert!(weakness("tulip-anchor\0-9").unwrap().contains("NUL"));
        for text in ["correct horse battery staple", "tulip-anchor-9", "пароль-длинный"] {
            assert_eq!(weakness(text), None, "{text}");
        }
    }

    #[cfg(feature = "vendor")]
    #[test]
    fn many_signatures_are_those_of_each_message_alone() {
        for seed in 0..8 {
            let key = SecretKey::from_seed(&[seed; 32]);
            let messages: Vec<Vec<u8>> = (0..70).map(|number| vec![seed ^ number; usize::from(number) * 7]).collect();
            let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
            for count in [0, 1, 2, 70] {
                let alone: Vec<[u8; 64]> = messages[..count].iter().map(|message| key.sign(message)).collect();
                assert_eq!(key.sign_many(&messages[..count]), alone);
            }
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let key = SecretKey::from_seed(&[7; 32]);
        assert_eq!(format!("{key:?}"), format!("SecretKey {{ id: {}, .. }}", key.public().id()));
        assert_eq!(format!("{:?}", Passphrase::new("swordfish".to_owned())), "Passphrase { .. }");
    }
}
