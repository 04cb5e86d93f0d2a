//! `mintage ledger`.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::command::{
    ledger_approve, ledger_audit, ledger_change, ledger_list, ledger_release, ledger_renew, ledger_report, ledger_show,
    ledger_transfer,
};
use crate::render::Terminal;

/// Keep the vendor's book: who holds what, since when, and what was withdrawn
///
/// The ledger is one SQLite file, made on first use, or a PostgreSQL database. Every change is recorded in an audit that
/// is chained by hashes.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    List(ledger_list::Arguments),
    Show(ledger_show::Arguments),
    Suspend(ledger_change::Suspend),
    Reinstate(ledger_change::Reinstate),
    Renew(Box<ledger_renew::Arguments>),
    Revoke(ledger_change::Revoke),
    Release(ledger_release::Arguments),
    Approve(ledger_approve::Arguments),
    Report(ledger_report::Arguments),
    Audit(ledger_audit::Arguments),
    Export(ledger_transfer::Export),
    Import(ledger_transfer::Import),
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    match &arguments.act {
        Act::List(arguments) => ledger_list::run(arguments, terminal),
        Act::Show(arguments) => ledger_show::run(arguments, terminal),
        Act::Suspend(arguments) => arguments.run(terminal),
        Act::Reinstate(arguments) => arguments.run(terminal),
        Act::Renew(arguments) => ledger_renew::run(arguments, terminal),
        Act::Revoke(arguments) => arguments.run(terminal),
        Act::Release(arguments) => ledger_release::run(arguments, terminal),
        Act::Approve(arguments) => ledger_approve::run(arguments, terminal),
        Act::Report(arguments) => ledger_report::run(arguments, terminal),
        Act::Audit(arguments) => ledger_audit::run(arguments, terminal),
        Act::Export(arguments) => ledger_transfer::export(arguments, terminal),
        Act::Import(arguments) => ledger_transfer::import(arguments, terminal),
    }
}
