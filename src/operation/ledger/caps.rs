//! The limits of a server's own license, as the programs that it is for use them up.

use super::Stamp;
use super::posture::{Judge, Refused};
use crate::json::Writer;
use crate::ledger::audit::{Entry, Outcome};
use crate::ledger::tenant::{self, Used};
use crate::ledger::{Ledger, LedgerError, Transaction};
use crate::time::Timestamp;
use crate::verdict::{EffectiveLimit, State};

/// The most that is counted, which is the most that a ledger holds.
const MOST: u64 = i64::MAX.unsigned_abs();

/// What a program is about to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Take {
    /// The limit that caps it.
    pub limit: String,
    /// How many more.
    pub requested: u64,
    /// How many there are, where the program has counted; else what the ledger has counted holds.
    pub counted: Option<u64>,
}

/// Whether something may be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// How much is used: with what was asked for where that was granted, else without it.
    pub current: u64,
    /// The limit that holds; without one, all is granted.
    pub limit: Option<EffectiveLimit>,
    /// The state of the license.
    pub state: State,
    /// The reason for a no, as people read it.
    pub refused: Option<String>,
}

/// Takes more of a limit, unless that would be over its cap; a refusal is audited. What has no cap is counted and never
/// refused.
///
/// # Errors
/// `Unavailable`.
pub fn take(
    ledger: &Ledger,
    stamp: &Stamp,
    judge: &Judge,
    refused: Option<&Refused>,
    take: &Take,
) -> Result<Taken, LedgerError> {
    let (stamp, judge, refused, take) = (stamp.clone(), judge.clone(), refused.cloned(), take.clone());
    ledger.write(move |transaction| {
        let Take { limit, requested, counted } = &take;
        let installed = tenant::installed(transaction, judge.tenant_id())?;
        let (installed, verdict) = judge.standing(refused.as_ref(), installed, stamp.now);
        let before = tenant::lock_used(transaction, judge.tenant_id(), limit)?;
        let current = counted.unwrap_or(before).min(MOST);
        let after = current.saturating_add(*requested).min(MOST);
        let effective = verdict.effective_limits.iter().find(|effective| effective.key == *limit).cloned();
        let state = verdict.state;
        let Some(cap) = effective.as_ref().map(|effective| effective.value).filter(|cap| after > *cap) else {
            let used = Used { limit: limit.clone(), current: after };
            tenant::set_used(transaction, judge.tenant_id(), &used, stamp.now)?;
            return Ok(Taken { current: after, limit: effective, state, refused: None });
        };
        if current != before {
            let used = Used { limit: limit.clone(), current };
            tenant::set_used(transaction, judge.tenant_id(), &used, stamp.now)?;
        }
        let license_id = installed.as_ref().map(|installed| installed.license_id.as_str());
        failure(transaction, &stamp, "cap_exceeded", license_id, limit, |out| {
            out.name("cap").integer(cap.into());
            out.name("current").integer(current.into());
            out.name("limit").string(limit);
            out.name("requested").integer((*requested).into());
            out.name("state").plain(state.as_str());
        });
        let message = format!("{} Cap reached for {limit} ({current} of {cap} used).", judge.message(&verdict));
        Ok(Taken { current, limit: effective, state, refused: Some(message) })
    })
}

/// Gives back some of a limit; returns how much is used then.
///
/// # Errors
/// `Unavailable`.
pub fn give_back(
    ledger: &Ledger,
    now: Timestamp,
    tenant_id: &str,
    limit: &str,
    released: u64,
) -> Result<u64, LedgerError> {
    let (tenant_id, limit) = (tenant_id.to_owned(), limit.to_owned());
    ledger.write(move |transaction| {
        let current = tenant::lock_used(transaction, &tenant_id, &limit)?.saturating_sub(released);
        tenant::set_used(transaction, &tenant_id, &Used { limit: limit.clone(), current }, now)?;
        Ok(current)
    })
}

/// Says how much of some limits is used, as a program has counted it.
///
/// # Errors
/// `Unavailable`.
pub fn tell(ledger: &Ledger, now: Timestamp, tenant_id: &str, used: Vec<Used>) -> Result<(), LedgerError> {
    let tenant_id = tenant_id.to_owned();
    let mut used = used;
    // In one order, so that two that tell at once do not wait for each other.
    used.sort_by(|left, right| left.limit.cmp(&right.limit));
    ledger
        .write(move |transaction| used.iter().try_for_each(|used| tenant::set_used(transaction, &tenant_id, used, now)))
}

pub(super) fn failure(
    transaction: &mut Transaction<'_>,
    stamp: &Stamp,
    action: &str,
    license_id: Option<&str>,
    target: &str,
    detail: impl FnOnce(&mut Writer),
) {
    let mut entry = Entry::new(stamp.now, &stamp.actor, action, "").target(target).detail(detail);
    entry.license_id = license_id.map(str::to_owned);
    entry.result = Outcome::Failure;
    transaction.record(entry);
}
