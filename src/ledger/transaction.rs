//! [`Transaction`]: what an act may do.

use super::audit::{Entry, Link};
use super::connection::Connection;
use super::sql::{self, Columns};
use super::value::Cell;
use super::{LedgerError, Row, Value};

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
    pub(crate) fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, LedgerError> {
        self.connection.query(sql, parameters)
    }

    /// Asks for rows, and hands on each while it is read.
    pub(crate) fn each(
        &mut self,
        sql: &str,
        parameters: &[Value],
        each: &mut dyn FnMut(&[Cell<'_>]) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        self.connection.each(sql, parameters, each)
    }

    /// Asks for at most one row.
    pub(crate) fn find(&mut self, sql: &str, parameters: &[Value]) -> Result<Option<Row>, LedgerError> {
        Ok(self.query(sql, parameters)?.into_iter().next())
    }

    /// Changes rows; returns how many.
    pub(crate) fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64, LedgerError> {
        self.changed = true;
        self.connection.execute(sql, parameters)
    }

    /// Inserts rows: their values, one row after the other.
    pub(crate) fn insert(&mut self, columns: Columns, values: &[Value]) -> Result<(), LedgerError> {
        self.execute_all(|count| sql::insert(columns, count), columns.width(), values)
    }

    /// Changes many rows, each named by so many values, with as few statements as the engine is well served with.
    pub(crate) fn execute_all(
        &mut self,
        sql: impl Fn(usize) -> String,
        width: usize,
        values: &[Value],
    ) -> Result<(), LedgerError> {
        self.changed |= !values.is_empty();
        self.in_sizes(sql, width, values, |connection, sql, few| connection.execute(sql, few).map(|_| ()))
    }

    /// Asks for many rows, as [`Transaction::execute_all`] changes them.
    pub(crate) fn query_all(
        &mut self,
        sql: impl Fn(usize) -> String,
        width: usize,
        values: &[Value],
    ) -> Result<Vec<Row>, LedgerError> {
        let mut found = Vec::with_capacity(values.len() / width);
        self.in_sizes(sql, width, values, |connection, sql, few| {
            found.append(&mut connection.query(sql, few)?);
            Ok(())
        })?;
        Ok(found)
    }

    fn in_sizes(
        &mut self,
        sql: impl Fn(usize) -> String,
        width: usize,
        values: &[Value],
        mut run: impl FnMut(&mut dyn Connection, &str, &[Value]) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let mut rest = values;
        for size in self.connection.sizes() {
            let length = size * width;
            if rest.len() >= length {
                let sql = sql(*size);
                while rest.len() >= length {
                    let (few, others) = rest.split_at(length);
                    run(self.connection, &sql, few)?;
                    rest = others;
                }
            }
        }
        Ok(())
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
        let chained = entries.into_iter().flat_map(|entry| link.chain(entry).into_values());
        self.insert(sql::AUDIT, &chained.collect::<Vec<_>>())?;
        link.save(self)
    }
}
