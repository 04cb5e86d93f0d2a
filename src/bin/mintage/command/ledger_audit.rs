//! `mintage ledger audit`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Args, Command};
use mintage::dsse::Envelope;
use mintage::json::Writer;
use mintage::ledger::audit::{ACTIONS, AuditFilter, Chained};
use mintage::ledger::{Ledger, LedgerError};
use mintage::operation::ledger::audit::{self, AuditError, Checkpoint, MAX_CHECKPOINT_BYTES};
use mintage::time::Timestamp;

use crate::book::Book;
use crate::clock;
use crate::failure::Failure;
use crate::files;
use crate::keys::{Signer, Trust, signer_hint};
use crate::output::Output;
use crate::render::Terminal;

/// Show the audit, prove that it is whole, or sign how far it has come
///
/// Every entry holds the hash of the one before it. What is cut off at the end shows only against a checkpoint: sign one
/// with --checkpoint and --key, keep it where nobody who can write the ledger can reach it, and give it to --verify.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Those of this license
    #[arg(long, value_name = "ID")]
    license: Option<String>,
    /// Those of this action, such as `activated`
    #[arg(long, value_name = "ACTION", value_parser = Actions)]
    action: Option<String>,
    /// Those from this time on: a time, a day from its beginning, or a span back from now
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,
    /// Those until this time
    #[arg(long, value_name = "WHEN")]
    to: Option<String>,
    /// The newest of these alone
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    /// Prove the chain instead of showing entries
    #[arg(long, conflicts_with_all = ["license", "action", "from", "to", "limit"])]
    verify: bool,
    /// The checkpoint to hold the chain against with --verify; else a file to write one to, signed by --key
    #[arg(long, value_name = "FILE", conflicts_with_all = ["license", "action", "from", "to", "limit"])]
    checkpoint: Option<PathBuf>,
    /// Replace the file of the checkpoint before
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    signer: Signer,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    book: Book,
}

/// Lists the actions in help and completions; whether there is another, the ledger says.
#[derive(Clone)]
struct Actions;

impl TypedValueParser for Actions {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(ACTIONS.into_iter().map(PossibleValue::new)))
    }
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let now = clock::now()?;
    let ledger = arguments.book.open()?;
    match (&arguments.checkpoint, arguments.verify) {
        (checkpoint, true) => verify(&ledger, checkpoint.as_deref(), &arguments.trust, terminal),
        (Some(path), false) => sign(&ledger, path, arguments, now, terminal),
        (None, false) => show(&ledger, arguments, now, terminal),
    }
}

fn show(ledger: &Ledger, arguments: &Arguments, now: Timestamp, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let filter = AuditFilter {
        after: 0,
        license_id: arguments.license.clone(),
        action: arguments.action.clone(),
        from: arguments.from.as_deref().map_or(Ok(Timestamp::EPOCH), |at| Timestamp::parse_since(at, now))?,
        to: arguments.to.as_deref().map_or(Ok(Timestamp::NEVER), |at| Timestamp::parse_when(at, now))?,
    };
    audit::known(ledger, &filter)?;
    let mut out = Writer::default();
    let mut rows = Vec::new();
    out.begin_object();
    out.name("entries").begin_array();
    let mut tell = |chained: Chained| {
        if terminal.json {
            chained.write(&mut out);
        } else {
            rows.push(cells(&chained));
        }
    };
    match arguments.limit {
        Some(most) => audit::newest(ledger, &filter, most)?.into_iter().for_each(tell),
        None => audit::entries::<LedgerError>(ledger, &filter, |chained| {
            tell(chained);
            Ok(())
        })?,
    }
    out.end_array();
    out.end_object();
    if terminal.json {
        terminal.data(format!("{}\n", out.finish()).as_bytes())?;
    } else {
        terminal.columns(&rows)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn cells(chained: &Chained) -> Vec<String> {
    let entry = &chained.entry;
    let done = [entry.license_id.as_deref(), entry.target.as_deref()].into_iter().flatten();
    vec![
        chained.sequence.to_string(),
        entry.at.to_string(),
        entry.actor.clone(),
        entry.action.clone(),
        entry.result.as_str().to_owned(),
        done.collect::<Vec<_>>().join(" "),
        entry.detail.clone(),
    ]
}

fn sign(
    ledger: &Ledger,
    path: &Path,
    arguments: &Arguments,
    now: Timestamp,
    terminal: &Terminal,
) -> anyhow::Result<ExitCode> {
    let output = Output { output: Some(path.to_owned()), force: arguments.force };
    output.check()?;
    let key = arguments.signer.open()?;
    let (checkpoint, envelope) = audit::checkpoint(ledger, &key, now)?;
    let json = envelope.to_json();
    output.hand_out(format!("{json}\n"), || json, terminal)?;
    let sequence = checkpoint.link.sequence;
    terminal.note(&format!("signed the audit up to entry {sequence}, by key {}", key.public().id().kid()));
    Ok(ExitCode::SUCCESS)
}

fn verify(ledger: &Ledger, checkpoint: Option<&Path>, trust: &Trust, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let checkpoint = checkpoint.map(|path| read(path, trust)).transpose()?;
    let end = audit::verify(ledger, checkpoint.as_ref())?;
    if terminal.json {
        let mut out = Writer::default();
        out.begin_object();
        out.name("bookId").string(&end.book_id);
        out.name("hash").string(&end.hash);
        out.name("sequence").integer(end.sequence.into());
        out.end_object();
        terminal.data(format!("{}\n", out.finish()).as_bytes())?;
    } else {
        terminal.line(&format!("the audit is whole: {} entries", end.sequence))?;
    }
    match checkpoint {
        Some(checkpoint) => {
            let (sequence, at) = (checkpoint.link.sequence, checkpoint.issued_at);
            terminal.note(&format!("it passes through the checkpoint of {at} at entry {sequence}"));
        }
        None => terminal.note("what was cut off at its end shows only with --checkpoint"),
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path, trust: &Trust) -> anyhow::Result<Checkpoint> {
    let data = files::read(path, MAX_CHECKPOINT_BYTES)?;
    let fail = |error: AuditError| {
        let failure = Failure::new(error.code(), format!("checkpoint `{}`: {error}", path.display()));
        failure.hint(signer_hint(error.code())).unable()
    };
    let envelope = Envelope::parse(&data).map_err(|error| fail(AuditError::Envelope(error)))?;
    Ok(Checkpoint::verify(&envelope, &trust.keyring()?).map_err(fail)?)
}
