//! `POST /seats/claim`, `/seats/renew` and `/seats/release`: concurrent uses, each with a lease that verifies offline.

use super::book::{take, text};
use super::issue::signer;
use super::machine::{refused, refused_by_ledger, unknown_key};
use crate::code::Code;
use crate::dsse::{Envelope, Kind};
use crate::http::answers::ENVELOPE;
use crate::http::app::App;
use crate::http::auth::admin_key;
use crate::http::call::{BODIES, Call, Reply};
use crate::http::dispatch::admit;
use crate::http::gate::by_server;
use crate::http::problem::Problem;
use crate::http::schema::{Holds, Schema, may, must};
use crate::json::{self, Members, Value, Writer};
use crate::ledger::LedgerError;
use crate::ledger::license_key::LicenseKey;
use crate::operation::ledger::activate::ActivateError;
use crate::operation::ledger::lease::{self, Draft, Drafting, Leased, Right, Seated, Seats, Shown, Terms};
use crate::operation::proof::Fresh;
use crate::proof::Proof;
use crate::request::{LicenseReference, Nonce, Request};
use crate::time::{DAY, Timestamp};

/// How long a lease lasts where nobody says, in seconds.
const LEASE: u64 = 600;

/// How short and how long a lease may be that is renewed, in seconds. It counts offline until its end, also after its seat
/// was given back.
const LEASES: std::ops::RangeInclusive<u64> = 60..=3_600;

/// The longest that a seat is lent over HTTP, in days.
const MAX_BORROW: i64 = 30;

pub(super) static CLAIM: Schema = Schema {
    name: "ClaimRequest",
    about: "Who asks for a seat, by one of `proof` and `request`, and for how long",
    members: &[
        may(
            "proof",
            Holds::Any,
            "The proof of the machine's activation, or the lease it has: an envelope, or its text",
        ),
        may(
            "request",
            Holds::Any,
            "An activation request that carries the license or names it by license key, or its text",
        ),
        may("leaseSeconds", Holds::Count, "How long the lease lasts unless it is renewed: 60 to 3600; 600 if left out"),
        may(
            "borrowUntil",
            Holds::When,
            "Take the seat along until then: at most 30 days, and only from a server with `--key`",
        ),
        may("username", Holds::Text, "A name for people"),
        may(
            "wait",
            Holds::Bool,
            "Whether to stand in line when every seat is taken; asking again within two minutes keeps the place",
        ),
    ],
    open: false,
};

pub(super) static RENEW: Schema = Schema {
    name: "RenewSeatRequest",
    about: "Who renews a seat, by one of `proof` and `request`, and for how long",
    members: &[
        may("proof", Holds::Any, "The lease, or the proof of the machine's activation: an envelope, or its text"),
        may(
            "request",
            Holds::Any,
            "An activation request that carries the license or names it by license key, or its text",
        ),
        may("leaseSeconds", Holds::Count, "How long the lease lasts from now: 60 to 3600; 600 if left out"),
    ],
    open: false,
};

pub(super) static RELEASE: Schema = Schema {
    name: "ReleaseSeatRequest",
    about: "A seat to give back: by `proof` or `request` alone, or by `leaseId` and one of the others; the admin needs no \
            other",
    members: &[
        may("proof", Holds::Any, "The lease, or the proof of the machine's activation: an envelope, or its text"),
        may(
            "request",
            Holds::Any,
            "An activation request of the machine that carries the license or names it by license key, or its text",
        ),
        may("leaseId", Holds::Text, "The lease's id"),
        may("licenseKey", Holds::Text, "The license key"),
        may("heartbeatNonce", Holds::Text, "The nonce of the next heartbeat of the activation that holds the seat"),
    ],
    open: false,
};

pub(super) static SEAT: Schema = Schema {
    name: "Seat",
    about: "A seat, or a place in line",
    members: &[
        must("lease", Holds::Maybe(&Holds::Object(&HELD_LEASE)), "The seat as the ledger holds it"),
        must("position", Holds::Maybe(&Holds::Count), "The place in line, from 1, when every seat is taken"),
        must(
            "proof",
            Holds::Maybe(&Holds::Object(&ENVELOPE)),
            "The lease: a proof that verifies offline until its end; null from a server without `--key`, where the seat \
             counts as long as it is renewed",
        ),
    ],
    open: false,
};

pub(super) static RELEASED: Schema = Schema {
    name: "ReleasedSeat",
    about: "A seat that is free, or a place in line that was given up",
    members: &[
        must("leaseId", Holds::Maybe(&Holds::Text), "The lease's id; null of who only stood in line"),
        must("leftLine", Holds::Bool, "Whether a place in line was given up"),
        must("released", Holds::Bool, "Whether the seat was held until now"),
    ],
    open: false,
};

pub(super) static HELD_LEASE: Schema = Schema {
    name: "Lease",
    about: "A seat that is held",
    members: &[
        must("borrowed", Holds::Bool, "Whether it was taken along"),
        must("claimedAt", Holds::Time, "When it was claimed"),
        must("expiresAt", Holds::Time, "The last second of it"),
        must("holder", Holds::Text, "The proof id of the machine that holds it, or the digest of its fingerprint"),
        must("leaseId", Holds::Text, "Its id, which is the proof id of the lease"),
        must("licenseId", Holds::Text, "The license"),
        must("renewedAt", Holds::Time, "When it was renewed last"),
        must("username", Holds::Maybe(&Holds::Text), "A name for people"),
    ],
    open: false,
};

pub(super) fn claim(app: &App, call: &Call) -> Result<Reply, Problem> {
    let mut members = call.object(&CLAIM)?;
    let borrow_until = borrow_until(&mut members, call.now)?;
    let terms = Terms {
        seconds: seconds(&mut members)?,
        borrow_until,
        username: text(&mut members, "username"),
        wait: matches!(take(&mut members, "wait"), Some(Value::Bool(true))),
    };
    if borrow_until.is_some() {
        signer(call).map_err(|problem| problem.hint("claim the seat without `borrowUntil`, and renew it in time"))?;
    }
    let draft = draft(app, call, &mut members, borrow_until)?;
    match lease::claim(call.ledger()?, &call.stamp_of_machine(), draft, &terms).map_err(refused_by_ledger)? {
        Seated::Held(leased) => Ok(granted(call, &leased)),
        Seated::Waiting(position) => Ok(told(None, None, Some(position))),
    }
}

pub(super) fn renew(app: &App, call: &Call) -> Result<Reply, Problem> {
    let mut members = call.object(&RENEW)?;
    let seconds = seconds(&mut members)?;
    let draft = draft(app, call, &mut members, None)?;
    let renewed = lease::renew(call.ledger()?, &call.stamp_of_machine(), draft, seconds);
    Ok(granted(call, &renewed.map_err(refused_by_ledger)?))
}

pub(super) fn release(app: &App, call: &Call) -> Result<Reply, Problem> {
    let mut members = call.object(&RELEASE)?;
    let ledger = call.ledger()?;
    let [proof, request, nonce, key] =
        ["proof", "request", "heartbeatNonce", "licenseKey"].map(|name| take(&mut members, name));
    let named = text(&mut members, "leaseId");
    let own = |value: Value<'_>| value.into_string("").map(std::borrow::Cow::into_owned).unwrap_or_default();
    let mut by = call.stamp_of_machine();
    let right = match (proof, request, nonce, key) {
        (Some(proof), None, None, None) => {
            // Also one that has ended, so that who lost the answer can ask again.
            let verified = Proof::verify(&envelope(proof)?, &call.roles.keyring);
            let proof = verified.map_err(|error| Problem::new(error.code(), error).status_of_no(403))?.proof;
            Right::Proof(Box::new(proof))
        }
        (None, Some(request), None, None) => {
            let request = read(request)?;
            may_look_up(app, call, &request)?;
            let installed = installed(app, call)?;
            Right::of_request(ledger, &call.roles.keyring, seats(installed.as_ref()), &request)
                .map_err(|error| of_shown(app, call, error, true))?
        }
        (None, None, Some(nonce), None) if named.is_some() => {
            app.may_guess(call.peer)?;
            Right::Nonce(own(nonce))
        }
        (None, None, None, Some(key)) if named.is_some() => {
            app.may_guess(call.peer)?;
            let key = LicenseKey::parse(&own(key)).map_err(|error| Problem::new(Code::Unauthorized, error));
            Right::LicenseKey(key.inspect_err(|_| app.guessed_wrong(call.peer))?)
        }
        (None, None, None, None) if named.is_some() && admin_key(&call.headers).is_some() => {
            admit(app, call.peer, &call.headers)?;
            by = call.stamp();
            Right::Admin
        }
        _ => {
            let message = "the body must hold `proof`, `request`, or `leaseId` and one of `licenseKey` and \
                           `heartbeatNonce`";
            return Err(Problem::new(Code::Malformed, message).hint(BODIES));
        }
    };
    let given_up = lease::release(ledger, &by, named.as_deref(), right).map_err(|error| {
        if error.code() != Code::Unauthorized {
            return refused_by_ledger(error);
        }
        app.guessed_wrong(call.peer);
        refused_by_ledger(error)
            .hint("show the lease, the request, the license key, or the nonce of the next heartbeat")
    })?;
    let mut out = Writer::default();
    out.begin_object();
    match &given_up.lease_id {
        Some(id) => out.name("leaseId").string(id),
        None => out.name("leaseId").null(),
    }
    out.name("leftLine").bool(given_up.was_in_line);
    out.name("released").bool(given_up.was_held);
    out.end_object();
    Ok(Reply::json(out.finish()))
}

/// Drafts the lease from what the machine shows; a license key that is wrong was a guess.
fn draft(app: &App, call: &Call, members: &mut Members<'_>, until: Option<Timestamp>) -> Result<Draft, Problem> {
    let ledger = call.ledger()?;
    let (proof, request) = (take(members, "proof"), take(members, "request"));
    let (envelope, request) = match (proof, request) {
        (Some(proof), None) => (Some(envelope(proof)?), None),
        (None, Some(request)) => {
            let request = read(request)?;
            may_look_up(app, call, &request)?;
            (None, Some(request))
        }
        _ => {
            let message = "the body must hold one of `proof` and `request`";
            return Err(Problem::new(Code::Malformed, message).hint(BODIES));
        }
    };
    let shown = match (&envelope, &request) {
        (Some(envelope), _) => Shown::Proof(envelope),
        (None, Some(request)) => Shown::Request(request),
        (None, None) => return Err(Problem::internal("nothing was shown")),
    };
    let installed = installed(app, call)?;
    let drafting = Drafting {
        seats: seats(installed.as_ref()),
        keyring: &call.roles.keyring,
        revocations: call.roles.revocations.clone(),
        until,
        fresh: Fresh { proof_id: app.fresh_id()?, heartbeat_nonce: Nonce(app.fresh_bytes()?), now: call.now },
    };
    lease::draft(ledger, &shown, drafting).map_err(|error| of_shown(app, call, error, request.is_some()))
}

/// Names the license that is installed here where the server has no key to be an issuer with.
fn installed(app: &App, call: &Call) -> Result<Option<String>, Problem> {
    if call.roles.signer.is_some() {
        return Ok(None);
    }
    let entered =
        lease::installed::enter(call.ledger()?, &by_server(call.now), &call.roles.judge(), app.refused().as_ref());
    // What is wrong with it is not the caller's fault, whatever status it has as a caller's.
    let hint = "have the operator install a license that holds, at /api/v1/admin/license";
    entered.map(Some).map_err(|error| match error {
        LedgerError::Refused(_) => refused_by_ledger(error).with_status(403).hint(hint),
        error => error.into(),
    })
}

fn seats(installed: Option<&String>) -> Seats<'_> {
    installed.map_or(Seats::OfIssuer, |id| Seats::OfInstalled(id))
}

/// Says what is wrong with what a machine shows.
fn of_shown(app: &App, call: &Call, error: ActivateError, is_request: bool) -> Problem {
    match error {
        ActivateError::Ledger(error) => error.into(),
        ActivateError::Refused(refusals) => match refusals.first().map(|refusal| refusal.code) {
            Some(Code::UnknownLicense) if is_request => unknown_key(app, call),
            Some(Code::Unsupported) => refused(&refusals).hint("send a request that carries the license, or the proof"),
            Some(Code::Unauthorized) => {
                refused(&refusals).hint("send a request that carries the license or its key, or the proof")
            }
            _ => refused(&refusals),
        },
    }
}

fn granted(call: &Call, leased: &Leased) -> Reply {
    let sign = |signer| Envelope::sign(Kind::Proof, leased.proof.to_payload().into_bytes(), &[signer]);
    told(Some(leased), call.roles.signer.as_deref().map(sign).as_ref(), None)
}

fn told(granted: Option<&Leased>, signed: Option<&Envelope>, position: Option<u64>) -> Reply {
    let mut out = Writer::default();
    out.begin_object();
    match granted {
        Some(leased) => leased.lease.write(out.name("lease")),
        None => out.name("lease").null(),
    }
    match position {
        Some(position) => out.name("position").integer(position.into()),
        None => out.name("position").null(),
    }
    match signed {
        Some(signed) => out.name("proof").raw(&signed.to_json()),
        None => out.name("proof").null(),
    }
    out.end_object();
    Reply::json(out.finish())
}

fn seconds(members: &mut Members<'_>) -> Result<i64, Problem> {
    let asked = take(members, "leaseSeconds").map_or(Ok(LEASE), |value| value.into_count("leaseSeconds"))?;
    let seconds = Some(asked).filter(|asked| LEASES.contains(asked)).and_then(|asked| i64::try_from(asked).ok());
    seconds.ok_or_else(|| {
        let message = format!("`leaseSeconds` is {asked}, and a lease lasts {} to {}", LEASES.start(), LEASES.end());
        Problem::new(Code::Malformed, message).hint(BODIES)
    })
}

fn borrow_until(members: &mut Members<'_>, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    let Some(asked) = text(members, "borrowUntil") else { return Ok(None) };
    let until =
        Timestamp::parse_when(&asked, now).map_err(|error| Problem::new(Code::Malformed, error).hint(BODIES))?;
    if until <= now || until > now.saturating_add(MAX_BORROW * DAY) {
        let message = format!("`borrowUntil` is {until}, and a seat is lent for at most {MAX_BORROW} days from {now}");
        return Err(Problem::new(Code::Malformed, message).hint("ask the issuer, who can lend it for longer"));
    }
    Ok(Some(until))
}

/// Takes an envelope that stands in a body as itself or as its text.
fn envelope(value: Value<'_>) -> Result<Envelope, Problem> {
    Envelope::parse(document(value).as_bytes()).map_err(|error| Problem::new(error.code(), error))
}

/// Lets a caller try a license key, where a request names its license by one.
fn may_look_up(app: &App, call: &Call, request: &Request) -> Result<(), Problem> {
    match request.license {
        LicenseReference::Key(_) => app.may_guess(call.peer),
        LicenseReference::Id(_) | LicenseReference::Token(_) => Ok(()),
    }
}

fn read(request: Value<'_>) -> Result<Request, Problem> {
    Request::parse(document(request).as_bytes()).map_err(|error| Problem::new(error.code(), error))
}

fn document(value: Value<'_>) -> String {
    match value {
        Value::String(text) => text.into_owned(),
        value => json::canonical(&value),
    }
}
