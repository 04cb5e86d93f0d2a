//! The heartbeat of an activated machine.

use crate::ledger::release::{self, Beat, Heartbeat};
use crate::ledger::{Ledger, LedgerError};

/// Answers a heartbeat: the nonce of the next one, and whether the license was withdrawn.
///
/// # Errors
/// As [`release::heartbeat`].
pub fn heartbeat(ledger: &Ledger, beat: Heartbeat) -> Result<Beat, LedgerError> {
    ledger.write(move |transaction| release::heartbeat(transaction, &beat))
}

/// As [`heartbeat`], and waits for nothing: see [`Ledger::write_then`].
pub fn heartbeat_then(ledger: &Ledger, beat: Heartbeat, then: impl FnOnce(Result<Beat, LedgerError>) + Send + 'static) {
    ledger.write_then(move |transaction| release::heartbeat(transaction, &beat), then);
}
