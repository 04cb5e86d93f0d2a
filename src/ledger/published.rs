//! The documents that every server of a ledger hands out: of each kind the newest.

use super::value::values;
use super::{LedgerError, Transaction, sql};
use crate::time::Timestamp;

/// The kind of a signed keyring.
pub const KEYRING: &str = "keyring";

/// The kind of a signed list of revocations.
pub const REVOCATIONS: &str = "revocations";

/// Reads the sequence of what is handed out.
///
/// # Errors
/// `Unavailable`.
pub fn sequence(transaction: &mut Transaction<'_>, kind: &str) -> Result<Option<u64>, LedgerError> {
    transaction.find(sql::PUBLISHED_SEQUENCE, &values![kind])?.map(|mut row| row.count()).transpose()
}

/// Reads what is handed out.
///
/// # Errors
/// `Unavailable`.
pub fn find(transaction: &mut Transaction<'_>, kind: &str) -> Result<Option<String>, LedgerError> {
    transaction.find(sql::PUBLISHED, &values![kind])?.map(|mut row| row.text()).transpose()
}

/// Hands out a newer document; false when what is there is as new.
///
/// # Errors
/// `Unavailable`.
pub fn publish(
    transaction: &mut Transaction<'_>,
    kind: &str,
    sequence: u64,
    document: &str,
    now: Timestamp,
) -> Result<bool, LedgerError> {
    Ok(transaction.execute(sql::PUBLISH, &values![kind, sequence, document, now])? > 0)
}
