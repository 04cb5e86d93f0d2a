//! Sessions of use: recorded as programs report them, and read for reports.

use crate::ledger::session::{self, Session};
use crate::ledger::{Ledger, LedgerError};
use crate::time::Timestamp;

/// Records sessions, all of them or none, and returns those that have ended with this.
///
/// # Errors
/// As [`session::record`].
pub fn record(ledger: &Ledger, now: Timestamp, sessions: Vec<Session>) -> Result<Vec<Session>, LedgerError> {
    ledger.write(move |transaction| session::record(transaction, &sessions, now))
}

/// Hands on every session that began in a period, in the order in which they did, all from one state of the ledger.
///
/// # Errors
/// `Unavailable`.
pub fn between(ledger: &Ledger, from: Timestamp, to: Timestamp, each: impl FnMut(&Session)) -> Result<(), LedgerError> {
    ledger.read(|transaction| session::between(transaction, from, to, each))
}
