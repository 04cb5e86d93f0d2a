//! `mintage ledger release`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mintage::code::Code;
use mintage::dsse::Kind;
use mintage::ledger::LedgerError;
use mintage::operation::document;
use mintage::operation::ledger::{release, seats};
use mintage::release::MAX_RELEASE_BYTES;

use crate::book::{Book, stamp};
use crate::failure::Failure;
use crate::render::{Terminal, spelled};
use crate::{clock, files};

/// Free a machine or a seat
///
/// The machine can be activated again, and another in its place. A seat can be claimed by another at once; the lease of the
/// one that it is taken from counts offline until its end.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The proof id of the machine, or the lease of the seat
    #[arg(value_name = "ID", required_unless_present = "document")]
    id: Option<String>,
    /// The release that the machine itself signed (`activate --deactivate`); the ledger keeps it
    #[arg(long, value_name = "FILE", conflicts_with = "id")]
    document: Option<PathBuf>,
    /// Why, for people
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    book: Book,
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let now = clock::now()?;
    let ledger = arguments.book.open()?;
    let by = stamp(now);
    let (id, reason, document) = match &arguments.document {
        None => (arguments.id.clone().unwrap_or_default(), arguments.reason.clone(), None),
        Some(path) => {
            let envelope = document::open(&files::read(path, 2 * MAX_RELEASE_BYTES)?)
                .and_then(|opened| opened.document.envelope(Kind::Release))
                .map_err(|refusal| Failure::new(refusal.code, format!("`{}`: {}", path.display(), refusal.message)))?;
            let signed = release::signed(&ledger, &envelope, now)
                .map_err(|error| Failure::new(error.code(), format!("`{}`: {error}", path.display())))?;
            (signed.proof_id, arguments.reason.clone().or(signed.reason), Some(envelope.to_json()))
        }
    };
    let id = &id;
    match release::release(&ledger, &by, id, reason, document) {
        Ok(released) => {
            let license = &released.activation.license_id;
            let already = if released.unchanged { " already" } else { "" };
            terminal.note(&format!("machine {id} of license {license} is released{already}"));
            terminal.value(|| spelled(|out| released.activation.write(out)))?;
        }
        // It may be the id of a lease; when it is neither, the first answer is the one to give.
        Err(LedgerError::Refused(refusal)) if refusal.code == Code::UnknownLicense => {
            match seats::take_back(&ledger, &by, id) {
                Ok((lease, held)) => {
                    let already = if held { "" } else { " already" };
                    terminal.note(&format!("seat {id} is released{already}"));
                    if held {
                        terminal.note(&format!("its lease still counts offline, until {}", lease.expires_at));
                    }
                    terminal.value(|| spelled(|out| lease.write(out)))?;
                }
                Err(LedgerError::Refused(_)) => return Err(LedgerError::Refused(refusal).into()),
                Err(error) => return Err(error.into()),
            }
        }
        Err(error) => return Err(error.into()),
    }
    Ok(ExitCode::SUCCESS)
}
