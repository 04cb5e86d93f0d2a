//! `ledger suspend`, `reinstate`, `revoke` and the sweep of what has expired.

use super::{Stamp, readable};
use crate::code::Code;
use crate::ledger::audit::Entry;
use crate::ledger::license::{self, Held, HeldState};
use crate::ledger::{Ledger, LedgerError, Transaction};

/// As many licenses are swept in one transaction.
const SWEEP: u64 = 500;

/// What is to become of a license.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// It may be used again.
    Reinstate,
    /// It is withdrawn for good; for some hours it may still count.
    Revoke {
        /// Why, for people.
        reason: Option<String>,
        /// Hours; `None` leaves them to whoever answers heartbeats.
        grace_hours: Option<u64>,
    },
    /// It may not be used until it is reinstated.
    Suspend {
        /// Why, for people.
        reason: Option<String>,
    },
}

/// What became of a license.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// The license as it is now.
    pub held: Held,
    /// Whether it was so before, and nothing was done.
    pub unchanged: bool,
    /// Whether it was so before, and only what is said of it was changed.
    pub reworded: bool,
}

/// Changes the state of a license. One that is in that state already stays so, since when it was; another reason, or other
/// hours of grace, are taken in place of those before.
///
/// # Errors
/// `Refused` with `unknown-license`, `usage` for a reason that steers terminals, or `revoked` where nothing but withdrawal is
/// left; `Unavailable`.
pub fn change(ledger: &Ledger, stamp: &Stamp, license_id: &str, change: &Change) -> Result<Changed, LedgerError> {
    readable(change.reason())?;
    let (stamp, license_id, change) = (stamp.clone(), license_id.to_owned(), change.clone());
    ledger.write(move |transaction| apply(transaction, &stamp, &license_id, &change))
}

/// As [`change`], of several licenses: all of them or none.
///
/// # Errors
/// As [`change`], of the first that is refused.
pub fn change_all(ledger: &Ledger, stamp: &Stamp, mut changes: Vec<(String, Change)>) -> Result<(), LedgerError> {
    changes.iter().try_for_each(|(_, change)| readable(change.reason()))?;
    // In one order, so that two who change the same ones do not wait for each other.
    changes.sort_by(|(one, _), (other, _)| one.cmp(other));
    let stamp = stamp.clone();
    ledger.write(move |transaction| {
        changes.iter().try_for_each(|(license_id, change)| apply(transaction, &stamp, license_id, change).map(drop))
    })
}

/// As [`change`], as part of another act; its reason is one of ours.
pub(super) fn apply(
    transaction: &mut Transaction<'_>,
    stamp: &Stamp,
    license_id: &str,
    change: &Change,
) -> Result<Changed, LedgerError> {
    let mut held = license::lock(transaction, license_id)?;
    let state = match change {
        Change::Reinstate if stamp.now > held.license.grace_until() => HeldState::Expired,
        Change::Reinstate => HeldState::Active,
        Change::Revoke { .. } => HeldState::Revoked,
        Change::Suspend { .. } => HeldState::Suspended,
    };
    let mut reason = change.reason().map(str::to_owned);
    if held.state == HeldState::Revoked && state != HeldState::Revoked {
        return Err(LedgerError::refused(Code::Revoked, format_args!("license {license_id} was withdrawn for good")));
    }
    let is_so = held.state == state || (*change == Change::Reinstate && held.state != HeldState::Suspended);
    if is_so && !change.rewords(&held) {
        return Ok(Changed { held, unchanged: true, reworded: false });
    }
    match change {
        Change::Revoke { grace_hours, .. } if is_so => held.grace_hours = grace_hours.or(held.grace_hours),
        Change::Revoke { grace_hours, .. } => {
            (held.revoked_at, held.grace_hours) = (Some(stamp.now), *grace_hours);
        }
        Change::Reinstate | Change::Suspend { .. } => {}
    }
    if is_so {
        reason = reason.or_else(|| held.reason.take());
    }
    (held.state, held.reason, held.changed_at) = (state, reason, stamp.now);
    license::save_state(transaction, &held)?;
    let entry = Entry::new(stamp.now, &stamp.actor, change.action(), license_id);
    transaction.record(entry.detail(|out| {
        if let Change::Revoke { grace_hours: Some(hours), .. } = change {
            out.name("graceHours").integer((*hours).into());
        }
        if let Some(reason) = &held.reason {
            out.name("reason").string(reason);
        }
        if state == HeldState::Expired {
            out.name("state").plain(state);
        }
    }));
    Ok(Changed { held, unchanged: false, reworded: is_so })
}

/// Marks every license whose grace period is over as expired; returns how many.
///
/// # Errors
/// `Unavailable`.
pub fn sweep(ledger: &Ledger, stamp: &Stamp) -> Result<u64, LedgerError> {
    let mut count = 0;
    // Nothing is written unless something is due, so that reading a ledger needs no right to change it.
    while !ledger.read(|transaction| license::due(transaction, stamp.now, 1))?.is_empty() {
        let stamp = stamp.clone();
        count += ledger.write(move |transaction| {
            let due = license::due(transaction, stamp.now, SWEEP)?;
            let mut swept = 0;
            for license_id in due {
                let mut held = license::lock(transaction, &license_id)?;
                // Somebody may have renewed or withdrawn it a moment ago.
                if held.state != HeldState::Active || held.license.grace_until() >= stamp.now {
                    continue;
                }
                (held.state, held.changed_at) = (HeldState::Expired, stamp.now);
                license::save_state(transaction, &held)?;
                let entry = Entry::new(stamp.now, &stamp.actor, "expired", &license_id);
                transaction.record(entry.detail(|out| out.name("graceUntil").plain(held.license.grace_until())));
                swept += 1;
            }
            Ok(swept)
        })?;
    }
    Ok(count)
}

impl Change {
    /// Returns the word that the audit keeps.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Reinstate => "reinstated",
            Self::Revoke { .. } => "revoked",
            Self::Suspend { .. } => "suspended",
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Reinstate => None,
            Self::Revoke { reason, .. } | Self::Suspend { reason } => reason.as_deref(),
        }
    }

    /// Whether something else is said than what is held of a license that is in this state already.
    fn rewords(&self, held: &Held) -> bool {
        let hours = if let Self::Revoke { grace_hours, .. } = self { *grace_hours } else { None };
        let other_reason = self.reason().is_some_and(|reason| held.reason.as_deref() != Some(reason));
        other_reason || hours.is_some_and(|hours| held.grace_hours != Some(hours))
    }
}
