//! What an engine must be able to do; everything above is written once for both.

use super::value::Cell;
use super::{LedgerError, Row};

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One consistent state; nothing is written.
    Read,
    /// Changes.
    Write,
    /// Changes by one of many for whom a lock was waited for already: another is hardly waited for.
    Hurried,
}

/// Makes connections to one ledger.
pub(crate) trait Engine: Send + Sync {
    /// Connects; a file that is not there is made.
    fn connect(&self) -> Result<Box<dyn Connection>, LedgerError>;

    /// Returns how many connections may write at once.
    fn writers(&self) -> usize;

    /// Says what is wrong where there is nothing that could hold a ledger, and makes nothing.
    fn find(&self) -> Result<(), LedgerError>;
}

/// Takes a row, column by column in the order of the statement.
pub(crate) type Each<'a> = &'a mut dyn FnMut(&[Cell<'_>]) -> Result<(), LedgerError>;

/// A statement for many rows. `{rows}` stands in it for the values of all, as a table with the columns `column1`, `column2` and
/// so on; `?*` for any of them, where a row has one. Without either it is run for each row.
#[derive(Clone, Copy)]
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), expect(dead_code, reason = "only engines read them"))]
pub(crate) struct Many<'a> {
    pub(crate) sql: &'a str,
    /// How many values a row has.
    pub(crate) width: usize,
}

/// A statement for many rows with their values, one row after the other, and who takes what it answers.
pub(crate) struct Asked<'a> {
    pub(crate) statement: Many<'a>,
    pub(crate) values: &'a [Cell<'a>],
    pub(crate) each: Each<'a>,
}

/// Beside which other groups a group may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupLock {
    /// None: its acts lock what they like, in any order.
    Alone,
    /// Those that lock all they need in one order.
    Shared,
}

/// A connection with at most one transaction on it.
pub(crate) trait Connection: Send {
    /// Begins a transaction. That a transaction for changes could not begin may be told only by what is asked first in it.
    fn begin(&mut self, mode: Mode) -> Result<(), LedgerError>;
    fn commit(&mut self) -> Result<(), LedgerError>;
    fn rollback(&mut self) -> Result<(), LedgerError>;

    /// Runs one statement, prepared once per connection. Placeholders are `?1`, `?2` and so on.
    fn query(&mut self, sql: &str, parameters: &[Cell<'_>]) -> Result<Vec<Row>, LedgerError>;

    /// As `query`, and hands on each row while it is read, so that any number of them takes no memory.
    fn each(&mut self, sql: &str, parameters: &[Cell<'_>], each: Each<'_>) -> Result<(), LedgerError>;

    /// As `query`, and returns the number of rows that were changed.
    fn execute(&mut self, sql: &str, parameters: &[Cell<'_>]) -> Result<u64, LedgerError>;

    /// As `each`, for many rows: their values, one row after the other.
    fn each_of_all(&mut self, statement: Many<'_>, values: &[Cell<'_>], each: Each<'_>) -> Result<(), LedgerError>;

    /// As `each_of_all` for each statement in turn, and asks all of them at once where that spares a way there and back.
    fn each_of_several(&mut self, asked: &mut [Asked<'_>]) -> Result<(), LedgerError> {
        asked.iter_mut().try_for_each(|Asked { statement, values, each }| self.each_of_all(*statement, values, *each))
    }

    /// Changes many rows. That it failed may be told only by what is asked next, or by the commit.
    fn send_all(&mut self, statement: Many<'_>, values: &[Cell<'_>]) -> Result<(), LedgerError>;

    /// Keeps every other writer from the rows that a statement names, until the transaction ends. Told as by `send_all`.
    fn lock_all(&mut self, statement: Many<'_>, values: &[Cell<'_>]) -> Result<(), LedgerError>;

    /// Keeps other programs from running a group beside this one that could wait for what it holds, until the transaction ends.
    /// Told as by `send_all`.
    fn lock_group(&mut self, group: GroupLock) -> Result<(), LedgerError>;

    /// Runs the statements of a migration.
    fn script(&mut self, sql: &str) -> Result<(), LedgerError>;

    /// Keeps every other process from migrating until the transaction ends.
    fn lock_schema(&mut self) -> Result<(), LedgerError>;

    /// Whether a table of this name is there.
    fn has_table(&mut self, name: &str) -> Result<bool, LedgerError>;
}
