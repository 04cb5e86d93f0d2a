//! [`Value`] and [`Row`]: what goes into a statement and what comes back. Texts and integers are all that a ledger holds,
//! so that both engines hold the same.

use super::LedgerError;
use crate::time::Timestamp;

/// A column of a row, kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A 64-bit integer; times are seconds since the epoch.
    Integer(i64),
    /// Nothing.
    Null,
    /// A text.
    Text(String),
}

/// A parameter, or a column of a row while it is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell<'a> {
    Integer(i64),
    Null,
    Text(&'a str),
}

impl<'a> Cell<'a> {
    pub(crate) fn maybe_text(self) -> Result<Option<&'a str>, LedgerError> {
        match self {
            Self::Text(text) => Ok(Some(text)),
            Self::Null => Ok(None),
            Self::Integer(number) => Err(LedgerError::corrupted(format_args!("{number} stands where a text should"))),
        }
    }

    pub(crate) fn maybe_integer(self) -> Result<Option<i64>, LedgerError> {
        match self {
            Self::Integer(number) => Ok(Some(number)),
            Self::Null => Ok(None),
            Self::Text(_) => Err(LedgerError::corrupted("a text stands where a number should")),
        }
    }

    pub(crate) fn maybe_time(self) -> Result<Option<Timestamp>, LedgerError> {
        self.maybe_integer()?.map(Timestamp::from_seconds).transpose().map_err(LedgerError::corrupted)
    }

    pub(crate) fn maybe_count(self) -> Result<Option<u64>, LedgerError> {
        self.maybe_integer()?.map(u64::try_from).transpose().map_err(LedgerError::corrupted)
    }
}

/// A row of an answer, read column by column in the order of the statement.
#[derive(Debug)]
pub struct Row(std::vec::IntoIter<Value>);

impl Row {
    #[cfg_attr(
        not(any(feature = "sqlite", feature = "postgres")),
        expect(dead_code, reason = "only engines make rows")
    )]
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }

    /// Keeps a row that is read.
    pub(crate) fn kept(cells: &[Cell<'_>]) -> Self {
        Self(cells.iter().copied().map(Value::from).collect::<Vec<_>>().into_iter())
    }

    /// Takes the next column, whatever it is.
    ///
    /// # Errors
    /// `Unavailable(Corrupted)` when there is none; so for all others here, and where it is of another type.
    pub fn value(&mut self) -> Result<Value, LedgerError> {
        self.0.next().ok_or_else(|| LedgerError::corrupted("a row has fewer columns than it should"))
    }

    /// Takes a text, or nothing.
    ///
    /// # Errors
    /// As [`Row::value`].
    pub fn maybe_text(&mut self) -> Result<Option<String>, LedgerError> {
        match self.value()? {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            Value::Integer(number) => Err(LedgerError::corrupted(format_args!("{number} stands where a text should"))),
        }
    }

    /// Takes an integer, or nothing.
    ///
    /// # Errors
    /// As [`Row::value`].
    pub fn maybe_integer(&mut self) -> Result<Option<i64>, LedgerError> {
        match self.value()? {
            Value::Integer(number) => Ok(Some(number)),
            Value::Null => Ok(None),
            Value::Text(_) => Err(LedgerError::corrupted("a text stands where a number should")),
        }
    }

    /// Takes a time, or nothing.
    ///
    /// # Errors
    /// As [`Row::value`].
    pub fn maybe_time(&mut self) -> Result<Option<Timestamp>, LedgerError> {
        self.maybe_integer()?.map(Timestamp::from_seconds).transpose().map_err(LedgerError::corrupted)
    }

    /// Takes a number of at least 0, or nothing.
    ///
    /// # Errors
    /// As [`Row::value`].
    pub fn maybe_count(&mut self) -> Result<Option<u64>, LedgerError> {
        self.maybe_integer()?.map(u64::try_from).transpose().map_err(LedgerError::corrupted)
    }

    /// Takes a text.
    ///
    /// # Errors
    /// As [`Row::value`].
    pub fn text(&mut self) -> Result<String, LedgerError> {
        present(self.maybe_text()?)
    }

    /// Takes an integer.
    ///
    /// # Errors
    /// As [`Row::value`].
    pub fn integer(&mut self) -> Result<i64, LedgerError> {
        present(self.maybe_integer()?)
    }

    /// Takes a time.
    ///
    /// # Errors
    /// As [`Row::value`].
    pub fn time(&mut self) -> Result<Timestamp, LedgerError> {
        present(self.maybe_time()?)
    }

    /// Takes a number of at least 0.
    ///
    /// # Errors
    /// As [`Row::value`].
    pub fn count(&mut self) -> Result<u64, LedgerError> {
        present(self.maybe_count()?)
    }
}

pub(crate) fn present<T>(value: Option<T>) -> Result<T, LedgerError> {
    value.ok_or_else(|| LedgerError::corrupted("nothing stands where something should"))
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u64> for Cell<'_> {
    /// A number beyond what an engine can hold is as good as the largest that it can.
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<Timestamp> for Cell<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Integer(time.seconds())
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Cell<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a Value> for Cell<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Integer(number) => Self::Integer(*number),
            Value::Null => Self::Null,
            Value::Text(text) => Self::Text(text),
        }
    }
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'a> From<&'a Option<String>> for Cell<'a> {
    fn from(text: &'a Option<String>) -> Self {
        text.as_ref().into()
    }
}

impl From<Cell<'_>> for Value {
    fn from(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Integer(number) => Self::Integer(number),
            Cell::Null => Self::Null,
            Cell::Text(text) => Self::Text(text.to_owned()),
        }
    }
}

/// Gathers the parameters of a statement.
macro_rules! values {
    ($($value:expr),* $(,)?) => { [$($crate::ledger::value::Cell::from($value)),*] };
}
pub(crate) use values;
