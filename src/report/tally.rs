//! [`Tally`]: every session is looked at once.

use std::collections::{BTreeMap, HashMap};

use super::days::{Occupancy, steps};
use super::{AllTime, Ci, Expiring, General, Report, Request, Session, User};
use crate::time::{DAY, Timestamp};

/// Adds up sessions. It holds a few numbers for every user and sixteen bytes for every seat and every session of a pipeline.
#[derive(Debug)]
pub struct Tally {
    request: Request,
    all_time: AllTime,
    ci: Ci,
    ci_seconds: u64,
    ci_spans: Occupancy,
    /// By primary key; the empty one is that of sessions without.
    users: HashMap<Box<str>, Sum>,
    per_day: BTreeMap<i64, u64>,
    seats: Occupancy,
    caps: Vec<(Timestamp, Option<u64>)>,
    /// The first second of anything in the period.
    first: Option<Timestamp>,
}

#[derive(Debug)]
struct Sum {
    first_active: Timestamp,
    last_seen: Timestamp,
    seconds: u64,
    count: u64,
}

impl Tally {
    /// Starts a report.
    pub fn new(request: Request) -> Self {
        Self {
            request,
            all_time: AllTime::default(),
            ci: Ci::default(),
            ci_seconds: 0,
            ci_spans: Occupancy::default(),
            users: HashMap::new(),
            per_day: BTreeMap::new(),
            seats: Occupancy::default(),
            caps: Vec::new(),
            first: None,
        }
    }

    /// Adds a session. Those outside of the period count for all time only.
    pub fn session(&mut self, session: &Session<'_>) {
        let (start, end) = (session.started_at, session.ended_at.unwrap_or(self.request.as_of));
        let seconds = u64::try_from(end.since(start)).unwrap_or_default();
        self.all_time.session_count += 1;
        self.all_time.session_seconds = self.all_time.session_seconds.saturating_add(seconds);
        self.all_time.ci_session_count += u64::from(session.is_ci);
        if start > self.to() || self.request.from.is_some_and(|from| start < from) {
            return;
        }
        self.begins(start);
        *self.per_day.entry(start.seconds().div_euclid(DAY)).or_default() += 1;
        if session.is_ci {
            self.ci.session_count += 1;
            self.ci.running += u64::from(session.ended_at.is_none());
            self.ci_seconds = self.ci_seconds.saturating_add(seconds);
            self.ci_spans.add(start, end);
        }
        let key = self.request.primary_key.of(session);
        let once = Sum { first_active: start, last_seen: end.max(start), seconds, count: 1 };
        match self.users.get_mut(key) {
            Some(sum) => sum.add(&once),
            None => drop(self.users.insert(key.into(), once)),
        }
    }

    /// Adds a seat that was held; `until` is `None` while it is.
    pub fn seat(&mut self, from: Timestamp, until: Option<Timestamp>) {
        if from <= self.to() {
            self.begins(from.max(self.request.from.unwrap_or(from)));
            self.seats.add(from, until.unwrap_or(Timestamp::NEVER));
        }
    }

    /// Says how many seats could be held from a moment on; `None` for any number.
    pub fn cap(&mut self, from: Timestamp, seats: Option<u64>) {
        self.caps.push((from, seats));
    }

    /// Adds what no session says, and ends the report.
    pub fn finish(mut self, general: General, mut expiring: Vec<Expiring>) -> Report {
        let to = self.to();
        let from = self.request.from.or(self.first).unwrap_or(to).min(to);
        self.ci.average_seconds = self.ci_seconds.checked_div(self.ci.session_count);
        self.ci.most_at_once = self.ci_spans.most_at_once();
        self.caps.sort_by_key(|(at, _)| *at);
        let (days_per_step, steps) = steps(from, to, &self.per_day, &mut self.seats, &self.caps);
        let mut users: Vec<User> = self.users.into_iter().map(|(key, sum)| sum.of(key)).collect();
        users.sort_unstable_by(|left, right| left.key.cmp(&right.key));
        expiring.sort_by(|left, right| (left.expires_at, &left.license_id).cmp(&(right.expires_at, &right.license_id)));
        Report {
            primary_key: self.request.primary_key,
            from,
            to,
            as_of: self.request.as_of,
            general,
            all_time: self.all_time,
            ci: self.ci,
            users,
            steps,
            days_per_step,
            expiring,
        }
    }

    fn to(&self) -> Timestamp {
        self.request.to.unwrap_or(self.request.as_of)
    }

    fn begins(&mut self, at: Timestamp) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
    }
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.first_active = self.first_active.min(other.first_active);
        self.last_seen = self.last_seen.max(other.last_seen);
        self.seconds = self.seconds.saturating_add(other.seconds);
        self.count += other.count;
    }

    fn of(self, key: Box<str>) -> User {
        let Self { first_active, last_seen, seconds, count } = self;
        let key = Some(String::from(key)).filter(|key| !key.is_empty());
        User { key, first_active, last_seen, session_seconds: seconds, session_count: count }
    }
}
