//! Digests of component values: HMAC-SHA256 (RFC 2104) keyed by the document's salt, guessable values stretched with
//! PBKDF2 (RFC 8018, section 5.2) first.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::component::Kdf;

/// The first 16 bytes of an HMAC-SHA256.
pub(super) type Digest = [u8; 16];

/// How many values of one component are digested; it bounds the work that a document can ask for.
pub(super) const MOST_VALUES: usize = 8;

const ROUNDS: u32 = 200_000;

/// Digests values for one document: its salt and product go into every digest.
pub(super) struct Digester<'a> {
    pub(super) salt: &'a [u8; 16],
    pub(super) product: &'a str,
}

impl Digester<'_> {
    /// Digests one value of the component `name`.
    pub(super) fn digest(&self, name: &str, kdf: Kdf, value: &str) -> Digest {
        let mut stretched = [0; 32];
        let value = match kdf {
            Kdf::HmacSha256 => value.as_bytes(),
            Kdf::Pbkdf2 => {
                pbkdf2::pbkdf2_hmac::<Sha256>(value.as_bytes(), self.salt, ROUNDS, &mut stretched);
                &stretched
            }
        };
        let parts: [&[u8]; 7] = [b"fp1", b"\0", self.product.as_bytes(), b"\0", name.as_bytes(), b"\0", value];
        hmac(self.salt, &parts)
    }
}

/// Returns the first half of HMAC-SHA256 over the parts, one after the other.
pub(super) fn hmac(key: &[u8; 16], parts: &[&[u8]]) -> Digest {
    // HMAC fills a short key with zeros up to a block; a key of one block is taken as it is and cannot be refused.
    let mut block = [0; 64];
    block[..16].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(part);
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&mac.finalize().into_bytes()[..16]);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Hex;

    const SALT: [u8; 16] = *b"0123456789abcdef";

    // Both expected values are Python's: hmac.new(salt, b"fp1\0" + product + b"\0" + name + b"\0" + value, "sha256")
    // and hashlib.pbkdf2_hmac("sha256", value, salt, 200_000).

    #[test]
    fn a_high_entropy_value_takes_one_hmac() {
        let digester = Digester { salt: &SALT, product: "acme" };
        let digest = digester.digest("os.machine-id", Kdf::HmacSha256, "4c1f1c2f9d8e4b6ba5d0b1c2d3e4f506");
        assert_eq!(Hex(&digest).to_string(), "8c55e434f71d3b34cb200c32cce98113");
    }

    #[test]
    fn a_low_entropy_value_is_stretched_first() {
        let digester = Digester { salt: &SALT, product: "" };
        let digest = digester.digest("net.mac", Kdf::Pbkdf2, "00:1b:21:aa:bb:cc");
        assert_eq!(Hex(&digest).to_string(), "8d77944374d3b333f53d932540f8af5d");
    }

    #[test]
    fn salt_product_and_name_all_change_the_digest() {
        let digest = |salt: &[u8; 16], product, name| Digester { salt, product }.digest(name, Kdf::HmacSha256, "v");
        let base = digest(&SALT, "p", "x.a");
        assert_ne!(base, digest(b"fedcba9876543210", "p", "x.a"));
        assert_ne!(base, digest(&SALT, "q", "x.a"));
        assert_ne!(base, digest(&SALT, "p", "x.b"));
    }
}
