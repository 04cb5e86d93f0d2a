//! `GET /reports/usage`: the bytes of `ledger report usage`.

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, HeaderValue};

use crate::code::Code;
use crate::http::app::App;
use crate::http::call::{Call, Reply};
use crate::http::problem::Problem;
use crate::http::schema::{Holds, Member, may, must};
use crate::operation::ledger::report;
use crate::report::{Format, PrimaryKey, Request};
use crate::time::Timestamp;

const FORMATS: [&str; 4] = ["csv", "html", "json", "xlsx"];

const PRIMARY_KEYS: [&str; 4] = ["client_hostname", "client_username", "machine_id", "username"];

/// What a report may come as.
pub(super) static MEDIA_TYPES: [&str; 4] =
    [Format::Json.media_type(), Format::Xlsx.media_type(), Format::Csv.media_type(), Format::Html.media_type()];

/// What a browser may do with a report as a page, which has a style and nothing that runs.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

pub(super) static QUERY: [Member; 4] = [
    must("format", Holds::OneOf(&FORMATS), "The form of the report"),
    may(
        "from",
        Holds::When,
        "The first second of the period, or a day from its beginning; that of the first session if left out",
    ),
    may("to", Holds::When, "The last second of the period, or a day to its end; now if left out"),
    may("primary_key", Holds::OneOf(&PRIMARY_KEYS), "What tells users apart; machine_id if left out"),
];

pub(super) fn usage(_: &App, call: &Call) -> Result<Reply, Problem> {
    let ledger = call.ledger()?;
    let Some(format) = call.asked("format").and_then(Format::parse) else {
        let message = format!("the query must hold `format`: one of {}", FORMATS.join(", "));
        return Err(Problem::new(Code::Malformed, message).hint("ask as ?format=xlsx"));
    };
    let when = |name| call.asked(name).and_then(|text| Timestamp::parse_when(text, call.now).ok());
    let since = |name| call.asked(name).and_then(|text| Timestamp::parse_since(text, call.now).ok());
    let primary_key = call.asked("primary_key").and_then(PrimaryKey::parse).unwrap_or_default();
    let request = Request { primary_key, from: since("from"), to: when("to"), as_of: call.now };
    let report = report::usage(ledger, request, None).map_err(|error| match error.code() {
        Code::Usage => Problem::new(Code::Malformed, error).hint("exchange `from` and `to`"),
        _ => error.into(),
    })?;
    let mut data = report.spell(format).map_err(|error| Problem::new(error.code(), error))?;
    if format == Format::Json {
        data.push(b'\n');
    }
    let mut reply = Reply::of(format.media_type(), data);
    if format == Format::Html {
        reply.headers.push((CONTENT_SECURITY_POLICY, PAGE_POLICY));
    }
    let file = format!("attachment; filename=\"usage.{}\"", format.as_str());
    if matches!(format, Format::Csv | Format::Xlsx)
        && let Ok(file) = HeaderValue::from_str(&file)
    {
        reply.headers.push((CONTENT_DISPOSITION, file));
    }
    Ok(reply)
}
