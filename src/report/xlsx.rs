//! A report as a spreadsheet of two sheets. What somebody else wrote is always a string, and no cell is a formula.

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use super::figures::Cell;
use super::{GENERAL, Report, ReportError, USERS};

/// The most rows of a sheet.
pub const MAX_ROWS: usize = 1 << 20;

/// The most characters of a cell.
const MAX_CHARACTERS: usize = 32_767;

/// Spells the report as a file that spreadsheet programs open.
///
/// # Errors
/// [`ReportError::TooManyUsers`] when a sheet has not enough rows; [`ReportError::Xlsx`].
pub fn workbook(report: &Report) -> Result<Vec<u8>, ReportError> {
    if report.users.len() >= MAX_ROWS {
        return Err(ReportError::TooManyUsers(report.users.len()));
    }
    write(report).map_err(|error| ReportError::Xlsx(error.to_string()))
}

struct Formats {
    head: Format,
    decimal: Format,
    moment: Format,
}

fn write(report: &Report) -> Result<Vec<u8>, XlsxError> {
    let formats = Formats {
        head: Format::new().set_bold(),
        decimal: Format::new().set_num_format("0.000"),
        moment: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
    };
    let mut book = Workbook::new();
    // Else the same report would give another file every second.
    let created = ExcelDateTime::from_timestamp(report.as_of.seconds())?;
    book.set_properties(&DocProperties::new().set_title("Usage report").set_creation_datetime(&created));

    let general = book.add_worksheet().set_name(GENERAL)?;
    general.set_column_width(0, 40)?.set_column_width(1, 30)?;
    head(general, ["metric", "value"].into_iter(), &formats)?;
    for (row, (name, value)) in (1..).zip(report.general_rows()) {
        general.write_string(row, 0, name)?;
        put(general, row, 1, &value, &formats)?;
    }

    let users = book.add_worksheet().set_name(USERS)?;
    users.set_column_width(0, 48)?.set_column_range_width(1, 6, 20)?.set_freeze_panes(1, 1)?;
    head(users, report.primary_key.columns(), &formats)?;
    for (row, user) in (1..).zip(&report.users) {
        for (column, cell) in (0..).zip(user.cells(report)) {
            put(users, row, column, &cell, &formats)?;
        }
    }
    book.save_to_buffer()
}

fn head(sheet: &mut Worksheet, names: impl Iterator<Item = &'static str>, formats: &Formats) -> Result<(), XlsxError> {
    for (column, name) in (0..).zip(names) {
        sheet.write_string_with_format(0, column, name, &formats.head)?;
    }
    Ok(())
}

fn put(sheet: &mut Worksheet, row: u32, column: u16, cell: &Cell, formats: &Formats) -> Result<(), XlsxError> {
    match cell {
        Cell::Count(count) => sheet.write_number(row, column, number(&count.to_string()))?,
        Cell::Decimal(decimal) => sheet.write_number_with_format(row, column, number(decimal), &formats.decimal)?,
        Cell::Moment(moment) => {
            let moment = ExcelDateTime::from_timestamp(moment.seconds())?;
            sheet.write_datetime_with_format(row, column, &moment, &formats.moment)?
        }
        Cell::Text(text) => {
            let end = text.char_indices().nth(MAX_CHARACTERS).map_or(text.len(), |(at, _)| at);
            sheet.write_string(row, column, &text[..end])?
        }
    };
    Ok(())
}

/// Reads a number that was spelled here.
fn number(text: &str) -> f64 {
    text.parse().unwrap_or_default()
}
