//! Usage reports: who used what, how long, and how near to the cap.
//!
//! A [`Tally`] takes every session once, in any order, and makes a [`Report`]; the rooms below spell a report as JSON
//! ([`json`]), as one of the tables of a spreadsheet ([`csv`], [`xlsx`]) or as a page for people ([`html`]). All are pure:
//! times are given, and the same values make the same bytes.

pub mod csv;
mod days;
mod figures;
mod format;
pub mod html;
pub mod json;
mod tally;
#[cfg(test)]
mod tests;
pub mod xlsx;

use std::fmt;

pub use figures::decimal;
pub use format::Format;
pub use tally::Tally;

use crate::code::Code;
use crate::json::JsonError;
use crate::time::{DAY, Timestamp};

/// The name of the figures of everybody together.
pub const GENERAL: &str = "General stats";

/// The name of the figures of each user.
pub const USERS: &str = "Per-user stats";

/// What makes two sessions those of one user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrimaryKey {
    /// The name of the machine, as it calls itself.
    ClientHostname,
    /// The name of the machine's user.
    ClientUsername,
    /// The machine.
    #[default]
    MachineId,
    /// The name that the cluster knows the user by.
    Username,
}

/// One use of the product, from its start to its end.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a> {
    /// The machine.
    pub machine_id: &'a str,
    /// The name that the cluster knows the user by.
    pub username: Option<&'a str>,
    /// The name of the machine's user.
    pub client_username: Option<&'a str>,
    /// The name of the machine, as it calls itself.
    pub client_hostname: Option<&'a str>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; `None` while it runs.
    pub ended_at: Option<Timestamp>,
    /// Whether a pipeline ran it, and no person.
    pub is_ci: bool,
}

/// What a report is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// What users are told apart by.
    pub primary_key: PrimaryKey,
    /// The first second of the period; that of the first session when left out.
    pub from: Option<Timestamp>,
    /// The last second of the period; the moment of the report when left out.
    pub to: Option<Timestamp>,
    /// The moment of the report: sessions that run have lasted until then.
    pub as_of: Timestamp,
}

/// What no session says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct General {
    /// Licenses acquired in the period.
    pub total_licenses: u64,
    /// The tier of the license that was used.
    pub tier: Option<String>,
    /// The newest version that reported sessions.
    pub operator_version: Option<String>,
    /// When sessions were last reported.
    pub last_operator_event: Option<Timestamp>,
}

/// A license that expires soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiring {
    /// Its id.
    pub license_id: String,
    /// Whom it is for.
    pub tenant_id: String,
    /// Its name for people.
    pub label: Option<String>,
    /// Its last second.
    pub expires_at: Timestamp,
}

/// Everything a report says. A session is of the period when it began in it, and counts whole then.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// What users are told apart by.
    pub primary_key: PrimaryKey,
    /// The first second of the period.
    pub from: Timestamp,
    /// The last second of the period.
    pub to: Timestamp,
    /// The moment of the report.
    pub as_of: Timestamp,
    /// What no session says.
    pub general: General,
    /// The sessions of the whole book.
    pub all_time: AllTime,
    /// The sessions of pipelines, in the period.
    pub ci: Ci,
    /// The users of the period, sorted by their key; those without one first, as one.
    pub users: Vec<User>,
    /// The period in equal steps, the first from the midnight before it.
    pub steps: Vec<Step>,
    /// How many days a step has.
    pub days_per_step: u64,
    /// The licenses that expire soon, the first first.
    pub expiring: Vec<Expiring>,
}

/// A report as a machine signs it, with the key that the proof of its activation names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The proof of the activation.
    pub proof_id: String,
    /// The license that was activated.
    pub license_id: String,
    /// What is reported.
    pub report: Report,
}

/// Sums over every session of the book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AllTime {
    /// Sessions.
    pub session_count: u64,
    /// How long they lasted together, in seconds.
    pub session_seconds: u64,
    /// Those that a pipeline ran.
    pub ci_session_count: u64,
}

/// Sums over the sessions of pipelines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ci {
    /// Those that run.
    pub running: u64,
    /// The most that ran at once.
    pub most_at_once: u64,
    /// All of them.
    pub session_count: u64,
    /// How long one lasted on average, in seconds; `None` when there was none.
    pub average_seconds: Option<u64>,
}

/// One user's sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// The primary key; `None` for sessions that do not say it.
    pub key: Option<String>,
    /// When the first session began.
    pub first_active: Timestamp,
    /// When the last one ended.
    pub last_seen: Timestamp,
    /// How long they lasted together, in seconds.
    pub session_seconds: u64,
    /// Sessions.
    pub session_count: u64,
}

/// One step of the period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// The midnight it begins with.
    pub day: Timestamp,
    /// The sessions that began in it.
    pub session_count: u64,
    /// The most seats that were held at once.
    pub seats: u64,
    /// How many could be held at its end; `None` when nothing limited them.
    pub cap: Option<u64>,
}

/// Says why a report cannot be written or read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReportError {
    /// The payload is not that of a report.
    Json(JsonError),
    /// A spreadsheet does not hold this many users.
    TooManyUsers(usize),
    /// The spreadsheet could not be put together, for the writer's reason.
    Xlsx(String),
}

impl PrimaryKey {
    /// Every primary key.
    pub const ALL: [Self; 4] = [Self::MachineId, Self::Username, Self::ClientUsername, Self::ClientHostname];

    /// Returns the name as it is asked for and heads its column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientHostname => "client_hostname",
            Self::ClientUsername => "client_username",
            Self::MachineId => "machine_id",
            Self::Username => "username",
        }
    }

    /// Finds the primary key of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.as_str() == name)
    }

    /// Returns what it is of a session; empty when the session does not say.
    fn of<'a>(self, session: &Session<'a>) -> &'a str {
        match self {
            Self::ClientHostname => session.client_hostname.unwrap_or_default(),
            Self::ClientUsername => session.client_username.unwrap_or_default(),
            Self::MachineId => session.machine_id,
            Self::Username => session.username.unwrap_or_default(),
        }
    }

    /// Names those that it tells apart.
    fn plural(self) -> &'static str {
        match self {
            Self::ClientHostname => "client_hostnames",
            Self::ClientUsername => "client_usernames",
            Self::MachineId => "machines",
            Self::Username => "usernames",
        }
    }
}

impl Report {
    /// Counts the users that say who they are.
    pub fn active_users(&self) -> u64 {
        self.users.iter().filter(|user| user.key.is_some()).count() as u64
    }

    /// Counts the sessions of the period.
    pub fn session_count(&self) -> u64 {
        self.users.iter().map(|user| user.session_count).sum()
    }

    /// Sums how long the sessions of the period lasted, in seconds.
    pub fn session_seconds(&self) -> u64 {
        self.users.iter().fold(0, |sum: u64, user| sum.saturating_add(user.session_seconds))
    }

    /// Returns the most seats that were held at once.
    pub fn most_seats(&self) -> u64 {
        self.steps.iter().map(|step| step.seats).max().unwrap_or_default()
    }

    /// Returns how long the period is, in seconds; at least a day, over which an average can be told.
    fn seconds(&self) -> u64 {
        u64::try_from(self.to.since(self.from).max(DAY)).unwrap_or_default()
    }
}

impl ReportError {
    /// Returns the code this error is reported under.
    pub fn code(&self) -> Code {
        match self {
            Self::Json(error) => error.code(),
            Self::TooManyUsers(_) | Self::Xlsx(_) => Code::Unsupported,
        }
    }
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => error.fmt(f),
            Self::TooManyUsers(count) => {
                write!(f, "a spreadsheet has at most {} rows, and {count} users need one each", xlsx::MAX_ROWS)
            }
            Self::Xlsx(reason) => write!(f, "the spreadsheet cannot be put together: {reason}"),
        }
    }
}

impl std::error::Error for ReportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Json(error) => Some(error),
            Self::TooManyUsers(_) | Self::Xlsx(_) => None,
        }
    }
}
