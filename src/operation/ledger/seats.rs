//! Concurrent seats: claimed, renewed, given back, taken away, and swept when nobody renews them.
//!
//! What a holder is handed for use offline stands in [`super::lease`].

use super::{Stamp, readable};
use crate::ledger::seat::{self, Claim, Claimed, EndReason, Lease};
use crate::ledger::{Ledger, LedgerError};
use crate::time::Timestamp;

/// Claims a seat, or a place in line.
///
/// # Errors
/// As [`seat::claim`].
pub fn claim(ledger: &Ledger, claim: Claim) -> Result<Claimed, LedgerError> {
    ledger.write(move |transaction| seat::claim(transaction, &claim))
}

/// Renews a lease for so many seconds from now.
///
/// # Errors
/// As [`seat::renew`].
pub fn renew(ledger: &Ledger, stamp: &Stamp, lease_id: &str, seconds: i64) -> Result<Lease, LedgerError> {
    let (stamp, lease_id) = (stamp.clone(), lease_id.to_owned());
    ledger.write(move |transaction| seat::renew(transaction, &lease_id, seconds, stamp.now, &stamp.actor))
}

/// Gives a seat back, or takes it away; says whether it was held until now.
///
/// # Errors
/// As [`seat::release`].
pub fn release(ledger: &Ledger, stamp: &Stamp, lease_id: &str, reason: EndReason) -> Result<bool, LedgerError> {
    let (stamp, lease_id) = (stamp.clone(), lease_id.to_owned());
    ledger.write(move |transaction| seat::release(transaction, &lease_id, reason, None, stamp.now, &stamp.actor))
}

/// Lists who holds the seats of a license.
///
/// # Errors
/// `Unavailable`.
pub fn holders(ledger: &Ledger, license_id: &str) -> Result<Vec<Lease>, LedgerError> {
    ledger.read(|transaction| seat::of_license(transaction, license_id))
}

/// Lists who holds seats now, license by license, at most so many.
///
/// # Errors
/// `Unavailable`.
pub fn held(ledger: &Ledger, now: Timestamp, most: u64) -> Result<Vec<Lease>, LedgerError> {
    ledger.read(|transaction| seat::held(transaction, now, most))
}

/// Ends every lease that was not renewed in time; returns how many.
///
/// # Errors
/// `Unavailable`.
pub fn sweep(ledger: &Ledger, stamp: &Stamp) -> Result<u64, LedgerError> {
    let licenses = ledger.read(|transaction| seat::overdue(transaction, stamp.now))?;
    licenses.into_iter().try_fold(0, |count, license_id| {
        let stamp = stamp.clone();
        let ended = ledger.write(move |transaction| {
            crate::ledger::license::lock(transaction, &license_id)?;
            seat::end_overdue(transaction, &license_id, stamp.now, &stamp.actor)
        })?;
        Ok(count + ended)
    })
}

/// Takes a seat away, for a reason that people may give; returns its lease as it was, and whether it was held until now.
///
/// # Errors
/// `Refused` with `usage` for a reason that steers terminals; else as [`seat::release`].
pub fn take_back(
    ledger: &Ledger,
    stamp: &Stamp,
    lease_id: &str,
    why: Option<&str>,
) -> Result<(Lease, bool), LedgerError> {
    readable(why)?;
    let (stamp, lease_id, why) = (stamp.clone(), lease_id.to_owned(), why.map(str::to_owned));
    ledger.write(move |transaction| {
        let lease = seat::find(transaction, &lease_id)?;
        let held = seat::release(transaction, &lease_id, EndReason::Forced, why.as_deref(), stamp.now, &stamp.actor)?;
        Ok((lease, held))
    })
}
