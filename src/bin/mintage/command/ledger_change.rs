//! `mintage ledger suspend`, `reinstate` and `revoke`.

use std::process::ExitCode;

use clap::Args;
use mintage::operation::ledger::change::{self, Change};

use crate::book::{Book, License, stamp};
use crate::clock;
use crate::render::{Terminal, spelled};

/// Stop a license from being used, until it is reinstated
#[derive(Args, Debug)]
pub(crate) struct Suspend {
    #[command(flatten)]
    license: License,
    /// Why, for people
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    book: Book,
}

/// Let a suspended license be used again
#[derive(Args, Debug)]
pub(crate) struct Reinstate {
    #[command(flatten)]
    license: License,
    #[command(flatten)]
    book: Book,
}

/// Withdraw a license, for good
///
/// `mint revocations --ledger` signs the list that tells verifiers.
#[derive(Args, Debug)]
pub(crate) struct Revoke {
    #[command(flatten)]
    license: License,
    /// Why, for people; it stands in the list of revocations
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Hours in which it still counts; of a withdrawal that says nothing, none for whoever reads the list of revocations, and
    /// for machines that send heartbeats what their server was started with
    #[arg(long, value_name = "N")]
    grace_hours: Option<u64>,
    #[command(flatten)]
    book: Book,
}

impl Suspend {
    pub(crate) fn run(&self, terminal: &Terminal) -> anyhow::Result<ExitCode> {
        run(&self.book, &self.license, &Change::Suspend { reason: self.reason.clone() }, terminal)
    }
}

impl Reinstate {
    pub(crate) fn run(&self, terminal: &Terminal) -> anyhow::Result<ExitCode> {
        run(&self.book, &self.license, &Change::Reinstate, terminal)
    }
}

impl Revoke {
    pub(crate) fn run(&self, terminal: &Terminal) -> anyhow::Result<ExitCode> {
        let change = Change::Revoke { reason: self.reason.clone(), grace_hours: self.grace_hours };
        run(&self.book, &self.license, &change, terminal)
    }
}

fn run(book: &Book, license: &License, change: &Change, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let now = clock::now()?;
    let ledger = book.open()?;
    let id = license.id(&ledger)?;
    let changed = change::change(&ledger, &stamp(now), &id, change)?;
    if changed.reworded {
        terminal.note(&format!("license {id} is {} already; what is said of it is new", changed.held.state));
    } else if changed.unchanged {
        terminal.note(&format!("license {id} is {} already", changed.held.state));
    } else {
        terminal.note(&format!("license {id} is {} now", changed.held.state));
    }
    terminal.value(|| spelled(|out| changed.held.write(out)))?;
    Ok(ExitCode::SUCCESS)
}
