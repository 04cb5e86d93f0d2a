//! Tells the rows of a text apart, many at a time, for threads that read them.

use std::{iter, mem};

use csv::StringRecord;

use super::{ReadFile, Row, RowError, RowFormat, SEPARATORS, draft, quotes, set, typed};
use crate::json::JsonError;
use crate::operation::draft::Draft;

/// How many rows are told apart before they are handed on.
const CHUNK: usize = 256;

/// Rows that have been told apart and not read yet.
pub(crate) struct Rows<'a> {
    /// The names of the columns, where the format has a head.
    pub(crate) head: StringRecord,
    pub(crate) chunks: Box<dyn Iterator<Item = Chunk<'a>> + 'a>,
}

/// Rows that follow one another.
pub(crate) struct Chunk<'a> {
    /// The number of the first row.
    first: u64,
    rows: Vec<RawRow<'a>>,
    /// The fields of all records, one after the other: memory for each record alone would cost more than reading it.
    fields: StringRecord,
}

/// The text of one row.
enum RawRow<'a> {
    Fault(RowError),
    Line(&'a [u8]),
    /// A record, and where its first field stands among those of the chunk.
    Record(usize),
}

/// Tells the rows of a text apart.
pub(crate) fn split(text: &[u8], format: RowFormat) -> Rows<'_> {
    // Windows puts a byte order mark in front of what it saves as UTF-8.
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    match format {
        RowFormat::Csv => split_csv(text),
        RowFormat::Jsonl => {
            let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
            Rows { head: StringRecord::new(), chunks: chunks(move |_| lines.next().map(RawRow::Line)) }
        }
    }
}

fn split_csv(text: &[u8]) -> Rows<'_> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(text);
    let is_quoted = text.contains(&b'"');
    // What is left of the text behind a record whose quotation marks are broken is not told apart: any end of it may be wrong.
    let broken = move |from: usize, to: usize| {
        let (at, what) = quotes::fault(text.get(from..to).filter(|_| is_quoted)?)?;
        let line = text[..from + at].split(|byte| *byte == b'\n').count();
        Some(RowError::Csv(format!(
            "line {line}: {what}; no row from there on is read; a field with a quotation mark stands between two, and \
             has it doubled"
        )))
    };
    // Told first: between other separators also whole quotation marks seem to be broken.
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let separated = SEPARATORS.iter().any(|separator| first.contains(separator)) && !first.contains(&b',');
    if separated {
        let error = RowError::Column(String::from_utf8_lossy(first.trim_ascii()).into_owned());
        let mut fault = Some(RawRow::Fault(error));
        return Rows { head: StringRecord::new(), chunks: chunks(move |_| fault.take()) };
    }
    let head = reader.headers().cloned().map_err(|error| fault(&error));
    let mut end = at(&reader);
    let head = broken(0, end).map_or(head, Err).and_then(|head| {
        let twice = (1..head.len()).find(|at| head.iter().take(*at).any(|other| other == &head[*at]));
        twice.map_or(Ok(()), |at| Err(JsonError::Duplicate(head[at].to_owned()).into())).map(|()| head)
    });
    match head {
        Ok(head) => {
            let mut record = StringRecord::new();
            let mut is_over = false;
            let next = move |fields: &mut StringRecord| {
                if is_over {
                    return None;
                }
                let read = reader.read_record(&mut record);
                let start = mem::replace(&mut end, at(&reader));
                if let Some(error) = broken(start, end) {
                    is_over = true;
                    return Some(RawRow::Fault(error));
                }
                match read {
                    Err(error) => Some(RawRow::Fault(fault(&error))),
                    Ok(false) => None,
                    Ok(true) => {
                        let first = fields.len();
                        fields.extend(&record);
                        Some(RawRow::Record(first))
                    }
                }
            };
            Rows { head, chunks: chunks(next) }
        }
        Err(error) => {
            let mut fault = Some(RawRow::Fault(error));
            Rows { head: StringRecord::new(), chunks: chunks(move |_| fault.take()) }
        }
    }
}

/// Says what is wrong with a record, and on which line.
fn fault(error: &csv::Error) -> RowError {
    let line = error.position().map_or(1, csv::Position::line);
    RowError::Csv(match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let what = if *len == 1 { "field" } else { "fields" };
            format!(
                "line {line}: {len} {what}, and the head names {expected_len} columns; an empty field keeps its comma"
            )
        }
        csv::ErrorKind::Utf8 { err, .. } => {
            format!("line {line}: field {} is not UTF-8; save the file as UTF-8", err.field() + 1)
        }
        _ => error.to_string(),
    })
}

/// Returns how many bytes of the text a reader has read as records.
fn at(reader: &csv::Reader<&[u8]>) -> usize {
    usize::try_from(reader.position().byte()).unwrap_or(usize::MAX)
}

/// Gathers rows that `next` tells apart; it puts the fields of a record behind those that are there.
fn chunks<'a>(
    mut next: impl FnMut(&mut StringRecord) -> Option<RawRow<'a>> + 'a,
) -> Box<dyn Iterator<Item = Chunk<'a>> + 'a> {
    let mut first = 1;
    Box::new(iter::from_fn(move || {
        let mut fields = StringRecord::new();
        let rows: Vec<_> = iter::from_fn(|| next(&mut fields)).take(CHUNK).collect();
        let chunk = Chunk { first, rows, fields };
        first += chunk.rows.len() as u64;
        Some(chunk).filter(|chunk| !chunk.rows.is_empty())
    }))
}

impl Chunk<'_> {
    /// Returns how many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Reads what each row asks for, and says its number.
    pub(crate) fn read(
        self,
        head: &StringRecord,
        file: ReadFile<'_>,
    ) -> impl Iterator<Item = (u64, Result<Row, RowError>)> {
        let Self { first, rows, fields } = self;
        let read = move |row| match row {
            RawRow::Fault(error) => Err(error),
            RawRow::Line(line) => Ok(Row::new(draft(line, file)?, [line])),
            RawRow::Record(first) => {
                let fields = || (first..first + head.len()).map(|at| fields.get(at).unwrap_or_default().trim());
                let mut draft = Draft::default();
                for (column, field) in head.iter().zip(fields()) {
                    let value = if field.is_empty() { None } else { Some(typed(column, field)?) };
                    // An empty field says nothing, but its column must be one that exists.
                    set(&mut draft, column, value, file)?;
                }
                Ok(Row::new(draft, fields().map(str::as_bytes)))
            }
        };
        (first..).zip(rows.into_iter().map(read))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn rows_keep_their_numbers_and_fields_from_chunk_to_chunk() {
        let count = 2 * CHUNK as u64 + 3;
        let mut text = " tenantId ,exp\n".to_owned();
        for number in 1..=count {
            // One row in a hundred has a field too many.
            let more = if number % 100 == 0 { ",x" } else { "" };
            writeln!(text, " t{number}\u{a0}, 90d{more}").unwrap();
        }
        let Rows { head, chunks } = split(text.as_bytes(), RowFormat::Csv);
        let mut next = 1;
        for chunk in chunks {
            assert!(chunk.len() <= CHUNK);
            for (number, row) in chunk.read(&head, &|path| Err(RowError::File(path.to_owned()))) {
                assert_eq!(number, next);
                let tenant_id = row.map(|row| row.draft.tenant_id.unwrap());
                assert_eq!(tenant_id.ok(), (number % 100 != 0).then(|| format!("t{number}")));
                next += 1;
            }
        }
        assert_eq!(next, count + 1);
    }
}
