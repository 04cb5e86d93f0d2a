//! The texts a public key comes in: SPKI PEM, base64 or hex of SPKI DER or of the 32 raw bytes, and JWK.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::{KeyError, PublicKey};
use crate::id::{Hex, decode_hex};
use crate::json;

/// `SubjectPublicKeyInfo` of an Ed25519 key up to its 32 bytes (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

const PEM_BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const PEM_END: &str = "-----END PUBLIC KEY-----";

impl PublicKey {
    /// Reads a public key from any form its text may have; white space around it is ignored.
    ///
    /// # Errors
    /// `OtherHalf` for a private key, `OtherType` names a key of another type, `Form` says what the text is instead, `Weak` as
    /// [`PublicKey::from_bytes`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim_start_matches('\u{feff}').trim_ascii();
        if let Some(body) = text.strip_prefix(PEM_BEGIN) {
            if body.contains("-----BEGIN ") {
                return Err(form(
                    "it holds more than one PEM text; give each key a file of its own, and name them all",
                ));
            }
            let body = body.strip_suffix(PEM_END).ok_or_else(|| form("the PEM text does not end with its END line"))?;
            let body: String = body.split_ascii_whitespace().collect();
            let der = STANDARD.decode(body).map_err(|_| form("the PEM text is not base64"))?;
            return from_spki(&der);
        }
        if let Some(label) = text.strip_prefix("-----BEGIN ") {
            let label = label.split("-----").next().unwrap_or_default();
            return Err(other_pem(label));
        }
        if text.starts_with('{') {
            return from_jwk(text);
        }
        if let Some(algorithm) = ["ssh-", "ecdsa-", "sk-"].into_iter().find(|prefix| text.starts_with(prefix)) {
            let name = text.split_ascii_whitespace().next().unwrap_or(algorithm);
            return Err(KeyError::OtherType(format!(
                "an OpenSSH public key ({name}); with ssh-ed25519, `cut -d' ' -f2 FILE | base64 -d | tail -c 32 | base64` \
                 gives what is read here"
            )));
        }
        if let Some(bytes) = decode_hex(&text.to_ascii_lowercase()) {
            return Self::from_bytes(&bytes);
        }
        if let Some(der) = decode_hex::<44>(&text.to_ascii_lowercase()) {
            return from_spki(&der);
        }
        match STANDARD.decode(text) {
            Ok(bytes) => match <&[u8; 32]>::try_from(bytes.as_slice()) {
                Ok(bytes) => Self::from_bytes(bytes),
                Err(_) => from_spki(&bytes),
            },
            Err(_) => Err(form("it is not PEM, base64, hex or JWK")),
        }
    }

    /// Reads a public key from a file's bytes: any text of [`PublicKey::parse`], or SPKI DER.
    ///
    /// # Errors
    /// As [`PublicKey::parse`].
    pub fn from_file_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        match std::str::from_utf8(bytes) {
            // A text may begin with the digit 0 as DER does, and a DER structure may happen to be UTF-8.
            Ok(text) if !bytes.starts_with(&SPKI_PREFIX) && named_algorithm(bytes).is_none() => Self::parse(text),
            _ => from_spki(bytes),
        }
    }

    /// Returns SPKI PEM, with a final newline: what a `.pub` file holds.
    pub fn to_pem(&self) -> String {
        format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", self.to_spki_base64())
    }

    /// Returns base64 of SPKI DER on one line: what an environment variable holds.
    pub fn to_spki_base64(&self) -> String {
        STANDARD.encode([&SPKI_PREFIX[..], self.as_bytes()].concat())
    }

    /// Returns the 32 bytes as hex.
    pub fn to_hex(&self) -> String {
        Hex(self.as_bytes()).to_string()
    }

    /// Returns the key as a JSON Web Key (RFC 8037, section 2).
    pub fn to_jwk(&self) -> String {
        format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(self.as_bytes()))
    }
}

fn from_spki(der: &[u8]) -> Result<PublicKey, KeyError> {
    if let Some(key) = der.strip_prefix(&SPKI_PREFIX[..]) {
        let key = key.try_into().map_err(|_| form("the SPKI structure is not 44 bytes long"))?;
        return PublicKey::from_bytes(key);
    }
    Err(named_algorithm(der).map_or_else(|| form("it is not an SPKI structure"), KeyError::OtherType))
}

fn from_jwk(text: &str) -> Result<PublicKey, KeyError> {
    let members = json::parse(text.as_bytes()).and_then(|value| value.into_object("jwk"));
    let members = members.map_err(|error| form(&format!("the JWK is refused: {error}")))?;
    let member = |name: &str| match members.iter().find(|(other, _)| other == name) {
        Some((_, json::Value::String(text))) => Some(text.as_ref()),
        _ => None,
    };
    // Without `kty` it is no JWK (RFC 7517, section 4.1), and `d` may be anything.
    if member("kty").is_some() && members.iter().any(|(name, _)| name == "d") {
        return Err(KeyError::OtherHalf("a private JWK where a public key belongs"));
    }
    match (member("kty"), member("crv"), member("x")) {
        (Some("OKP"), Some("Ed25519"), Some(x)) => {
            let bytes = URL_SAFE_NO_PAD.decode(x).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            PublicKey::from_bytes(&bytes.ok_or_else(|| form("`x` of the JWK is not base64url of 32 bytes"))?)
        }
        (Some(kty), curve, _) => Err(KeyError::OtherType(match curve {
            Some(curve) => format!("a JWK of type {} on {}", kty.escape_debug(), curve.escape_debug()),
            None => format!("a JWK of type {}", kty.escape_debug()),
        })),
        (None, _, _) => Err(form("the JWK has no `kty`")),
    }
}

fn other_pem(label: &str) -> KeyError {
    match label {
        "PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" | "OPENSSH PRIVATE KEY" => {
            KeyError::OtherHalf("a private key where a public one belongs")
        }
        label => KeyError::OtherType(format!("PEM text labelled `{}`", label.escape_debug())),
    }
}

/// Names the algorithm of a DER key structure by its object identifier, where it is a known one.
pub(super) fn named_algorithm(der: &[u8]) -> Option<String> {
    let head = &der[..der.len().min(48)];
    let holds = |oid: &[u8]| head.windows(oid.len()).any(|window| window == oid);
    let names: [(&[u8], &str); 8] = [
        (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", "an RSA key"),
        (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", "an RSA-PSS key"),
        (b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01", "an elliptic-curve (EC) key"),
        (b"\x06\x07\x2a\x86\x48\xce\x38\x04\x01", "a DSA key"),
        (b"\x06\x03\x2b\x65\x6e", "an X25519 key"),
        (b"\x06\x03\x2b\x65\x6f", "an X448 key"),
        (b"\x06\x03\x2b\x65\x71", "an Ed448 key"),
        (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x03\x01", "a Diffie-Hellman key"),
    ];
    names.iter().find(|(oid, _)| holds(oid)).map(|(_, name)| (*name).to_owned())
}

fn form(reason: &str) -> KeyError {
    KeyError::Form(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SecretKey;

    fn key() -> PublicKey {
        SecretKey::from_seed(&[7; 32]).public()
    }

    #[test]
    fn every_printed_form_reads_back() {
        let key = key();
        let spki_hex = Hex(&STANDARD.decode(key.to_spki_base64()).unwrap()).to_string();
        let raw = STANDARD.encode(key.as_bytes());
        for text in
            [key.to_pem(), key.to_spki_base64(), key.to_hex(), key.to_hex().to_uppercase(), key.to_jwk(), spki_hex, raw]
        {
            assert_eq!(PublicKey::parse(&text), Ok(key.clone()), "{text}");
            assert_eq!(PublicKey::from_file_bytes(format!("{text}\n").as_bytes()), Ok(key.clone()), "{text}");
        }
        let der = STANDARD.decode(key.to_spki_base64()).unwrap();
        assert_eq!(PublicKey::from_file_bytes(&der), Ok(key));
    }

    #[test]
    fn two_keys_in_one_text_are_not_damage() {
        let error = PublicKey::parse(&[key().to_pem(), key().to_pem()].concat()).unwrap_err();
        assert!(matches!(&error, KeyError::Form(reason) if reason.contains("more than one PEM text")), "{error:?}");
    }

    #[test]
    fn names_keys_of_another_type() {
        for (text, name) in [
            (
                "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEcjLb3E0kFFkfvqZwXVJCKKMVlLBkEyuO8oRwKSqfWE4R5cQXl4oWUwWJ6HJQNLLWFbDFAxLVR1VqFUxtLLNFGw==",
                "EC",
            ),
            ("MCowBQYDK2VuAyEAKay64UG8yvCyLhqU000LxzYeUm0L/hLIl5S8kyKWbdc=", "X25519"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "a private key"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "CERTIFICATE"),
            ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA me@here", "OpenSSH"),
            (r#"{"kty":"OKP","crv":"Ed25519","d":"AA","x":"AA"}"#, "a private JWK"),
            (r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#, "P-256"),
        ] {
            let error = PublicKey::parse(text).unwrap_err();
            let found = match &error {
                KeyError::OtherHalf(found) => (*found).to_owned(),
                KeyError::OtherType(found) => found.clone(),
                other => panic!("{text}: {other}"),
            };
            assert!(found.contains(name), "{text}: {error}");
        }
    }

    #[test]
    fn refuses_what_is_no_key() {
        for text in [
            "",
            "hello",
            "AAAA",
            "{}",
            "{",
            r#"{"d":{}}"#,
            "-----BEGIN PUBLIC KEY-----",
            &"0".repeat(63),
            "MCowBQYDK2VwAyEA",
        ] {
            assert!(matches!(PublicKey::parse(text), Err(KeyError::Form(_))), "{text}");
        }
    }
}
