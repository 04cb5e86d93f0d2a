//! The times of a license: as they were asked for, and what verifiers would say of them today.

use std::collections::BTreeMap;

use super::MintError;
use crate::code::Code;
use crate::license::License;
use crate::operation::draft::{Draft, When};
use crate::time::{CLOCK_TOLERANCE, Timestamp};

/// The times that were asked for; one that is `None` was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When it counts as issued; spans are counted from here.
    pub issued_at: Timestamp,
    /// The last second of validity.
    pub expires_at: Option<Timestamp>,
    /// The first second of validity.
    pub not_before: Option<Timestamp>,
    /// End of maintenance.
    pub maintenance_until: Option<Timestamp>,
}

/// Licenses that verifiers would refuse now for the same reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Untimely {
    /// How many.
    pub count: u64,
    /// The earliest of the times that are to blame.
    pub first: Timestamp,
    /// The latest.
    pub last: Timestamp,
}

/// Licenses that verifiers would refuse now, by the code of the refusal.
pub type AllUntimely = BTreeMap<Code, Untimely>;

impl Times {
    /// Resolves the times of a draft that is completed at `now`.
    ///
    /// # Errors
    /// `Time` names the first that cannot be read.
    pub fn of(draft: &Draft, now: Timestamp) -> Result<Self, MintError> {
        let at = |when: &Option<When>, name, from| match when {
            Some(when) => when.resolve(from).map(Some).map_err(|error| MintError::Time(name, error)),
            None => Ok(None),
        };
        let issued_at = at(&draft.issued_at, "iat", now)?.unwrap_or(now);
        Ok(Self {
            issued_at,
            expires_at: at(&draft.expires_at, "exp", issued_at)?,
            not_before: at(&draft.not_before, "nbf", issued_at)?,
            maintenance_until: at(&draft.maintenance_until, "maintenanceUntil", issued_at)?,
        })
    }

    /// Returns the codes that verifiers would refuse the license with at `now`, each with the time to blame. Its end counts
    /// without its grace, and its beginning with the difference that two honest clocks are allowed.
    pub fn untimely(&self, now: Timestamp) -> impl Iterator<Item = (Code, Timestamp)> + use<> {
        let is_ahead = |time: &Timestamp| time.since(now) > CLOCK_TOLERANCE;
        let ahead = Some(self.issued_at).filter(is_ahead).map(|issued| (Code::ClockBehind, issued));
        let early = self.not_before.filter(is_ahead).map(|start| (Code::NotYetValid, start));
        let late = self.expires_at.filter(|end| *end < now).map(|end| (Code::Expired, end));
        [ahead, early, late].into_iter().flatten()
    }
}

impl From<&License> for Times {
    fn from(license: &License) -> Self {
        Self {
            issued_at: license.issued_at,
            expires_at: Some(license.expires_at),
            not_before: license.not_before,
            maintenance_until: license.maintenance_until,
        }
    }
}

impl Untimely {
    /// Adds what is wrong with one license, or with many.
    pub(in crate::operation) fn add(all: &mut AllUntimely, code: Code, more: Self) {
        let sum = all.entry(code).or_insert(Self { count: 0, ..more });
        sum.count += more.count;
        (sum.first, sum.last) = (sum.first.min(more.first), sum.last.max(more.last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    #[test]
    fn what_verifiers_would_refuse_now_is_known() {
        let now = at(1_800_000_000);
        let times = |issued: i64, start: i64, end: i64| -> Vec<(Code, Timestamp)> {
            let (start, end) = (Some(at(start)), Some(at(end)));
            Times { issued_at: at(issued), expires_at: end, not_before: start, maintenance_until: None }
                .untimely(now)
                .collect()
        };
        assert_eq!(times(1_800_000_300, 1_800_000_300, 1_800_000_000), []);
        assert_eq!(times(1_800_000_301, 0, 1_800_000_400), [(Code::ClockBehind, at(1_800_000_301))]);
        assert_eq!(times(0, 1_800_000_301, 1_800_000_400), [(Code::NotYetValid, at(1_800_000_301))]);
        assert_eq!(times(0, 0, 1_799_999_999), [(Code::Expired, at(1_799_999_999))]);
    }

    #[test]
    fn sums_keep_their_ends() {
        let one = |seconds| Untimely { count: 1, first: at(seconds), last: at(seconds) };
        let mut all = AllUntimely::new();
        [5, 3, 9].into_iter().for_each(|seconds| Untimely::add(&mut all, Code::Expired, one(seconds)));
        assert_eq!(all, [(Code::Expired, Untimely { count: 3, first: at(3), last: at(9) })].into());
    }
}
