//! Concurrent uses: a seat is held by a lease, which ends unless it is renewed.

mod line;
mod reason;

pub(crate) use line::in_line_since;
pub use line::{Waiting, leave, waiting};
pub use reason::EndReason;

use super::audit::Entry;
use super::value::{Cell, values};
use super::{LedgerError, Row, Transaction, activation, license, sql};
use crate::code::Code;
use crate::json::Writer;
use crate::time::Timestamp;

/// Asks for a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The license.
    pub license_id: String,
    /// Who asks: a proof id, or whatever tells one user from another. A holder has one seat at most.
    pub holder: String,
    /// A name for people.
    pub username: Option<String>,
    /// A fresh id for the lease, unless the holder has one.
    pub lease_id: String,
    /// How long the lease lasts, in seconds, unless it is renewed.
    pub seconds: i64,
    /// Takes the seat along until then, away from any network.
    pub borrow_until: Option<Timestamp>,
    /// Whether to wait in line when every seat is taken.
    pub wait: bool,
    /// The time.
    pub now: Timestamp,
    /// Who the audit says did it.
    pub actor: String,
}

/// A seat that is or was held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its id.
    pub lease_id: String,
    /// The license.
    pub license_id: String,
    /// Who holds it.
    pub holder: String,
    /// A name for people.
    pub username: Option<String>,
    /// When it was claimed.
    pub claimed_at: Timestamp,
    /// When it was renewed last.
    pub renewed_at: Timestamp,
    /// The last second of it.
    pub expires_at: Timestamp,
    /// Whether it was taken along.
    pub borrowed: bool,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it ended: `released`, `expired`, `forced`.
    pub end_reason: Option<String>,
}

/// What a claim is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Claimed {
    /// The seat is held.
    Granted(Lease),
    /// Every seat is taken; the place in line, from 1.
    Waiting(u64),
}

/// Claims a seat. A holder that has one keeps it, and gets the same lease: also after a crash.
///
/// # Errors
/// `Refused` with `unknown-license`, `suspended`, `revoked`, `expired`, `seats-exhausted`, or `id-taken` where the id of the
/// lease stands for another; `Unavailable`.
pub fn claim(transaction: &mut Transaction<'_>, claim: &Claim) -> Result<Claimed, LedgerError> {
    let held = license::lock(transaction, &claim.license_id)?;
    held.usable(claim.now)?;
    end_overdue(transaction, &claim.license_id, claim.now, &claim.actor)?;
    let lasts = claim.borrow_until.unwrap_or_else(|| claim.now.saturating_add(claim.seconds));
    // Nobody takes a seat along for longer than the license lasts.
    let until = lasts.min(held.license.grace_until());
    let key = values![&claim.license_id, &claim.holder];
    if let Some(row) = transaction.find(sql::FIND_LEASE_OF, &key)? {
        let lease = read(row)?;
        let borrow = claim.borrow_until.map(|_| claim.actor.as_str());
        return extend(transaction, lease, until, borrow, claim.now).map(Claimed::Granted);
    }
    let taken = count(transaction, sql::COUNT_LEASES, &claim.license_id)?;
    let ahead = line::ahead(transaction, claim)?;
    if held.license.seats.is_some_and(|seats| taken.saturating_add(ahead) >= seats) {
        if !claim.wait {
            let seats = held.license.seats.unwrap_or_default();
            let line = if ahead > 0 { format!(", and {ahead} stand in line") } else { String::new() };
            let message = format!("{taken} of {seats} seats of license {} are taken{line}", claim.license_id);
            return Err(LedgerError::refused(Code::SeatsExhausted, message));
        }
        line::stand(transaction, claim)?;
        return Ok(Claimed::Waiting(ahead + 1));
    }
    if let Some(mut row) = transaction.find(sql::TAKEN_ID, &values![&claim.lease_id])? {
        return Err(activation::id_taken(&claim.lease_id, &row.text()?, &claim.license_id));
    }
    let lease = Lease {
        lease_id: claim.lease_id.clone(),
        license_id: claim.license_id.clone(),
        holder: claim.holder.clone(),
        username: claim.username.clone(),
        claimed_at: claim.now,
        renewed_at: claim.now,
        expires_at: until,
        borrowed: claim.borrow_until.is_some(),
        ended_at: None,
        end_reason: None,
    };
    transaction.insert(sql::LEASE, &lease.row())?;
    leave(transaction, &claim.license_id, &claim.holder)?;
    let entry = Entry::new(claim.now, &claim.actor, "seat.claimed", &claim.license_id).target(&lease.lease_id);
    transaction.record(entry.detail(|out| {
        out.name("borrowed").bool(lease.borrowed);
        out.name("expiresAt").plain(lease.expires_at);
        out.name("holder").string(&lease.holder);
    }));
    Ok(Claimed::Granted(lease))
}

/// Renews a lease that has not ended.
///
/// # Errors
/// `Refused` with `lease-ended`, or with what has become of the license; `Unavailable`.
pub fn renew(
    transaction: &mut Transaction<'_>,
    lease_id: &str,
    seconds: i64,
    now: Timestamp,
    actor: &str,
) -> Result<Lease, LedgerError> {
    let license_id = find(transaction, lease_id)?.license_id;
    let held = license::lock(transaction, &license_id)?;
    held.usable(now)?;
    end_overdue(transaction, &license_id, now, actor)?;
    let lease = find(transaction, lease_id)?;
    if let Some(at) = lease.ended_at {
        let reason = lease.end_reason.as_deref().unwrap_or("released");
        return Err(LedgerError::refused(Code::LeaseEnded, format_args!("lease {lease_id} ended at {at}: {reason}")));
    }
    let until = now.saturating_add(seconds).min(held.license.grace_until());
    extend(transaction, lease, until, None, now)
}

/// Ends a lease, for a reason that people may give beside it; says whether it was held until now.
///
/// # Errors
/// `Refused` with `lease-ended` when the ledger knows no such lease; `Unavailable`.
pub fn release(
    transaction: &mut Transaction<'_>,
    lease_id: &str,
    reason: EndReason,
    why: Option<&str>,
    now: Timestamp,
    actor: &str,
) -> Result<bool, LedgerError> {
    let license_id = find(transaction, lease_id)?.license_id;
    license::lock(transaction, &license_id)?;
    end_overdue(transaction, &license_id, now, actor)?;
    let lease = find(transaction, lease_id)?;
    if lease.ended_at.is_some() {
        return Ok(false);
    }
    end(transaction, &lease, reason, why, now, actor)?;
    Ok(true)
}

/// Ends every lease of a license that was not renewed in time; returns how many.
///
/// # Errors
/// `Unavailable`.
pub fn end_overdue(
    transaction: &mut Transaction<'_>,
    license_id: &str,
    now: Timestamp,
    actor: &str,
) -> Result<u64, LedgerError> {
    let overdue = transaction.query(sql::OVERDUE_LEASES, &values![license_id, now])?;
    let overdue = overdue.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    for lease in &overdue {
        end(transaction, lease, EndReason::Expired, None, now, actor)?;
    }
    Ok(overdue.len() as u64)
}

/// Names every license with leases that are overdue.
///
/// # Errors
/// `Unavailable`.
pub fn overdue(transaction: &mut Transaction<'_>, now: Timestamp) -> Result<Vec<String>, LedgerError> {
    transaction.query(sql::LICENSES_WITH_OVERDUE, &values![now])?.into_iter().map(|mut row| row.text()).collect()
}

/// Reads who holds the seats of a license now, the first first.
///
/// # Errors
/// `Unavailable`.
pub fn of_license(transaction: &mut Transaction<'_>, license_id: &str) -> Result<Vec<Lease>, LedgerError> {
    transaction.query(sql::LEASES_OF, &values![license_id])?.into_iter().map(read).collect()
}

/// Reads who holds seats now, license by license, at most so many.
///
/// # Errors
/// `Unavailable`.
pub fn held(transaction: &mut Transaction<'_>, now: Timestamp, most: u64) -> Result<Vec<Lease>, LedgerError> {
    transaction.query(sql::LEASES_HELD, &values![now, most])?.into_iter().map(read).collect()
}

/// Reads when each seat, or each of a license, was taken and given back; nothing for those that are held.
///
/// # Errors
/// `Unavailable`.
pub fn spans(
    transaction: &mut Transaction<'_>,
    license_id: Option<&str>,
) -> Result<Vec<(Timestamp, Option<Timestamp>)>, LedgerError> {
    let rows = match license_id {
        None => transaction.query(sql::LEASE_SPANS, &[])?,
        Some(id) => transaction.query(sql::LEASE_SPANS_OF, &values![id])?,
    };
    rows.into_iter().map(|mut row| Ok((row.time()?, row.maybe_time()?))).collect()
}

/// Finds a lease, also one that has ended.
///
/// # Errors
/// `Refused` with `lease-ended` when there is none; `Unavailable`.
pub fn find(transaction: &mut Transaction<'_>, lease_id: &str) -> Result<Lease, LedgerError> {
    let row = transaction.find(sql::FIND_LEASE, &values![lease_id])?;
    row.map(read)
        .transpose()?
        .ok_or_else(|| LedgerError::refused(Code::LeaseEnded, format_args!("the ledger holds no lease {lease_id}")))
}

/// Finds the seat that a holder has now.
///
/// # Errors
/// `Refused` with `lease-ended` when it has none; `Unavailable`.
pub fn of_holder(transaction: &mut Transaction<'_>, license_id: &str, holder: &str) -> Result<Lease, LedgerError> {
    let row = transaction.find(sql::FIND_LEASE_OF, &values![license_id, holder])?;
    row.map(read).transpose()?.ok_or_else(|| {
        LedgerError::refused(Code::LeaseEnded, format_args!("{holder} holds no seat of license {license_id}"))
    })
}

/// Finds the seat that a holder has now, or else the one that it had last.
///
/// # Errors
/// `Refused` with `lease-ended` when it never had one; `Unavailable`.
pub fn last_of_holder(transaction: &mut Transaction<'_>, license_id: &str, holder: &str) -> Result<Lease, LedgerError> {
    match of_holder(transaction, license_id, holder) {
        Err(LedgerError::Refused(refusal)) => {
            let row = transaction.find(sql::LAST_LEASE_OF, &values![license_id, holder])?;
            row.map(read).transpose()?.ok_or(LedgerError::Refused(refusal))
        }
        found => found,
    }
}

fn extend(
    transaction: &mut Transaction<'_>,
    mut lease: Lease,
    until: Timestamp,
    borrow: Option<&str>,
    now: Timestamp,
) -> Result<Lease, LedgerError> {
    if let Some(actor) = borrow.filter(|_| !lease.borrowed || lease.expires_at < until) {
        let entry = Entry::new(now, actor, "seat.borrowed", &lease.license_id).target(&lease.lease_id);
        transaction.record(entry.detail(|out| {
            out.name("expiresAt").plain(until);
            out.name("holder").string(&lease.holder);
        }));
    }
    // What was taken along is not cut short by asking again.
    lease.expires_at = lease.expires_at.max(until);
    lease.borrowed |= borrow.is_some();
    lease.renewed_at = now;
    let parameters = values![&lease.lease_id, now, lease.expires_at, i64::from(lease.borrowed)];
    transaction.execute(sql::EXTEND_LEASE, &parameters)?;
    Ok(lease)
}

fn end(
    transaction: &mut Transaction<'_>,
    lease: &Lease,
    reason: EndReason,
    why: Option<&str>,
    now: Timestamp,
    actor: &str,
) -> Result<(), LedgerError> {
    transaction.execute(sql::END_LEASE, &values![&lease.lease_id, now, reason.as_str()])?;
    let action = if reason == EndReason::Expired { "seat.expired" } else { "seat.released" };
    let entry = Entry::new(now, actor, action, &lease.license_id).target(&lease.lease_id);
    transaction.record(entry.detail(|out| {
        out.name("holder").string(&lease.holder);
        match why {
            Some(why) => out.name("reason").string(&format!("{reason}: {why}", reason = reason.as_str())),
            None => out.name("reason").string(reason.as_str()),
        }
    }));
    Ok(())
}

fn count(transaction: &mut Transaction<'_>, sql: &str, license_id: &str) -> Result<u64, LedgerError> {
    transaction.find(sql, &values![license_id])?.map_or(Ok(0), |mut row| row.count())
}

fn read(mut row: Row) -> Result<Lease, LedgerError> {
    Ok(Lease {
        lease_id: row.text()?,
        license_id: row.text()?,
        holder: row.text()?,
        username: row.maybe_text()?,
        claimed_at: row.time()?,
        renewed_at: row.time()?,
        expires_at: row.time()?,
        borrowed: row.integer()? != 0,
        ended_at: row.maybe_time()?,
        end_reason: row.maybe_text()?,
    })
}

impl Lease {
    fn row(&self) -> Vec<Cell<'_>> {
        values![
            &self.lease_id,
            &self.license_id,
            &self.holder,
            &self.username,
            self.claimed_at,
            self.renewed_at,
            self.expires_at,
            i64::from(self.borrowed),
            self.ended_at,
            &self.end_reason,
        ]
        .to_vec()
    }

    /// Whether the seat is taken at a time.
    pub fn is_held(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now <= self.expires_at
    }

    /// Writes the lease.
    pub fn write(&self, out: &mut Writer) {
        out.begin_object();
        out.name("borrowed").bool(self.borrowed);
        out.name("claimedAt").plain(self.claimed_at);
        out.name("expiresAt").plain(self.expires_at);
        out.name("holder").string(&self.holder);
        out.name("leaseId").string(&self.lease_id);
        out.name("licenseId").string(&self.license_id);
        out.name("renewedAt").plain(self.renewed_at);
        match &self.username {
            Some(username) => out.name("username").string(username),
            None => out.name("username").null(),
        }
        out.end_object();
    }
}
