//! A license as people name it: by its id, or by its license key.

use super::activate::by_license_key;
use crate::code::Code;
use crate::ledger::license_key::{LicenseKey, LicenseKeyError};
use crate::ledger::{Ledger, LedgerError};

/// Returns the id of a license that is named by its id or by its license key. Whether the ledger holds the id is for
/// the act to say that it is named for.
///
/// # Errors
/// `Refused` with `malformed` for a license key that was mistyped, with `unknown-license` for one that the ledger does not
/// know; `Unavailable`.
pub fn license_id(ledger: &Ledger, name: &str) -> Result<String, LedgerError> {
    match LicenseKey::parse(name) {
        Ok(key) => Ok(by_license_key(ledger, &key)?.license.license_id),
        Err(error @ LicenseKeyError::Check) => Err(LedgerError::refused(Code::Malformed, error)),
        Err(_) => Ok(name.to_owned()),
    }
}
