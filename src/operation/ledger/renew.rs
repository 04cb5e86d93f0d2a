//! `ledger renew`: a new token of the same license.

use super::Stamp;
use crate::code::Code;
use crate::id::KeyId;
use crate::json::{self, Value};
use crate::ledger::audit::Entry;
use crate::ledger::license::{self, Held, HeldState};
use crate::ledger::license_key::LicenseKey;
use crate::ledger::{Ledger, LedgerError, Transaction};
use crate::license::License;

/// A claim that differs between two tokens of a license; `None` where it is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The claim, as it is shown to people.
    pub claim: String,
    /// What it was.
    pub before: Option<String>,
    /// What it will be.
    pub after: Option<String>,
}

/// Lists every claim that differs.
pub fn differences(before: &License, after: &License) -> Vec<Difference> {
    let (before, after) = (claims(before), claims(after));
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differs = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    differs
        .map(|name| Difference {
            claim: name.clone(),
            before: before.get(name).cloned(),
            after: after.get(name).cloned(),
        })
        .collect()
}

/// The claims as people read them, limits one by one.
fn claims(license: &License) -> std::collections::BTreeMap<String, String> {
    let mut out = json::Writer::default();
    license.write_readable(&mut out);
    let text = out.finish();
    let members = json::parse(text.as_bytes()).and_then(|value| value.into_object("claims")).unwrap_or_default();
    let mut claims = std::collections::BTreeMap::new();
    for (name, value) in members {
        match value {
            Value::Object(inner) if matches!(name.as_ref(), "limits" | "meta") => {
                for (key, value) in inner {
                    claims.insert(format!("{name}.{key}"), plain(&value));
                }
            }
            value => {
                claims.insert(name.into_owned(), plain(&value));
            }
        }
    }
    claims
}

fn plain(value: &Value<'_>) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        value => json::canonical(value),
    }
}

/// Finds a license that may be renewed.
///
/// # Errors
/// `Refused` with `unknown-license` or `revoked`; `Unavailable`.
pub fn find(ledger: &Ledger, license_id: &str) -> Result<Held, LedgerError> {
    let held = ledger.read(|transaction| license::find(transaction, license_id))?;
    let held = held.ok_or_else(|| license::unknown(license_id))?;
    if held.state == HeldState::Revoked {
        return Err(LedgerError::refused(Code::Revoked, format_args!("license {license_id} was withdrawn for good")));
    }
    Ok(held)
}

/// Records a new token in place of the one that `before` holds, and a new license key, if there is one. A license that had
/// expired is active again; one that is suspended stays so.
///
/// # Errors
/// `Refused` with `unknown-license`, `revoked`, or `forked` when somebody renewed it in between; `Unavailable`.
pub fn renew(
    ledger: &Ledger,
    stamp: &Stamp,
    before: &Held,
    license: License,
    token: String,
    key_id: KeyId,
    license_key: Option<&LicenseKey>,
) -> Result<Held, LedgerError> {
    let (stamp, before, hash) = (stamp.clone(), before.clone(), license_key.map(LicenseKey::hash));
    ledger.write(move |transaction| {
        let id = &license.license_id;
        let mut held = license::lock(transaction, id)?;
        if held.state == HeldState::Revoked {
            return Err(LedgerError::refused(Code::Revoked, format_args!("license {id} was withdrawn for good")));
        }
        if held.token != before.token {
            let message = format!("license {id} was renewed by somebody else at {}", held.changed_at);
            return Err(LedgerError::refused(Code::Forked, message));
        }
        replace(transaction, &stamp, &mut held, &license, &token, key_id)?;
        hash.iter().try_for_each(|hash| save_license_key(transaction, &stamp, id, hash))?;
        Ok(held)
    })
}

/// Puts a new license key in the place of the one before, which stands for nothing any more; the license stays as it is.
///
/// # Errors
/// `Refused` with `unknown-license` or `revoked`; `Unavailable`.
pub fn rekey(ledger: &Ledger, stamp: &Stamp, license_id: &str, license_key: &LicenseKey) -> Result<Held, LedgerError> {
    let (stamp, id, hash) = (stamp.clone(), license_id.to_owned(), license_key.hash());
    ledger.write(move |transaction| {
        let mut held = license::lock(transaction, &id)?;
        if held.state == HeldState::Revoked {
            return Err(LedgerError::refused(Code::Revoked, format_args!("license {id} was withdrawn for good")));
        }
        save_license_key(transaction, &stamp, &id, &hash)?;
        held.changed_at = stamp.now;
        Ok(held)
    })
}

fn save_license_key(
    transaction: &mut Transaction<'_>,
    stamp: &Stamp,
    license_id: &str,
    hash: &str,
) -> Result<(), LedgerError> {
    transaction.record(Entry::new(stamp.now, &stamp.actor, "rekeyed", license_id));
    license::save_license_key(transaction, license_id, hash, stamp.now)
}

/// Puts a new token in the place of the one that the book holds.
///
/// # Errors
/// `Unavailable`.
pub(super) fn replace(
    transaction: &mut Transaction<'_>,
    stamp: &Stamp,
    held: &mut Held,
    license: &License,
    token: &str,
    key_id: KeyId,
) -> Result<(), LedgerError> {
    if held.state == HeldState::Expired && stamp.now <= license.grace_until() {
        (held.state, held.reason) = (HeldState::Active, None);
    }
    let changed = differences(&held.license, license);
    held.license.clone_from(license);
    (held.token, held.key_id, held.changed_at) = (token.to_owned(), key_id.to_string(), stamp.now);
    license::save_token(transaction, held)?;
    transaction.record(Entry::new(stamp.now, &stamp.actor, "renewed", &license.license_id).detail(|out| {
        out.name("changed").begin_array();
        changed.iter().for_each(|difference| out.string(&difference.claim));
        out.end_array();
        out.name("expiresAt").plain(license.expires_at);
        if license.grace_period_days > 0 {
            out.name("graceUntil").plain(license.grace_until());
        }
        out.name("keyId").plain(key_id);
    }));
    Ok(())
}
