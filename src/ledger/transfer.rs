//! The whole book as lines of JSON, the same whichever engine it lies in.
//!
//! The first line names the form, the last counts the others and holds their digest; between them stands a row per line.

use std::fmt;

use sha2::{Digest, Sha256};

use super::audit::{self, Link};
use super::license::{self, LicenseFilter};
use super::migration::STEPS;
use super::sql::{self, Columns};
use super::value::{Cell, values};
use super::{Cause, LedgerError, Transaction, Value, activation};
use crate::code::Code;
use crate::id::Hex;
use crate::json::{self, Members, Writer};

/// What the first line says it is.
const KIND: &str = "mintage/ledger/v1";

/// As many rows are read at once.
const PAGE: u64 = 1_000;

/// Hands on every line of an export, each with its line feed.
///
/// # Errors
/// What `each` answers; `Unavailable`.
pub fn export<E>(
    transaction: &mut Transaction<'_>,
    each: &mut dyn FnMut(&str) -> Result<(), E>,
) -> Result<Result<(), E>, LedgerError> {
    let (mut digest, mut count) = (Sha256::new(), 0_u64);
    let mut lines = |line: &str| {
        digest.update(line);
        count += 1;
        each(line)
    };
    if let Err(stopped) = lines(&format!("{{\"kind\":\"{KIND}\",\"schema\":{}}}\n", STEPS.len())) {
        return Ok(Err(stopped));
    }
    for table in sql::BOOK_TABLES {
        // Keys are texts, but for the numbers of the audit.
        let mut after = if table.table == sql::AUDIT.table { Value::Integer(0) } else { Value::Text(String::new()) };
        loop {
            let page = transaction.query(&sql::export_page(table), &values![&after, PAGE])?;
            let full = page.len() as u64 == PAGE;
            for mut row in page {
                let values =
                    names(table).map(|name| Ok((name, row.value()?))).collect::<Result<Vec<_>, LedgerError>>()?;
                if let Some((_, key)) = values.first() {
                    after = key.clone();
                }
                if let Err(stopped) = lines(&line(table, values)) {
                    return Ok(Err(stopped));
                }
            }
            if !full {
                break;
            }
        }
    }
    let last = format!("{{\"lines\":{count},\"sha256\":\"{}\"}}\n", Hex(&digest.finalize()));
    Ok(each(&last))
}

fn names(table: Columns) -> impl Iterator<Item = &'static str> {
    table.columns.split(',').map(str::trim)
}

fn line(table: Columns, mut values: Vec<(&'static str, Value)>) -> String {
    values.sort_unstable_by_key(|(name, _)| *name);
    let mut out = Writer::default();
    out.begin_object();
    out.name("row").begin_object();
    for (name, value) in values {
        match value {
            Value::Integer(number) => out.name(name).integer(number.into()),
            Value::Null => out.name(name).null(),
            Value::Text(text) => out.name(name).string(&text),
        }
    }
    out.end_object();
    out.name("table").string(table.table);
    out.end_object();
    out.end_line();
    out.finish()
}

const EXPORT_AGAIN: &str = "make it again with `mintage ledger export`, and carry it whole";

/// An export that was read whole: of every table the values, row by row, in the order of the tables.
#[derive(Clone, Debug)]
pub struct Export(Vec<Vec<Value>>);

impl Export {
    /// Reads an export. What an older version wrote is carried over, as its ledger would be.
    ///
    /// # Errors
    /// `Refused` with `wrong-kind` when it is something else, `malformed` names the first line at fault, `unsupported` a
    /// schema that is newer than this version.
    pub fn parse(text: &[u8]) -> Result<Self, LedgerError> {
        let mut rows: Vec<Vec<Value>> = sql::BOOK_TABLES.iter().map(|_| Vec::new()).collect();
        let body = text.strip_suffix(b"\n").unwrap_or(text);
        let end = body.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let (lines, last) = (&text[..end], &body[end..]);
        let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let schema = head(json::parse(first).and_then(|value| value.into_object("line")).unwrap_or_default())?;
        let count = lines.split(|byte| *byte == b'\n').count() - 1;
        let expected = format!("{{\"lines\":{count},\"sha256\":\"{}\"}}", Hex(&Sha256::digest(lines)));
        if last != expected.as_bytes() {
            let message = "the export is not whole: its last line does not fit those before it";
            return Err(LedgerError::refused(Code::Malformed, message).with_hint(EXPORT_AGAIN));
        }
        let rows_of = lines.split(|byte| *byte == b'\n').zip(1..).skip(1);
        for (line, number) in rows_of.filter(|(line, _)| !line.is_empty()) {
            let fault = |what: &str| {
                LedgerError::refused(Code::Malformed, format_args!("line {number}: {what}")).with_hint(EXPORT_AGAIN)
            };
            let members = json::parse(line).and_then(|value| value.into_object("line"));
            let members = members.map_err(|error| fault(&error.to_string()))?;
            let (table, row) = read_row(members, schema).ok_or_else(|| fault("is no row of a ledger"))?;
            rows[table].extend(row);
        }
        Ok(Self(rows))
    }
}

/// Reads the first line; returns the schema.
fn head(members: Members<'_>) -> Result<usize, LedgerError> {
    let (mut kind, mut schema) = (None, None);
    for (name, value) in members {
        match (name.as_ref(), value) {
            ("kind", json::Value::String(text)) => kind = Some(text.into_owned()),
            ("schema", json::Value::Integer(number)) => schema = usize::try_from(number).ok(),
            _ => {}
        }
    }
    match (kind.as_deref(), schema) {
        (Some(KIND), Some(schema)) if (1..=STEPS.len()).contains(&schema) => Ok(schema),
        (Some(KIND), Some(schema)) => {
            let message =
                format!("the export is of schema {schema}, and this mintage knows those up to {}", STEPS.len());
            Err(LedgerError::refused(Code::Unsupported, message))
        }
        _ => Err(LedgerError::refused(Code::WrongKind, "this is no export of a ledger").with_hint(EXPORT_AGAIN)),
    }
}

/// What the reason of a license that is installed here said, before a column did.
const EARLIER_INSTALLED: [&str; 2] = ["installed here", "another license is installed here"];

/// Does to a row what the steps after its schema do to a ledger; what they count, [`import`] counts anew.
fn carry_over(schema: usize, table: &str, row: &mut Members<'_>) {
    if table == sql::LICENSE.table {
        if schema < 6 {
            row.retain(|(name, _)| name != "activations");
        }
        if schema < 9 {
            let said_nothing = |value: &json::Value<'_>| matches!(value, json::Value::Integer(0));
            let hours = row.iter_mut().filter(|(name, value)| name == "grace_hours" && said_nothing(value));
            hours.for_each(|(_, value)| *value = json::Value::Null);
        }
        if schema < 12 {
            let installed = EARLIER_INSTALLED.map(|reason| ("reason".into(), json::Value::String(reason.into())));
            let is_installed = row.iter().any(|member| installed.contains(member));
            row.push(("installed".into(), json::Value::Integer(is_installed.into())));
        }
    }
    if table == sql::LEASE.table && schema < 10 {
        row.extend(["instance_key", "release"].map(|name| (name.into(), json::Value::Null)));
    }
    if table == sql::ACTIVATION.table && schema < 11 {
        row.push(("document".into(), json::Value::Null));
    }
}

/// Finds the table of a row and puts its values in the order of the columns.
fn read_row(members: Members<'_>, schema: usize) -> Option<(usize, Vec<Value>)> {
    let (mut table, mut row) = (None, None);
    for (name, value) in members {
        match (name.as_ref(), value) {
            ("row", json::Value::Object(members)) => row = Some(members),
            ("table", json::Value::String(text)) => {
                table = sql::BOOK_TABLES.iter().position(|columns| columns.table == text);
            }
            _ => return None,
        }
    }
    let (table, mut row) = (table?, row?);
    carry_over(schema, sql::BOOK_TABLES[table].table, &mut row);
    let mut values = Vec::new();
    for name in names(sql::BOOK_TABLES[table]) {
        let at = row.iter().position(|(member, _)| member == name)?;
        values.push(match row.swap_remove(at).1 {
            json::Value::Integer(number) => Value::Integer(i64::try_from(number).ok()?),
            json::Value::Null => Value::Null,
            json::Value::String(text) => Value::Text(text.into_owned()),
            _ => return None,
        });
    }
    row.is_empty().then_some((table, values))
}

/// Puts an export into an empty ledger; returns how many licenses it holds.
///
/// # Errors
/// `Refused` with `license-exists` when the ledger is in use, with `malformed` when the audit chain of the export is broken or
/// a license or a machine of it cannot be read; `Unavailable`.
pub fn import(transaction: &mut Transaction<'_>, export: &Export) -> Result<u64, LedgerError> {
    let mut in_use = Link::find(transaction)?.sequence > 0;
    for table in sql::BOOK_TABLES.iter().filter(|table| table.table != "book") {
        in_use = in_use || transaction.find(&sql::any_row(*table), &[])?.is_some();
    }
    if in_use {
        let refusal = LedgerError::refused(Code::LicenseExists, "the ledger is in use, and an import begins a new one");
        return Err(refusal.with_hint("name a ledger that is not there yet with --ledger"));
    }
    transaction.execute(sql::CLEAR_BOOK, &[])?;
    for (table, values) in sql::BOOK_TABLES.into_iter().zip(&export.0) {
        // What is counted of the machines themselves fits them.
        if table.table != sql::ACTIVATION_COUNT.table {
            transaction.insert(table, &values.iter().map(Cell::from).collect::<Vec<_>>())?;
        }
    }
    transaction.execute(sql::COUNT_ANEW, &[])?;
    let not_whole = |what: &dyn fmt::Display| {
        LedgerError::refused(Code::Malformed, format_args!("the export is not whole: {what}")).with_hint(EXPORT_AGAIN)
    };
    let unreadable = |error| match error {
        LedgerError::Unavailable(Cause::Corrupted, what) => not_whole(&what),
        error => error,
    };
    activation::keep_anew(transaction).map_err(unreadable)?;
    let end = Link::find(transaction)?;
    audit::follow(transaction, &end, |_| {})?.map_err(|broken| not_whole(&broken))?;
    let (mut filter, mut count) = (LicenseFilter::default(), 0);
    loop {
        let page = license::page(transaction, &filter, PAGE).map_err(unreadable)?;
        let Some(last) = page.last() else { return Ok(count) };
        filter.after.clone_from(&last.license.license_id);
        count += page.len() as u64;
    }
}
