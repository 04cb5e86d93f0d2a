//! The keys that a command is given: private ones from files, trusted ones from files, folders, texts or the environment.

use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use mintage::code::Code;
use mintage::dsse::Envelope;
use mintage::key::file::KeyFile;
use mintage::key::{KeyError, PublicKey, SecretKey};
use mintage::keyring::Keyring;
use mintage::keyring::document::MAX_KEYRING_BYTES;
use mintage::trust::{self, Established, TrustError};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::files::{self, Exposure, FileError};
use crate::render::Terminal;
use crate::{process, prompt};

/// What helps whoever has no key to trust.
const ISSUER: &str = "name the issuer's public key: its file, a folder with it, or its text";

/// Names a private key.
#[derive(Args, Debug)]
pub(crate) struct Signer {
    /// Private key file that signs, such as NAME.key
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
#[derive(Args, Debug, Default)]
pub(crate) struct Trust {
    /// Trusted public key: a file, a folder of `.pub` files, a keyring, or the key's text; repeatable [env: MINTAGE_TRUST]
    #[arg(long, visible_alias = "public-key", value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) trust: Vec<OsString>,
}

impl Signer {
    /// Opens the private key; asks for its passphrase when it is encrypted.
    pub(crate) fn open(&self) -> anyhow::Result<SecretKey> {
        let Some(path) = &self.key else {
            return Err(Failure::new(Code::Usage, "no private key was named").hint("name one with --key").into());
        };
        process::keep_secrets();
        let exposure = if self.allow_readable_key { Exposure::Accept } else { Exposure::Refuse };
        let about = || format!("key file `{}`", path.display());
        let data = files::read_private(path, files::SECRET_BYTES, exposure).or_else(|error| {
            if !error.is_exposed() {
                return Err(too_large_for_a_key(error));
            }
            // Who names a public key must not be told to hide it.
            let data = Zeroizing::new(files::read_private(path, files::SECRET_BYTES, Exposure::Accept)?);
            KeyFile::parse(&data).map_err(|fault| not_private(fault, &data, about()))?;
            Err(error.into())
        })?;
        let data = Zeroizing::new(data);
        let file = KeyFile::parse(&data).map_err(|fault| not_private(fault, &data, about()))?;
        if let Some(file) = self.passphrase_file.as_ref().filter(|file| *file != Path::new("-")) {
            // Whoever names one means a key that needs it: a path that is mistyped is told also where the key is plain.
            file.metadata().map_err(|error| FileError::reading(file, error))?;
        }
        let passphrase =
            if file.is_encrypted() { Some(prompt::passphrase(self.passphrase_file.as_ref(), path)?) } else { None };
        file.open(passphrase.as_ref()).with_context(about)
    }
}

/// What was named as trusted, before anything vouches for anything.
#[derive(Default)]
struct Named {
    bare: Vec<PublicKey>,
    keyrings: Vec<Envelope>,
}

/// Says what helps where the keys that --trust names do not verify a document, or another code does not let it pass.
pub(crate) fn signer_hint(code: Code) -> &'static str {
    match code {
        Code::BadSignature | Code::UnknownKey => "name the key that signed it with --trust",
        code => code.hint(),
    }
}

impl Trust {
    /// Says so when the environment decides what is trusted.
    pub(crate) fn announce(&self, terminal: &Terminal) {
        if self.trust.is_empty() && std::env::var_os("MINTAGE_TRUST").is_some_and(|value| !value.is_empty()) {
            terminal.note("what is trusted is named by MINTAGE_TRUST");
        }
    }

    /// Returns what the environment names as trusted.
    pub(crate) fn of_environment() -> Vec<OsString> {
        let value = std::env::var_os("MINTAGE_TRUST").unwrap_or_default();
        // Neither a path nor a key: a list of paths, as PATH is one. No form of a key holds a colon but JWK.
        let is_list = !Path::new(&value).exists() && matches!(key_of(&value), Err(KeyError::Form(_)));
        let parts = if is_list { std::env::split_paths(&value).collect() } else { vec![PathBuf::from(value)] };
        parts.into_iter().map(PathBuf::into_os_string).filter(|part| !part.is_empty()).collect()
    }

    /// Gathers the trusted keys, for a command that remembers nothing.
    pub(crate) fn keyring(&self) -> anyhow::Result<Keyring> {
        Ok(self.establish()?.keyring)
    }

    /// Gathers the trusted keys, and what the keyring among them is to be remembered by.
    pub(crate) fn establish(&self) -> anyhow::Result<Established> {
        let mut named = Named::default();
        if self.trust.is_empty() {
            for trust in Self::of_environment() {
                if !named.add(&trust)? {
                    return Err(unreadable(&trust).context("MINTAGE_TRUST"));
                }
            }
        }
        for trust in &self.trust {
            if !named.add(trust)? {
                return Err(unreadable(trust).context("--trust"));
            }
        }
        let established = trust::establish(&named.bare, &named.keyrings)?;
        if established.keyring.keys().is_empty() {
            return Err(Failure::new(Code::NoTrustedKey, "no trusted public key was given").into());
        }
        Ok(established)
    }

    /// Believes a keyring that is to be carried on: what is named vouches for it, or the key that signs now.
    pub(crate) fn vouch(&self, own: &PublicKey, keyring: &Envelope) -> anyhow::Result<Established> {
        let mut named = Named::default();
        for trust in &self.trust {
            if !named.add(trust)? {
                return Err(unreadable(trust).context("--trust"));
            }
        }
        if self.trust.is_empty() {
            named.bare.push(own.clone());
        }
        named.keyrings.push(keyring.clone());
        Ok(trust::establish(&named.bare, &named.keyrings)?)
    }
}

impl Named {
    /// Adds what a file, a folder or a text holds; false when it is none of these.
    fn add(&mut self, trust: &OsStr) -> anyhow::Result<bool> {
        let path = Path::new(trust);
        let found = path.metadata();
        if found.as_ref().is_ok_and(Metadata::is_dir) {
            let mut files = files::children(path).map_err(|error| FileError::reading(path, error))?;
            files.retain(|file| file.extension() == Some(OsStr::new("pub")));
            if files.is_empty() {
                let message = format!("the folder `{}` holds no `.pub` file", path.display());
                return Err(Failure::new(Code::NoTrustedKey, message).hint(ISSUER).into());
            }
            files.iter().try_for_each(|file| self.add_file(file))?;
            return Ok(true);
        }
        if found.is_ok() || path == Path::new("-") {
            self.add_file(path)?;
            return Ok(true);
        }
        match key_of(trust) {
            Ok(key) => self.bare.push(key),
            // A path that is missing does not name itself a key.
            Err(KeyError::Form(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    fn add_file(&mut self, path: &Path) -> anyhow::Result<()> {
        let data = files::read(path, MAX_KEYRING_BYTES).map_err(too_large_for_a_key)?;
        let about = || format!("key file `{}`", path.display());
        let names_itself = data.windows(13).any(|window| window == b"\"payloadType\"");
        if names_itself || data.trim_ascii_start().starts_with(b"{") {
            match Envelope::parse(&data) {
                Ok(envelope) => {
                    self.keyrings.push(envelope);
                    return Ok(());
                }
                Err(error) if names_itself || error.code() == Code::Truncated => {
                    return Err(TrustError::Envelope(error)).with_context(about);
                }
                // A key as JWK is an object too.
                Err(_) => {}
            }
        }
        self.bare.push(PublicKey::from_file_bytes(&data).with_context(about)?);
        Ok(())
    }
}

/// Points whoever names a public key at the private one.
fn not_private(fault: KeyError, data: &[u8], about: String) -> anyhow::Error {
    if PublicKey::from_file_bytes(data).is_err() {
        return anyhow::Error::from(fault).context(about);
    }
    let message = format!("{about}: this is a public key, and a private one signs");
    Failure::new(Code::BadKey, message).hint("name the private half, NAME.key where this is NAME.pub").into()
}

/// A file that cannot be a key answers no question about a license.
fn too_large_for_a_key(error: FileError) -> anyhow::Error {
    if error.is_too_large() { Failure::new(Code::BadKey, error).into() } else { error.into() }
}

/// Reads the text of a public key; what is not UTF-8 can only be a path.
fn key_of(text: &OsStr) -> Result<PublicKey, KeyError> {
    PublicKey::parse(text.to_str().unwrap_or_default())
}

fn unreadable(trust: &OsStr) -> anyhow::Error {
    let message = format!("`{}` is neither a file that exists nor the text of a public key", trust.display());
    Failure::new(Code::BadKey, message).hint(ISSUER).into()
}
