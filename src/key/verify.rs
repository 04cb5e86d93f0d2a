//! Signature verification with the strict verdict, one at a time or many with a single field inversion.
//!
//! The strict verdict is that of `verify_strict` of ed25519-dalek: RFC 8032, section 5.1.7, without the cofactor, S < L,
//! and neither A nor R of small order. It costs less here because A was judged once, when the key was loaded, and a
//! small-order R is known by its bytes: R is compared with a canonical encoding, so only the eight canonical encodings
//! of small-order points could ever pass.

use std::fmt;
use std::ptr;

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use sha2::{Digest, Sha512};

use super::PublicKey;
use super::multiples::{Factors, Minus};

/// Says that a signature does not belong to a message and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSignature;

/// What one signature claims: that `key` signed `message`.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The key said to have signed.
    pub key: &'a PublicKey,
    /// The signed bytes.
    pub message: &'a [u8],
    /// R and S, 64 bytes.
    pub signature: &'a [u8; 64],
}

impl PublicKey {
    /// Verifies an Ed25519 signature strictly.
    ///
    /// # Errors
    /// [`BadSignature`] unless this key signed exactly this message.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        let r = compute_r(&Claim { key: self, message, signature }).ok_or(BadSignature)?;
        if r.compress().0 == signature[..32] { Ok(()) } else { Err(BadSignature) }
    }
}

/// Verifies every claim for itself, with the verdict of [`PublicKey::verify`], sharing one field inversion among all.
///
/// Unlike a random linear combination this decides each signature exactly and lets no bad one spoil its neighbours.
pub fn verify_many(claims: &[Claim<'_>]) -> Vec<Result<(), BadSignature>> {
    let computed = compute_many(claims);
    let points: Vec<EdwardsPoint> = computed.iter().flatten().copied().collect();
    let mut encodings = EdwardsPoint::compress_batch_alloc(&points).into_iter();
    let judge = |(claim, point): (&Claim<'_>, &Option<EdwardsPoint>)| {
        let encoding = point.and_then(|_| encodings.next());
        match encoding {
            Some(r) if claim.signature[..32] == r.0 => Ok(()),
            _ => Err(BadSignature),
        }
    };
    claims.iter().zip(&computed).map(judge).collect()
}

/// Reads what a claim says; `None` when the signature is refused by its form alone.
fn factors(claim: &Claim<'_>) -> Option<Factors> {
    if has_small_order_r(claim.signature) {
        return None;
    }
    let (r, s) = claim.signature.split_at(32);
    let s = Option::<Scalar>::from(Scalar::from_canonical_bytes(s.try_into().ok()?))?;
    let hash = Sha512::new().chain_update(r).chain_update(claim.key.as_bytes()).chain_update(claim.message).finalize();
    Some(Factors { s, h: Scalar::from_bytes_mod_order_wide(&hash.into()) })
}

/// Computes R as RFC 8032 expects it; `None` when the signature is refused by its form alone.
fn compute_r(claim: &Claim<'_>) -> Option<EdwardsPoint> {
    let factors = factors(claim)?;
    Some(claim.key.minus.combine(&factors))
}

/// As [`compute_r`], of each claim.
fn compute_many(claims: &[Claim<'_>]) -> Vec<Option<EdwardsPoint>> {
    let mut by_key: Vec<(&Minus, Vec<usize>, Vec<Factors>)> = Vec::new();
    for (at, claim) in claims.iter().enumerate() {
        let Some(factors) = factors(claim) else { continue };
        let minus = &*claim.key.minus;
        match by_key.iter_mut().find(|(other, ..)| ptr::eq(*other, minus)) {
            Some((_, places, waiting)) => {
                places.push(at);
                waiting.push(factors);
            }
            None => by_key.push((minus, vec![at], vec![factors])),
        }
    }
    let mut computed = vec![None; claims.len()];
    for (minus, places, waiting) in by_key {
        let points = minus.combine_all(&waiting);
        places.into_iter().zip(points).for_each(|(at, point)| computed[at] = Some(point));
    }
    computed
}

fn has_small_order_r(signature: &[u8; 64]) -> bool {
    // The second byte tells honest signatures apart at once: five values among the eight encodings.
    matches!(signature[1], 0x00 | 0x17 | 0xe8 | 0xff) && SMALL_ORDER.iter().any(|encoding| signature[..32] == *encoding)
}

/// The canonical encodings of the eight points whose order divides the cofactor.
const SMALL_ORDER: [[u8; 32]; 8] = {
    const fn filled(first: u8, middle: u8, last: u8) -> [u8; 32] {
        let mut bytes = [middle; 32];
        bytes[0] = first;
        bytes[31] = last;
        bytes
    }
    const ORDER_8: [u8; 32] =
        *b"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05";
    const ORDER_8_MIRROR: [u8; 32] =
        *b"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a";
    const fn negative(mut bytes: [u8; 32]) -> [u8; 32] {
        bytes[31] |= 0x80;
        bytes
    }
    [
        filled(0x00, 0x00, 0x00),
        filled(0x00, 0x00, 0x80),
        filled(0x01, 0x00, 0x00),
        filled(0xec, 0xff, 0x7f),
        ORDER_8,
        negative(ORDER_8),
        ORDER_8_MIRROR,
        negative(ORDER_8_MIRROR),
    ]
};

impl fmt::Display for BadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature does not belong to this message and key")
    }
}

impl std::error::Error for BadSignature {}

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::EIGHT_TORSION;
    use ed25519_dalek::Signature;
    use proptest::prelude::*;

    use super::*;
    use crate::key::SecretKey;

    #[test]
    fn the_list_of_small_order_encodings_is_complete() {
        let mut listed = SMALL_ORDER;
        let mut computed = EIGHT_TORSION.map(|point| point.compress().0);
        listed.sort_unstable();
        computed.sort_unstable();
        assert_eq!(listed, computed);
        for encoding in SMALL_ORDER {
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&encoding);
            assert!(has_small_order_r(&signature));
        }
    }

    #[test]
    fn keys_used_often_and_others_are_judged_together() {
        let secrets = [1, 2, 3].map(|seed| SecretKey::from_seed(&[seed; 32]));
        let keys = secrets.each_ref().map(SecretKey::public);
        keys[..2].iter().for_each(|key| key.minus.use_often());
        let messages: Vec<[u8; 1]> = (0..30).map(|number| [number]).collect();
        // Every fifth is signed by another key than it names.
        let signed: Vec<_> =
            (0..30).map(|at| secrets[if at % 5 == 0 { at + 1 } else { at } % 3].sign(&messages[at])).collect();
        let claim = |at: usize| Claim { key: &keys[at % 3], message: &messages[at], signature: &signed[at] };
        let expected: Vec<_> = (0..30).map(|at| if at % 5 == 0 { Err(BadSignature) } else { Ok(()) }).collect();
        assert_eq!(verify_many(&(0..30).map(claim).collect::<Vec<_>>()), expected);
        assert_eq!(keys.each_ref().map(|key| key.minus.is_often_used()), [true, true, false]);
    }

    proptest! {
        #[test]
        fn many_decide_as_one_does(seed: [u8; 32], message: Vec<u8>, flips in prop::collection::vec(0_usize..512, 0..40)) {
            let secret = SecretKey::from_seed(&seed);
            let (key, signature) = (secret.public(), secret.sign(&message));
            let mut variants = vec![signature];
            for bit in flips {
                let mut variant = signature;
                variant[bit / 8] ^= 1 << (bit % 8);
                variants.push(variant);
            }
            let claims: Vec<_> = variants.iter().map(|signature| Claim { key: &key, message: &message, signature }).collect();
            let single: Vec<_> = claims.iter().map(|claim| claim.key.verify(claim.message, claim.signature)).collect();
            let peer = ed25519_dalek::VerifyingKey::from_bytes(key.as_bytes()).unwrap();
            let strict = variants.iter().map(|bytes| peer.verify_strict(&message, &Signature::from_bytes(bytes)));
            prop_assert_eq!(&single, &strict.map(|verdict| verdict.map_err(|_| BadSignature)).collect::<Vec<_>>());
            prop_assert_eq!(verify_many(&claims), single.clone());
            key.minus.use_often();
            prop_assert_eq!(verify_many(&claims), single.clone());
            prop_assert!(key.minus.is_often_used());
            let again: Vec<_> = claims.iter().map(|claim| claim.key.verify(claim.message, claim.signature)).collect();
            prop_assert_eq!(again, single.clone());
            prop_assert_eq!(single[0], Ok(()));
            prop_assert!(single[1..].iter().all(Result::is_err));
        }
    }
}
