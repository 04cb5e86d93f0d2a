//! `ledger list` and `ledger show`.

use std::collections::HashMap;

use crate::json::Writer;
use crate::ledger::activation::{self, Activation};
use crate::ledger::audit::{self, AuditFilter, Chained};
use crate::ledger::earlier::{self, EarlierToken};
use crate::ledger::license::{self, Held, LicenseFilter};
use crate::ledger::reported::{self, Reported};
use crate::ledger::seat::{self, Lease, Waiting};
use crate::ledger::{Ledger, LedgerError};
use crate::time::Timestamp;

/// As many rows are asked for at once.
const PAGE: u64 = 500;

/// A license and everything that the ledger knows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The license.
    pub held: Held,
    /// Its machines, also those that were released.
    pub activations: Vec<Activation>,
    /// Who holds its seats now.
    pub leases: Vec<Lease>,
    /// What its machines reported of its use.
    pub usage: Vec<Reported>,
    /// What was done to it.
    pub history: Vec<Chained>,
    /// Who waits for one of its seats, the first in line first.
    pub waiting: Vec<Waiting>,
}

/// A license of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The license.
    pub held: Held,
    /// Where licenses of one key are asked for: its tokens from before a renewal that this key signed, and that still count.
    pub earlier: Vec<EarlierToken>,
}

/// Hands on every license that passes a filter, in the order of their ids, all from one state of the ledger. Where those of
/// one key are asked for, they are those of which any token that counts at `now` hangs on it, besides the newest of each.
///
/// # Errors
/// What `each` answers; `Unavailable`.
pub fn list<E: From<LedgerError>>(
    ledger: &Ledger,
    filter: &LicenseFilter,
    now: Timestamp,
    mut each: impl FnMut(Listed) -> Result<(), E>,
) -> Result<(), E> {
    let mut stopped = Ok(());
    ledger.read(|transaction| {
        let mut filter = filter.clone();
        let mut earlier = match &filter.key_id {
            Some(key_id) => earlier::signed_by(transaction, key_id)?,
            None => HashMap::new(),
        };
        loop {
            let page = license::page(transaction, &filter, PAGE)?;
            match page.last() {
                Some(last) => filter.after.clone_from(&last.license.license_id),
                None => return Ok(()),
            }
            for held in page {
                let earlier = earlier.remove(&held.license.license_id).unwrap_or_default();
                let Some(listed) = listed(held, earlier, filter.key_id.as_deref(), now) else { continue };
                stopped = each(listed);
                if stopped.is_err() {
                    return Ok(());
                }
            }
        }
    })?;
    stopped
}

/// Lists a license, unless a key is asked for and neither its token nor an earlier one that still counts hangs on it.
fn listed(held: Held, mut earlier: Vec<EarlierToken>, key_id: Option<&str>, now: Timestamp) -> Option<Listed> {
    earlier.retain(|token| now <= token.grace_until);
    let hangs = key_id.is_none_or(|key_id| earlier::is_named(&held.key_id, key_id)) || !earlier.is_empty();
    hangs.then_some(Listed { held, earlier })
}

/// Shows one license, as of `now`.
///
/// # Errors
/// `Refused` with `unknown-license`; `Unavailable`.
pub fn show(ledger: &Ledger, license_id: &str, now: Timestamp) -> Result<Shown, LedgerError> {
    ledger.read(|transaction| {
        let held = license::find(transaction, license_id)?.ok_or_else(|| license::unknown(license_id))?;
        let activations = activation::of_license(transaction, license_id)?;
        let leases = seat::of_license(transaction, license_id)?;
        let usage = reported::of_license(transaction, license_id)?;
        let waiting = seat::waiting(transaction, license_id, now)?;
        let mut filter = AuditFilter { license_id: Some(license_id.to_owned()), ..AuditFilter::default() };
        let mut history = Vec::new();
        loop {
            let page = audit::page(transaction, &filter, PAGE)?;
            match page.last() {
                Some(last) => filter.after = last.sequence,
                None => return Ok(Shown { held, activations, leases, usage, history, waiting }),
            }
            history.extend(page);
        }
    })
}

impl Listed {
    /// Writes the license, and what else of it hangs on the key.
    pub fn write(&self, out: &mut Writer) {
        self.held.write_beside(&self.earlier, out);
    }
}

impl Shown {
    /// Writes everything as one object.
    pub fn write(&self, out: &mut Writer) {
        out.begin_object();
        out.name("activations").begin_array();
        self.activations.iter().for_each(|activation| activation.write(out));
        out.end_array();
        out.name("history").begin_array();
        self.history.iter().for_each(|chained| chained.write(out));
        out.end_array();
        out.name("leases").begin_array();
        self.leases.iter().for_each(|lease| lease.write(out));
        out.end_array();
        self.held.write(out.name("license"));
        out.name("usage").begin_array();
        self.usage.iter().for_each(|reported| reported.write(out));
        out.end_array();
        out.name("waiting").begin_array();
        self.waiting.iter().for_each(|waiting| waiting.write(out));
        out.end_array();
        out.end_object();
    }
}
