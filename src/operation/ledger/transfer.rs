//! `ledger export` and `ledger import`.

use crate::ledger::transfer;
pub use crate::ledger::transfer::Export;
use crate::ledger::{Ledger, LedgerError};

/// Hands on every line of an export, each with its line feed, all from one state of the ledger.
///
/// # Errors
/// What `each` answers; `Unavailable`.
pub fn export<E: From<LedgerError>>(ledger: &Ledger, mut each: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
    ledger.read(|transaction| transfer::export(transaction, &mut each))?
}

/// Puts an export into a new ledger; returns how many licenses it holds. Nothing is added to the audit: the book is the same
/// one, in another place.
///
/// # Errors
/// `Refused`, where the ledger is in use; `Unavailable`.
pub fn import(ledger: &Ledger, export: Export) -> Result<u64, LedgerError> {
    ledger.write(move |transaction| transfer::import(transaction, &export))
}
