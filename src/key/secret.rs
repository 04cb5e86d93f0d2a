//! Secrets: a signing key and a passphrase, wiped when dropped and never printed.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey};
use zeroize::Zeroizing;

use super::PublicKey;

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
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passphrase").finish_non_exhaustive()
    }
}
