//! The folder that rotated signing keys are kept in: `KID.key` and `KID.pub`, as `keygen` writes them.

use std::path::PathBuf;

use anyhow::Context as _;
use mintage::code::Code;
use mintage::key::file::{Freshness, KeyFile};
use mintage::key::{PublicKey, SecretKey};
use mintage::keyring::Purpose;
use mintage::keyring::document::KeyringDocument;
use mintage::operation::ledger::rotate::{KeyStore, Rhythm};
use zeroize::Zeroizing;

use super::settings::Settings;
use crate::command::keygen;
use crate::failure::Failure;
use crate::files::{self, Overwrite};
use crate::keys::Signer;
use crate::{prompt, random};

/// How long two keys stand side by side where nobody says, in days.
pub(super) const OVERLAP_DAYS: u64 = 7;

/// A folder of keys.
#[derive(Debug)]
pub(super) struct Folder {
    folder: PathBuf,
    passphrase_file: Option<PathBuf>,
    allow_readable_key: bool,
}

/// Reads from the settings how keys follow each other, and refuses what could lose one.
pub(super) fn rhythm(settings: &Settings) -> anyhow::Result<Option<(Rhythm, Folder)>> {
    let refuse = |message: &str, hint: &str| Err(Failure::new(Code::Usage, message).hint(hint).into());
    let Some(every) = settings.rotate_days else {
        return Ok(None);
    };
    let Some(folder) = settings.keys_dir.clone() else {
        return refuse("--rotate-days makes keys, and there is no folder to keep them in", "name one with --keys-dir");
    };
    let (Some(key), Some(_)) = (&settings.key, &settings.ledger) else {
        return refuse("--rotate-days goes with --key and --ledger", "name the first key and the book");
    };
    let overlap = settings.rotate_overlap_days.unwrap_or(OVERLAP_DAYS);
    if overlap >= every {
        let message = format!("keys are rotated every {every} days, and {overlap} days of overlap do not fit in");
        return refuse(&message, "choose a shorter --rotate-overlap-days");
    }
    if !folder.is_dir() {
        let message = format!("`{}` is no folder, and new keys would be lost", folder.display());
        return Err(Failure::new(Code::FileUnreadable, message).hint("make it, for the server's user alone").into());
    }
    let first = Zeroizing::new(files::read_setting(key, files::SECRET_BYTES)?);
    if settings.passphrase_file.is_none() && KeyFile::parse(&first).is_ok_and(|file| file.is_encrypted()) {
        return refuse("new keys are encrypted as the first one is", "name its passphrase with --passphrase-file");
    }
    let days = |days: u64| u32::try_from(days).context("too many days");
    let rhythm = Rhythm { every_days: days(every)?, overlap_days: days(overlap)? };
    let (passphrase_file, allow_readable_key) = (settings.passphrase_file.clone(), settings.allow_readable_key);
    Ok(Some((rhythm, Folder { folder, passphrase_file, allow_readable_key })))
}

/// Makes sure that the key may sign the keyrings that follow the one that is named.
pub(super) fn check(document: &KeyringDocument, signer: &SecretKey) -> anyhow::Result<()> {
    let id = signer.public().id();
    let entry = document.keys.iter().find(|entry| entry.key.id() == id);
    let is_fit = entry
        .is_some_and(|entry| entry.purposes.contains(&Purpose::Keyring) && entry.purposes.contains(&Purpose::License));
    if is_fit && document.threshold(Purpose::Keyring) <= 1 {
        return Ok(());
    }
    let message = format!("the keyring does not let key {} sign licenses and, alone, keyrings", id.kid());
    let hint = "add it with `mint keyring --add FILE:keyring,license,proof,revocations`";
    Err(Failure::new(Code::WrongPurpose, message).hint(hint).unable().into())
}

impl Folder {
    fn made(&self) -> anyhow::Result<SecretKey> {
        crate::process::keep_secrets();
        let key = SecretKey::from_seed(&Zeroizing::new(random::bytes::<32>()?));
        let private = match &self.passphrase_file {
            None => key.to_pem()?,
            Some(file) => {
                let passphrase = prompt::passphrase(Some(file), &self.folder)?;
                key.to_encrypted_pem(&passphrase, &Freshness { salt: random::bytes()?, iv: random::bytes()? })?
            }
        };
        let (private_file, public_file) = (self.path(&key.public(), "key"), self.path(&key.public(), "pub"));
        let public = key.public().to_pem();
        let pair =
            keygen::write_pair(&private_file, private.as_bytes(), &public_file, public.as_bytes(), Overwrite::Forbid)?;
        pair.keep();
        Ok(key)
    }

    fn found(&self, key: &PublicKey) -> anyhow::Result<Option<SecretKey>> {
        let path = self.path(key, "key");
        if !path.try_exists()? {
            return Ok(None);
        }
        let signer = Signer {
            key: Some(path.clone()),
            passphrase_file: self.passphrase_file.clone(),
            allow_readable_key: self.allow_readable_key,
        };
        let found = signer.open()?;
        anyhow::ensure!(found.public() == *key, "`{}` holds another key than its name says", path.display());
        Ok(Some(found))
    }

    fn path(&self, key: &PublicKey, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", key.id().kid()))
    }
}

impl KeyStore for Folder {
    fn make(&self) -> Result<SecretKey, String> {
        self.made().map_err(|error| format!("{error:#}"))
    }

    fn find(&self, key: &PublicKey) -> Result<Option<SecretKey>, String> {
        self.found(key).map_err(|error| format!("{error:#}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(path: &std::path::Path, passphrase_file: Option<PathBuf>) -> Folder {
        Folder { folder: path.to_owned(), passphrase_file, allow_readable_key: false }
    }

    #[test]
    fn a_key_that_was_made_is_found_again_and_is_its_owners_alone() {
        let place = tempfile::TempDir::with_prefix("mintage-keys-").unwrap();
        let passphrase = place.path().join("passphrase");
        std::fs::write(&passphrase, "correct horse battery staple\n").unwrap();
        for passphrase_file in [None, Some(passphrase)] {
            let is_encrypted = passphrase_file.is_some();
            let folder = folder(place.path(), passphrase_file);
            let made = folder.make().unwrap();
            let path = folder.path(&made.public(), "key");
            assert_eq!(KeyFile::parse(&std::fs::read(&path).unwrap()).unwrap().is_encrypted(), is_encrypted);
            #[cfg(unix)]
            {
                let bits = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
                assert_eq!(bits & 0o777, 0o600);
            }
            assert_eq!(folder.find(&made.public()).unwrap().unwrap().public(), made.public());
            assert!(folder.path(&made.public(), "pub").is_file());
            // Under the name of another it is none of ours.
            let other = SecretKey::from_seed(&[1; 32]).public();
            assert!(folder.find(&other).unwrap().is_none());
            std::fs::copy(&path, folder.path(&other, "key")).unwrap();
            assert!(folder.find(&other).is_err());
            std::fs::remove_file(folder.path(&other, "key")).unwrap();
        }
    }
}
