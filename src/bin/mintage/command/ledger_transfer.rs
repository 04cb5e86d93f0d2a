//! `mintage ledger export` and `import`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mintage::dsse::{Envelope, Kind};
use mintage::operation::document;
use mintage::operation::ledger::{transfer, true_up};

use crate::book::{Book, stamp};
use crate::clock;
use crate::failure::Failure;
use crate::files::{self, Mode, Unfinished};
use crate::output::Output;
use crate::render::{Terminal, spelled};
use crate::times::counted;

/// The largest export that is read, in bytes; all of it is held while it is checked.
const MAX_BYTES: usize = 4 << 30;

/// Write the whole book as JSONL, the same for every engine
#[derive(Args, Debug)]
pub(crate) struct Export {
    #[command(flatten)]
    book: Book,
    #[command(flatten)]
    output: Output,
}

/// Put an export into a new ledger, or take in a report of use
///
/// A report of use must be signed by the instance key of an activation that the ledger holds (`ledger report usage --sign`).
/// It is taken in once; one that is older than the newest of its activation and period is refused.
#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The export or the report (`-` for standard input)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    book: Book,
}

pub(crate) fn export(arguments: &Export, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let ledger = arguments.book.open()?;
    let Some(path) = arguments.output.file() else {
        transfer::export::<anyhow::Error>(&ledger, |line| Ok(terminal.data(line.as_bytes())?))?;
        return Ok(ExitCode::SUCCESS);
    };
    // Tokens and hashes of license keys are nobody else's.
    let mut file = Unfinished::create(path, Mode::Private, arguments.output.overwrite())?;
    transfer::export::<anyhow::Error>(&ledger, |line| Ok(file.append(line.as_bytes())?))?;
    file.finish()?;
    terminal.note(&format!("exported to `{}`", path.display()));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn import(arguments: &Import, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let text = files::read(&arguments.file, MAX_BYTES)?;
    let now = clock::now()?;
    if let Some(report) = report(&text) {
        let ledger = arguments.book.open()?;
        let (reported, is_new) = true_up::import(&ledger, &stamp(now), &report)
            .map_err(|error| Failure::new(error.code(), format_args!("`{}`: {error}", arguments.file.display())))?;
        let (license, proof, as_of) = (&reported.license_id, &reported.proof_id, reported.as_of);
        let what = format!("the use of license {license} by activation {proof}");
        terminal.note(&if is_new {
            format!("imported {what}, as of {as_of}")
        } else {
            format!("{what} was imported before, as of {as_of}")
        });
        terminal.value(|| spelled(|out| reported.write(out)))?;
        return Ok(ExitCode::SUCCESS);
    }
    // Read before a ledger is made: what is refused leaves none behind.
    let export = transfer::Export::parse(&text)?;
    let licenses = transfer::import(&arguments.book.make(now)?, export)?;
    terminal.note(&format!("imported {}", counted(licenses, "license")));
    terminal.value(|| {
        spelled(|out| {
            out.begin_object();
            out.name("licenses").integer(licenses.into());
            out.end_object();
        })
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Takes a text for a report of use, as a file or as it was pasted, if it is one.
fn report(text: &[u8]) -> Option<Envelope> {
    let whole = 2 * mintage::report::json::MAX_BYTES;
    let opened = Some(text).filter(|text| text.len() <= whole).and_then(|text| document::open(text).ok())?;
    opened.document.envelope(Kind::Usage).ok()
}
