//! `POST /deactivate`: a machine gives its activation back.

use super::book::take;
use super::machine::{filled, fingerprint, refused, refused_by_ledger, unknown_activation, unknown_key};
use crate::code::Code;
use crate::dsse::{Envelope, Kind};
use crate::http::app::App;
use crate::http::call::{BODIES, Call, Reply};
use crate::http::problem::Problem;
use crate::http::schema::{Holds, Schema, may, must};
use crate::json::{Value, Writer, canonical};
use crate::ledger::LedgerError;
use crate::ledger::license_key::LicenseKey;
use crate::ledger::machine::Machine;
use crate::operation::document;
use crate::operation::ledger::release::{self, GivenBack, Released, Returned, Right, SignedError};
use crate::time::Timestamp;
use crate::verdict::Refusal;

pub(super) static REQUEST: Schema = Schema {
    name: "DeactivateRequest",
    about: "An activation, and what shows that the caller may give it back: a signed release alone, or the license key with \
            the machine, or the nonce of the next heartbeat with the activation",
    members: &[
        may("licenseId", Holds::Text, "The license"),
        may("fingerprint", Holds::Any, "The machine: a text, or an fp1 object"),
        may("machineFingerprint", Holds::Any, "The same, as `POST /activate` names it"),
        may("licenseKey", Holds::Text, "The license key"),
        may("proofId", Holds::Text, "The activation"),
        may("nonce", Holds::Text, "What its next heartbeat would carry"),
        may("reason", Holds::Text, "Why, for people"),
        may("release", Holds::Any, "The release that the machine signed: an envelope, or its text"),
    ],
    open: true,
};

pub(super) static RESPONSE: Schema = Schema {
    name: "DeactivateResponse",
    about: "An activation, or a seat, that was given back",
    members: &[
        must("error", Holds::Maybe(&Holds::Text), "Always null"),
        must("licenseId", Holds::Text, "The license"),
        must("message", Holds::Text, "What was done"),
        must("proofId", Holds::Text, "The activation, or the lease of the seat"),
        must("releasedAt", Holds::Maybe(&Holds::Time), "When it was given back"),
        must("success", Holds::Bool, "Always true"),
    ],
    open: false,
};

pub(super) fn run(app: &App, call: &Call) -> Result<Reply, Problem> {
    let ledger = call.ledger()?;
    app.may_guess(call.peer)?;
    let mut members = call.object(&REQUEST)?;
    if let Some(value) = take(&mut members, "release") {
        let envelope = envelope(value).map_err(|refusal| Problem::new(refusal.code, refusal.message).hint(BODIES))?;
        let taken = release::take_back(ledger, &call.stamp_of_machine(), &envelope, None);
        return taken.map(|returned| told_of(&returned)).map_err(|error| match error {
            SignedError::Ledger(error) => of_ledger(app, call, error),
            error => {
                let problem = refused(&[Refusal::new(error.code(), &error)]);
                error.hint().into_iter().fold(problem, Problem::hint)
            }
        });
    }
    let machine = match (fingerprint(&mut members, "fingerprint")?, fingerprint(&mut members, "machineFingerprint")?) {
        (Some(one), Some(other)) if one != other => {
            let message = "`fingerprint` and `machineFingerprint` name two machines";
            return Err(Problem::new(Code::Malformed, message).hint("name the one that gives its activation back"));
        }
        (one, other) => one.or(other),
    };
    let mut member = |name| filled(&mut members, name);
    let (license_id, proof_id, reason) = (member("licenseId"), member("proofId"), member("reason"));
    let right = match (member("licenseKey"), member("nonce")) {
        (Some(key), None) if machine.is_some() || proof_id.is_some() => {
            Right::LicenseKey(LicenseKey::parse(&key).map_err(|_| unknown_key(app, call))?)
        }
        (None, Some(nonce)) if proof_id.is_some() => Right::Nonce(nonce),
        _ => {
            let message = "the body must hold `release`, or `licenseKey` with `fingerprint`, or `nonce` with `proofId`";
            return Err(Problem::new(Code::Malformed, message).hint(BODIES));
        }
    };
    let machine = machine.as_ref().map(Machine::of);
    let asked = GivenBack { license_id, proof_id, machine, right, reason };
    let released = release::give_back(ledger, &call.stamp_of_machine(), asked);
    released.map(|released| told(&released)).map_err(|error| of_ledger(app, call, error))
}

fn envelope(value: Value<'_>) -> Result<Envelope, Refusal> {
    let text = match value {
        Value::String(text) => text.into_owned(),
        other => canonical(&other),
    };
    document::open(text.as_bytes())?.document.envelope(Kind::Release)
}

fn of_ledger(app: &App, call: &Call, error: LedgerError) -> Problem {
    match error.code() {
        Code::UnknownLicense => unknown_activation(app, call),
        Code::NonceMismatch => {
            app.guessed_wrong(call.peer);
            refused_by_ledger(error)
        }
        _ => refused_by_ledger(error),
    }
}

fn told_of(returned: &Returned) -> Reply {
    match returned {
        Returned::Machine(released) => told(released),
        Returned::Seat { lease, unchanged } => {
            let message = if *unchanged { "Seat was released before." } else { "Seat released." };
            reply(&lease.license_id, message, &lease.lease_id, lease.ended_at)
        }
    }
}

fn told(released: &Released) -> Reply {
    let activation = &released.activation;
    let message = if released.unchanged { "License was deactivated before." } else { "License deactivated." };
    reply(&activation.license_id, message, &activation.proof_id, activation.released_at)
}

fn reply(license_id: &str, message: &str, proof_id: &str, released_at: Option<Timestamp>) -> Reply {
    let mut out = Writer::default();
    out.begin_object();
    out.name("error").null();
    out.name("licenseId").string(license_id);
    out.name("message").string(message);
    out.name("proofId").string(proof_id);
    match released_at {
        Some(at) => out.name("releasedAt").plain(at),
        None => out.name("releasedAt").null(),
    }
    out.name("success").bool(true);
    out.end_object();
    Reply::json(out.finish())
}
