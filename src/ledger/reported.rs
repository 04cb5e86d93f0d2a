//! Reports of use that customers sent, for true-up.

use super::audit::Entry;
use super::value::{Cell, values};
use super::{LedgerError, Row, Transaction, activation, license, sql};
use crate::code::Code;
use crate::json::Writer;
use crate::time::Timestamp;

/// A report of use that the machine of an activation signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// SHA-256 of what was signed, hex.
    pub report_id: String,
    /// The proof of the activation.
    pub proof_id: String,
    /// Its license.
    pub license_id: String,
    /// The moment of the report.
    pub as_of: Timestamp,
    /// The first second of its period.
    pub from: Timestamp,
    /// The last second of its period.
    pub to: Timestamp,
    /// The users of the period.
    pub users: u64,
    /// The sessions of the period.
    pub sessions: u64,
    /// How long they lasted together, in seconds.
    pub session_seconds: u64,
    /// The most seats that were held at once.
    pub most_seats: u64,
    /// The document, as it came.
    pub document: String,
    /// When it was taken in.
    pub imported_at: Timestamp,
    /// By whom.
    pub imported_by: String,
}

/// Takes a report in, after it was verified; says whether it is new.
///
/// # Errors
/// `Refused` with `unknown-license` for an activation that the ledger does not hold, `license-mismatch` for one of another
/// license, `rolled-back` for a report older than the newest of its activation and period, `forked` for another of the same
/// moment;
/// `Unavailable`.
pub fn take_in(transaction: &mut Transaction<'_>, reported: &Reported) -> Result<bool, LedgerError> {
    let held = activation::find(transaction, &reported.proof_id)?.license_id;
    let (proof_id, as_of) = (&reported.proof_id, reported.as_of);
    if held != reported.license_id {
        let message = format!("activation {proof_id} is of license {held}, not {}", reported.license_id);
        return Err(LedgerError::refused(Code::LicenseMismatch, message));
    }
    license::lock(transaction, &held)?;
    if transaction.find(sql::FIND_REPORTED, &values![&reported.report_id])?.is_some() {
        return Ok(false);
    }
    // Reports of other periods say nothing about this one, in whatever order they come.
    let period = values![proof_id, reported.from, reported.to];
    let newest = transaction.find(sql::NEWEST_REPORTED, &period)?.map(read).transpose()?;
    if let Some(newest) = newest.filter(|newest| newest.as_of >= as_of) {
        let (code, message) = if newest.as_of == as_of {
            (Code::Forked, format!("activation {proof_id} has reported something else of this period as of {as_of}"))
        } else {
            (
                Code::RolledBack,
                format!(
                    "activation {proof_id} has reported this period as of {}, and this is of {as_of}",
                    newest.as_of
                ),
            )
        };
        return Err(LedgerError::refused(code, message));
    }
    transaction.insert(sql::REPORTED, &reported.row())?;
    let entry = Entry::new(reported.imported_at, &reported.imported_by, "usage.imported", &held).target(proof_id);
    transaction.record(entry.detail(|out| {
        out.name("asOf").plain(as_of);
        out.name("from").plain(reported.from);
        out.name("reportId").string(&reported.report_id);
        out.name("sessions").integer(reported.sessions.into());
        out.name("to").plain(reported.to);
        out.name("users").integer(reported.users.into());
    }));
    Ok(true)
}

/// Reads the reports of a license, the oldest first.
///
/// # Errors
/// `Unavailable`.
pub fn of_license(transaction: &mut Transaction<'_>, license_id: &str) -> Result<Vec<Reported>, LedgerError> {
    transaction.query(sql::REPORTED_OF, &values![license_id])?.into_iter().map(read).collect()
}

fn read(mut row: Row) -> Result<Reported, LedgerError> {
    Ok(Reported {
        report_id: row.text()?,
        proof_id: row.text()?,
        license_id: row.text()?,
        as_of: row.time()?,
        from: row.time()?,
        to: row.time()?,
        users: row.count()?,
        sessions: row.count()?,
        session_seconds: row.count()?,
        most_seats: row.count()?,
        document: row.text()?,
        imported_at: row.time()?,
        imported_by: row.text()?,
    })
}

impl Reported {
    fn row(&self) -> Vec<Cell<'_>> {
        values![
            &self.report_id,
            &self.proof_id,
            &self.license_id,
            self.as_of,
            self.from,
            self.to,
            self.users,
            self.sessions,
            self.session_seconds,
            self.most_seats,
            &self.document,
            self.imported_at,
            &self.imported_by,
        ]
        .to_vec()
    }

    /// Writes what was reported, without the document.
    pub fn write(&self, out: &mut Writer) {
        out.begin_object();
        out.name("asOf").plain(self.as_of);
        out.name("from").plain(self.from);
        out.name("importedAt").plain(self.imported_at);
        out.name("importedBy").string(&self.imported_by);
        out.name("licenseId").string(&self.license_id);
        out.name("mostSeats").integer(self.most_seats.into());
        out.name("proofId").string(&self.proof_id);
        out.name("reportId").string(&self.report_id);
        out.name("sessionSeconds").integer(self.session_seconds.into());
        out.name("sessions").integer(self.sessions.into());
        out.name("to").plain(self.to);
        out.name("users").integer(self.users.into());
        out.end_object();
    }
}
