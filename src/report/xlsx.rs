//! A report as a spreadsheet of two sheets. What somebody else wrote is always a string, and no cell is a formula.
//!
//! The file is an archive of parts in XML (ECMA-376). The few that two plain tables need are spelled here: a library that
//! knows all of them would bring a second compressor along, and with it a C library into every start of the program.

mod text;

use std::fmt::Display;
use std::io::{self, BufWriter, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use rawzip::time::UtcDateTime;
use rawzip::{CompressionMethod, ZipArchiveWriter};

use super::figures::{Cell, decimal};
use super::{GENERAL, Report, ReportError, USERS};
use crate::time::{DAY, Timestamp};
use text::Escaped;

/// The most rows of a sheet.
pub const MAX_ROWS: usize = 1 << 20;

/// The most characters of a cell.
const MAX_CHARACTERS: usize = 32_767;

/// What a spreadsheet counts days from, in days before 1970.
const EPOCH: i64 = 25_569;

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const LINKS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PROPERTIES: &str = "http://schemas.openxmlformats.org/package/2006/metadata/core-properties";

/// The parts that are the same in every report.
const FIXED: [(&str, &str); 4] = [
    ("[Content_Types].xml", include_str!("xlsx/content-types.xml")),
    ("_rels/.rels", include_str!("xlsx/package.rels")),
    ("xl/_rels/workbook.xml.rels", include_str!("xlsx/workbook.rels")),
    ("xl/styles.xml", include_str!("xlsx/styles.xml")),
];

/// The styles of cells, in the order in which `styles.xml` lists them.
#[derive(Clone, Copy)]
enum Style {
    Plain,
    Head,
    Decimal,
    Moment,
}

/// How the sheets are shown: which is in front, what of it stays in sight, and how wide its columns are, in characters.
const GENERAL_SHOWN: &str = r#"<sheetViews><sheetView tabSelected="1" workbookViewId="0"/></sheetViews>
<sheetFormatPr defaultRowHeight="15"/>
<cols><col min="1" max="1" width="40.7" customWidth="1"/><col min="2" max="2" width="30.7" customWidth="1"/></cols>"#;
const USERS_SHOWN: &str = r#"<sheetViews><sheetView workbookViewId="0">
<pane xSplit="1" ySplit="1" topLeftCell="B2" activePane="bottomRight" state="frozen"/></sheetView></sheetViews>
<sheetFormatPr defaultRowHeight="15"/>
<cols><col min="1" max="1" width="48.7" customWidth="1"/><col min="2" max="7" width="20.7" customWidth="1"/></cols>"#;

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

fn write(report: &Report) -> Result<Vec<u8>, rawzip::Error> {
    // All is dated when the report was made: else the same one would give another file every second.
    let made = UtcDateTime::from_unix(report.as_of.seconds());
    let mut book = Book { archive: ZipArchiveWriter::new(Vec::new()), made };
    for (name, content) in FIXED {
        book.part(name, |part| part.write_all(content.as_bytes()))?;
    }
    book.part("docProps/core.xml", |part| {
        writeln!(
            part,
            "<cp:coreProperties xmlns:cp=\"{PROPERTIES}\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
             xmlns:dcterms=\"http://purl.org/dc/terms/\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n\
             <dc:title>Usage report</dc:title>\n<dcterms:created xsi:type=\"dcterms:W3CDTF\">{}</dcterms:created>\n\
             </cp:coreProperties>",
            report.as_of
        )
    })?;
    book.part("xl/workbook.xml", |part| {
        writeln!(
            part,
            "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{LINKS}\">\n<bookViews><workbookView/></bookViews>\n\
             <sheets><sheet name=\"{GENERAL}\" sheetId=\"1\" r:id=\"rId1\"/>\
             <sheet name=\"{USERS}\" sheetId=\"2\" r:id=\"rId2\"/></sheets>\n</workbook>"
        )
    })?;
    book.part("xl/worksheets/sheet1.xml", |part| {
        let rows = report.general_rows().into_iter().map(|(name, value)| [Cell::Text(name), value]);
        sheet(part, GENERAL_SHOWN, ["metric", "value"].into_iter(), rows)
    })?;
    book.part("xl/worksheets/sheet2.xml", |part| {
        let rows = report.users.iter().map(|user| user.cells(report));
        sheet(part, USERS_SHOWN, report.primary_key.columns(), rows)
    })?;
    book.archive.finish()
}

/// The archive, and the date of its parts.
struct Book {
    archive: ZipArchiveWriter<Vec<u8>>,
    made: UtcDateTime,
}

impl Book {
    /// Adds a part.
    fn part(
        &mut self,
        name: &str,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), rawzip::Error> {
        let file = self.archive.new_file(name).compression_method(CompressionMethod::DEFLATE).last_modified(self.made);
        let (mut entry, config) = file.start()?;
        let mut part = config.wrap(DeflateEncoder::new(&mut entry, Compression::default()));
        let mut pieces = BufWriter::new(&mut part);
        pieces.write_all(DECLARATION.as_bytes())?;
        content(&mut pieces)?;
        pieces.flush()?;
        drop(pieces);
        let (deflate, descriptor) = part.finish()?;
        deflate.finish()?;
        entry.finish(descriptor)?;
        Ok(())
    }
}

/// Spells a sheet: a head, and the rows under it.
fn sheet<const N: usize>(
    part: &mut dyn Write,
    shown: &str,
    head: impl Iterator<Item = &'static str>,
    rows: impl Iterator<Item = [Cell; N]>,
) -> io::Result<()> {
    write!(part, "<worksheet xmlns=\"{MAIN}\">\n{shown}\n<sheetData>\n<row r=\"1\">")?;
    for (place, name) in places(1).zip(head) {
        string(part, &place, Style::Head, name)?;
    }
    writeln!(part, "</row>")?;
    for (row, cells) in (2..).zip(rows) {
        write!(part, "<row r=\"{row}\">")?;
        for (place, cell) in places(row).zip(&cells) {
            put(part, &place, cell)?;
        }
        writeln!(part, "</row>")?;
    }
    writeln!(part, "</sheetData></worksheet>")
}

/// Names the cells of a row, from its first: `A1`, `B1` and so on.
fn places(row: usize) -> impl Iterator<Item = String> {
    ('A'..='Z').map(move |column| format!("{column}{row}"))
}

fn put(part: &mut dyn Write, place: &str, cell: &Cell) -> io::Result<()> {
    match cell {
        Cell::Count(count) => number(part, place, Style::Plain, count),
        Cell::Decimal(decimal) => number(part, place, Style::Decimal, &short(decimal)),
        Cell::Moment(moment) => number(part, place, Style::Moment, &serial(*moment)),
        Cell::Text(text) => string(part, place, Style::Plain, text),
    }
}

fn number(part: &mut dyn Write, place: &str, style: Style, value: &impl Display) -> io::Result<()> {
    write!(part, "<c r=\"{place}\" s=\"{}\"><v>{value}</v></c>", style as u8)
}

/// Writes a text into its cell, cut to what a cell holds.
fn string(part: &mut dyn Write, place: &str, style: Style, text: &str) -> io::Result<()> {
    let end = text.char_indices().nth(MAX_CHARACTERS).map_or(text.len(), |(at, _)| at);
    if end == 0 {
        return Ok(());
    }
    let text = Escaped(&text[..end]);
    write!(
        part,
        "<c r=\"{place}\" s=\"{}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is></c>",
        style as u8
    )
}

/// Spells a moment as spreadsheets count it: in days, to less than a millisecond.
fn serial(moment: Timestamp) -> String {
    let seconds = moment.seconds().saturating_add(EPOCH * DAY);
    short(&decimal(seconds.unsigned_abs(), DAY.unsigned_abs(), 9)).to_owned()
}

/// Cuts the zeros off that end a fraction.
fn short(decimal: &str) -> &str {
    if decimal.contains('.') { decimal.trim_end_matches('0').trim_end_matches('.') } else { decimal }
}
