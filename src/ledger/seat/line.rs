//! The line of those who wait for a seat.

use super::{Claim, count};
use crate::json::Writer;
use crate::ledger::value::values;
use crate::ledger::{LedgerError, Transaction, sql};
use crate::time::Timestamp;

/// How long a place in line is kept for who does not ask again, in seconds.
const PLACE_KEPT: i64 = 120;

/// Who waits for a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Who asks, as the holder of a lease.
    pub holder: String,
    /// Since when.
    pub since: Timestamp,
}

impl Waiting {
    /// Writes who waits.
    pub fn write(&self, out: &mut Writer) {
        out.begin_object();
        out.name("holder").string(&self.holder);
        out.name("since").plain(self.since);
        out.end_object();
    }
}

/// Returns the time since when somebody must have asked to stand in line at `now`.
pub(crate) fn in_line_since(now: Timestamp) -> Timestamp {
    now.saturating_add(-PLACE_KEPT)
}

/// Reads who waits for a seat of a license, the first in line first.
///
/// # Errors
/// `Unavailable`.
pub fn waiting(
    transaction: &mut Transaction<'_>,
    license_id: &str,
    now: Timestamp,
) -> Result<Vec<Waiting>, LedgerError> {
    let rows = transaction.query(sql::WAITING_OF, &values![license_id, in_line_since(now)])?;
    rows.into_iter().map(|mut row| Ok(Waiting { holder: row.text()?, since: row.time()? })).collect()
}

/// Counts who stands in line before a holder; whoever has not asked again in time has left.
pub(super) fn ahead(transaction: &mut Transaction<'_>, claim: &Claim) -> Result<u64, LedgerError> {
    if count(transaction, sql::COUNT_WAITING, &claim.license_id)? == 0 {
        return Ok(0);
    }
    transaction.execute(sql::TIDY_LINE, &values![&claim.license_id, in_line_since(claim.now)])?;
    let own = transaction.find(sql::FIND_PLACE, &values![&claim.license_id, &claim.holder])?;
    match own {
        Some(mut row) => {
            let (since, ticket) = (row.time()?, row.text()?);
            let parameters = values![&claim.license_id, since, &ticket];
            transaction.find(sql::COUNT_AHEAD, &parameters)?.map_or(Ok(0), |mut row| row.count())
        }
        None => count(transaction, sql::COUNT_WAITING, &claim.license_id),
    }
}

/// Gives the place of a holder up; says whether there was one.
///
/// # Errors
/// `Unavailable`.
pub fn leave(transaction: &mut Transaction<'_>, license_id: &str, holder: &str) -> Result<bool, LedgerError> {
    Ok(transaction.execute(sql::LEAVE_LINE, &values![license_id, holder])? > 0)
}

/// Puts a holder at the end of the line, or keeps its place.
pub(super) fn stand(transaction: &mut Transaction<'_>, claim: &Claim) -> Result<(), LedgerError> {
    let seen = values![&claim.license_id, &claim.holder, claim.now];
    if transaction.execute(sql::SEEN_IN_LINE, &seen)? == 0 {
        // Of two that came in the same second the order of their tickets decides.
        let last = transaction.find(sql::LAST_TICKET, &values![&claim.license_id])?;
        let last = last.map_or(Ok(None), |mut row| row.maybe_text())?;
        let number = last.and_then(|ticket| ticket.split('-').next()?.parse::<u64>().ok()).unwrap_or(0);
        let ticket = format!("{:019}-{}", number.saturating_add(1), claim.lease_id);
        let row = values![&ticket, &claim.license_id, &claim.holder, claim.now, claim.now];
        transaction.insert(sql::WAITING, &row)?;
    }
    Ok(())
}
