//! `ledger report usage`: the sessions, seats and licenses of the ledger as a report.

use crate::code::Code;
use crate::ledger::license::{self, HeldState, LicenseFilter};
use crate::ledger::seat;
use crate::ledger::session;
use crate::ledger::{Ledger, LedgerError, Transaction};
use crate::report::{Expiring, General, Report, Request, Session, Tally};
use crate::time::{DAY, Timestamp};

/// As many licenses are asked for at once.
const PAGE: u64 = 500;

/// What expires within so many days expires soon.
const SOON: i64 = 30;

/// Reports the use of everything in the ledger, or of one license and of sessions that name none, all from one state of it.
///
/// # Errors
/// `Refused` with `usage` for a period that ends before it begins; `Unavailable`.
pub fn usage(ledger: &Ledger, request: Request, license_id: Option<&str>) -> Result<Report, LedgerError> {
    let to = request.to.unwrap_or(request.as_of);
    if let Some(from) = request.from.filter(|from| *from > to) {
        let message = format!("the period would begin at {from} and end before that, at {to}");
        return Err(LedgerError::refused(Code::Usage, message));
    }
    ledger.read(|transaction| {
        let mut tally = Tally::new(request);
        let mut general = General::default();
        // Of versions that began to report in one second the largest counts, so that no order of reading shows.
        let mut newest = (Timestamp::EPOCH, None::<String>);
        session::uses(transaction, license_id, |used| {
            let last = used.ended_at.unwrap_or(used.started_at);
            general.last_operator_event = general.last_operator_event.max(Some(last));
            if used.version.is_some() && (used.started_at, used.version) > (newest.0, newest.1.as_deref()) {
                newest = (used.started_at, used.version.map(str::to_owned));
            }
            tally.session(&Session {
                machine_id: used.machine_id,
                username: used.username,
                client_username: used.client_username,
                client_hostname: used.client_hostname,
                started_at: used.started_at,
                ended_at: used.ended_at,
                is_ci: used.is_ci,
            });
        })?;
        general.operator_version = newest.1;
        for (from, until) in seat::spans(transaction, license_id)? {
            tally.seat(from, until);
        }
        let expiring = licenses(transaction, &request, license_id, &mut tally, &mut general)?;
        Ok(tally.finish(general, expiring))
    })
}

/// Refuses a license that the ledger does not hold: of one whose sessions it has counted all the same, nobody asks this.
///
/// # Errors
/// `Refused` with `unknown-license`; `Unavailable`.
pub fn known(ledger: &Ledger, license_id: &str) -> Result<(), LedgerError> {
    let held = ledger.read(|transaction| license::find(transaction, license_id))?;
    held.map(drop).ok_or_else(|| license::unknown(license_id))
}

/// Adds what licenses say: how many there are, how many seats, and which expire soon.
fn licenses(
    transaction: &mut Transaction<'_>,
    request: &Request,
    license_id: Option<&str>,
    tally: &mut Tally,
    general: &mut General,
) -> Result<Vec<Expiring>, LedgerError> {
    let until = request.to.unwrap_or(request.as_of);
    let soon = request.as_of.saturating_add(SOON * DAY);
    let (mut expiring, mut caps, mut newest) = (Vec::new(), Vec::new(), None);
    let mut filter = LicenseFilter::default();
    loop {
        let page = license::page(transaction, &filter, PAGE)?;
        match page.last() {
            Some(last) => filter.after.clone_from(&last.license.license_id),
            None => break,
        }
        for held in page {
            let license = held.license;
            if license_id.is_some_and(|id| *id != license.license_id) {
                continue;
            }
            if held.created_at <= until && request.from.is_none_or(|from| held.created_at >= from) {
                general.total_licenses += 1;
            }
            if held.state != HeldState::Active {
                continue;
            }
            caps.extend(license.seats.map(|seats| (held.created_at, seats)));
            if newest.is_none_or(|newest| newest < held.created_at) {
                newest = Some(held.created_at);
                general.tier.clone_from(&license.tier);
            }
            if (request.as_of..=soon).contains(&license.expires_at) {
                let (license_id, tenant_id) = (license.license_id, license.tenant_id);
                expiring.push(Expiring { license_id, tenant_id, label: license.label, expires_at: license.expires_at });
            }
        }
    }
    caps.sort_unstable();
    let mut seats = 0_u64;
    for (from, more) in caps {
        seats = seats.saturating_add(more);
        tally.cap(from, Some(seats));
    }
    Ok(expiring)
}
