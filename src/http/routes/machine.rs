//! What the routes of machines have in common: whom they speak for, and how a "no" is told to programs of the field.

use super::book::{take, text};
use crate::code::Code;
use crate::fingerprint::Fingerprint;
use crate::http::app::App;
use crate::http::call::{BODIES, Call};
use crate::http::problem::Problem;
use crate::json::Members;
use crate::ledger::LedgerError;
use crate::operation::ledger::Stamp;
use crate::verdict::Refusal;

impl Call {
    /// A machine does something, now.
    pub(super) fn stamp_of_machine(&self) -> Stamp {
        Stamp { actor: "machine".to_owned(), now: self.now }
    }
}

/// Takes a text that is not empty.
pub(super) fn filled(members: &mut Members<'_>, name: &str) -> Option<String> {
    text(members, name).filter(|text| !text.is_empty())
}

/// Takes a fingerprint: a text, or an `fp1` object.
pub(super) fn fingerprint(members: &mut Members<'_>, name: &str) -> Result<Option<Fingerprint>, Problem> {
    let read = |value| Fingerprint::from_json(value, name);
    let read = take(members, name).map(read).transpose();
    read.map_err(|error| Problem::new(error.code(), error).hint(BODIES))
}

/// The answer to a license key that nobody has.
pub(super) fn unknown_key(app: &App, call: &Call) -> Problem {
    app.guessed_wrong(call.peer);
    Problem::new(Code::UnknownLicense, "License key not found.").hint("ask the issuer for the license key")
}

/// The answer to an activation that is not there.
pub(super) fn unknown_activation(app: &App, call: &Call) -> Problem {
    app.guessed_wrong(call.peer);
    Problem::new(Code::UnknownLicense, "Activation not found.").hint("activate this machine again")
}

/// Says no, in the words of the field where it has some.
pub(super) fn refused(refusals: &[Refusal]) -> Problem {
    let code = refusals.first().map_or(Code::Internal, |refusal| refusal.code);
    let message = match code {
        Code::Expired => "License key is expired.".to_owned(),
        Code::NotYetValid => "License not active yet.".to_owned(),
        Code::Revoked => "License key is revoked.".to_owned(),
        Code::Suspended => "License key is suspended.".to_owned(),
        _ => refusals.iter().map(|refusal| refusal.message.as_str()).collect::<Vec<_>>().join("; "),
    };
    let problem = Problem::new(code, message).status_of_no(403);
    refusals.iter().take(1).fold(problem, Problem::hint_of)
}

/// As [`refused`], of the ledger.
pub(super) fn refused_by_ledger(error: LedgerError) -> Problem {
    match error {
        LedgerError::Refused(refusal) => refused(&[refusal]),
        other => other.into(),
    }
}
