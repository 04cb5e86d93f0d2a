//! The rows of `mint --batch`: CSV or JSONL becomes drafts, columns named as the claims.

mod quotes;
mod split;

use std::borrow::Cow;
use std::fmt;

use sha2::{Digest, Sha256};
pub(super) use split::{Chunk, Rows, split};

use super::draft::{Draft, When};
use crate::code::Code;
use crate::fingerprint::{Fingerprint, FingerprintError};
use crate::id::Hex;
use crate::json::{self, JsonError, Value, Writer};
use crate::license::Activation;
use crate::time::{TimeError, Timestamp};

/// How the rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowFormat {
    /// RFC 4180, the first record naming the columns.
    Csv,
    /// A JSON object on every line.
    Jsonl,
}

/// One row: what it asks for, and a digest of its text by which an interrupted batch knows it again.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The claims asked for.
    pub draft: Draft,
    /// The first 16 hex digits of SHA-256 over the row's text, and over the fingerprint it names.
    pub digest: String,
}

/// Says why a row cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowError {
    /// A column that no claim is named as.
    Column(String),
    /// The record is not CSV as RFC 4180 has it, or has another number of fields than the head.
    Csv(String),
    /// A file that the row names cannot be read; says which and why.
    File(String),
    /// The fingerprint is refused.
    Fingerprint(FingerprintError),
    /// The line is not the JSON that is expected.
    Json(JsonError),
    /// A field is not the number its column holds.
    Number(String, String),
    /// The time of the named column cannot be read.
    Time(String, TimeError),
}

const TIMES: [&str; 6] = ["exp", "expiresAt", "iat", "issuedAt", "maintenanceUntil", "nbf"];
/// What spreadsheets put between columns where they do not put a comma.
const SEPARATORS: [u8; 3] = *b";\t|";

const COUNTS: [&str; 3] = ["gracePeriodDays", "maxActivations", "seats"];

/// Reads the text of a file that a row names as `@FILE`.
pub type ReadFile<'a> = &'a (dyn Fn(&str) -> Result<String, RowError> + Sync);

/// Reads every row; a row at fault does not hide the others.
pub fn read(text: &[u8], format: RowFormat, file: ReadFile<'_>) -> Vec<Result<Row, RowError>> {
    let Rows { head, chunks } = split(text, format);
    chunks.flat_map(|chunk| chunk.read(&head, file).map(|(_, row)| row).collect::<Vec<_>>()).collect()
}

/// Reads one JSON object, its members named as the claims.
///
/// # Errors
/// [`RowError`] names the first member at fault.
pub fn draft(line: &[u8], file: ReadFile<'_>) -> Result<Draft, RowError> {
    let mut draft = Draft::default();
    for (name, value) in json::parse(line)?.into_object("row")? {
        match (name.as_ref(), value) {
            (name @ ("limits" | "meta"), value) => {
                for (key, value) in value.into_object(name)? {
                    set(&mut draft, &format!("{name}.{key}"), Some(value), file)?;
                }
            }
            (name, value) => set(&mut draft, name, Some(value), file)?,
        }
    }
    Ok(draft)
}

/// Gives a CSV field the type of its column.
fn typed<'a>(column: &str, field: &'a str) -> Result<Value<'a>, RowError> {
    let number = || field.bytes().all(|byte| byte.is_ascii_digit()).then(|| field.parse().ok()).flatten();
    let is_count = COUNTS.contains(&column) || column.starts_with("limits.");
    match number() {
        Some(number) if is_count || TIMES.contains(&column) => Ok(Value::Integer(number)),
        None if is_count => Err(RowError::Number(column.to_owned(), field.to_owned())),
        _ if column == "features" => {
            let names = field.split([' ', ',', ';', '|']).filter(|name| !name.is_empty());
            Ok(Value::Array(names.map(|name| Value::String(name.into())).collect()))
        }
        _ => Ok(Value::String(field.into())),
    }
}

/// Puts a member into a draft; without a value only its name is checked.
fn set(draft: &mut Draft, name: &str, value: Option<Value<'_>>, file: ReadFile<'_>) -> Result<(), RowError> {
    let twice = || RowError::Json(JsonError::Duplicate(name.to_owned()));
    macro_rules! put {
        ($member:ident, $read:expr) => {
            if let Some(value) = value {
                // Some claims have two names, of which a row may use one.
                if draft.$member.replace($read(value)?).is_some() {
                    return Err(twice());
                }
            }
        };
    }
    let text = |value: Value<'_>| value.into_string(name).map(Cow::into_owned);
    let count = |value: Value<'_>| value.into_count(name);
    let strings = |value: Value<'_>| -> Result<Vec<String>, JsonError> {
        value.into_array(name)?.into_iter().map(text).collect()
    };
    match name {
        "licenseId" => put!(license_id, text),
        "tenantId" => put!(tenant_id, text),
        "label" => put!(label, text),
        "product" => put!(product, text),
        "tier" => put!(tier, text),
        "plan" => put!(plan, text),
        "gracePeriodDays" => put!(grace_period_days, count),
        "maxActivations" => put!(max_activations, count),
        "seats" => put!(seats, count),
        "features" => put!(features, strings),
        "crit" => put!(critical, strings),
        "iat" | "issuedAt" => put!(issued_at, |value| when(name, value)),
        "exp" | "expiresAt" => put!(expires_at, |value| when(name, value)),
        "nbf" => put!(not_before, |value| when(name, value)),
        "maintenanceUntil" => put!(maintenance_until, |value| when(name, value)),
        "activation" => put!(activation, |value| activation(name, value)),
        "fingerprint" => put!(fingerprint, |value| fingerprint(name, value, file)),
        other => match (other.split_once('.'), value) {
            (Some(("limits", key)), Some(value)) => {
                if draft.limits.insert(key.to_owned(), value.into_count(name)?).is_some() {
                    return Err(twice());
                }
            }
            (Some(("meta", key)), Some(value)) => {
                if draft.meta.insert(key.to_owned(), text(value)?).is_some() {
                    return Err(twice());
                }
            }
            (Some(("limits" | "meta", _)), None) => {}
            _ => return Err(RowError::Column(other.to_owned())),
        },
    }
    Ok(())
}

fn when(name: &str, value: Value<'_>) -> Result<When, RowError> {
    match value {
        Value::String(text) => {
            // Spans count from the time of issue, which is not known yet; the form is judged now all the same.
            Timestamp::parse_when(&text, Timestamp::EPOCH).map_err(|error| RowError::Time(name.to_owned(), error))?;
            Ok(When::Text(text.into_owned()))
        }
        other => Ok(When::At(other.into_timestamp(name)?)),
    }
}

/// Reads a fingerprint as `--fingerprint` takes it: an exact text, an `fp1` object, or `@FILE` with either.
fn fingerprint(name: &str, value: Value<'_>, file: ReadFile<'_>) -> Result<Fingerprint, RowError> {
    let Value::String(text) = &value else {
        return Ok(Fingerprint::from_json(value, name)?);
    };
    let text = match text.strip_prefix('@') {
        Some(path) => Cow::Owned(file(path)?),
        None => Cow::Borrowed(&**text),
    };
    Ok(Fingerprint::parse(&text, name)?)
}

fn activation(name: &str, value: Value<'_>) -> Result<Activation, JsonError> {
    match value {
        Value::String(text) if text == "none" => Ok(Activation::None),
        Value::String(text) if text == "proof" => Ok(Activation::Proof),
        other => Err(JsonError::value(name, "`none` or `proof`", &other)),
    }
}

impl Row {
    fn new<'a>(draft: Draft, text: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut digest = digest(text);
        if let Some(fingerprint) = &draft.fingerprint {
            let mut out = Writer::default();
            fingerprint.write(&mut out);
            digest = self::digest([digest.as_bytes(), out.finish().as_bytes()]);
        }
        Self { draft, digest }
    }
}

fn digest<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for field in fields {
        hash.update((field.len() as u64).to_le_bytes());
        hash.update(field);
    }
    Hex(&hash.finalize()[..8]).to_string()
}

impl RowError {
    /// Returns the code this fault is reported under.
    pub fn code(&self) -> Code {
        match self {
            Self::File(_) => Code::FileUnreadable,
            Self::Fingerprint(error) => error.code(),
            Self::Json(error) => error.code(),
            _ => Code::Malformed,
        }
    }
}

impl From<FingerprintError> for RowError {
    fn from(error: FingerprintError) -> Self {
        Self::Fingerprint(error)
    }
}

impl From<JsonError> for RowError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(name) => {
                write!(f, "`{}` is not a claim; ", name.escape_debug())?;
                match name.bytes().find(|byte| SEPARATORS.contains(byte)).map(char::from) {
                    Some(separator) => write!(
                        f,
                        "it seems that `{}` separates the columns: save the file with commas",
                        separator.escape_debug()
                    ),
                    None => f.write_str("columns are named as the claims, such as tenantId, exp, limits.max_apps"),
                }
            }
            Self::Csv(reason) | Self::File(reason) => f.write_str(reason),
            Self::Fingerprint(error) => error.fmt(f),
            Self::Json(error) => error.fmt(f),
            Self::Number(column, field) => {
                write!(f, "`{column}` must be an integer of at least 0, and is `{}`", field.escape_debug())
            }
            Self::Time(name, error) => {
                write!(f, "`{name}`: {error}; write 2027-01-31, 2027-01-31T12:00:00Z, 90d, 12h, 2w or never")
            }
        }
    }
}

impl std::error::Error for RowError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8], format: RowFormat) -> Vec<Result<Row, RowError>> {
        read(text, format, &|path| Err(RowError::File(path.to_owned())))
    }

    #[test]
    fn csv_and_jsonl_ask_for_the_same() {
        let csv = "tenantId,exp,limits.max_apps,features,gracePeriodDays,meta.order,label\nacme,2027-01-01,25,reports; audit,14,A-1,\"Acme, Inc.\"\n";
        let jsonl = r#"{"tenantId":"acme","exp":"2027-01-01","limits":{"max_apps":25},"features":["reports","audit"],"gracePeriodDays":14,"meta.order":"A-1","label":"Acme, Inc."}"#;
        let csv = rows(csv.as_bytes(), RowFormat::Csv).remove(0).unwrap();
        let jsonl = rows(jsonl.as_bytes(), RowFormat::Jsonl).remove(0).unwrap();
        assert_eq!(csv.draft, jsonl.draft);
        assert_eq!(csv.draft.limits["max_apps"], 25);
    }

    #[test]
    fn a_row_at_fault_does_not_hide_the_others() {
        let read = rows(b"tenantId,exp,seats\na,90d,1\nb,soon,1\nc,90d,many\nd,90d\ne,1893456000,\n", RowFormat::Csv);
        let faults: Vec<_> = read.iter().map(Result::is_err).collect();
        assert_eq!(faults, [false, true, true, true, false]);
        assert_eq!(read[2], Err(RowError::Number("seats".to_owned(), "many".to_owned())));
    }

    #[test]
    fn broken_quotation_marks_are_refused_by_their_line_and_end_the_rows() {
        let fault = |text: &str| {
            let mut read = rows(text.as_bytes(), RowFormat::Csv);
            let Some(Err(RowError::Csv(reason))) = read.pop() else { panic!("{text}: {read:?}") };
            assert!(read.iter().all(Result::is_ok), "{text}");
            (read.len(), reason)
        };
        let (whole, reason) = fault("tenantId,label\r\na,\"x\r\ny\"\r\n\"acme\"x,b\r\nc,d\r\n");
        assert_eq!((whole, reason.starts_with("line 4: there is text behind the closing")), (1, true), "{reason}");
        // The rest would be read as rows that nobody wrote.
        let (whole, reason) = fault("tenantId,label\na, \"x\nevil,y\nb,\"\n");
        assert_eq!((whole, reason.starts_with("line 2: a quotation mark stands in a field")), (0, true), "{reason}");
        let (whole, reason) = fault("tenantId,label\na,b\nc,\"d\n");
        assert_eq!((whole, reason.starts_with("line 3: a field is opened")), (1, true), "{reason}");
        let (whole, reason) = fault("tenantId,\"label\na,b\n");
        assert_eq!((whole, reason.starts_with("line 1: a field is opened")), (0, true), "{reason}");
    }

    #[test]
    fn records_at_fault_are_named_by_line_and_field() {
        let fault = |text: &[u8]| rows(text, RowFormat::Csv).pop().unwrap().unwrap_err().to_string();
        assert_eq!(
            fault(b"tenantId,exp\na,90d,x\n"),
            "line 2: 3 fields, and the head names 2 columns; an empty field keeps its comma"
        );
        assert_eq!(
            fault(b"tenantId,label\n\"a\nb\",c\nd\n"),
            "line 4: 1 field, and the head names 2 columns; an empty field keeps its comma"
        );
        assert_eq!(fault(b"tenantId,exp\na,\xe4\n"), "line 2: field 2 is not UTF-8; save the file as UTF-8");
    }

    #[test]
    fn a_separator_that_is_no_comma_is_named() {
        for text in ["tenantId;exp;label\na;90d;b\n", "tenantId;exp;label\r\na;90d;\"b; \"\"c\"\"\"\r\nd;1d;e\r\n"] {
            let read = rows(text.as_bytes(), RowFormat::Csv);
            assert_eq!(
                read.iter().map(|row| row.as_ref().unwrap_err().to_string()).collect::<Vec<_>>().join("\n"),
                "`tenantId;exp;label` is not a claim; it seems that `;` separates the columns: save the file with commas"
            );
        }
    }

    #[test]
    fn an_unknown_column_is_refused_even_when_empty() {
        let read = rows(b"tenantId,tennant\na,\n", RowFormat::Csv);
        assert_eq!(read, [Err(RowError::Column("tennant".to_owned()))]);
        let read = rows(br#"{"tenantId":5}"#, RowFormat::Jsonl);
        assert!(matches!(read[0], Err(RowError::Json(_))));
    }
}
