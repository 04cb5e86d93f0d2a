//! The license that is installed here, entered in the book, where its seats are counted as any other's.

use crate::code::Code;
use crate::ledger::license::{self, Held, HeldState, LicenseFilter};
use crate::ledger::tenant;
use crate::ledger::{Ledger, LedgerError, Transaction};
use crate::license::License;
use crate::operation::ledger::Stamp;
use crate::operation::ledger::issue::{self, Record};
use crate::operation::ledger::posture::{Judge, Refused};
use crate::operation::ledger::renew;
use crate::operation::verify;

/// Why a license stands in a book that did not issue it.
const HERE: &str = "installed here";

/// Why one that stood there is not counted any more.
const REPLACED: &str = "another license is installed here";

/// As many licenses are asked for at once.
const PAGE: u64 = 500;

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
    if ledger.read(|transaction| license::find(transaction, &id))?.is_some_and(|held| stands(&held, &record)) {
        return Ok(id);
    }
    let stamp = stamp.clone();
    ledger.write(move |transaction| settle(transaction, &stamp, &record))?;
    Ok(id)
}

/// Whether the book holds a license as it is installed. What the book's owner issued later counts before that.
fn stands(held: &Held, installed: &Record) -> bool {
    let is_issued_here = ![Some(HERE), Some(REPLACED)].contains(&held.reason.as_deref());
    let is_counted = held.reason.as_deref() != Some(REPLACED);
    let is_newer = is_issued_here && held.license.issued_at > installed.license.issued_at;
    is_counted && (held.token == installed.token || is_newer)
}

fn settle(transaction: &mut Transaction<'_>, stamp: &Stamp, installed: &Record) -> Result<(), LedgerError> {
    let id = &installed.license.license_id;
    if license::find(transaction, id)?.is_none() {
        match issue::insert(transaction, stamp, installed) {
            // Another server has entered it in between.
            Err(error) if error.code() == Code::LicenseExists => {}
            inserted => {
                inserted?;
                let mut held = license::lock(transaction, id)?;
                held.reason = Some(HERE.to_owned());
                license::save_state(transaction, &held)?;
            }
        }
    }
    let mut held = license::lock(transaction, id)?;
    if !stands(&held, installed) {
        if held.reason.as_deref() == Some(REPLACED) {
            (held.state, held.reason) = (HeldState::Active, Some(HERE.to_owned()));
            license::save_state(transaction, &held)?;
        }
        if held.token != installed.token {
            renew::replace(transaction, stamp, &mut held, &installed.license, &installed.token, installed.key_id)?;
        }
    }
    replaced(transaction, stamp, id)
}

/// Takes licenses that were installed here before out of what is counted.
fn replaced(transaction: &mut Transaction<'_>, stamp: &Stamp, installed: &str) -> Result<(), LedgerError> {
    let mut filter = LicenseFilter { state: Some(HeldState::Active), ..LicenseFilter::default() };
    loop {
        let page = license::page(transaction, &filter, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        filter.after.clone_from(&last.license.license_id);
        for mut held in page {
            if held.reason.as_deref() == Some(HERE) && held.license.license_id != installed {
                (held.state, held.reason) = (HeldState::Suspended, Some(REPLACED.to_owned()));
                held.changed_at = stamp.now;
                license::save_state(transaction, &held)?;
            }
        }
    }
}
