//! [`LedgerError`]: why an act was not done.

use std::fmt;

use crate::code::Code;
use crate::verdict::Refusal;

/// Says why the ledger did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LedgerError {
    /// Another process changed the same rows at the same time; such an act is tried again before anybody is told.
    Conflict(String),
    /// The ledger answers no.
    Refused(Refusal),
    /// The ledger could not be asked; nothing is said about the act.
    Unavailable(Cause, String),
}

/// What stands between us and the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// What is there is not, or no longer, a ledger.
    Corrupted,
    /// Its disk has no room left.
    Full,
    /// Another process holds it.
    Locked,
    /// A newer mintage made its schema.
    Newer,
    /// It may be read, and not be written.
    ReadOnly,
    /// Its file or server cannot be reached.
    Unreachable,
}

impl LedgerError {
    pub(crate) fn corrupted(detail: impl fmt::Display) -> Self {
        Self::Unavailable(Cause::Corrupted, detail.to_string())
    }

    pub(crate) fn unreachable(detail: impl fmt::Display) -> Self {
        Self::Unavailable(Cause::Unreachable, detail.to_string())
    }

    /// Says that nobody was left to answer.
    pub(crate) fn abandoned() -> Self {
        Self::unreachable("the act was abandoned")
    }

    /// Refuses with a code of the closed list.
    pub fn refused(code: Code, message: impl fmt::Display) -> Self {
        Self::Refused(Refusal::new(code, message))
    }

    /// Says what to do about a refusal, in place of the code's own hint.
    #[must_use]
    pub(crate) fn with_hint(self, hint: &'static str) -> Self {
        match self {
            Self::Refused(refusal) => Self::Refused(refusal.with_hint(hint)),
            error => error,
        }
    }

    /// Returns the code this is reported under.
    pub fn code(&self) -> Code {
        match self {
            Self::Refused(refusal) => refusal.code,
            Self::Conflict(_) | Self::Unavailable(..) => Code::LedgerUnavailable,
        }
    }

    /// Returns what the reader can do about it.
    pub fn hint(&self) -> &str {
        match self {
            Self::Conflict(_) | Self::Unavailable(Cause::Locked, _) => {
                "wait for the other process to end, and try again"
            }
            Self::Refused(refusal) => refusal.hint(),
            Self::Unavailable(Cause::Corrupted, _) => "restore it from a backup, or name another with --ledger",
            Self::Unavailable(Cause::Full, _) => "make room on the disk that it lies on; nothing was changed",
            Self::Unavailable(Cause::Newer, _) => "use the mintage that wrote it, or a newer one",
            Self::Unavailable(Cause::ReadOnly, _) => "check who may write to its file, its folder or its tables",
            Self::Unavailable(Cause::Unreachable, _) => {
                "check the address, the rights, the room on its disk and that its file or server is there"
            }
        }
    }
}

impl Cause {
    /// Returns the cause as it is written everywhere, in kebab-case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Corrupted => "corrupted",
            Self::Full => "full",
            Self::Locked => "locked",
            Self::Newer => "newer",
            Self::ReadOnly => "read-only",
            Self::Unreachable => "unreachable",
        }
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(detail) => write!(f, "the ledger is locked: {detail}"),
            Self::Refused(refusal) => f.write_str(&refusal.message),
            Self::Unavailable(cause, detail) => write!(f, "the ledger is {}: {detail}", cause.as_str()),
        }
    }
}

impl std::error::Error for LedgerError {}
