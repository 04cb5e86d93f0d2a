//! The license that is installed here, entered in the book, where its seats are counted as any other's.

use crate::code::Code;
use crate::ledger::license::{self, Held};
use crate::ledger::tenant::{self, Installed};
use crate::ledger::{Ledger, LedgerError};
use crate::license::License;
use crate::operation::ledger::Stamp;
use crate::operation::ledger::issue::{self, Record};
use crate::operation::ledger::posture::{Judge, Refused};
use crate::operation::ledger::renew;

/// Enters the license that is installed here in the book, unless it stands there as it is or newer; returns its id. What was
/// `refused` in place of it counts as in [`super::super::posture::posture`].
///
/// # Errors
/// `Refused` with `no-license`, or with what the license that is installed is refused for; `Unavailable`.
pub fn enter(ledger: &Ledger, stamp: &Stamp, judge: &Judge, refused: Option<&Refused>) -> Result<String, LedgerError> {
    let found = ledger.read(|transaction| tenant::installed(transaction, judge.tenant_id()))?;
    let (found, verdict) = judge.standing(refused, found, stamp.now);
    if let Some(refusal) = verdict.refusals.first() {
        return Err(LedgerError::refused(refusal.code, judge.message(&verdict)));
    }
    let (Some(found), Some(claims), Some(key_id)) = (found, verdict.license, verdict.key_id) else {
        return Err(LedgerError::refused(Code::NoLicense, judge.message(&judge.verdict(None, stamp.now))));
    };
    let id = claims.license_id.clone();
    if ledger.read(|transaction| license::find(transaction, &id))?.is_some_and(|held| stands(&held, &claims, &found)) {
        return Ok(id);
    }
    let record = Record { license: License::clone(&claims), token: found.token.clone(), key_id, license_key: None };
    let stamp = stamp.clone();
    ledger.write(move |transaction| {
        if license::find(transaction, &claims.license_id)?.is_none() {
            return issue::insert(transaction, &stamp, &record);
        }
        // Another server may have entered it in between.
        let mut held = license::lock(transaction, &claims.license_id)?;
        if stands(&held, &claims, &found) {
            return Ok(());
        }
        renew::replace(transaction, &stamp, &mut held, &record.license, &record.token, record.key_id)
    })?;
    Ok(id)
}

/// Whether the book holds a license as it is installed, or as it was signed later.
fn stands(held: &Held, claims: &License, installed: &Installed) -> bool {
    held.token == installed.token || held.license.issued_at > claims.issued_at
}
