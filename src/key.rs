//! Ed25519 keys: [`PublicKey`], [`SecretKey`], and the texts and files they come in.

#[cfg(feature = "vendor")]
pub mod file;
mod multiples;
mod secret;
mod text;
mod verify;

use std::fmt;
use std::sync::Arc;

use curve25519_dalek::edwards::CompressedEdwardsY;

pub use secret::{Passphrase, SecretKey};
pub use verify::{BadSignature, Claim, verify_many};

use crate::code::Code;
use crate::id::KeyId;

/// An Ed25519 public key that is canonically encoded and not of small order; every `PublicKey` has passed that check.
#[derive(Clone)]
pub struct PublicKey {
    bytes: [u8; 32],
    /// The negated point, which the verification equation needs.
    minus: Arc<multiples::Minus>,
    id: KeyId,
}

/// Says why bytes or text are no usable key. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// An encrypted key was given without its passphrase.
    Locked,
    /// The text has no form of a key; says what is wrong with it.
    Form(String),
    /// One half of a pair stands where the other belongs; says which.
    OtherHalf(&'static str),
    /// The key is of another type, named.
    OtherType(String),
    /// The stored public half is not the one that belongs to the private half.
    PairMismatch,
    /// The key derivation would cost more than is allowed; names the parameter and both values.
    TooCostly(String),
    /// The key is of small order, not on the curve or not canonically encoded; says which.
    Weak(&'static str),
    /// The passphrase does not open the key.
    WrongPassphrase,
}

impl PublicKey {
    /// Takes the 32 bytes of RFC 8032, section 5.1.5.
    ///
    /// # Errors
    /// `Weak` when the bytes are not the canonical encoding of a curve point, or the point is of small order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        if !is_canonical_y(bytes) {
            return Err(KeyError::Weak("it is not canonically encoded"));
        }
        let point = CompressedEdwardsY(*bytes).decompress().ok_or(KeyError::Weak("it is not a point of the curve"))?;
        // The two points whose x is 0, which has no sign to encode, are of small order too.
        if point.is_small_order() {
            return Err(KeyError::Weak("it is of small order"));
        }
        Ok(Self { bytes: *bytes, minus: Arc::new(multiples::Minus::new(-point)), id: KeyId::of_public_key(bytes) })
    }

    /// Returns the 32 bytes of RFC 8032.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Returns the key's id.
    pub fn id(&self) -> KeyId {
        self.id
    }
}

/// Whether an encoding's y, its sign aside, is below the field's prime 2^255 - 19.
fn is_canonical_y(bytes: &[u8; 32]) -> bool {
    bytes[0] < 0xed || bytes[31] & 0x7f != 0x7f || bytes[1..31].iter().any(|byte| *byte != 0xff)
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl KeyError {
    /// Returns the code this fault is reported under.
    pub fn code(&self) -> Code {
        match self {
            Self::Locked | Self::WrongPassphrase => Code::BadPassphrase,
            Self::Form(_) | Self::OtherHalf(_) | Self::OtherType(_) | Self::PairMismatch => Code::BadKey,
            Self::TooCostly(_) => Code::KeyTooCostly,
            Self::Weak(_) => Code::WeakKey,
        }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked => f.write_str("the key is encrypted and no passphrase was given"),
            Self::Form(reason) => write!(f, "this is not a key: {reason}"),
            Self::OtherHalf(which) => write!(f, "this is {which}"),
            Self::OtherType(name) => write!(f, "this is {name}, and an Ed25519 key is needed"),
            Self::PairMismatch => f.write_str("the public half stored with the private key belongs to another key"),
            Self::TooCostly(reason) => write!(f, "opening the key would take {reason}"),
            Self::Weak(reason) => write!(f, "the public key is refused: {reason}"),
            Self::WrongPassphrase => f.write_str("the passphrase does not open the key"),
        }
    }
}

impl std::error::Error for KeyError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::decode_hex;

    #[test]
    fn refuses_small_order_and_non_canonical_keys() {
        for hex in [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000080",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "0200000000000000000000000000000000000000000000000000000000000000",
        ] {
            let result = PublicKey::from_bytes(&decode_hex(hex).unwrap());
            assert!(matches!(result, Err(KeyError::Weak(_))), "{hex}: {result:?}");
        }
    }

    #[test]
    fn every_y_that_is_not_below_the_prime_is_refused() {
        let mut bytes = [0xff; 32];
        for (first, sign) in (0xed..=0xff).flat_map(|first| [(first, 0x7f), (first, 0xff)]) {
            (bytes[0], bytes[31]) = (first, sign);
            assert_eq!(PublicKey::from_bytes(&bytes), Err(KeyError::Weak("it is not canonically encoded")));
        }
    }

    proptest! {
        #[test]
        fn a_key_is_what_decompresses_to_itself(mut bytes: [u8; 32], high: bool) {
            if high {
                bytes[1..31].fill(0xff);
                bytes[31] |= 0x7f;
            }
            let point = CompressedEdwardsY(bytes).decompress();
            let expected = point.is_some_and(|point| point.compress().0 == bytes && !point.is_small_order());
            prop_assert_eq!(PublicKey::from_bytes(&bytes).is_ok(), expected);
        }
    }
}
