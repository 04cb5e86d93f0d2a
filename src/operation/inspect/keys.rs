//! Key files and key texts, in every form they could be asked for.

use super::{Inspection, public_key};
use crate::key::file::KeyFile;
use crate::key::{KeyError, Passphrase, PublicKey};
use crate::verdict::Refusal;

/// Inspects a key; `None` when the bytes are not one and do not claim to be.
pub(super) fn inspect(bytes: &[u8], passphrase: Option<&Passphrase>) -> Option<Inspection> {
    if let Some(key) = public_key(bytes) {
        let mut inspection = Inspection::new("public-key");
        inspection.fact("form", "an Ed25519 public key".to_owned());
        inspection.public_key(&key);
        return Some(inspection);
    }
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(512)]);
    let head = head.trim_start();
    let is_pem = head.starts_with("-----BEGIN") && head.lines().next().is_some_and(|line| line.contains("KEY-----"));
    // A DER structure is nothing else that is read here.
    let claims_to_be = is_pem || (bytes.starts_with(b"\x30") && std::str::from_utf8(bytes).is_err());
    match KeyFile::parse(bytes) {
        Ok(file) => Some(private_key(&file, passphrase)),
        Err(error) if claims_to_be => {
            // The public reader knows more types by name; the private one knows why an encrypted file is refused.
            let error = match PublicKey::from_file_bytes(bytes) {
                Err(named @ (KeyError::OtherHalf(_) | KeyError::OtherType(_) | KeyError::Weak(_))) if !is_pem => named,
                Err(KeyError::Weak(reason)) => KeyError::Weak(reason),
                _ => error,
            };
            Some(Inspection::unreadable("key", Refusal::new(error.code(), error)))
        }
        Err(_) => match PublicKey::from_file_bytes(bytes) {
            Err(error @ (KeyError::OtherHalf(_) | KeyError::OtherType(_) | KeyError::Weak(_))) => {
                Some(Inspection::unreadable("key", Refusal::new(error.code(), error)))
            }
            _ => None,
        },
    }
}

fn private_key(file: &KeyFile, passphrase: Option<&Passphrase>) -> Inspection {
    let mut inspection = Inspection::new("private-key");
    let form =
        if file.is_encrypted() { "an encrypted private key (PKCS#8)" } else { "a private key (PKCS#8), NOT encrypted" };
    inspection.fact("form", form.to_owned());
    inspection.member("encrypted", file.is_encrypted().to_string());
    if file.is_encrypted() && passphrase.is_none() {
        inspection.fact("public", "cannot be told without the passphrase; name it with --passphrase-file".to_owned());
        return inspection;
    }
    match file.open(passphrase) {
        Ok(key) => inspection.public_key(&key.public()),
        Err(error) => {
            let refusal = Refusal::new(error.code(), &error);
            inspection.fact("refused", format!("{}: {error}", refusal.code));
            inspection.refusal = Some(refusal);
        }
    }
    inspection
}

impl Inspection {
    fn public_key(&mut self, key: &PublicKey) {
        let pem = key.to_pem();
        self.fact("key id", key.id().to_string());
        self.fact("kid", key.id().kid().to_string());
        self.fact("SPKI base64", key.to_spki_base64());
        self.fact("hex", key.to_hex());
        self.fact("JWK", key.to_jwk());
        pem.lines().for_each(|line| self.fact("PEM", line.to_owned()));
        self.text_member("keyId", &key.id().to_string());
        self.text_member("kid", &key.id().kid().to_string());
        self.text_member("spki", &key.to_spki_base64());
        self.text_member("hex", &key.to_hex());
        self.member("jwk", key.to_jwk());
        self.text_member("pem", &pem);
    }
}
