//! [`Transaction`]: what an act may do.

use super::audit::{Chained, Entry, Link};
use super::connection::{Asked, Connection, Each, Many};
use super::sql::{self, Columns};
use super::value::Cell;
use super::{LedgerError, Row};

/// A running transaction, with the audit entries that its acts have written so far.
pub struct Transaction<'a> {
    connection: &'a mut dyn Connection,
    entries: Vec<Entry>,
    changed: bool,
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(connection: &'a mut dyn Connection) -> Self {
        Self { connection, entries: Vec::new(), changed: false }
    }

    /// Asks for rows. Placeholders are `?1`, `?2` and so on.
    pub(crate) fn query(&mut self, sql: &str, parameters: &[Cell<'_>]) -> Result<Vec<Row>, LedgerError> {
        self.connection.query(sql, parameters)
    }

    /// Asks for rows, and hands on each while it is read.
    pub(crate) fn each(&mut self, sql: &str, parameters: &[Cell<'_>], each: Each<'_>) -> Result<(), LedgerError> {
        self.connection.each(sql, parameters, each)
    }

    /// Asks for at most one row.
    pub(crate) fn find(&mut self, sql: &str, parameters: &[Cell<'_>]) -> Result<Option<Row>, LedgerError> {
        Ok(self.query(sql, parameters)?.into_iter().next())
    }

    /// Changes rows; returns how many.
    pub(crate) fn execute(&mut self, sql: &str, parameters: &[Cell<'_>]) -> Result<u64, LedgerError> {
        self.changed = true;
        self.connection.execute(sql, parameters)
    }

    /// Inserts rows: their values, one row after the other.
    pub(crate) fn insert(&mut self, columns: Columns, values: &[Cell<'_>]) -> Result<(), LedgerError> {
        self.send_all(Many { sql: &columns.insert(), width: columns.width() }, values)
    }

    /// Changes many rows: their values, one row after the other. That it failed may be told only by what is asked next, or
    /// by the commit.
    pub(crate) fn send_all(&mut self, statement: Many<'_>, values: &[Cell<'_>]) -> Result<(), LedgerError> {
        if values.is_empty() {
            return Ok(());
        }
        self.changed = true;
        self.connection.send_all(statement, values)
    }

    /// Asks for many rows, and hands on each while it is read.
    pub(crate) fn each_of_all(
        &mut self,
        statement: Many<'_>,
        values: &[Cell<'_>],
        each: Each<'_>,
    ) -> Result<(), LedgerError> {
        self.connection.each_of_all(statement, values, each)
    }

    /// As `each_of_all`, for several statements of which none waits for what another answers.
    pub(crate) fn each_of_several(&mut self, asked: &mut [Asked<'_>]) -> Result<(), LedgerError> {
        self.connection.each_of_several(asked)
    }

    /// Keeps every other writer from many rows until the transaction ends.
    pub(crate) fn lock_all(&mut self, statement: Many<'_>, values: &[Cell<'_>]) -> Result<(), LedgerError> {
        self.connection.lock_all(statement, values)
    }

    /// Writes an audit entry; it takes its place in the chain when the transaction commits.
    pub(crate) fn record(&mut self, entry: Entry) {
        self.changed = true;
        self.entries.push(entry);
    }

    /// Whether anything was changed since the last time this was asked.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Chains the entries that were gathered; the head of the chain is locked only from here to the commit.
    pub(crate) fn settle(&mut self) -> Result<(), LedgerError> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let mut link = Link::lock(self)?;
        let entries = std::mem::take(&mut self.entries);
        let chained: Vec<Chained> = entries.into_iter().map(|entry| link.chain(entry)).collect();
        self.insert(sql::AUDIT, &chained.iter().flat_map(Chained::values).collect::<Vec<_>>())?;
        link.save(self)
    }
}
