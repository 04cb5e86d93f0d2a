//! `mintage ledger release`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mintage::code::Code;
use mintage::dsse::Kind;
use mintage::ledger::LedgerError;
use mintage::ledger::seat::Lease;
use mintage::operation::document;
use mintage::operation::ledger::release::{self, Released, Returned};
use mintage::operation::ledger::seats;
use mintage::release::MAX_RELEASE_BYTES;

use crate::book::{Book, stamp};
use crate::failure::Failure;
use crate::render::{Terminal, spelled};
use crate::{clock, files};

/// Free a machine or a seat
///
/// The machine can be activated again, and another in its place. A seat can be claimed by another at once; the lease of the
/// one that it is taken from counts offline until its end. What a machine gives back it has signed (--document).
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The proof id of the machine, or the lease of the seat
    #[arg(value_name = "ID", required_unless_present = "document")]
    id: Option<String>,
    /// The release that the machine itself signed (`activate --deactivate`), of its activation or of its seat; the ledger
    /// keeps it
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
    if let Some(path) = &arguments.document {
        let envelope = document::open(&files::read(path, 2 * MAX_RELEASE_BYTES)?)
            .and_then(|opened| opened.document.envelope(Kind::Release))
            .map_err(|refusal| Failure::new(refusal.code, format!("`{}`: {}", path.display(), refusal.message)))?;
        let returned = release::take_back(&ledger, &by, &envelope, arguments.reason.clone()).map_err(|error| {
            let failure = Failure::new(error.code(), format!("`{}`: {error}", path.display()));
            error.hint().into_iter().fold(failure, Failure::hint)
        })?;
        return match returned {
            Returned::Machine(released) => tell_machine(&released, terminal),
            Returned::Seat { lease, unchanged } => tell_seat(&lease, unchanged, terminal),
        };
    }
    let id = arguments.id.as_deref().unwrap_or_default();
    match release::release(&ledger, &by, id, arguments.reason.clone(), None) {
        Ok(released) => tell_machine(&released, terminal),
        // It may be the id of a lease; when it is neither, the first answer is the one to give.
        Err(LedgerError::Refused(refusal)) if refusal.code == Code::UnknownLicense => {
            match seats::take_back(&ledger, &by, id, arguments.reason.as_deref()) {
                Ok((lease, held)) => {
                    let told = tell_seat(&lease, !held, terminal);
                    if held {
                        terminal.note(&format!("its lease still counts offline, until {}", lease.expires_at));
                    }
                    told
                }
                Err(LedgerError::Refused(_)) => Err(LedgerError::Refused(refusal).into()),
                Err(error) => Err(error.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

fn tell_machine(released: &Released, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let (id, license) = (&released.activation.proof_id, &released.activation.license_id);
    let already = if released.unchanged { " already" } else { "" };
    terminal.note(&format!("machine {id} of license {license} is released{already}"));
    terminal.value(|| spelled(|out| released.activation.write(out)))?;
    Ok(ExitCode::SUCCESS)
}

fn tell_seat(lease: &Lease, unchanged: bool, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let already = if unchanged { " already" } else { "" };
    terminal.note(&format!("seat {} is released{already}", lease.lease_id));
    terminal.value(|| spelled(|out| lease.write(out)))?;
    Ok(ExitCode::SUCCESS)
}
