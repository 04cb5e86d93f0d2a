//! Figures as tables and pages show them.

use super::{PrimaryKey, Report, User};
use crate::time::{DAY, Timestamp};

/// The columns of a user after the primary key, which has its own name.
pub(super) const COLUMNS: [&str; 6] = [
    "first_active",
    "last_seen",
    "total_session_time_in_days",
    "total_session_count",
    "average_session_duration_in_days",
    "average_daily_sessions",
];

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Count(u64),
    /// A number with a fraction, spelled out.
    Decimal(String),
    Moment(Timestamp),
    /// What somebody else wrote.
    Text(String),
}

/// Spells a quotient with some digits after the point, rounded half up; nothing divided by nothing is nothing.
pub fn decimal(numerator: u64, denominator: u64, places: u32) -> String {
    let scale = 10_u128.pow(places.min(18));
    let denominator = u128::from(denominator.max(1));
    let scaled = (u128::from(numerator) * scale * 2 + denominator) / (denominator * 2);
    let (whole, fraction) = (scaled / scale, scaled % scale);
    let width = places.min(18) as usize;
    if width == 0 { whole.to_string() } else { format!("{whole}.{fraction:0width$}") }
}

/// Spells seconds in days.
pub(super) fn days(seconds: u64) -> String {
    decimal(seconds, DAY.unsigned_abs(), 6)
}

impl User {
    /// Returns how long a session lasted on average, in seconds.
    pub fn average_seconds(&self) -> u64 {
        let count = self.session_count.max(1);
        self.session_seconds.saturating_add(count / 2) / count
    }

    pub(super) fn cells(&self, report: &Report) -> [Cell; 7] {
        let average = decimal(self.session_seconds, self.session_count.saturating_mul(DAY.unsigned_abs()), 6);
        [
            Cell::Text(self.key.clone().unwrap_or_default()),
            Cell::Moment(self.first_active),
            Cell::Moment(self.last_seen),
            Cell::Decimal(days(self.session_seconds)),
            Cell::Count(self.session_count),
            Cell::Decimal(average),
            Cell::Decimal(report.daily(self.session_count)),
        ]
    }
}

impl Report {
    /// Spells how many sessions a day of the period has on average.
    pub(super) fn daily(&self, sessions: u64) -> String {
        decimal(sessions.saturating_mul(DAY.unsigned_abs()), self.seconds(), 3)
    }

    /// Returns the figures of everybody together: a name and what it says.
    pub(super) fn general_rows(&self) -> Vec<(String, Cell)> {
        let text = |text: &Option<String>| text.clone().map(Cell::Text);
        let unique = format!("unique_{}", self.primary_key.plural());
        let rows = [
            ("from", Some(Cell::Moment(self.from))),
            ("to", Some(Cell::Moment(self.to))),
            ("as_of", Some(Cell::Moment(self.as_of))),
            ("licenses_acquired", Some(Cell::Count(self.general.total_licenses))),
            (&unique, Some(Cell::Count(self.active_users()))),
            ("tier", text(&self.general.tier)),
            ("operator_version", text(&self.general.operator_version)),
            ("last_operator_event", self.general.last_operator_event.map(Cell::Moment)),
            ("total_session_count", Some(Cell::Count(self.session_count()))),
            ("total_session_time_in_days", Some(Cell::Decimal(days(self.session_seconds())))),
            ("ci_session_count", Some(Cell::Count(self.ci.session_count))),
            ("ci_sessions_running", Some(Cell::Count(self.ci.running))),
            ("ci_sessions_at_once", Some(Cell::Count(self.ci.most_at_once))),
            (
                "average_ci_session_duration_in_days",
                self.ci.average_seconds.map(|seconds| Cell::Decimal(days(seconds))),
            ),
            ("all_time_session_count", Some(Cell::Count(self.all_time.session_count))),
            ("all_time_session_time_in_days", Some(Cell::Decimal(days(self.all_time.session_seconds)))),
            ("all_time_ci_session_count", Some(Cell::Count(self.all_time.ci_session_count))),
        ];
        rows.into_iter().filter_map(|(name, cell)| Some((name.to_owned(), cell?))).collect()
    }
}

impl PrimaryKey {
    /// Returns the heads of the columns of a user.
    pub(super) fn columns(self) -> impl Iterator<Item = &'static str> {
        [self.as_str()].into_iter().chain(COLUMNS)
    }
}
