//! `mintage ledger release`.

use std::process::ExitCode;

use clap::Args;
use mintage::code::Code;
use mintage::json::Writer;
use mintage::ledger::LedgerError;
use mintage::ledger::seat::EndReason;
use mintage::operation::ledger::{release, seats};

use crate::book::{Book, stamp};
use crate::clock;
use crate::render::Terminal;

/// Free a machine or a seat
///
/// The machine can be activated again, and another in its place.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The proof id of the machine, or the lease of the seat
    #[arg(value_name = "ID")]
    id: String,
    /// Why, for people
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    book: Book,
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let now = clock::now()?;
    let ledger = arguments.book.open(now)?;
    let (id, by) = (&arguments.id, stamp(now));
    match release::release(&ledger, &by, id, arguments.reason.clone(), None) {
        Ok(released) => {
            let license = &released.activation.license_id;
            let already = if released.unchanged { " already" } else { "" };
            terminal.note(&format!("machine {id} of license {license} is released{already}"));
            if terminal.json {
                let mut out = Writer::default();
                released.activation.write(&mut out);
                terminal.data(format!("{}\n", out.finish()).as_bytes())?;
            }
        }
        // It may be the id of a lease; when it is neither, the first answer is the one to give.
        Err(LedgerError::Refused(refusal)) if refusal.code == Code::UnknownLicense => {
            match seats::release(&ledger, &by, id, EndReason::Forced) {
                Ok(held) => {
                    let already = if held { "" } else { " already" };
                    terminal.note(&format!("seat {id} is released{already}"));
                }
                Err(LedgerError::Refused(_)) => return Err(LedgerError::Refused(refusal).into()),
                Err(error) => return Err(error.into()),
            }
        }
        Err(error) => return Err(error.into()),
    }
    Ok(ExitCode::SUCCESS)
}
