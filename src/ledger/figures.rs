//! The book in numbers, as they are watched.

use super::value::values;
use super::{LedgerError, Transaction, seat, sql};
use crate::time::Timestamp;

/// What a ledger holds, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Licenses by their state.
    pub licenses: Vec<(String, u64)>,
    /// Machines that hold an activation.
    pub activations: u64,
    /// How many could, of active licenses that cap them.
    pub activations_cap: u64,
    /// Seats that are held.
    pub seats_held: u64,
    /// How many could be, of active licenses that cap them.
    pub seats_cap: u64,
    /// Who stands in line for a seat.
    pub seats_waiting: u64,
    /// Active licenses whose every seat is held.
    pub full: u64,
}

/// Counts what a ledger holds.
///
/// # Errors
/// `Unavailable`.
pub fn read(transaction: &mut Transaction<'_>, now: Timestamp) -> Result<Figures, LedgerError> {
    let mut figures = Figures::default();
    for mut row in transaction.query(sql::COUNT_LICENSES, &[])? {
        let (state, count) = (row.text()?, row.count()?);
        figures.activations += row.count()?;
        if state == "active" {
            (figures.activations_cap, figures.seats_cap) = (row.count()?, row.count()?);
        }
        figures.licenses.push((state, count));
    }
    let mut count = |sql, parameters: &[_]| {
        let row = transaction.find(sql, parameters)?;
        row.map_or(Ok(0), |mut row| row.count())
    };
    figures.seats_held = count(sql::COUNT_SEATS, &values![now])?;
    figures.seats_waiting = count(sql::COUNT_LINES, &values![seat::in_line_since(now)])?;
    figures.full = count(sql::COUNT_FULL, &values![now])?;
    Ok(figures)
}
