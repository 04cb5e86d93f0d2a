//! What servers do by themselves, and when.

use std::fmt;

use crate::ledger::job::{self, Bid, Claimed};
use crate::ledger::{Ledger, LedgerError};
use crate::time::{DAY, Timestamp};

/// A job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Job {
    /// Marks licenses that have expired, and ends leases that were not renewed.
    ExpirySweep,
    /// Announces, takes over and retires signing keys.
    KeyRotation,
    /// Hands out a list of what was withdrawn.
    RevocationRefresh,
    /// Judges anew the license that the servers run under.
    Revalidation,
}

/// How long a server may take for a run before another begins one, in seconds. Every job may be run twice at once and do
/// no harm; the lease only keeps that from being the rule.
const LEASE: i64 = 300;

/// How long nobody tries again what has failed, in seconds.
pub const RETRY: i64 = 60;

/// Seconds after midnight, UTC.
const DAILY: i64 = 3 * 3_600;

impl Job {
    /// Every job.
    pub const ALL: [Self; 4] = [Self::ExpirySweep, Self::KeyRotation, Self::RevocationRefresh, Self::Revalidation];

    /// Returns the name as the ledger, the log and the metrics know it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExpirySweep => "expiry-sweep",
            Self::KeyRotation => "key-rotation",
            Self::RevocationRefresh => "revocation-refresh",
            Self::Revalidation => "revalidation",
        }
    }

    /// Returns when it is due first on a server that starts now.
    pub fn first(self, start: Timestamp) -> Timestamp {
        if self == Self::Revalidation { start.saturating_add(60) } else { start }
    }

    /// Returns when it is due again, once it is done.
    pub fn next(self, now: Timestamp, refresh_minutes: u64) -> Timestamp {
        let minutes = |count: u64| i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(60);
        now.saturating_add(match self {
            Self::ExpirySweep => minutes(1),
            Self::KeyRotation => minutes(60),
            Self::RevocationRefresh => minutes(refresh_minutes.max(1)),
            Self::Revalidation => DAY - (now.seconds() - DAILY).rem_euclid(DAY),
        })
    }

    /// Claims the job for a server, unless it is done or another runs it.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn claim(self, ledger: &Ledger, holder: &str, due: Timestamp, now: Timestamp) -> Result<Claimed, LedgerError> {
        let bid = Bid { name: self.as_str().to_owned(), holder: holder.to_owned(), due, now, seconds: LEASE };
        ledger.write(move |transaction| job::claim(transaction, &bid))
    }

    /// Ends a run; false when the lease on it had passed on.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn finish(self, ledger: &Ledger, holder: &str, succeeded: bool, now: Timestamp) -> Result<bool, LedgerError> {
        let (name, holder) = (self.as_str(), holder.to_owned());
        let held_until = if succeeded { now } else { now.saturating_add(RETRY) };
        ledger.write(move |transaction| job::finish(transaction, name, &holder, succeeded, held_until))
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daily_run_is_at_three() {
        for (now, expected) in [
            ("2026-06-01T02:59:59Z", "2026-06-01T03:00:00Z"),
            ("2026-06-01T03:00:00Z", "2026-06-02T03:00:00Z"),
            ("2026-12-31T23:00:00Z", "2027-01-01T03:00:00Z"),
        ] {
            let now = Timestamp::parse_rfc3339(now).unwrap();
            assert_eq!(Job::Revalidation.next(now, 15).to_string(), expected);
        }
        let start = Timestamp::parse_rfc3339("2026-06-01T12:00:00Z").unwrap();
        assert_eq!(Job::Revalidation.first(start).to_string(), "2026-06-01T12:01:00Z");
        assert_eq!(Job::RevocationRefresh.next(start, 15).to_string(), "2026-06-01T12:15:00Z");
    }
}
