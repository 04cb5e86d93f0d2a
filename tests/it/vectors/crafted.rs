//! Signatures that no honest signer makes, from the published example key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use mintage::key::SecretKey;
use sha2::{Digest, Sha512};

use crate::harness::example;

/// The order of the base point, little-endian.
const L: [u8; 32] =
    *b"\xed\xd3\xf5\x5c\x1a\x63\x12\x58\xd6\x9c\xf7\xa2\xde\xf9\xde\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10";

/// The seed of `keys.example/NAME.key`: the last 32 bytes of PKCS#8 version 1.
pub(crate) fn seed(name: &str) -> [u8; 32] {
    let pem = std::fs::read_to_string(example(&format!("{name}.key"))).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    *STANDARD.decode(body).unwrap().last_chunk().unwrap()
}

/// The published key that signs every vector.
pub(crate) fn vendor() -> SecretKey {
    SecretKey::from_seed(&seed("vendor"))
}

/// A private key taken apart (RFC 8032, section 5.1.5), to sign otherwise than one should.
pub(crate) struct Apart {
    pub(crate) scalar: Scalar,
    pub(crate) public: [u8; 32],
    prefix: [u8; 32],
}

impl Apart {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        let hash: [u8; 64] = Sha512::digest(seed).into();
        let (low, high) = hash.split_first_chunk::<32>().unwrap();
        let scalar = Scalar::from_bytes_mod_order(clamp_integer(*low));
        let public = (ED25519_BASEPOINT_POINT * scalar).compress().0;
        Self { scalar, public, prefix: high.try_into().unwrap() }
    }

    /// Signs under a domain (RFC 8032, section 5.1.6); the empty one is plain Ed25519.
    pub(crate) fn sign(&self, domain: &[u8], message: &[u8]) -> [u8; 64] {
        let nonce = wide(&[domain, &self.prefix, message]);
        let r = (ED25519_BASEPOINT_POINT * nonce).compress().0;
        self.answer(domain, &r, nonce, message)
    }

    /// Signs with R moved by a point of small order; a verifier that multiplies by the cofactor does not see it.
    pub(crate) fn sign_with_torsion(&self, message: &[u8], index: usize) -> [u8; 64] {
        let nonce = wide(&[b"torsion", &self.prefix, message]);
        let r = (ED25519_BASEPOINT_POINT * nonce + EIGHT_TORSION[index % 8]).compress().0;
        self.answer(b"", &r, nonce, message)
    }

    /// Signs with the nonce nought, and R spelled as the caller says.
    pub(crate) fn sign_with_r(&self, message: &[u8], r: &[u8; 32]) -> [u8; 64] {
        self.answer(b"", r, Scalar::ZERO, message)
    }

    fn answer(&self, domain: &[u8], r: &[u8; 32], nonce: Scalar, message: &[u8]) -> [u8; 64] {
        let challenge = wide(&[domain, r, &self.public, message]);
        join(r, &(nonce + challenge * self.scalar).to_bytes())
    }
}

/// The prefix of Ed25519ph (`phflag` 1) and Ed25519ctx (`phflag` 0), RFC 8032, section 2.
pub(crate) fn domain(phflag: u8, context: &[u8]) -> Vec<u8> {
    let length = u8::try_from(context.len()).unwrap();
    [&b"SigEd25519 no Ed25519 collisions"[..], &[phflag, length], context].concat()
}

/// Adds the order to S: the same signature to a verifier that does not check the range of S.
pub(crate) fn plus_order(signature: &[u8; 64]) -> [u8; 64] {
    let mut changed = *signature;
    let mut carry = 0;
    for (byte, order) in changed[32..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    changed
}

/// The encoding of a point of small order.
pub(crate) fn small_order(index: usize) -> [u8; 32] {
    let point: EdwardsPoint = EIGHT_TORSION[index % 8];
    point.compress().0
}

pub(crate) fn join(r: &[u8; 32], s: &[u8; 32]) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(r);
    signature[32..].copy_from_slice(s);
    signature
}

/// Spells a token of any payload and any bytes in place of its signature.
pub(crate) fn token(payload: impl AsRef<[u8]>, signature: impl AsRef<[u8]>) -> String {
    format!("{}.{}", STANDARD.encode(payload), STANDARD.encode(signature))
}

fn wide(parts: &[&[u8]]) -> Scalar {
    let mut hash = Sha512::new();
    for part in parts {
        hash.update(part);
    }
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

#[test]
fn what_is_taken_apart_signs_as_the_key_does() {
    let apart = Apart::new(&seed("vendor"));
    assert_eq!(&apart.public, vendor().public().as_bytes());
    assert_eq!(apart.sign(b"", b"message"), vendor().sign(b"message"));
}
