//! `mintage mint revocations`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mintage::code::Code;
use mintage::dsse::{Envelope, Kind};
use mintage::keyring::Keyring;
use mintage::operation::ledger::change::{self, Change};
use mintage::operation::ledger::withdraw;
use mintage::operation::revocations::{NextError, Withdrawal, next};
use mintage::revocations::{MAX_REVOCATIONS_BYTES, Revocations};
use mintage::time::Timestamp;

use crate::book::{Book, stamp};
use crate::failure::Failure;
use crate::keys::{Signer, Trust, signer_hint};
use crate::output::Output;
use crate::render::Terminal;
use crate::{clock, files};

/// The way out for a list that cannot be carried on.
const NEW_SERIES: &str = "begin a new series: sign a first list with a new key, without --previous";

/// Mint a list of revocations: which licenses are withdrawn
///
/// The list names only hashes of license ids, so it can be handed to anyone. Every further list is made from the one
/// before it; verifiers that remember (`verify --state`) refuse an older one. With --ledger, entries and sequence are those
/// of the ledger, and what --revoke names is withdrawn there too.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    signer: Signer,
    /// The list to add to
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,
    #[command(flatten)]
    trust: Trust,
    /// Withdraw a license; repeatable
    #[arg(long, value_name = "ID[=REASON]")]
    revoke: Vec<String>,
    /// Hours in which the licenses withdrawn now still count
    #[arg(long, value_name = "N")]
    grace_hours: Option<u64>,
    /// When the next list is due; verifiers refuse this one later
    #[arg(long, value_name = "WHEN", default_value = "30d")]
    next_update: String,
    /// When the list counts as issued; now if left out
    #[arg(long, value_name = "WHEN")]
    issued_at: Option<String>,
    #[command(flatten)]
    book: Book,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let clock = clock::now()?;
    let now = arguments.issued_at.as_deref().map_or(Ok(clock), |at| Timestamp::parse_when(at, clock))?;
    let next_update = Timestamp::parse_when(&arguments.next_update, now)?;
    let withdrawals = arguments.revoke.iter().map(|text| withdrawal(text)).collect::<Result<Vec<_>, _>>()?;
    let key = arguments.signer.open()?;
    let trusted =
        if arguments.trust.trust.is_empty() { Keyring::from(key.public()) } else { arguments.trust.keyring()? };
    let previous = arguments.previous.as_deref().map(|path| read(path, &trusted)).transpose()?;
    let list = match arguments.book.open_if_named()? {
        None => next(previous.as_ref(), &withdrawals, arguments.grace_hours.unwrap_or(0), now, next_update),
        Some(ledger) => {
            // What is withdrawn stays so: a list that cannot be handed out is found before.
            drop(arguments.output.prepare("")?);
            let grace_hours = arguments.grace_hours;
            let revoke = |one: Withdrawal| (one.license_id, Change::Revoke { reason: one.reason, grace_hours });
            change::change_all(&ledger, &stamp(clock), withdrawals.into_iter().map(revoke).collect())?;
            withdraw::list(&ledger, &stamp(now), previous.as_ref(), next_update)?
        }
    };
    let list = list.map_err(|error| Failure::new(error.code(), &error).hint(hint(&error)))?;
    let envelope = Envelope::sign(Kind::Revocations, list.to_payload().into_bytes(), &[&key]);
    let json = envelope.to_json();
    readable(json.len() + 1)?;
    arguments.output.hand_out(format!("{json}\n"), || json, terminal)?;
    let (sequence, count) = (list.sequence, list.entries().len());
    terminal.note(&format!("minted revocations {sequence} with {count} entries, next due {next_update}"));
    Ok(ExitCode::SUCCESS)
}

/// Refuses a list that no verifier would read.
fn readable(length: usize) -> Result<(), Failure> {
    if length <= MAX_REVOCATIONS_BYTES {
        return Ok(());
    }
    let message = format!("the list has {length} bytes, and no verifier reads more than {MAX_REVOCATIONS_BYTES}");
    Err(Failure::new(Code::Usage, message).hint("give shorter reasons, or begin a new series without what has expired"))
}

fn hint(error: &NextError) -> &'static str {
    match error {
        NextError::Backwards(..) => "say when with --issued-at, or set the clock of this machine",
        NextError::DueFirst(..) => "say when with --next-update: 30d, 2027-01-31",
        NextError::Reason(..) => "write the reason as one line of text",
        _ => NEW_SERIES,
    }
}

/// Reads the list before, which must be one that the vendor signed: entries slipped into it would be signed anew.
fn read(path: &Path, trusted: &Keyring) -> anyhow::Result<Revocations> {
    let data = files::read(path, MAX_REVOCATIONS_BYTES)?;
    let fail = |code: Code, message: String| {
        let hint = match code {
            Code::FastForwarded => NEW_SERIES,
            _ => signer_hint(code),
        };
        Failure::new(code, format!("revocations `{}`: {message}", path.display())).hint(hint).unable()
    };
    let envelope = Envelope::parse(&data).map_err(|error| fail(error.code(), error.to_string()))?;
    Ok(Revocations::verify(&envelope, trusted).map_err(|error| fail(error.code(), error.to_string()))?.list)
}

fn withdrawal(text: &str) -> Result<Withdrawal, Failure> {
    let (id, reason) = text.split_once('=').map_or((text, None), |(id, reason)| (id, Some(reason.to_owned())));
    if id.is_empty() {
        let message = format!("`{text}` names no license to revoke");
        return Err(Failure::new(Code::Usage, message).hint("write --revoke ID or --revoke ID=REASON"));
    }
    Ok(Withdrawal { license_id: id.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_minted_can_be_read() {
        assert!(readable(MAX_REVOCATIONS_BYTES).is_ok());
        assert!(readable(MAX_REVOCATIONS_BYTES + 1).is_err());
    }
}
