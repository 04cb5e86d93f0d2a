//! The licenses that were withdrawn, and the numbers of the lists that tell of them.

use super::value::values;
use super::{LedgerError, Transaction, sql};
use crate::time::Timestamp;

/// A license that was withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// Its id.
    pub license_id: String,
    /// When.
    pub at: Timestamp,
    /// Hours in which it still counts; none where nothing was said.
    pub grace_hours: u64,
    /// Why, for people.
    pub reason: Option<String>,
}

/// Names every license that was withdrawn.
///
/// # Errors
/// `Unavailable`.
pub fn all(transaction: &mut Transaction<'_>) -> Result<Vec<Withdrawn>, LedgerError> {
    let rows = transaction.query(sql::REVOKED, &[])?;
    rows.into_iter()
        .map(|mut row| {
            let (license_id, at) = (row.text()?, row.time()?);
            Ok(Withdrawn { license_id, at, grace_hours: row.maybe_count()?.unwrap_or(0), reason: row.maybe_text()? })
        })
        .collect()
}

/// Takes the number of the next list of revocations: larger than every one before, also than those that a restored copy
/// of the ledger has forgotten, because it is never below the time.
///
/// # Errors
/// `Unavailable`.
pub fn next_sequence(transaction: &mut Transaction<'_>, before: u64, now: Timestamp) -> Result<u64, LedgerError> {
    let row = transaction.find(sql::LOCK_REVOCATION_SEQUENCE, &[])?;
    let last = row.map_or(Ok(0), |mut row| row.count())?.max(before);
    let next = last.saturating_add(1).max(now.seconds().unsigned_abs());
    transaction.execute(sql::SET_REVOCATION_SEQUENCE, &values![next])?;
    Ok(next)
}
