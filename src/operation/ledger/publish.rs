//! The signed list of revocations that every server of a ledger hands out.

use super::{Stamp, withdraw};
use crate::code::Code;
use crate::dsse::{Envelope, Kind};
use crate::key::SecretKey;
use crate::ledger::{Ledger, LedgerError, published, withdrawn};
use crate::revocations::{LicenseHash, Revocations};
use crate::time::{DAY, Timestamp};

/// How long a list counts before its successor is due, in seconds. A new one is made when half of it is over, or when
/// there is something new to say.
const LASTS: i64 = DAY;

/// Makes and hands out a new list where what the ledger has withdrawn, the key or the time asks for one; returns its
/// sequence then. Entries of `named`, a list from elsewhere that the server was started with, stay.
///
/// # Errors
/// `Refused` with `malformed` where what is handed out is no list, with `usage` where the list would be issued before the one
/// that it follows; `Unavailable`.
pub fn revocations(
    ledger: &Ledger,
    stamp: &Stamp,
    signer: &SecretKey,
    named: Option<&Revocations>,
) -> Result<Option<u64>, LedgerError> {
    let (document, withdrawn) = ledger.read(|transaction| {
        Ok((published::find(transaction, published::REVOCATIONS)?, withdrawn::all(transaction)?))
    })?;
    let current = document.map(|text| read(&text)).transpose()?;
    let is_listed =
        |list: &Revocations, id: &LicenseHash| list.entries().binary_search_by(|entry| entry.id.cmp(id)).is_ok();
    if let Some((envelope, list)) = &current {
        let is_complete = withdrawn.iter().all(|one| list.find(&one.license_id).is_some())
            && named.is_none_or(|named| named.entries().iter().all(|entry| is_listed(list, &entry.id)));
        let is_fresh = list.next_update.since(stamp.now) >= LASTS / 2 && list.issued_at <= stamp.now;
        let kid = signer.public().id().to_string();
        if is_complete && is_fresh && envelope.unverified_key_ids().any(|id| id == kid) {
            return Ok(None);
        }
    }
    let before = merged(current.as_ref().map(|(_, list)| list), named);
    let next_update = stamp.now.saturating_add(LASTS);
    let list = withdraw::list(ledger, stamp, before.as_ref(), next_update)?;
    let list = list.map_err(|error| LedgerError::refused(error.code(), error))?;
    let text = Envelope::sign(Kind::Revocations, list.to_payload().into_bytes(), &[signer]).to_json() + "\n";
    let (sequence, now) = (list.sequence, stamp.now);
    let newest = ledger
        .write(move |transaction| published::publish(transaction, published::REVOCATIONS, sequence, &text, now))?;
    // Another server was faster; what it handed out is as good.
    Ok(newest.then_some(sequence))
}

fn read(text: &str) -> Result<(Envelope, Revocations), LedgerError> {
    let fault = |error: &dyn std::fmt::Display| {
        LedgerError::refused(Code::Malformed, format_args!("what the ledger hands out is no list: {error}"))
    };
    let envelope = Envelope::parse(text.as_bytes()).map_err(|error| fault(&error))?;
    let list = Revocations::parse(envelope.unverified_payload()).map_err(|error| fault(&error))?;
    Ok((envelope, list))
}

/// Puts two lists together, under the higher of their sequences.
fn merged(current: Option<&Revocations>, named: Option<&Revocations>) -> Option<Revocations> {
    let lists: Vec<&Revocations> = current.into_iter().chain(named).collect();
    let sequence = lists.iter().map(|list| list.sequence).max()?;
    let issued_at = lists.iter().map(|list| list.issued_at).max().unwrap_or(Timestamp::EPOCH);
    let entries = lists.iter().flat_map(|list| list.entries().iter().cloned()).collect();
    Some(Revocations::new(sequence, issued_at, issued_at, entries))
}
