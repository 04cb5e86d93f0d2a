//! Sealed licenses: claims encrypted with AES-256-GCM under a shared secret, then signed like any other.

use std::fmt;

use aes_gcm::aead::array::Array;
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::id::Kid;
use crate::json::{self, JsonError, Members, Value, Writer};
use crate::license::{License, LicenseError};

/// Binds key and ciphertext to this use: the `info` of HKDF and the associated data of AES-GCM.
const INFO: &[u8] = b"mintage/sealed-license/v1";

const TYPE: &str = "sealed-license";

/// Members outside the seal that this version understands, and so may stand in `crit`.
const UNDERSTOOD: [&str; 5] = ["crit", "data", "enc", "kid", "typ"];

const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// Returns the length of a sealed payload, in bytes, by that of the claims in it, when both name their key.
#[cfg(feature = "vendor")]
pub(crate) fn sealed_length(claims: usize) -> usize {
    let rest = r#"{"data":"","enc":"A256GCM","kid":"0123456789abcdef","typ":"sealed-license"}"#;
    rest.len() + (NONCE_BYTES + claims + TAG_BYTES).div_ceil(3) * 4
}

/// A secret of at least 32 bytes that vendor and verifier share; wiped when dropped.
pub struct SealSecret(Zeroizing<Vec<u8>>);

/// The payload of a sealed license.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedLicense {
    /// The signing key's short id.
    pub kid: Option<Kid>,
    /// Nonce, ciphertext and tag.
    data: Vec<u8>,
}

/// Says why a seal could not be made or opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealError {
    /// What was sealed is no license.
    License(LicenseError),
    /// The secret is shorter than 32 bytes; says how long it is.
    ShortSecret(usize),
    /// The secret does not open it, or it was changed.
    WrongSecret,
}

impl SealSecret {
    /// Takes the bytes of a secret file, all of them.
    ///
    /// # Errors
    /// `ShortSecret` below 32 bytes.
    pub fn new(bytes: Vec<u8>) -> Result<Self, SealError> {
        let bytes = Zeroizing::new(bytes);
        if bytes.len() < 32 { Err(SealError::ShortSecret(bytes.len())) } else { Ok(Self(bytes)) }
    }

    /// Derives the key: HKDF-SHA256 (RFC 5869) without salt.
    fn cipher(&self) -> Result<Aes256Gcm, SealError> {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, &self.0).expand(INFO, key.as_mut()).map_err(|_| SealError::WrongSecret)?;
        Ok(Aes256Gcm::new(&Array(*key)))
    }
}

impl fmt::Debug for SealSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealSecret").finish_non_exhaustive()
    }
}

impl SealedLicense {
    /// Seals a license into the payload that is to be signed; `nonce` must be fresh for every call with one secret.
    ///
    /// # Errors
    /// `WrongSecret` if the cipher refuses, which it has no reason to.
    pub fn seal(license: &License, secret: &SealSecret, nonce: &[u8; NONCE_BYTES]) -> Result<String, SealError> {
        Self::seal_payload(&license.to_payload(), license.kid, secret, nonce)
    }

    /// Seals the payload of a license; `kid` names the key that will sign what this returns.
    ///
    /// # Errors
    /// As [`SealedLicense::seal`].
    pub fn seal_payload(
        payload: &str,
        kid: Option<Kid>,
        secret: &SealSecret,
        nonce: &[u8; NONCE_BYTES],
    ) -> Result<String, SealError> {
        let message = Payload { msg: payload.as_bytes(), aad: INFO };
        let ciphertext = secret.cipher()?.encrypt(&Array(*nonce), message).map_err(|_| SealError::WrongSecret)?;
        let mut out = Writer::default();
        out.begin_object();
        out.name("data").string(&STANDARD.encode([&nonce[..], &ciphertext].concat()));
        out.name("enc").string("A256GCM");
        if let Some(kid) = kid {
            out.name("kid").string(&kid.to_string());
        }
        out.name("typ").string(TYPE);
        out.end_object();
        Ok(out.finish())
    }

    /// Opens the seal.
    ///
    /// # Errors
    /// `WrongSecret`, `License`.
    pub fn open(&self, secret: &SealSecret) -> Result<License, SealError> {
        let (nonce, ciphertext) = self.data.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::WrongSecret)?;
        let message = Payload { msg: ciphertext, aad: INFO };
        let payload = secret.cipher()?.decrypt(&Array(*nonce), message).map_err(|_| SealError::WrongSecret)?;
        let payload = Zeroizing::new(payload);
        let members = json::parse(&payload).and_then(|value| value.into_object("data"));
        let license = members.map_err(LicenseError::from).and_then(License::from_members);
        license.map_err(SealError::License)
    }

    /// Returns how many bytes are sealed.
    pub fn sealed_bytes(&self) -> usize {
        self.data.len() - NONCE_BYTES - TAG_BYTES
    }

    pub(crate) fn is(members: &Members<'_>) -> bool {
        members.iter().any(|(name, value)| name == "typ" && *value == Value::String(TYPE.into()))
    }

    pub(crate) fn from_members(members: Members<'_>) -> Result<Self, LicenseError> {
        let names: Vec<_> = members.iter().map(|(name, _)| name.clone()).collect();
        let (mut data, mut algorithm, mut kid) = (None, None, None);
        for (name, value) in members {
            match name.as_ref() {
                "data" => data = Some(value.into_text(&name)?),
                "enc" => algorithm = Some(value.into_string(&name)?),
                "kid" => {
                    let text = value.into_string(&name)?;
                    let parsed = Kid::parse(&text).map_err(|_| {
                        JsonError::value("kid", "a string of 16 lower-case hex digits", &Value::String(text))
                    });
                    kid = Some(parsed?);
                }
                "crit" => {
                    for item in value.into_array(&name)? {
                        let item = item.into_string(&name)?;
                        if !UNDERSTOOD.contains(&item.as_ref()) {
                            return Err(LicenseError::Critical(item.into_owned()));
                        }
                        if !names.contains(&item) {
                            let expected = "names of members that are there";
                            return Err(JsonError::value(&name, expected, &Value::String(item)).into());
                        }
                    }
                }
                _ => {}
            }
        }
        let algorithm = algorithm.ok_or(JsonError::Missing("enc"))?;
        if algorithm != "A256GCM" {
            return Err(LicenseError::Critical(format!("enc={algorithm}")));
        }
        let text = data.ok_or(JsonError::Missing("data"))?;
        match STANDARD.decode(text.as_bytes()) {
            Ok(data) if data.len() >= NONCE_BYTES + TAG_BYTES => Ok(Self { kid, data }),
            _ => {
                let expected = "base64 of a nonce, a ciphertext and a tag";
                Err(JsonError::value("data", expected, &Value::String(text)).into())
            }
        }
    }
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::License(error) => write!(f, "what is sealed is no license: {error}"),
            Self::ShortSecret(length) => write!(f, "the secret is {length} bytes long, and must have at least 32"),
            Self::WrongSecret => f.write_str("the secret does not open the sealed license"),
        }
    }
}

impl std::error::Error for SealError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SecretKey;
    use crate::keyring::Keyring;
    use crate::time::Timestamp;
    use crate::token::{Token, TokenError};

    fn secret(byte: u8) -> SealSecret {
        SealSecret::new(vec![byte; 32]).unwrap()
    }

    fn license() -> License {
        License::new("id".to_owned(), "acme".to_owned(), Timestamp::EPOCH, Timestamp::NEVER)
    }

    #[test]
    fn a_sealed_license_opens_with_its_secret_alone() {
        let key = SecretKey::from_seed(&[1; 32]);
        let keyring = Keyring::from(key.public());
        let payload = SealedLicense::seal(&license(), &secret(7), &[3; 12]).unwrap();
        let verified = Token::parse(Token::sign(&payload, &key).as_str()).unwrap().verify(&keyring).unwrap();
        assert!(verified.license().is_none());
        let wrong = verified.clone().unseal(&secret(8), &keyring).unwrap_err();
        assert_eq!(wrong, TokenError::Seal(SealError::WrongSecret));
        assert_eq!(verified.unseal(&secret(7), &keyring).unwrap().license(), Some(&license()));
    }

    #[test]
    fn any_changed_byte_is_found() {
        let payload = SealedLicense::seal(&license(), &secret(7), &[3; 12]).unwrap();
        let members = json::parse(payload.as_bytes()).unwrap().into_object("payload").unwrap();
        let sealed = SealedLicense::from_members(members).unwrap();
        for at in 0..sealed.data.len() {
            let mut changed = sealed.clone();
            changed.data[at] ^= 1;
            assert_eq!(changed.open(&secret(7)), Err(SealError::WrongSecret));
        }
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert_eq!(SealSecret::new(vec![0; 31]).unwrap_err(), SealError::ShortSecret(31));
    }
}
