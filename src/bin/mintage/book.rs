//! The ledger that a command is given, and in whose name it writes there.

use clap::Args;
use mintage::code::Code;
use mintage::ledger::{Birth, Cause, Ledger, LedgerError, LedgerUrl};
use mintage::operation::ledger::{Stamp, change, named, seats};
use mintage::time::Timestamp;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::machine;
use crate::process::with_quiet_threads;
use crate::random;
use crate::render::Terminal;

/// Names a ledger.
#[derive(Args, Debug)]
pub(crate) struct Book {
    /// The ledger: sqlite:PATH or postgres://USER@HOST/DATABASE; made by the first command that records in it
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
        license_id(ledger, &self.license)
    }
}

/// Returns the id of a license that is named by its id or its license key, or by @FILE with one of them.
pub(crate) fn license_id(ledger: &Ledger, name: &str) -> anyhow::Result<String> {
    Ok(named::license_id(ledger, &Zeroizing::new(machine::text(name)?))?)
}

impl Book {
    /// Opens the ledger, which must have been named and be there.
    pub(crate) fn open(&self) -> anyhow::Result<Ledger> {
        Ok(self.open_if_named()?.ok_or_else(unnamed)?)
    }

    /// Opens the ledger, if one was named, which must be there.
    pub(crate) fn open_if_named(&self) -> anyhow::Result<Option<Ledger>> {
        let Some(url) = self.url()? else { return Ok(None) };
        Ok(Some(with_quiet_threads(|| Ledger::open_existing(&url))?))
    }

    /// Opens the ledger, which must have been named, or makes it: for what is the first thing to stand in it.
    pub(crate) fn make(&self, now: Timestamp) -> anyhow::Result<Ledger> {
        Ok(self.make_if_named(now)?.ok_or_else(unnamed)?)
    }

    /// As [`Book::make`], if one was named.
    pub(crate) fn make_if_named(&self, now: Timestamp) -> anyhow::Result<Option<Ledger>> {
        let Some(url) = self.url()? else { return Ok(None) };
        let birth = Birth { book_id: random::license_id()?, now };
        Ok(Some(with_quiet_threads(|| Ledger::open(&url, &birth))?))
    }

    fn url(&self) -> anyhow::Result<Option<LedgerUrl>> {
        let Some(text) = self.ledger.as_deref().filter(|text| !text.is_empty()) else { return Ok(None) };
        let url = LedgerUrl::parse(text);
        Ok(Some(url.map_err(|error| Failure::new(Code::Usage, error).hint("see --ledger in --help"))?))
    }

    /// Opens the ledger, and marks first what has expired.
    pub(crate) fn open_swept(&self, now: Timestamp, terminal: &Terminal) -> anyhow::Result<Ledger> {
        let ledger = self.open()?;
        let by = stamp(now);
        let swept = match change::sweep(&ledger, &by).and_then(|swept| seats::sweep(&ledger, &by).map(|_| swept)) {
            // Who may only read sees the states as they were swept last.
            Err(LedgerError::Unavailable(Cause::ReadOnly, _)) => 0,
            swept => swept?,
        };
        if swept > 0 {
            terminal.note(&match swept {
                1 => "1 license has expired".to_owned(),
                _ => format!("{swept} licenses have expired"),
            });
        }
        Ok(ledger)
    }
}

fn unnamed() -> Failure {
    Failure::new(Code::Usage, "no ledger was named").hint("name one with --ledger or MINTAGE_LEDGER")
}

/// Who the audit says did it: the user that the system names.
pub(crate) fn stamp(now: Timestamp) -> Stamp {
    let actor = std::env::var("USER").ok().filter(|name| !name.is_empty() && !name.chars().any(mintage::json::steers));
    Stamp { actor: actor.unwrap_or_else(|| "command line".to_owned()), now }
}
