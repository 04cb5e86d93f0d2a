//! `POST /heartbeat`: an activated machine says that it is alive, and hears whether its license still counts.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::book::text;
use super::machine::{fingerprint, unknown_activation};
use crate::code::Code;
use crate::http::app::App;
use crate::http::call::{Call, Reply};
use crate::http::problem::Problem;
use crate::http::schema::{Holds, Schema, must};
use crate::http::steps::Next;
use crate::json::Writer;
use crate::ledger::LedgerError;
use crate::ledger::machine::Machine;
use crate::ledger::release::{Beat, Heartbeat};
use crate::operation::ledger::heartbeat::heartbeat_then;
use crate::time::Timestamp;
use crate::verdict::Refusal;

pub(super) static REQUEST: Schema = Schema {
    name: "HeartbeatRequest",
    about: "An activated machine, and the nonce that it was handed last",
    members: &[
        must("licenseId", Holds::Text, "The license"),
        must("proofId", Holds::Text, "The activation"),
        must("machineFingerprint", Holds::Any, "The machine as the proof names it: a text, or an fp1 object"),
        must("nonce", Holds::Text, "The proof's `heartbeatNonce`, then the `newNonce` of the answer before"),
    ],
    open: true,
};

pub(super) static RESPONSE: Schema = Schema {
    name: "HeartbeatResponse",
    about: "Whether it may go on. Who never got an answer asks again with the same nonce, and gets the same answer",
    members: &[
        must("checkedAtUtc", Holds::Time, "When the ledger was asked"),
        must("code", Holds::Maybe(&Holds::Text), "Why it is refused: one word of mintage-codes(7)"),
        must("error", Holds::Maybe(&Holds::Text), "The same as a sentence"),
        must("graceUntilUtc", Holds::Maybe(&Holds::Time), "Until when a withdrawn license still counts"),
        must("isRevoked", Holds::Bool, "Whether the license was withdrawn"),
        must("newNonce", Holds::Maybe(&Holds::Text), "What the next heartbeat must carry"),
        must("success", Holds::Bool, "Whether the heartbeat was taken"),
    ],
    open: false,
};

pub(super) fn beat(app: &App, call: &Call) -> Result<Next, Problem> {
    let ledger = Arc::clone(call.ledger()?);
    app.may_guess(call.peer)?;
    let mut members = call.object(&REQUEST)?;
    let machine = fingerprint(&mut members, "machineFingerprint")?;
    let mut member = |name| text(&mut members, name).unwrap_or_default();
    let beat = Heartbeat {
        proof_id: member("proofId"),
        license_id: member("licenseId"),
        // Who names no machine is none that is bound.
        machine: machine.map_or_else(|| Machine::of_digest(""), |fingerprint| Machine::of(&fingerprint)),
        nonce: member("nonce"),
        fresh_nonce: STANDARD.encode(app.fresh_bytes::<16>()?),
        grace_hours: call.roles.grace_hours,
        now: call.now,
    };
    Ok(Next::ask(move |teller| {
        let then = |beat| teller.go_on(move |app, call| answer(app, call, beat).map(Next::Answer));
        heartbeat_then(&ledger, beat, then);
    }))
}

fn answer(app: &App, call: &Call, beat: Result<Beat, LedgerError>) -> Result<Reply, Problem> {
    match beat {
        Ok(beat) => {
            app.metrics.beaten(if beat.revoked { Code::Revoked.as_str() } else { "counts" });
            Ok(told(beat.checked_at, Ok(&beat)))
        }
        Err(LedgerError::Refused(refusal)) if refusal.code == Code::UnknownLicense => {
            app.metrics.beaten(refusal.code.as_str());
            Err(unknown_activation(app, call))
        }
        Err(LedgerError::Refused(refusal)) => {
            app.metrics.beaten(refusal.code.as_str());
            Ok(told(call.now, Err(&refusal)))
        }
        Err(error) => Err(error.into()),
    }
}

fn told(checked_at: Timestamp, answer: Result<&Beat, &Refusal>) -> Reply {
    let (beat, refusal) = (answer.ok(), answer.err());
    let maybe = |out: &mut Writer, text: Option<&str>| match text {
        Some(text) => out.string(text),
        None => out.null(),
    };
    let mut out = Writer::with_capacity(256);
    out.begin_object();
    out.name("checkedAtUtc").plain(checked_at);
    maybe(out.name("code"), refusal.map(|refusal| refusal.code.as_str()));
    maybe(out.name("error"), refusal.map(|refusal| refusal.message.as_str()));
    match beat.and_then(|beat| beat.grace_until) {
        Some(until) => out.name("graceUntilUtc").plain(until),
        None => out.name("graceUntilUtc").null(),
    }
    out.name("isRevoked").bool(beat.is_some_and(|beat| beat.revoked));
    maybe(out.name("newNonce"), beat.map(|beat| beat.nonce.as_str()));
    out.name("success").bool(refusal.is_none());
    out.end_object();
    Reply::json(out.finish())
}
