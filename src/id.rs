//! Typed ids: the id of a key, and hexadecimal text in general.

use std::fmt;

use sha2::{Digest, Sha256};

/// The id of a public key: SHA-256 over the canonical key object of securesystemslib, so that in-toto tools find our
/// keys under the same name. Written as 64 lower-case hex digits; a token's `kid` is the first 16.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 32]);

/// The first 8 bytes of a [`KeyId`], as a license carries them: a hint for the lookup, never a proof.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kid([u8; 8]);

/// Says that a text is not the hex spelling of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdError;

impl KeyId {
    /// Computes the id of the Ed25519 public key with these 32 bytes (RFC 8032, section 5.1.5).
    pub fn of_public_key(public: &[u8; 32]) -> Self {
        let object = format!(r#"{{"keytype":"ed25519","keyval":{{"public":"{}"}},"scheme":"ed25519"}}"#, Hex(public));
        Self(Sha256::digest(object).into())
    }

    /// Reads 64 lower-case hex digits.
    ///
    /// # Errors
    /// [`IdError`] for any other text.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        decode_hex(text).map(Self).ok_or(IdError)
    }

    /// Returns the short form that a license carries.
    pub fn kid(&self) -> Kid {
        let mut kid = [0; 8];
        kid.copy_from_slice(&self.0[..8]);
        Kid(kid)
    }
}

impl Kid {
    /// Reads 16 lower-case hex digits.
    ///
    /// # Errors
    /// [`IdError`] for any other text.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        decode_hex(text).map(Self).ok_or(IdError)
    }
}

/// Displays bytes as lower-case hex digits.
#[derive(Clone, Copy)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for chunk in self.0.chunks(32) {
            for (pair, byte) in text.chunks_mut(2).zip(chunk) {
                pair[0] = DIGITS[usize::from(byte >> 4)];
                pair[1] = DIGITS[usize::from(byte & 15)];
            }
            f.write_str(std::str::from_utf8(&text[..chunk.len() * 2]).map_err(|_| fmt::Error)?)?;
        }
        Ok(())
    }
}

/// Reads exactly `N` bytes from lower-case hex digits; `None` for any other text.
pub fn decode_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

macro_rules! hex_text {
    ($($id:ty)*) => {$(
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&Hex(&self.0), f)
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&Hex(&self.0), f)
            }
        }
    )*};
}

hex_text!(KeyId Kid);

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id is 64 lower-case hex digits, its short form 16")
    }
}

impl std::error::Error for IdError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_id_is_that_of_securesystemslib() {
        // securesystemslib 1.6.0: SSlibKey over the public key of RFC 8032, section 7.1, test 1.
        let public = decode_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a").unwrap();
        let id = KeyId::of_public_key(&public);
        assert_eq!(KeyId::parse(&id.to_string()), Ok(id));
        assert_eq!(id.kid().to_string(), id.to_string()[..16]);
    }

    #[test]
    fn an_id_has_one_spelling() {
        for text in ["", "00", &"0".repeat(63), &"A".repeat(64), &"g".repeat(64), "../../../../etc/x", &"é".repeat(32)]
        {
            assert_eq!(KeyId::parse(text), Err(IdError), "{text}");
        }
        assert_eq!(Kid::parse("0123456789ABCDEF"), Err(IdError));
    }
}
