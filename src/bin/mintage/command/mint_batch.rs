//! `mintage mint --batch`.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;
use std::thread::available_parallelism;

use mintage::code::Code;
use mintage::key::SecretKey;
use mintage::keyring::Keyring;
use mintage::ledger::Ledger;
use mintage::operation::batch::{self, Batch, Checked, Done, Pending, PendingLicense, RowFault, Signing};
use mintage::operation::ledger::Stamp;
use mintage::operation::ledger::issue::{self, Record};
use mintage::operation::mint::Times;
use mintage::operation::rows::{RowError, RowFormat};
use mintage::token::Token;

use crate::book::stamp;
use crate::command::mint::{Arguments, Minting, explain};
use crate::failure::Failure;
use crate::files;
use crate::journal::{Journal, Start, TornLine};
use crate::progress::Progress;
use crate::render::Terminal;
use crate::times::{self, counted};
use crate::{machine, random};

/// The largest batch, in bytes; every row is held until all have been checked.
const MAX_BATCH_BYTES: usize = 1 << 30;

/// The longest row, in bytes: no license takes as many.
const MAX_ROW_BYTES: usize = 1 << 20;

/// Faults that are shown one by one; the rest are counted.
const SHOWN_FAULTS: usize = 20;

pub(crate) fn run(
    path: &Path,
    arguments: &Arguments,
    minting: &Minting,
    terminal: &Terminal,
) -> anyhow::Result<ExitCode> {
    let format = match path.extension().and_then(OsStr::to_str) {
        Some("csv") => RowFormat::Csv,
        Some("jsonl" | "ndjson") => RowFormat::Jsonl,
        _ if path == Path::new("-") => RowFormat::Jsonl,
        _ => {
            let message = format!("`{}` is neither .csv nor .jsonl", path.display());
            return Err(Failure::new(Code::Usage, message).hint("name the batch by what it holds").into());
        }
    };
    if let Some(id) = &minting.base.license_id {
        let message = format!("--id {id} would name every license of the batch");
        return Err(Failure::new(Code::Usage, message).hint("give ids in a column `licenseId`").into());
    }
    let defaults = Times::of(&minting.base, minting.now).map_err(explain)?;
    times::announce_defaults(&defaults, minting.now, terminal);
    let text = files::read_lines(path, MAX_BATCH_BYTES, MAX_ROW_BYTES)?;
    let beside = path.parent().unwrap_or(Path::new(""));
    let file =
        |name: &str| machine::text_of_file(&beside.join(name)).map_err(|error| RowError::File(format!("{error:#}")));
    let journal = arguments.output.file().map(|output| Journal::of(output, arguments.output.overwrite()));
    let (done, start) = match &journal {
        Some(journal) if arguments.resume => {
            journal.read(if arguments.dry_run { TornLine::Keep } else { TornLine::Cut })?
        }
        Some(journal) => {
            journal.refuse_unfinished()?;
            (Vec::new(), Start::Nothing)
        }
        _ => (Vec::new(), Start::Nothing),
    };
    let threads = available_parallelism().map_or(1, usize::from);
    let (base, plans, form) = (&minting.base, minting.plans.as_ref(), minting.form());
    let batch = Batch { text: &text, format, file: &file, base, plans, form, done: &done, now: minting.now, threads };
    let Checked { total, pending, faults, untimely } = batch.check(random::license_id)?;
    drop(text);
    if total == 0 {
        let message = format!("`{}` holds no rows", path.display());
        return Err(Failure::new(Code::Malformed, message)
            .hint("the first line of a CSV file names the columns")
            .into());
    }
    if !faults.is_empty() {
        return Err(refuse(&faults, total, terminal));
    }
    let count = pending.iter().map(Pending::len).sum::<usize>();
    times::warn(&untimely, count as u64, minting.now, terminal);
    if arguments.dry_run {
        let kid = arguments.kid()?;
        for PendingLicense { payload, .. } in pending.iter().flat_map(Pending::licenses) {
            let payload = kid.map_or_else(|| payload.as_str().to_owned(), |kid| payload.named(kid));
            terminal.data((payload + "\n").as_bytes())?;
        }
        let unwritten = arguments.output.unwritten();
        terminal.note(&format!("dry run: {count} of {total} rows would be minted; nothing was signed{unwritten}"));
        return Ok(ExitCode::SUCCESS);
    }
    // An output that holds every row is left as it is.
    let is_whole = pending.iter().all(Pending::is_empty) && matches!(start, Start::Output { is_whole: true, .. });
    let journal = journal.filter(|_| !is_whole).map(|journal| (journal, start));
    sign(arguments, minting, pending, &done, journal, terminal)
}

fn sign(
    arguments: &Arguments,
    minting: &Minting,
    pending: Vec<Pending>,
    done: &[Done],
    journal: Option<(Journal, Start)>,
    terminal: &Terminal,
) -> anyhow::Result<ExitCode> {
    let ledger = arguments.book.make_if_named(minting.now)?;
    if let Some(ledger) = &ledger {
        let faults = taken(ledger, &pending)?;
        if !faults.is_empty() {
            let total = pending.iter().map(Pending::len).sum::<usize>();
            return Err(refuse(&faults, total as u64, terminal));
        }
    }
    let key = arguments.signer.open()?;
    let keyring = arguments.verifying(&key)?;
    let threads = available_parallelism().map_or(1, usize::from);
    let signing = Signing { key: &key, secret: minting.secret.as_ref(), verify: keyring.as_ref(), threads };
    batch::confirm(done, &signing).map_err(|fault| {
        let message = format!("row {} of what is there already: {}", fault.row, fault.message);
        let hint = "go on with the key and the --seal that it began with, or start over with --force";
        Failure::new(fault.code, message).hint(hint).unable()
    })?;
    let progress = Progress::new(("minting", "licenses"), terminal);
    let total = pending.iter().map(Pending::len).sum();
    progress.expect(total);
    let mut journal = journal.map(|(journal, start)| journal.open(&start)).transpose()?;
    let recorder = ledger.map(|ledger| Recorder { ledger, stamp: stamp(minting.now), key: &key, minting });
    if let Some(recorder) = &recorder {
        // An interruption may have come between the result and the book.
        let tokens: Vec<String> = done.iter().map(|done| done.token.clone()).collect();
        tokens.chunks(RECORDED).try_for_each(|tokens| recorder.record(tokens))?;
    }
    batch::sign::<anyhow::Error>(pending, &signing, random::bytes::<12>, |lines, count| {
        if let Some(journal) = &mut journal {
            journal.append(lines.as_bytes())?;
            if let Some(recorder) = &recorder {
                // The result first, and for good: what it lacks is minted again under another id.
                journal.sync()?;
                recorder.record_lines(&lines)?;
            }
        } else {
            recorder.iter().try_for_each(|recorder| recorder.record_lines(&lines))?;
            terminal.data(lines.as_bytes())?;
        }
        progress.advance(count);
        Ok(())
    })?;
    drop(progress);
    if let Some(journal) = journal {
        journal.finish()?;
    }
    let were = if done.len() == 1 { "was" } else { "were" };
    let resumed = if done.is_empty() { String::new() } else { format!(", {} {were} there already", done.len()) };
    let minted = counted(total as u64, "license");
    terminal.note(&format!("minted {minted}{resumed}, signed by key {}", key.public().id().kid()));
    Ok(ExitCode::SUCCESS)
}

/// Finds the rows whose ids stand for licenses of the ledger already.
fn taken(ledger: &Ledger, pending: &[Pending]) -> anyhow::Result<Vec<RowFault>> {
    let rows = || pending.iter().flat_map(Pending::licenses);
    let ids: Vec<&str> = rows().map(|row| row.license_id).collect();
    let held = issue::held_ids(ledger, &ids)?;
    let fault = |row: PendingLicense<'_>| RowFault {
        row: row.row,
        code: Code::LicenseExists,
        message: format!("the ledger already holds a license {}", row.license_id),
    };
    Ok(rows().filter(|row| held.contains(row.license_id)).map(fault).collect())
}

/// As many licenses of a batch are recorded in one transaction.
const RECORDED: usize = 256;

/// Records what a batch has minted.
struct Recorder<'a> {
    ledger: Ledger,
    stamp: Stamp,
    key: &'a SecretKey,
    minting: &'a Minting,
}

impl Recorder<'_> {
    fn record_lines(&self, lines: &str) -> anyhow::Result<()> {
        let tokens = lines.lines().map(|line| Ok(batch::read_done(line.as_bytes())?.token));
        self.record(&tokens.collect::<anyhow::Result<Vec<_>>>()?)
    }

    fn record(&self, tokens: &[String]) -> anyhow::Result<()> {
        let keyring = Keyring::from(self.key.public());
        let mut minted = Vec::with_capacity(tokens.len());
        for token in tokens {
            let mut verified = Token::parse(token)?.verify(&keyring)?;
            if let Some(secret) = &self.minting.secret {
                verified = verified.unseal(secret, &keyring)?;
            }
            if let Some(license) = verified.license().cloned() {
                let key_id = self.key.public().id();
                minted.push(Record { license, token: token.clone(), key_id, license_key: None });
            }
        }
        Ok(issue::record_missing(&self.ledger, &self.stamp, minted)?)
    }
}

/// Names the rows at fault, and sums them up.
fn refuse(faults: &[RowFault], total: u64, terminal: &Terminal) -> anyhow::Error {
    for fault in faults.iter().take(SHOWN_FAULTS) {
        terminal.error(Some(fault.code), &format!("row {}: {}", fault.row, fault.message), &[]);
    }
    let more = faults.len().saturating_sub(SHOWN_FAULTS);
    let rest = if more > 0 { format!(", {more} more than shown") } else { String::new() };
    let message = format!("{} of {total} rows cannot be minted{rest}; nothing was signed", faults.len());
    Failure::new(Code::Malformed, message).hint("mend the rows and run the same command again").into()
}
