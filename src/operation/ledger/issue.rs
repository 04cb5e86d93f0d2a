//! `mint --ledger`: records what was minted before anybody is handed it.

use std::collections::BTreeSet;

use super::Stamp;
use crate::id::KeyId;
use crate::ledger::audit::Entry;
use crate::ledger::license::{self, Held, HeldState};
use crate::ledger::license_key::LicenseKey;
use crate::ledger::{Ledger, LedgerError, Transaction};
use crate::license::License;

/// A license as it was minted.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its claims, also where the token seals them.
    pub license: License,
    /// The token.
    pub token: String,
    /// The key that signed it.
    pub key_id: KeyId,
    /// The license key that it can be activated with.
    pub license_key: Option<LicenseKey>,
}

/// Records licenses, all of them or none.
///
/// # Errors
/// `Refused` with `license-exists`; `Unavailable`.
pub fn record(ledger: &Ledger, stamp: &Stamp, minted: Vec<Record>) -> Result<(), LedgerError> {
    let stamp = stamp.clone();
    ledger.write(move |transaction| minted.iter().try_for_each(|one| insert(transaction, &stamp, one)))
}

/// As [`record`], and leaves out those that the ledger holds already with the same token: what an interrupted batch has
/// recorded.
///
/// # Errors
/// As [`record`].
pub fn record_missing(ledger: &Ledger, stamp: &Stamp, minted: Vec<Record>) -> Result<(), LedgerError> {
    let stamp = stamp.clone();
    ledger.write(move |transaction| {
        minted.iter().try_for_each(|one| match license::find(transaction, &one.license.license_id)? {
            Some(held) if held.token == one.token => Ok(()),
            _ => insert(transaction, &stamp, one),
        })
    })
}

/// As many ids are looked up at once.
const LOOKED_UP: usize = 1_000;

/// Says which of some ids the ledger holds already.
///
/// # Errors
/// `Unavailable`.
pub fn held_ids(ledger: &Ledger, ids: &[&str]) -> Result<BTreeSet<String>, LedgerError> {
    ledger.read(|transaction| {
        let mut held = BTreeSet::new();
        for ids in ids.chunks(LOOKED_UP) {
            held.extend(license::held_ids(transaction, ids)?);
        }
        Ok(held)
    })
}

/// As [`record`], of one license.
pub(super) fn insert(transaction: &mut Transaction<'_>, stamp: &Stamp, minted: &Record) -> Result<(), LedgerError> {
    insert_as(transaction, stamp, minted, None)
}

/// As [`insert`], of a license that its holder has installed here; that is why it stands there, in words.
pub(super) fn insert_installed(
    transaction: &mut Transaction<'_>,
    stamp: &Stamp,
    installed: &Record,
    reason: &str,
) -> Result<(), LedgerError> {
    insert_as(transaction, stamp, installed, Some(reason))
}

fn insert_as(
    transaction: &mut Transaction<'_>,
    stamp: &Stamp,
    minted: &Record,
    installed: Option<&str>,
) -> Result<(), LedgerError> {
    let license = &minted.license;
    let held = Held {
        license: license.clone(),
        state: HeldState::Active,
        reason: installed.map(str::to_owned),
        key_id: minted.key_id.to_string(),
        token: minted.token.clone(),
        installed: installed.is_some(),
        activations: 0,
        revoked_at: None,
        grace_hours: None,
        created_at: stamp.now,
        changed_at: stamp.now,
    };
    let hash = minted.license_key.as_ref().map(LicenseKey::hash);
    license::insert(transaction, &held, hash.as_deref())?;
    let entry = Entry::new(stamp.now, &stamp.actor, "created", &license.license_id);
    transaction.record(entry.detail(|out| {
        out.name("expiresAt").plain(license.expires_at);
        if license.grace_period_days > 0 {
            out.name("graceUntil").plain(license.grace_until());
        }
        out.name("keyId").plain(minted.key_id);
        out.name("tenantId").string(&license.tenant_id);
    }));
    Ok(())
}
