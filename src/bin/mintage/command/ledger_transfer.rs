//! `mintage ledger export` and `import`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mintage::operation::ledger::transfer;

use crate::book::Book;
use crate::clock;
use crate::files::{self, Mode, Unfinished};
use crate::output::Output;
use crate::render::Terminal;

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

/// Put an export into a new ledger
#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The export (`-` for standard input)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    book: Book,
}

pub(crate) fn export(arguments: &Export, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let ledger = arguments.book.open(clock::now()?)?;
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
    let licenses = transfer::import(&arguments.book.open(clock::now()?)?, &text)?;
    terminal.note(&format!("imported {licenses} licenses"));
    Ok(ExitCode::SUCCESS)
}
