//! The keys that a command is given: private ones from files, trusted ones from files, folders, texts or the environment.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use mintage::code::Code;
use mintage::key::file::KeyFile;
use mintage::key::{PublicKey, SecretKey};
use mintage::keyring::{Keyring, TrustedKey};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::files::{self, Exposure, FileError};
use crate::{process, prompt};

/// Names a private key.
#[derive(Args, Debug)]
pub(crate) struct Signer {
    /// Private key file
    #[arg(long, visible_alias = "private-key", value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Read the key's passphrase from the first line of FILE (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Accept a private key file that others can read
    #[arg(long)]
    pub(crate) allow_readable_key: bool,
}

/// Names the public keys that are trusted.
#[derive(Args, Debug)]
pub(crate) struct Trust {
    /// Trusted public key: a file, a folder of `.pub` files, or the key's text; repeatable [env: MINTAGE_TRUST]
    #[arg(long, visible_alias = "public-key", value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) trust: Vec<String>,
}

impl Signer {
    /// Opens the private key; asks for its passphrase when it is encrypted.
    pub(crate) fn open(&self) -> anyhow::Result<SecretKey> {
        let Some(path) = &self.key else {
            return Err(Failure::new(Code::Usage, "no private key was named").hint("name one with --key").into());
        };
        process::keep_secrets();
        let exposure = if self.allow_readable_key { Exposure::Accept } else { Exposure::Refuse };
        let data = files::read_private(path, files::SECRET_BYTES, exposure).map_err(too_large_for_a_key)?;
        let data = Zeroizing::new(data);
        let about = || format!("key file `{}`", path.display());
        let file = KeyFile::parse(&data).with_context(about)?;
        let passphrase = match file.is_encrypted() {
            true => Some(prompt::passphrase(self.passphrase_file.as_ref(), path)?),
            false => None,
        };
        file.open(passphrase.as_ref()).with_context(about)
    }
}

impl Trust {
    /// Gathers the trusted keys.
    pub(crate) fn keyring(&self) -> anyhow::Result<Keyring> {
        let mut keyring = Keyring::default();
        if self.trust.is_empty() {
            let value = std::env::var_os("MINTAGE_TRUST").unwrap_or_default();
            let value = value.to_string_lossy();
            if !value.is_empty() && !add(&value, &mut keyring)? {
                // Neither a path nor a key: a list of paths, as PATH is one. No form of a key holds a colon but JWK.
                let parts = std::env::split_paths(OsStr::new(value.as_ref()));
                for part in parts.filter(|part| !part.as_os_str().is_empty()) {
                    let part = part.to_string_lossy();
                    if !add(&part, &mut keyring)? {
                        return Err(unreadable(&part).context("MINTAGE_TRUST"));
                    }
                }
            }
        }
        for trust in &self.trust {
            if !add(trust, &mut keyring)? {
                return Err(unreadable(trust).context("--trust"));
            }
        }
        if keyring.keys().is_empty() {
            return Err(Failure::new(Code::NoTrustedKey, "no trusted public key was given").into());
        }
        Ok(keyring)
    }
}

/// Adds what a file, a folder or a text holds; false when it is none of these.
fn add(trust: &str, keyring: &mut Keyring) -> anyhow::Result<bool> {
    let path = Path::new(trust);
    if path.is_dir() {
        let mut files: Vec<PathBuf> = fs::read_dir(path)
            .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
            .map_err(|error| FileError::reading(path, error))?;
        files.retain(|file| file.extension() == Some(OsStr::new("pub")));
        files.sort();
        for file in files {
            keyring.add(TrustedKey::bare(public_key(&file)?));
        }
        return Ok(true);
    }
    if path.exists() {
        keyring.add(TrustedKey::bare(public_key(path)?));
        return Ok(true);
    }
    match PublicKey::parse(trust) {
        Ok(key) => {
            keyring.add(TrustedKey::bare(key));
            Ok(true)
        }
        // What names itself a key is not a path that is missing.
        Err(mintage::key::KeyError::Form(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn public_key(path: &Path) -> anyhow::Result<PublicKey> {
    let data = files::read(path, files::SECRET_BYTES).map_err(too_large_for_a_key)?;
    PublicKey::from_file_bytes(&data).with_context(|| format!("key file `{}`", path.display()))
}

/// A file that cannot be a key answers no question about a license.
fn too_large_for_a_key(error: FileError) -> anyhow::Error {
    if error.is_too_large() { Failure::new(Code::BadKey, error).into() } else { error.into() }
}

fn unreadable(trust: &str) -> anyhow::Error {
    let message = format!("`{trust}` is neither a file that exists nor the text of a public key");
    Failure::new(Code::BadKey, message).into()
}
