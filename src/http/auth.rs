//! [`Secrets`]: the keys that callers prove themselves with, kept as digests and compared in constant time.

use std::fmt;

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

/// The shortest key, in bytes.
pub const MIN_SECRET_BYTES: usize = 16;

/// What stands for keys in somebody's manual, and so is known to everybody: letters alone, in lower case. None begins as
/// another does.
const KNOWN: [&str; 10] = [
    "admin",
    "changeme",
    "default",
    "devadminkey",
    "myverysecretstring",
    "operatorlicensekey",
    "password",
    "replaceme",
    "secret",
    "youradminkeyhere",
];

/// Digests of the keys of one role; several may stand side by side while one is replaced.
#[derive(Clone, Default)]
pub struct Secrets {
    digests: Vec<[u8; 32]>,
}

/// Says why a key is refused when the server starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretError {
    /// It stands in a manual, begins as a known one does, is made of nothing but known ones, or follows from its beginning.
    Known,
    /// It holds a character that no header carries.
    Form,
    /// It is shorter than [`MIN_SECRET_BYTES`]; how long it is.
    Short(usize),
}

impl Secrets {
    /// Takes the keys of a file, one on each line; empty lines are none.
    ///
    /// # Errors
    /// [`SecretError`] for the first key that is no secret.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let keys = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let digests = keys.map(|key| check(key).map(|()| digest(key))).collect::<Result<Vec<_>, _>>()?;
        if digests.is_empty() { Err(SecretError::Short(0)) } else { Ok(Self { digests }) }
    }

    /// Whether there are none, and so nobody gets in.
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// Whether a key is one of these, in a time that does not depend on which or on how much of it is right.
    pub fn admit(&self, key: &str) -> bool {
        let given = digest(key);
        let fold = |any: Choice, digest: &[u8; 32]| any | digest.ct_eq(&given);
        self.digests.iter().fold(Choice::from(0), fold).into()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("count", &self.digests.len()).finish_non_exhaustive()
    }
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("the key holds a character that no header carries"),
            Self::Known => f.write_str("the key stands in a manual or repeats itself, so anybody would try it"),
            Self::Short(length) => {
                write!(f, "the key has {length} bytes, and at least {MIN_SECRET_BYTES} are needed")
            }
        }
    }
}

impl std::error::Error for SecretError {}

/// Returns the key that a request for the admin carries.
pub(super) fn admin_key(headers: &HeaderMap) -> Option<&str> {
    header_text(headers, "x-admin-api-key").or_else(|| {
        let (scheme, key) = header_text(headers, header::AUTHORIZATION.as_str())?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    })
}

/// Returns a header that stands once and is text.
pub(super) fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(first).filter(|text| !text.is_empty())
}

fn check(key: &str) -> Result<(), SecretError> {
    let letters: Zeroizing<String> = Zeroizing::new(
        key.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_lowercase()).collect(),
    );
    if letters.starts_with("devadminkey") || is_joined(&letters) {
        return Err(SecretError::Known);
    }
    match key.len() {
        length if length < MIN_SECRET_BYTES => Err(SecretError::Short(length)),
        _ if is_plain(key.as_bytes()) => Err(SecretError::Known),
        _ if key.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(()),
        _ => Err(SecretError::Form),
    }
}

/// Whether a key is of hardly any characters, or made of runs such as `0123456789abcdef` and `aaaabbbbccccdddd`.
fn is_plain(key: &[u8]) -> bool {
    let mut kinds = key.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    let leaps = key.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) > 1).count();
    kinds.len() < 6 || leaps < key.len() / 4
}

/// Whether letters are known keys one after the other.
fn is_joined(letters: &str) -> bool {
    let mut rest = letters;
    while let Some(after) = KNOWN.iter().find_map(|known| rest.strip_prefix(known)) {
        rest = after;
    }
    rest.is_empty() && !letters.is_empty()
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_published_keys_are_refused() {
        for (key, expected) in [
            ("b7e1c2a4d6f8091", SecretError::Short(15)),
            ("dev-admin-key-change-in-production", SecretError::Known),
            ("Dev-Admin-Key-2", SecretError::Known),
            ("aaaaaaaaaaaaaaaaaaaaaaaa", SecretError::Known),
            ("my-very-secret-string", SecretError::Known),
            ("changeme-changeme", SecretError::Known),
            ("CHANGE_ME.change-me", SecretError::Known),
            ("admin:password/2026", SecretError::Known),
            ("secretsecretsecret", SecretError::Known),
            ("0123456789abcdef", SecretError::Known),
            ("0123456789012345", SecretError::Known),
            ("abcdefghijklmnopqrstuvwxyz", SecretError::Known),
            ("1111222233334444", SecretError::Known),
            ("00000000-0000-0000-0000-000000000000", SecretError::Known),
            ("a key with spaces in it", SecretError::Form),
            ("", SecretError::Short(0)),
        ] {
            assert_eq!(Secrets::parse(key).map(|_| ()), Err(expected), "{key}");
        }
    }

    #[test]
    fn a_key_with_more_than_known_words_is_taken() {
        for key in
            ["changeme-changeme-x7Kq", "a91f-0123456789abcdef-7c2e", "secretary-of-the-admin", "7f-dev-admin-key-91c3"]
        {
            assert!(Secrets::parse(key).is_ok(), "{key}");
        }
    }

    #[test]
    fn only_a_key_that_was_given_gets_in() {
        let secrets = Secrets::parse("3f9c1be07d2a4c58\n\n8e2d5b7a9c1f0e34\n").unwrap();
        for (key, expected) in [
            ("3f9c1be07d2a4c58", true),
            ("8e2d5b7a9c1f0e34", true),
            ("8e2d5b7a9c1f0e35", false),
            ("3F9C1BE07D2A4C58", false),
            ("", false),
        ] {
            assert_eq!(secrets.admit(key), expected, "{key}");
        }
        assert!(!Secrets::default().admit(""));
        assert!(!format!("{secrets:?}").contains("3f9c"));
    }

    #[test]
    fn the_key_stands_in_one_header_once() {
        let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
        };
        assert_eq!(admin_key(&headers(&[("x-admin-api-key", "k")])), Some("k"));
        assert_eq!(admin_key(&headers(&[("authorization", "bearer k")])), Some("k"));
        assert_eq!(admin_key(&headers(&[("authorization", "Basic k")])), None);
        assert_eq!(admin_key(&headers(&[])), None);
        let mut twice = headers(&[("x-admin-api-key", "k")]);
        twice.append("x-admin-api-key", "l".parse().unwrap());
        assert_eq!(admin_key(&twice), None);
    }
}
