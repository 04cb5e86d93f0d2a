//! The tables of a report as CSV (RFC 4180). Text that a spreadsheet would take for a formula begins with a `'`.

use ::csv::{Terminator, WriterBuilder};

use super::Report;
use super::figures::Cell;

/// Spells the figures of each user: the columns are the primary key and the six of a user.
pub fn users(report: &Report) -> Vec<u8> {
    let head = report.primary_key.columns().map(str::to_owned).collect();
    let rows = report.users.iter().map(|user| user.cells(report).map(field).to_vec());
    table(head, rows)
}

/// Spells the figures of everybody together: a name and a value in each row.
pub fn general(report: &Report) -> Vec<u8> {
    let rows = report.general_rows().into_iter().map(|(name, value)| vec![name, field(value)]);
    table(vec!["metric".to_owned(), "value".to_owned()], rows)
}

fn table(head: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut csv = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    // Rows of the same length into memory: writing cannot fail.
    [head].into_iter().chain(rows).for_each(|row| drop(csv.write_record(row)));
    csv.into_inner().unwrap_or_default()
}

fn field(cell: Cell) -> String {
    match cell {
        Cell::Count(count) => count.to_string(),
        Cell::Decimal(number) => number,
        Cell::Moment(moment) => moment.to_string(),
        Cell::Text(text) if looks_like_a_formula(&text) => format!("'{text}"),
        Cell::Text(text) => text,
    }
}

/// Whether a spreadsheet might compute a text: it begins so, or does once blanks are cut off.
fn looks_like_a_formula(text: &str) -> bool {
    const LEADS: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];
    text.starts_with(LEADS) || text.trim_start().starts_with(LEADS)
}
