//! What the server or the way to it says went wrong, in the words of a ledger.

use std::error::Error as _;

use tokio_postgres::error::SqlState;

use crate::ledger::{Cause, LedgerError};

/// Says by its state which of our errors a fault of the server is; without one the way to it has failed.
pub(super) fn explain(shown: &str, error: &tokio_postgres::Error) -> LedgerError {
    let Some(state) = error.code() else {
        return LedgerError::unreachable(format_args!("{shown}: {}", chain(error)));
    };
    let detail = format!("{shown}: {}", chain(error));
    let cause = match *state {
        // Who finds a row absent and inserts it may have been second; asked again, it finds the row.
        SqlState::T_R_DEADLOCK_DETECTED | SqlState::T_R_SERIALIZATION_FAILURE | SqlState::UNIQUE_VIOLATION => {
            return LedgerError::Conflict(detail);
        }
        // What is cancelled for its time has mostly waited for others.
        SqlState::LOCK_NOT_AVAILABLE | SqlState::QUERY_CANCELED => Cause::Locked,
        SqlState::READ_ONLY_SQL_TRANSACTION | SqlState::INSUFFICIENT_PRIVILEGE => Cause::ReadOnly,
        SqlState::DISK_FULL => Cause::Full,
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => Cause::Corrupted,
        // A class of their own: rows or tables that are not as the schema says.
        _ if ["23", "42"].iter().any(|class| state.code().starts_with(class)) => Cause::Corrupted,
        _ => Cause::Unreachable,
    };
    LedgerError::Unavailable(cause, detail)
}

/// Tells an error with what is behind it; the client's own sentence is only its class.
pub(super) fn chain(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
