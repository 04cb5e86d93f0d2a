//! The ledger that a command is given, and in whose name it writes there.

use clap::Args;
use mintage::code::Code;
use mintage::ledger::{Birth, Cause, Ledger, LedgerError, LedgerUrl};
use mintage::operation::ledger::{Stamp, change, named, seats};
use mintage::time::Timestamp;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::machine;
use crate::random;
use crate::render::Terminal;

/// Names a ledger.
#[derive(Args, Debug)]
pub(crate) struct Book {
    /// The ledger: sqlite:PATH, made on first use, or postgres://USER@HOST/DATABASE
    #[arg(long, value_name = "URL", env = "MINTAGE_LEDGER", hide_env_values = true)]
    pub(crate) ledger: Option<String>,
}

/// Names a license of the ledger.
#[derive(Args, Debug)]
pub(crate) struct License {
    /// The license: its id or its license key, or @FILE with one of them, which keeps it out of the list of processes
    #[arg(value_name = "LICENSE")]
    license: String,
}

impl License {
    /// Returns its id.
    pub(crate) fn id(&self, ledger: &Ledger) -> anyhow::Result<String> {
        Ok(named::license_id(ledger, &Zeroizing::new(machine::text(&self.license)?))?)
    }
}

impl Book {
    /// Opens the ledger, which must have been named.
    pub(crate) fn open(&self, now: Timestamp) -> anyhow::Result<Ledger> {
        let unnamed =
            || Failure::new(Code::Usage, "no ledger was named").hint("name one with --ledger or MINTAGE_LEDGER");
        Ok(self.open_if_named(now)?.ok_or_else(unnamed)?)
    }

    /// Opens the ledger, if one was named.
    pub(crate) fn open_if_named(&self, now: Timestamp) -> anyhow::Result<Option<Ledger>> {
        let Some(text) = self.ledger.as_deref().filter(|text| !text.is_empty()) else { return Ok(None) };
        let url =
            LedgerUrl::parse(text).map_err(|error| Failure::new(Code::Usage, error).hint("see --ledger in --help"))?;
        Ok(Some(Ledger::open(&url, &Birth { book_id: random::license_id()?, now })?))
    }

    /// Opens the ledger, and marks first what has expired.
    pub(crate) fn open_swept(&self, now: Timestamp, terminal: &Terminal) -> anyhow::Result<Ledger> {
        let ledger = self.open(now)?;
        let by = stamp(now);
        let swept = match change::sweep(&ledger, &by).and_then(|swept| seats::sweep(&ledger, &by).map(|_| swept)) {
            // Who may only read sees the states as they were swept last.
            Err(LedgerError::Unavailable(Cause::ReadOnly, _)) => 0,
            swept => swept?,
        };
        if swept > 0 {
            terminal.note(&format!("{swept} licenses have expired"));
        }
        Ok(ledger)
    }
}

/// Who the audit says did it: the user that the system names.
pub(crate) fn stamp(now: Timestamp) -> Stamp {
    let actor = std::env::var("USER").ok().filter(|name| !name.is_empty() && !name.chars().any(mintage::json::steers));
    Stamp { actor: actor.unwrap_or_else(|| "command line".to_owned()), now }
}
