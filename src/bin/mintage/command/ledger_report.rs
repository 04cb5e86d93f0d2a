//! `mintage ledger report`.

use std::process::ExitCode;

use clap::Args;
use mintage::operation::ledger::report;
use mintage::report::{Format, PrimaryKey, Request, csv};
use mintage::time::Timestamp;

use crate::book::Book;
use crate::clock;
use crate::files::{self, Mode};
use crate::output::Output;
use crate::render::Terminal;

/// Report who used what, how long, and how near to the cap
///
/// A session is of the period when it began in it. The page of --format html is whole by itself and opens offline.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// What to report
    #[arg(value_name = "WHAT", value_parser = ["usage"])]
    what: String,
    /// The first second of the period; that of the first session if left out
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,
    /// The last second of the period; now if left out
    #[arg(long, value_name = "WHEN")]
    to: Option<String>,
    /// What tells users apart
    #[arg(long, value_name = "COLUMN", default_value = "machine_id")]
    #[arg(value_parser = ["machine_id", "username", "client_username", "client_hostname"])]
    primary_key: String,
    /// The form of the report; csv is the table of users, csv-general that of everybody together
    #[arg(long, value_name = "FORM", default_value = "json", value_parser = ["xlsx", "csv", "csv-general", "json", "html"])]
    format: String,
    #[command(flatten)]
    book: Book,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let now = clock::now()?;
    let when = |text: &Option<String>| text.as_deref().map(|at| Timestamp::parse_when(at, now)).transpose();
    let request = Request {
        primary_key: PrimaryKey::parse(&arguments.primary_key).unwrap_or_default(),
        from: when(&arguments.from)?,
        to: when(&arguments.to)?,
        as_of: now,
    };
    let ledger = arguments.book.open_swept(now, terminal)?;
    let report = report::usage(&ledger, request)?;
    let format = Format::parse(&arguments.format);
    let mut data = format.map_or_else(|| Ok(csv::general(&report)), |format| report.spell(format))?;
    if format == Some(Format::Json) {
        data.push(b'\n');
    }
    match arguments.output.file() {
        Some(path) => files::write(path, &data, Mode::Public, arguments.output.overwrite())?,
        None => terminal.data(&data)?,
    }
    terminal.note(&format!("{} sessions of {} users", report.session_count(), report.active_users()));
    Ok(ExitCode::SUCCESS)
}
