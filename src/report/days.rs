//! How much was in use at once, and the period in equal steps.

use std::collections::BTreeMap;

use super::Step;
use crate::time::{DAY, Timestamp};

/// The most steps a period has; a longer one has steps of several days.
const MAX_STEPS: i64 = 120;

/// Spans of time of which several may hold at once.
#[derive(Debug, Default)]
pub(super) struct Occupancy {
    starts: Vec<i64>,
    ends: Vec<i64>,
}

impl Occupancy {
    /// Adds a span, its end no longer part of it; one without length still counts for its second.
    pub(super) fn add(&mut self, start: Timestamp, end: Timestamp) {
        self.starts.push(start.seconds());
        self.ends.push(end.seconds().max(start.seconds() + 1));
    }

    /// Returns the most spans that hold at once.
    pub(super) fn most_at_once(&mut self) -> u64 {
        self.peaks([(i64::MIN, i64::MAX)].into_iter()).into_iter().max().unwrap_or_default()
    }

    /// Returns the most spans that hold at once in each of some stretches, which follow upon each other.
    fn peaks(&mut self, stretches: impl Iterator<Item = (i64, i64)>) -> Vec<u64> {
        self.starts.sort_unstable();
        self.ends.sort_unstable();
        let (mut starts, mut ends) = (self.starts.iter().peekable(), self.ends.iter().peekable());
        let mut held = 0_u64;
        stretches
            .map(|(from, to)| {
                while starts.next_if(|start| **start <= from).is_some() {
                    held += 1;
                }
                while ends.next_if(|end| **end <= from).is_some() {
                    held -= 1;
                }
                let mut most = held;
                while let Some(start) = starts.next_if(|start| **start < to) {
                    while ends.next_if(|end| *end <= start).is_some() {
                        held -= 1;
                    }
                    held += 1;
                    most = most.max(held);
                }
                most
            })
            .collect()
    }
}

/// Cuts the period into steps; returns also how many days each has.
pub(super) fn steps(
    from: Timestamp,
    to: Timestamp,
    per_day: &BTreeMap<i64, u64>,
    seats: &mut Occupancy,
    caps: &[(Timestamp, Option<u64>)],
) -> (u64, Vec<Step>) {
    let first = from.seconds().div_euclid(DAY);
    let days = to.seconds().div_euclid(DAY) - first + 1;
    let length = (days + MAX_STEPS - 1) / MAX_STEPS;
    let starts = || (0..(days + length - 1) / length).map(move |step| first + step * length);
    let peaks = seats.peaks(starts().map(|day| (day * DAY, (day + length) * DAY)));
    let step = |(day, seats): (i64, u64)| {
        let end = Timestamp::EPOCH.saturating_add((day + length) * DAY);
        let known = caps.iter().rev().find(|(at, _)| *at < end);
        Step {
            day: Timestamp::EPOCH.saturating_add(day * DAY),
            session_count: per_day.range(day..day + length).map(|(_, count)| count).sum(),
            seats,
            cap: known.and_then(|(_, cap)| *cap),
        }
    };
    (u64::try_from(length).unwrap_or(1), starts().zip(peaks).map(step).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Counted second by second.
        #[test]
        fn peaks_are_those_of_every_second(spans in prop::collection::vec((0_i64..60, 0_i64..20), 0..20), width in 1_i64..30) {
            let at = |second| Timestamp::from_seconds(second).unwrap();
            let mut occupancy = Occupancy::default();
            spans.iter().for_each(|(start, length)| occupancy.add(at(*start), at(start + length)));
            let stretches = || (0..90 / width).map(|step| (step * width, (step + 1) * width));
            let held = |second: i64| {
                spans.iter().filter(|(start, length)| (*start..start + length.max(&1)).contains(&second)).count() as u64
            };
            let expected: Vec<u64> = stretches().map(|(from, to)| (from..to).map(held).max().unwrap()).collect();
            prop_assert_eq!(occupancy.peaks(stretches()), expected);
            prop_assert_eq!(occupancy.most_at_once(), (0..90).map(held).max().unwrap());
        }
    }
}
