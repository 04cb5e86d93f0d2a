//! The license that is installed here, entered in the book, where its seats are counted as any other's.

use crate::code::Code;
use crate::ledger::license::{self, Held, HeldState};
use crate::ledger::tenant;
use crate::ledger::{Ledger, LedgerError, Transaction};
use crate::license::License;
use crate::operation::ledger::Stamp;
use crate::operation::ledger::change::{self, Change};
use crate::operation::ledger::issue::{self, Record};
use crate::operation::ledger::posture::{Judge, Refused};
use crate::operation::ledger::renew;
use crate::operation::verify;

/// Why a license stands in a book whose owner did not issue it.
const HERE: &str = "installed here";

/// Why one that stood there is not counted any more.
const REPLACED: &str = "another license is installed here";

/// Enters the license that is installed here in the book, unless it stands there as it is; returns its id. One that was
/// `refused` in place of it counts as in [`super::super::posture::posture`], and where it was refused only because it is for
/// activated machines, its seats are theirs.
///
/// # Errors
/// `Refused` with `no-license`, or with what the license that is installed is refused for; `Unavailable`.
pub fn enter(ledger: &Ledger, stamp: &Stamp, judge: &Judge, refused: Option<&Refused>) -> Result<String, LedgerError> {
    let found = ledger.read(|transaction| tenant::installed(transaction, judge.tenant_id()))?;
    let text = match refused.filter(|refused| refused.stands_for(found.as_ref())) {
        Some(refused) => Some(refused.text.as_slice()),
        None => found.as_ref().map(|found| found.token.as_bytes()),
    };
    let verdict = judge.for_machines(text, stamp.now);
    if let Some(refusal) = verdict.refusals.first() {
        return Err(LedgerError::refused(refusal.code, judge.message(&verdict)));
    }
    let token = text.and_then(|text| std::str::from_utf8(text).ok());
    let token = token.and_then(|text| verify::read(text, &mut Vec::new()).ok());
    let (Some(token), Some(claims), Some(key_id)) = (token, verdict.license, verdict.key_id) else {
        return Err(LedgerError::refused(Code::NoLicense, judge.message(&judge.verdict(None, stamp.now))));
    };
    let id = claims.license_id.clone();
    let token = token.to_token().to_string();
    let record = Record { license: License::clone(&claims), token, key_id, license_key: None };
    let is_settled = ledger.read(|transaction| {
        let held = license::find(transaction, &id)?.filter(|held| stands(held, &record));
        Ok(held.is_some() && license::installed_active_but(transaction, &id)?.is_empty())
    })?;
    if is_settled {
        return Ok(id);
    }
    let stamp = stamp.clone();
    ledger.write(move |transaction| settle(transaction, &stamp, &record))?;
    Ok(id)
}

/// Whether the book holds a license as it is installed. What the book's owner issued later counts before that.
fn stands(held: &Held, installed: &Record) -> bool {
    let is_counted = !is_replaced(held);
    let is_newer = !held.installed && held.license.issued_at > installed.license.issued_at;
    is_counted && (held.token == installed.token || is_newer)
}

/// Whether a license is not counted because another one is installed. One that the operator has suspended stays so.
fn is_replaced(held: &Held) -> bool {
    held.installed && held.state == HeldState::Suspended && held.reason.as_deref() == Some(REPLACED)
}

fn settle(transaction: &mut Transaction<'_>, stamp: &Stamp, installed: &Record) -> Result<(), LedgerError> {
    let id = &installed.license.license_id;
    if license::find(transaction, id)?.is_none() {
        match issue::insert_installed(transaction, stamp, installed, HERE) {
            // Another server has entered it in between.
            Err(error) if error.code() == Code::LicenseExists => {}
            inserted => inserted?,
        }
    }
    let mut held = license::lock(transaction, id)?;
    if !stands(&held, installed) {
        let is_replaced = is_replaced(&held);
        // What it says now decides whether it is active again.
        if held.token != installed.token {
            renew::replace(transaction, stamp, &mut held, &installed.license, &installed.token, installed.key_id)?;
        }
        if is_replaced {
            held = change::apply(transaction, stamp, id, &Change::Reinstate)?.held;
        }
        if held.installed && held.reason.is_none() {
            held.reason = Some(HERE.to_owned());
            license::save_state(transaction, &held)?;
        }
    }
    // Those that were installed here before are not counted any more.
    let replaced = Change::Suspend { reason: Some(REPLACED.to_owned()) };
    license::installed_active_but(transaction, id)?
        .iter()
        .try_for_each(|before| change::apply(transaction, stamp, before, &replaced).map(drop))
}
