//! `mintage ledger report`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mintage::code::Code;
use mintage::dsse::{Envelope, Kind};
use mintage::key::SecretKey;
use mintage::ledger::LedgerError;
use mintage::operation::document::armored;
use mintage::operation::ledger::report;
use mintage::proof::Proof;
use mintage::report::{Format, PrimaryKey, Request, Signed, csv, json};
use mintage::time::Timestamp;

use crate::book::{self, Book};
use crate::clock;
use crate::command::verify_proof::read_proof;
use crate::failure::Failure;
use crate::instance::Instance;
use crate::output::Output;
use crate::render::Terminal;
use crate::times::counted;

/// Report who used what, how long, and how near to the cap
///
/// A session is of the period when it began in it. The page of --format html is whole by itself and opens offline. With
/// --sign it is a document for the issuer, signed by the instance key that the proof of this machine's activation names.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// What to report
    #[arg(value_name = "WHAT", value_parser = ["usage"])]
    what: String,
    /// The first second of the period: a time, a day from its beginning, or a span back from now; that of the first session if
    /// left out
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,
    /// The last second of the period, or a day to its end; now if left out
    #[arg(long, value_name = "WHEN")]
    to: Option<String>,
    /// Report this license alone: its id or its license key, or @FILE with one of them. With --sign it is the one that --proof is of
    #[arg(long, value_name = "LICENSE", conflicts_with = "sign")]
    license: Option<String>,
    /// What tells users apart
    #[arg(long, value_name = "COLUMN", default_value = "machine_id")]
    #[arg(value_parser = ["machine_id", "username", "client_username", "client_hostname"])]
    primary_key: String,
    /// The form of the report; csv is the table of users, csv-general that of everybody together
    #[arg(long, value_name = "FORM", default_value = "json", value_parser = ["xlsx", "csv", "csv-general", "json", "html"])]
    format: String,
    /// Sign the report, with this machine's key that --proof names
    #[arg(long, requires = "proof", conflicts_with = "format")]
    sign: bool,
    /// The installed proof of this machine's activation
    #[arg(long, value_name = "FILE", requires = "sign")]
    proof: Option<PathBuf>,
    /// Write the report armored for mail, every line with its own check
    #[arg(long, requires = "sign")]
    armor: bool,
    #[command(flatten)]
    instance: Instance,
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
        from: arguments.from.as_deref().map(|at| Timestamp::parse_since(at, now)).transpose()?,
        to: when(&arguments.to)?,
        as_of: now,
    };
    let activated = arguments.proof.as_deref().map(|path| signer(path, &arguments.instance)).transpose()?;
    let ledger = arguments.book.open_swept(now, terminal)?;
    let named = arguments.license.as_deref().map(|name| book::license_id(&ledger, name)).transpose()?;
    // An issuer is told of its own license, whatever else is used here.
    let license_id = activated.as_ref().map(|(proof, _)| &proof.license_id).or(named.as_ref());
    let report = report::usage(&ledger, request, license_id.map(String::as_str)).map_err(backwards)?;
    if let Some(id) = named.as_ref().filter(|_| activated.is_none() && report.session_count() == 0) {
        report::known(&ledger, id)?;
    }
    let of = license_id.map_or_else(String::new, |id| format!(" of license {id}"));
    terminal.note(&format!(
        "{} of {}{of}",
        counted(report.session_count(), "session"),
        counted(report.active_users(), "user")
    ));
    if let Some((proof, key)) = activated {
        let signed = Signed { proof_id: proof.proof_id, license_id: proof.license_id, report };
        let json = Envelope::sign(Kind::Usage, json::payload(&signed).into_bytes(), &[&key]).to_json();
        let text = if arguments.armor { armored("usage", &json) } else { format!("{json}\n") };
        arguments.output.hand_out(text, || json, terminal)?;
        let (id, kid) = (&signed.proof_id, key.public().id().kid());
        terminal.note(&format!("signed for activation {id} by instance key {kid}; send it to the issuer"));
        return Ok(ExitCode::SUCCESS);
    }
    let format = Format::parse(&arguments.format);
    let mut data = format.map_or_else(|| Ok(csv::general(&report)), |format| report.spell(format))?;
    if format == Some(Format::Json) {
        data.push(b'\n');
    }
    arguments.output.hand_out(data, || json::readable(&report), terminal)?;
    Ok(ExitCode::SUCCESS)
}

/// Says which arguments to exchange for a period that ends before it begins.
fn backwards(error: LedgerError) -> anyhow::Error {
    match error.code() {
        Code::Usage => Failure::new(Code::Usage, error).hint("exchange --from and --to").into(),
        _ => error.into(),
    }
}

/// Opens the instance key of the activation that a proof is of.
fn signer(path: &Path, instance: &Instance) -> anyhow::Result<(Proof, SecretKey)> {
    let proof = Proof::parse(read_proof(path)?.unverified_payload())
        .map_err(|error| Failure::new(error.code(), format_args!("proof `{}`: {error}", path.display())))?;
    if let Some(key) = instance.open(&proof.instance_key)? {
        return Ok((proof, key));
    }
    let kid = proof.instance_key.id().kid();
    let message = format!("the proof is for instance key {kid}, which this machine does not hold");
    let hint = "sign on the machine that was activated, as the user who did it";
    Err(Failure::new(Code::WrongMachine, message).hint(hint).into())
}
