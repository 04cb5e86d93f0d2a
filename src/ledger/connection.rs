//! What an engine must be able to do; everything above is written once for both.

use super::value::Cell;
use super::{LedgerError, Row, Value};

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One consistent state; nothing is written.
    Read,
    /// Changes.
    Write,
}

/// Makes connections to one ledger.
pub(crate) trait Engine: Send + Sync {
    fn connect(&self) -> Result<Box<dyn Connection>, LedgerError>;
}

/// Takes a row, column by column in the order of the statement.
pub(crate) type Each<'a> = &'a mut dyn FnMut(&[Cell<'_>]) -> Result<(), LedgerError>;

/// A connection with at most one transaction on it.
pub(crate) trait Connection: Send {
    fn begin(&mut self, mode: Mode) -> Result<(), LedgerError>;
    fn commit(&mut self) -> Result<(), LedgerError>;
    fn rollback(&mut self) -> Result<(), LedgerError>;

    /// Runs one statement, prepared once per connection. Placeholders are `?1`, `?2` and so on.
    fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, LedgerError>;

    /// As `query`, and hands on each row while it is read, so that any number of them takes no memory.
    fn each(&mut self, sql: &str, parameters: &[Value], each: Each<'_>) -> Result<(), LedgerError>;

    /// As `query`, and returns the number of rows that were changed.
    fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64, LedgerError>;

    /// How many rows one statement takes where there are many, the largest number first; the last is 1.
    fn sizes(&self) -> &'static [usize];

    /// Runs the statements of a migration.
    fn script(&mut self, sql: &str) -> Result<(), LedgerError>;

    /// Keeps every other process from migrating until the transaction ends.
    fn lock_schema(&mut self) -> Result<(), LedgerError>;

    /// Whether a table of this name is there.
    fn has_table(&mut self, name: &str) -> Result<bool, LedgerError>;
}
