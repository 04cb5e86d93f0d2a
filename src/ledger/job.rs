//! What servers do by themselves, one of them at a time: whoever runs a job holds a lease on it, which ends by itself when its
//! holder does not.

use super::value::values;
use super::{LedgerError, Transaction, sql};
use crate::time::Timestamp;

/// Who wants to run a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bid {
    /// The job.
    pub name: String,
    /// Who runs it: a text that no other server has.
    pub holder: String,
    /// When it was due; a run that began then or later and succeeded is enough.
    pub due: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// How long the lease lasts, in seconds.
    pub seconds: i64,
}

/// What became of a bid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Claimed {
    /// It was done since it was due; when that run began.
    Done(Timestamp),
    /// Another holds it, or it failed a moment ago; until when.
    Held(Timestamp),
    /// The bidder holds it now; when the job was first bid for.
    Mine(Timestamp),
}

/// When a job was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The job.
    pub name: String,
    /// When its last run began.
    pub started_at: Option<Timestamp>,
    /// When its last run that succeeded began.
    pub succeeded_at: Option<Timestamp>,
}

/// Claims a job, unless it is done or another holds it.
///
/// # Errors
/// `Unavailable`.
pub fn claim(transaction: &mut Transaction<'_>, bid: &Bid) -> Result<Claimed, LedgerError> {
    let Bid { name, holder, due, now, seconds } = bid;
    // The row must be there to be locked.
    transaction.execute(sql::ENSURE_JOB, &values![name, *now])?;
    let row = transaction.find(sql::LOCK_JOB, &values![name])?;
    let mut row = row.ok_or_else(|| LedgerError::corrupted(format_args!("the job {name} has no row")))?;
    let (held_by, held_until) = (row.maybe_text()?, row.time()?);
    let (created_at, succeeded_at) = (row.time()?, row.maybe_time()?);
    if let Some(at) = succeeded_at.filter(|at| at >= due) {
        return Ok(Claimed::Done(at));
    }
    if held_until > *now && held_by.as_ref() != Some(holder) {
        return Ok(Claimed::Held(held_until));
    }
    transaction.execute(sql::TAKE_JOB, &values![name, holder, now.saturating_add(*seconds), *now])?;
    Ok(Claimed::Mine(created_at))
}

/// Ends a run; after one that failed nobody may begin another before `held_until`. False when the lease had passed on.
///
/// # Errors
/// `Unavailable`.
pub fn finish(
    transaction: &mut Transaction<'_>,
    name: &str,
    holder: &str,
    succeeded: bool,
    held_until: Timestamp,
) -> Result<bool, LedgerError> {
    let sql = if succeeded { sql::JOB_SUCCEEDED } else { sql::JOB_FAILED };
    Ok(transaction.execute(sql, &values![name, holder, held_until])? > 0)
}

/// Reads when every job was run.
///
/// # Errors
/// `Unavailable`.
pub fn all(transaction: &mut Transaction<'_>) -> Result<Vec<Ran>, LedgerError> {
    let rows = transaction.query(sql::JOBS, &[])?;
    rows.into_iter()
        .map(|mut row| Ok(Ran { name: row.text()?, started_at: row.maybe_time()?, succeeded_at: row.maybe_time()? }))
        .collect()
}
