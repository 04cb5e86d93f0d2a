//! Private key files: PKCS#8 in PEM or DER, plain or encrypted (RFC 5208, RFC 5958, RFC 8018).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek_pkcs8::KeypairBytes;
use ed25519_dalek_pkcs8::pkcs8::EncodePrivateKey;
use pkcs8::der::{Decode, pem::PemLabel};
use pkcs8::pkcs5::pbes2::{EncryptionScheme, Kdf, Parameters, Pbkdf2Prf};
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef, SecretDocument};
use zeroize::Zeroizing;

use super::text::named_algorithm;
use super::{KeyError, Passphrase, SecretKey};

const PEM_BEGIN: &str = "-----BEGIN ";

/// Largest PBKDF2 round count that is run for a foreign file.
const MAX_ROUNDS: u32 = 10_000_000;
/// Most memory that scrypt may take for a foreign file, in bytes (128 · N · r).
const MAX_SCRYPT_MEMORY: u64 = 256 << 20;
const MAX_SCRYPT_R: u16 = 32;
const MAX_SCRYPT_P: u16 = 16;

/// Fresh randomness for one encryption; never used twice.
#[derive(Debug)]
pub struct Freshness {
    /// Salt of the key derivation.
    pub salt: [u8; 16],
    /// Initialisation vector of AES-256-CBC.
    pub iv: [u8; 16],
}

/// A private key file whose structure has been read and whose cost is bounded, and which is not opened yet.
pub struct KeyFile {
    document: SecretDocument,
    encrypted: bool,
}

impl KeyFile {
    /// Reads PEM or DER.
    ///
    /// # Errors
    /// `Form` when it is neither, `OtherHalf` for a public key, `OtherType` for another label or algorithm, `TooCostly` when opening it would take more
    /// than 10,000,000 PBKDF2 rounds or 256 MiB of scrypt memory.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        let document = match std::str::from_utf8(bytes).ok().filter(|text| text.contains(PEM_BEGIN)) {
            Some(text) => from_pem(text)?,
            None => SecretDocument::try_from(bytes).map_err(|_| match bytes.trim_ascii_start() {
                [b'{', ..] => form("it is JSON, such as a JWK; a private key is read as PKCS#8, in PEM or DER"),
                _ => form("it is neither PEM nor DER"),
            })?,
        };
        if let Ok(info) = EncryptedPrivateKeyInfoRef::from_der(document.as_bytes()) {
            check_cost(&info)?;
            return Ok(Self { document, encrypted: true });
        }
        if PrivateKeyInfoRef::from_der(document.as_bytes()).is_ok() {
            return Ok(Self { document, encrypted: false });
        }
        if let Some(cost) = uncountable_cost(document.as_bytes()) {
            return Err(KeyError::TooCostly(cost));
        }
        let name = named_algorithm(document.as_bytes()).or_else(|| old_encryption(document.as_bytes()));
        Err(match name {
            Some(name) => KeyError::OtherType(name),
            None => form(
                "its structure is not PKCS#8, or it is encrypted by other means than PBES2 with AES under PBKDF2 or scrypt",
            ),
        })
    }

    /// Whether a passphrase is needed.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Opens the file.
    ///
    /// # Errors
    /// `Locked` without a passphrase that is needed, `WrongPassphrase`, `OtherType` for another algorithm, `PairMismatch`
    /// when a stored public half is foreign.
    pub fn open(&self, passphrase: Option<&Passphrase>) -> Result<SecretKey, KeyError> {
        if !self.encrypted {
            return from_pkcs8(self.document.as_bytes());
        }
        let info = EncryptedPrivateKeyInfoRef::from_der(self.document.as_bytes())
            .map_err(|_| form("its structure is not PKCS#8"))?;
        let passphrase = passphrase.ok_or(KeyError::Locked)?;
        let opened = info.decrypt(passphrase.reveal()).map_err(|error| match error {
            pkcs8::Error::EncryptedPrivateKey(error) if error != pkcs8::pkcs5::Error::DecryptFailed => {
                form(&format!("its encryption cannot be undone: {error}"))
            }
            _ => KeyError::WrongPassphrase,
        })?;
        // A wrong passphrase can leave padding that happens to look right, but never the structure of a key.
        if PrivateKeyInfoRef::from_der(opened.as_bytes()).is_err() {
            return Err(KeyError::WrongPassphrase);
        }
        from_pkcs8(opened.as_bytes())
    }
}

impl SecretKey {
    /// Returns PKCS#8 version 1 PEM, which OpenSSL 3.0 opens; wiped when dropped.
    ///
    /// # Errors
    /// `Form` if the encoder refuses, which it has no reason to.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        self.pkcs8()?.to_pem("PRIVATE KEY", LineEnding::LF).map_err(|_| form("it could not be encoded"))
    }

    /// Returns PKCS#8 PEM encrypted with PBES2: scrypt N=2^14 r=8 p=5 and AES-256-CBC, which OpenSSL 3.0 opens.
    ///
    /// # Errors
    /// As [`SecretKey::to_pem`].
    pub fn to_encrypted_pem(&self, passphrase: &Passphrase, fresh: &Freshness) -> Result<Zeroizing<String>, KeyError> {
        let fault = || form("it could not be encrypted");
        let cost = pkcs8::pkcs5::scrypt::Params::new(14, 8, 5).map_err(|_| fault())?;
        let parameters = Parameters::generate_scrypt_aes256cbc(cost, &fresh.salt, fresh.iv).map_err(|_| fault())?;
        let document = self.pkcs8()?;
        let info = PrivateKeyInfoRef::from_der(document.as_bytes()).map_err(|_| fault())?;
        let encrypted = info.encrypt_with_params(parameters, passphrase.reveal()).map_err(|_| fault())?;
        encrypted.to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF).map_err(|_| fault())
    }

    fn pkcs8(&self) -> Result<SecretDocument, KeyError> {
        // Without the public half the encoder writes version 1; version 2 is unknown to OpenSSL 3.0.
        let mut pair = KeypairBytes { secret_key: *self.seed(), public_key: None };
        let document = pair.to_pkcs8_der().map_err(|_| form("it could not be encoded"));
        zeroize::Zeroize::zeroize(&mut pair.secret_key);
        document
    }
}

/// Reads the first private key of a PEM text. As OpenSSL does, it passes over what stands around it, and takes lines of
/// any length.
fn from_pem(text: &str) -> Result<SecretDocument, KeyError> {
    let blocks = || text.match_indices(PEM_BEGIN).map(|(at, begin)| &text[at + begin.len()..]);
    let label_of = |block: &str| block.split("-----").next().unwrap_or_default().to_owned();
    let is_private =
        |label: &str| [PrivateKeyInfoRef::PEM_LABEL, EncryptedPrivateKeyInfoRef::PEM_LABEL].contains(&label);
    let Some(block) = blocks().find(|block| is_private(&label_of(block))) else {
        // OpenSSL puts the parameters of a curve before its key.
        let label =
            blocks().map(label_of).find(|label| label.ends_with("KEY")).or_else(|| blocks().next().map(label_of));
        return Err(other_pem(&label.unwrap_or_default()));
    };
    let damaged = || form("the PEM text is damaged");
    let label = label_of(block);
    let body = block[label.len()..].strip_prefix("-----").ok_or_else(damaged)?;
    let (body, _) = body.split_once(&format!("-----END {label}-----")).ok_or_else(damaged)?;
    let body = Zeroizing::new(body.split_ascii_whitespace().collect::<String>());
    let der = Zeroizing::new(STANDARD.decode(body.as_bytes()).map_err(|_| damaged())?);
    SecretDocument::try_from(der.as_slice()).map_err(|_| damaged())
}

fn other_pem(label: &str) -> KeyError {
    KeyError::OtherType(match label {
        "PUBLIC KEY" => return KeyError::OtherHalf("a public key where a private one belongs"),
        "OPENSSH PRIVATE KEY" => {
            "an OpenSSH private key (from OpenSSH 10.3 on, `ssh-keygen -p -m PKCS8 -f FILE` converts an Ed25519 one)"
                .to_owned()
        }
        "RSA PRIVATE KEY" => "an RSA key".to_owned(),
        "EC PRIVATE KEY" => "an elliptic-curve (EC) key".to_owned(),
        "DSA PRIVATE KEY" => "a DSA key".to_owned(),
        label => format!("PEM text labelled `{}`", label.escape_debug()),
    })
}

fn from_pkcs8(der: &[u8]) -> Result<SecretKey, KeyError> {
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| form("its structure is not PKCS#8"))?;
    let pair = KeypairBytes::try_from(info).map_err(|_| match named_algorithm(der) {
        Some(name) => KeyError::OtherType(name),
        None => form("it holds no Ed25519 key"),
    })?;
    let seed = Zeroizing::new(pair.secret_key);
    let secret = SecretKey::from_seed(&seed);
    match pair.public_key {
        Some(stored) if stored.to_bytes() != *secret.public().as_bytes() => Err(KeyError::PairMismatch),
        _ => Ok(secret),
    }
}

/// Bounds the work before any of it is done: the parameters come from whoever wrote the file.
fn check_cost(info: &EncryptedPrivateKeyInfoRef<'_>) -> Result<(), KeyError> {
    let costly = |found: String| Err(KeyError::TooCostly(found));
    let scheme = info.encryption_algorithm.pbes2();
    let Some(Parameters { kdf, encryption, .. }) = scheme else {
        return Err(KeyError::OtherType(reencrypt("PBES1 encryption")));
    };
    if !matches!(
        encryption,
        EncryptionScheme::Aes128Cbc { .. }
            | EncryptionScheme::Aes256Cbc { .. }
            | EncryptionScheme::Aes192Cbc { .. }
            | EncryptionScheme::Aes128Gcm { .. }
            | EncryptionScheme::Aes256Gcm { .. }
    ) {
        return Err(KeyError::OtherType(reencrypt("a cipher other than AES")));
    }
    match kdf {
        Kdf::Pbkdf2(params) if params.iteration_count > MAX_ROUNDS => {
            costly(format!("{} PBKDF2 rounds, and at most {MAX_ROUNDS} are run", params.iteration_count))
        }
        Kdf::Pbkdf2(params) if params.iteration_count == 0 => Err(form("its PBKDF2 round count is 0")),
        Kdf::Pbkdf2(params) if params.prf == Pbkdf2Prf::HmacWithSha1 => {
            Err(KeyError::OtherType(reencrypt("PBKDF2 with SHA-1")))
        }
        Kdf::Pbkdf2(params) => check_salt(params.salt.as_bytes()),
        Kdf::Scrypt(params) => {
            let (n, r, p) = (params.cost_parameter, params.block_size, params.parallelization);
            if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 {
                return Err(form(&format!("its scrypt parameters N={n} r={r} p={p} are impossible")));
            }
            let memory = n.saturating_mul(128 * u64::from(r));
            if memory > MAX_SCRYPT_MEMORY || r > MAX_SCRYPT_R || p > MAX_SCRYPT_P {
                return costly(format!(
                    "scrypt N={n} r={r} p={p}, and at most 256 MiB, r={MAX_SCRYPT_R}, p={MAX_SCRYPT_P} are allowed"
                ));
            }
            check_salt(params.salt.as_bytes())
        }
        _ => Err(KeyError::OtherType(reencrypt("an unknown key derivation"))),
    }
}

/// Says what opening a key would take whose cost is a number that no reader holds.
fn uncountable_cost(der: &[u8]) -> Option<String> {
    // The object identifiers, and how many bytes each number behind the salt has at most.
    let kdfs: [(&[u8], &str, &[usize]); 2] = [
        (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c", "PBKDF2 rounds", &[4]),
        (b"\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x04\x0b", "scrypt parameters", &[8, 2, 2]),
    ];
    let (name, limits, mut rest) = kdfs.iter().find_map(|(oid, name, limits)| {
        let at = der.windows(oid.len()).take(160).position(|window| window == *oid)?;
        let [0x30, _, 0x04, salt, rest @ ..] = &der[at + oid.len()..] else { return None };
        Some((name, limits, rest.get(usize::from(*salt)..)?))
    })?;
    for limit in *limits {
        let [0x02, length, more @ ..] = rest else { return None };
        let (number, behind) = more.split_at_checked(usize::from(*length))?;
        if number.iter().skip_while(|byte| **byte == 0).count() > *limit {
            return Some(format!("{name} of more than {} bits, which are not run", limit * 8));
        }
        rest = behind;
    }
    None
}

/// Names an encryption that is not read by its object identifier, where it is a known one.
fn old_encryption(der: &[u8]) -> Option<String> {
    let head = &der[..der.len().min(160)];
    let holds = |oid: &[u8]| head.windows(oid.len()).any(|window| window == oid);
    let names: [(&[u8], &str); 3] = [
        (b"\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01", "PKCS#12 encryption"),
        (b"\x06\x08\x2a\x86\x48\x86\xf7\x0d\x03\x07", "a cipher other than AES"),
        (b"\x06\x05\x2b\x0e\x03\x02\x07", "a cipher other than AES"),
    ];
    names.iter().find(|(oid, _)| holds(oid)).map(|(_, name)| reencrypt(name))
}

fn reencrypt(protection: &str) -> String {
    format!("a key under {protection} (`openssl pkcs8 -topk8 -in FILE -out NEW` encrypts it anew)")
}

/// RFC 8018, section 4.1, asks for eight bytes at least.
fn check_salt(salt: &[u8]) -> Result<(), KeyError> {
    match salt.len() {
        0..8 => Err(form("the salt of its encryption has fewer than 8 bytes")),
        _ => Ok(()),
    }
}

fn form(reason: &str) -> KeyError {
    KeyError::Form(reason.to_owned())
}

impl std::fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyFile").field("encrypted", &self.encrypted).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Freshness = Freshness { salt: [1; 16], iv: [2; 16] };

    #[test]
    fn what_is_written_opens_again() {
        let key = SecretKey::from_seed(&[9; 32]);
        let plain = KeyFile::parse(key.to_pem().unwrap().as_bytes()).unwrap();
        assert!(!plain.is_encrypted());
        assert_eq!(plain.open(None).unwrap().public(), key.public());

        let passphrase = Passphrase::new("correct horse battery staple".to_owned());
        let sealed = KeyFile::parse(key.to_encrypted_pem(&passphrase, &FRESH).unwrap().as_bytes()).unwrap();
        assert!(sealed.is_encrypted());
        assert_eq!(sealed.open(Some(&passphrase)).unwrap().public(), key.public());
        assert_eq!(sealed.open(None).unwrap_err(), KeyError::Locked);
        let wrong = Passphrase::new("wrong".to_owned());
        assert_eq!(sealed.open(Some(&wrong)).unwrap_err(), KeyError::WrongPassphrase);
    }

    #[test]
    fn a_written_key_is_pkcs8_version_1() {
        let key = SecretKey::from_seed(&[9; 32]);
        let document = key.pkcs8().unwrap();
        // RFC 5208: SEQUENCE of 46 bytes, then version INTEGER 0.
        assert_eq!(document.as_bytes()[..5], [0x30, 0x2e, 0x02, 0x01, 0x00]);
        assert_eq!(document.as_bytes().len(), 48);
    }
}
