//! One file per command.

pub(crate) mod activate;
pub(crate) mod completions;
pub(crate) mod fingerprint;
pub(crate) mod inspect;
pub(crate) mod keygen;
pub(crate) mod ledger;
pub(crate) mod ledger_approve;
pub(crate) mod ledger_audit;
pub(crate) mod ledger_change;
pub(crate) mod ledger_list;
pub(crate) mod ledger_release;
pub(crate) mod ledger_renew;
pub(crate) mod ledger_report;
pub(crate) mod ledger_show;
pub(crate) mod ledger_transfer;
pub(crate) mod mint;
pub(crate) mod mint_batch;
pub(crate) mod mint_keyring;
pub(crate) mod mint_manifest;
pub(crate) mod mint_proof;
pub(crate) mod mint_revocations;
pub(crate) mod mint_unlock;
#[cfg(feature = "serve")]
pub(crate) mod serve;
pub(crate) mod verify;
pub(crate) mod verify_batch;
pub(crate) mod verify_manifest;
pub(crate) mod verify_proof;

use std::process::ExitCode;

use crate::args::{Cli, Command};
use crate::render::Terminal;

/// Runs the command that was asked for.
pub(crate) fn run(cli: Cli, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Keygen(arguments) => keygen::run(&arguments, terminal),
        Command::Mint(arguments) => mint::run(&arguments, terminal),
        Command::Verify(arguments) => verify::run(&arguments, terminal),
        Command::Inspect(arguments) => inspect::run(&arguments, terminal),
        Command::Fingerprint(arguments) => fingerprint::run(&arguments, terminal),
        Command::Activate(arguments) => activate::run(&arguments, terminal),
        Command::Ledger(arguments) => ledger::run(&arguments, terminal),
        #[cfg(feature = "serve")]
        Command::Serve(arguments) => serve::run(&arguments, terminal),
        Command::Completions(arguments) => completions::run(&arguments, terminal),
    }
}
