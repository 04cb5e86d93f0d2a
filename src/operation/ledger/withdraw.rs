//! `mint revocations --ledger`: the list of everything that the ledger has withdrawn.

use super::Stamp;
use crate::ledger::withdrawn::{self, Withdrawn};
use crate::ledger::{Ledger, LedgerError};
use crate::operation::revocations::NextError;
use crate::revocations::{LicenseHash, Revocation, Revocations};
use crate::state::paced;
use crate::time::Timestamp;

/// Makes the next list. Its number is taken for good, whether or not the list is ever handed out; entries of `previous`
/// that the ledger does not know stay.
///
/// # Errors
/// `Unavailable`; what [`NextError`] says of the times.
pub fn list(
    ledger: &Ledger,
    stamp: &Stamp,
    previous: Option<&Revocations>,
    next_update: Timestamp,
) -> Result<Result<Revocations, NextError>, LedgerError> {
    let now = stamp.now;
    if next_update < now {
        return Ok(Err(NextError::DueFirst(now, next_update)));
    }
    if let Some(before) = previous.map(|list| list.issued_at).filter(|before| now < *before) {
        return Ok(Err(NextError::Backwards(now, before)));
    }
    let before = previous.map_or(0, |list| list.sequence);
    let (sequence, withdrawn) = ledger.write(move |transaction| {
        let sequence = withdrawn::next_sequence(transaction, before, now)?;
        Ok((sequence, withdrawn::all(transaction)?))
    })?;
    if let Err(error) = paced(sequence, now) {
        return Ok(Err(NextError::Sequence(error)));
    }
    let old = previous.map(Revocations::entries).unwrap_or_default().iter().cloned();
    // Of one withdrawal the ledger says it as it is to be said now.
    let entries = withdrawn.into_iter().map(entry).chain(old).collect();
    Ok(Ok(Revocations::new(sequence, now, next_update, entries)))
}

fn entry(withdrawn: Withdrawn) -> Revocation {
    let Withdrawn { license_id, at, grace_hours, reason } = withdrawn;
    Revocation { id: LicenseHash::of(&license_id), at, grace_hours, reason: reason.map(Into::into) }
}
