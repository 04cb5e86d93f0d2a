//! `ledger import` of a report of use: what a customer's machine signed, taken in for true-up.

use std::fmt;

use sha2::{Digest, Sha256};

use super::Stamp;
use super::release::{find, instance_key};
use crate::code::Code;
use crate::dsse::{Envelope, EnvelopeError, Kind};
use crate::id::Hex;
use crate::ledger::reported::{self, Reported};
use crate::ledger::{Ledger, LedgerError};
use crate::report::{ReportError, json};
use crate::time::CLOCK_TOLERANCE;

/// Says why a document is no report that is taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrueUpError {
    /// The envelope is refused.
    Envelope(EnvelopeError),
    /// The ledger refuses, or could not be asked.
    Ledger(LedgerError),
    /// The payload is not that of a report.
    Report(ReportError),
    /// The activation names no key that could have signed.
    Unsigned(String),
}

/// Takes in a report that the machine of an activation signed, with the key that the ledger holds of it; says whether it is
/// new.
///
/// # Errors
/// [`TrueUpError`], of the ledger as [`reported::take_in`], and with `clock-rolled-back` for a report of the future.
pub fn import(ledger: &Ledger, stamp: &Stamp, envelope: &Envelope) -> Result<(Reported, bool), TrueUpError> {
    let claimed = json::parse(envelope.unverified_payload()).map_err(TrueUpError::Report)?;
    let key = instance_key(&find(ledger, &claimed.proof_id).map_err(TrueUpError::Ledger)?);
    let key = key.ok_or_else(|| TrueUpError::Unsigned(claimed.proof_id.clone()))?;
    let payload = envelope.verify_by(Kind::Usage, &key).map_err(TrueUpError::Envelope)?;
    let report_id = Hex(&Sha256::digest(payload)).to_string();
    let report = claimed.report;
    if report.as_of.since(stamp.now) > CLOCK_TOLERANCE {
        let message = format!("the report is of {}, and it is {} here", report.as_of, stamp.now);
        return Err(TrueUpError::Ledger(LedgerError::refused(Code::ClockRolledBack, message)));
    }
    let reported = Reported {
        report_id,
        proof_id: claimed.proof_id,
        license_id: claimed.license_id,
        as_of: report.as_of,
        from: report.from,
        to: report.to,
        users: report.active_users(),
        sessions: report.session_count(),
        session_seconds: report.session_seconds(),
        most_seats: report.most_seats(),
        document: envelope.to_json(),
        imported_at: stamp.now,
        imported_by: stamp.actor.clone(),
    };
    let row = reported.clone();
    let is_new = ledger.write(move |transaction| reported::take_in(transaction, &row)).map_err(TrueUpError::Ledger)?;
    Ok((reported, is_new))
}

impl TrueUpError {
    /// Returns the code this is reported under.
    pub fn code(&self) -> Code {
        match self {
            Self::Envelope(error) => error.code(),
            Self::Ledger(error) => error.code(),
            Self::Report(error) => error.code(),
            Self::Unsigned(_) => Code::BadSignature,
        }
    }
}

impl fmt::Display for TrueUpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Envelope(error) => write!(f, "the report is not to be believed: {error}"),
            Self::Ledger(error) => error.fmt(f),
            Self::Report(error) => error.fmt(f),
            Self::Unsigned(id) => write!(f, "activation {id} has no key that could have signed a report"),
        }
    }
}

impl std::error::Error for TrueUpError {}
