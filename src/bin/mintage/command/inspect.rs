//! `mintage inspect`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mintage::code::Code;
use mintage::operation::inspect::{Inspection, MAX_DOCUMENT_BYTES, inspect};
use mintage::operation::verify::MAX_TEXT_BYTES;
use mintage::split;
use mintage::time::Timestamp;
use mintage::verdict::Refusal;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::files::FileError;
use crate::render::Terminal;
use crate::{clock, files, process, prompt};

const NOT_VERIFIED: &str = "NOT VERIFIED: this is what the text claims; nothing has been checked";

/// Show what a token or key file says, without believing it
///
/// Works with no key, on damaged text too. Nothing is verified, and the output says so first and last.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// File, or the token or public key itself; standard input for `-`, and if left out
    #[arg(value_name = "DOC")]
    document: Option<String>,
    /// Open an encrypted private key with the first line of FILE, to tell its public half
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Say how far away times are from another time than now
    #[arg(long, value_name = "WHEN")]
    at: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    process::keep_secrets();
    let data = match arguments.document.as_deref() {
        None | Some("-") => read(Path::new("-")),
        Some(document) if !Path::new(document).exists() && looks_like_text(document) => {
            Ok(document.as_bytes().to_vec())
        }
        Some(path) => read(Path::new(path)),
    };
    let data = match data {
        Err(error) if error.is_too_large() => {
            let refusal =
                Refusal::new(error.code(), error).with_hint("name a document or a key; this is something else");
            return show(&Inspection::unreadable("unknown", refusal), terminal);
        }
        data => Zeroizing::new(data?),
    };
    if data.trim_ascii().is_empty() {
        return Err(Failure::new(Code::Malformed, "there is nothing to inspect")
            .hint("paste a token or name a file")
            .into());
    }
    let passphrase = match &arguments.passphrase_file {
        Some(file) => Some(prompt::passphrase(Some(file), Path::new(""))?),
        None => None,
    };
    let now = clock::now()?;
    let now = arguments.at.as_deref().map_or(Ok(now), |at| Timestamp::parse_when(at, now))?;
    show(&inspect(&data, passphrase.as_ref(), now), terminal)
}

fn show(inspection: &Inspection, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    if terminal.json {
        terminal.data(format!("{}\n", inspection.to_json()).as_bytes())?;
    } else {
        terminal.line(NOT_VERIFIED)?;
        let facts = inspection.facts.iter().map(|fact| (fact.name, fact.value.as_str()));
        let rows: Vec<_> = std::iter::once(("kind", inspection.kind)).chain(facts).collect();
        terminal.table(&rows)?;
        terminal.line(NOT_VERIFIED)?;
    }
    match &inspection.refusal {
        None => Ok(ExitCode::SUCCESS),
        Some(refusal) => {
            terminal.error(Some(refusal.code), &refusal.message, &[refusal.hint()]);
            Ok(ExitCode::from(refusal.code.exit().status()))
        }
    }
}

/// Reads as much as any kind of document that begins so may have; JSON tells its kind only once all of it is read.
fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    files::read_by_head(path, MAX_TEXT_BYTES, |head| {
        let head = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head);
        // In parts a document takes more room, and may have prose between them.
        let is_split = || split::is_split(&String::from_utf8_lossy(head));
        match head.trim_ascii_start() {
            [b'{', ..] => MAX_DOCUMENT_BYTES,
            _ if is_split() => 4 * split::MAX_BYTES,
            _ => MAX_TEXT_BYTES,
        }
    })
}

/// A text long enough to be a token or key, and without what a path would have.
fn looks_like_text(document: &str) -> bool {
    document.len() >= 40
}
