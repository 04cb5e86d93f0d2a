//! `/usage/claim`, `/usage/release` and `/usage/report`: what the programs of this installation use up of its license.

use axum::http::StatusCode;

use super::book::{count, take, text};
use crate::code::Code;
use crate::http::app::App;
use crate::http::call::{BODIES, Call, Reply};
use crate::http::problem::Problem;
use crate::http::schema::{Holds, Schema, may, must};
use crate::json::{Members, Writer};
use crate::ledger::tenant::Used;
use crate::operation::ledger::caps::{self, Take};
use crate::operation::ledger::posture::posture;

const STATES: [&str; 5] = ["ABSENT", "ACTIVE", "EXPIRED", "GRACE", "INVALID"];

/// The longest name of a limit, in bytes.
const MAX_LIMIT_BYTES: usize = 128;

/// The most limits that are told of at once.
const MAX_LIMITS: usize = 1_000;

pub(super) static CLAIM: Schema = Schema {
    name: "UsageClaim",
    about: "What a program is about to create",
    members: &[
        must("limit", Holds::Text, "The limit that caps it"),
        may("requested", Holds::Count, "How many more; 1 if left out"),
        may("current", Holds::Count, "How many there are, where the program has counted; else the server has"),
    ],
    open: false,
};

pub(super) static CLAIMED: Schema = Schema {
    name: "UsageClaimed",
    about: "It may be created, and is counted",
    members: &[
        must("cap", Holds::Maybe(&Holds::Count), "The number that holds; without one, all is granted"),
        must("current", Holds::Count, "How many there are with it"),
        must("limit", Holds::Text, "The limit"),
        must("source", Holds::Maybe(&Holds::OneOf(&["default", "license"])), "Where the cap comes from"),
        must("state", Holds::OneOf(&STATES), "The state of the license"),
    ],
    open: false,
};

/// The answer with status 403.
pub(super) static REACHED: Schema = Schema {
    name: "CapReached",
    about: "It may not be created: the limit is reached",
    members: &[
        must("cap", Holds::Count, "The number that holds"),
        must("code", Holds::OneOf(&["limit-exceeded"]), "One word of mintage-codes(7)"),
        must("current", Holds::Count, "How many there are"),
        must("error", Holds::OneOf(&["license cap reached"]), "What clients of the field look for"),
        must("hints", Holds::List(&Holds::Text), "What the caller can do"),
        must("limit", Holds::Text, "The limit"),
        must("message", Holds::Text, "The state of the license and what is used, in a sentence"),
        must("state", Holds::OneOf(&STATES), "The state of the license"),
    ],
    open: false,
};

pub(super) static RELEASE: Schema = Schema {
    name: "UsageRelease",
    about: "What a program has removed",
    members: &[
        must("limit", Holds::Text, "The limit that caps it"),
        may("released", Holds::Count, "How many fewer; 1 if left out"),
    ],
    open: false,
};

pub(super) static RELEASED: Schema = Schema {
    name: "UsageReleased",
    about: "What is left",
    members: &[must("current", Holds::Count, "How many there are now"), must("limit", Holds::Text, "The limit")],
    open: false,
};

pub(super) static REPORT: Schema = Schema {
    name: "UsageReport",
    about: "How many there are, as a program has counted",
    members: &[must("usage", Holds::Map(&Holds::Count), "How many of each limit")],
    open: false,
};

pub(super) static REPORTED: Schema = Schema {
    name: "UsageReported",
    about: "Every limit and what is used of it now",
    members: &[
        must("limits", Holds::List(&Holds::Object(&super::installed::CAP)), "Every limit"),
        must("state", Holds::OneOf(&STATES), "The state of the license"),
    ],
    open: false,
};

/// Asks for more of a limit, and counts it when it is granted.
pub(super) fn claim(app: &App, call: &Call) -> Result<Reply, Problem> {
    let ledger = call.ledger()?;
    let mut members = call.object(&CLAIM)?;
    let limit = limit(&mut members)?;
    let (requested, counted) = (count(&mut members, "requested").unwrap_or(1), count(&mut members, "current"));
    let asked = Take { limit, requested, counted };
    let stamp = crate::operation::ledger::Stamp { actor: "program".to_owned(), ..call.stamp() };
    let taken = caps::take(ledger, &stamp, &call.roles.judge(), app.refused().as_ref(), &asked)?;
    let cap = taken.limit.as_ref();
    let mut out = Writer::default();
    out.begin_object();
    match cap {
        Some(cap) => out.name("cap").integer(cap.value.into()),
        None => out.name("cap").null(),
    }
    if let Some(message) = taken.refused {
        app.metrics.capped(&asked.limit);
        out.name("code").string(Code::LimitExceeded.as_str());
        out.name("current").integer(taken.current.into());
        out.name("error").string("license cap reached");
        out.name("hints").begin_array();
        out.string(Code::LimitExceeded.hint());
        out.end_array();
        out.name("limit").string(&asked.limit);
        out.name("message").string(&message);
        out.name("state").plain(taken.state.as_str());
        out.end_object();
        return Ok(Reply { status: StatusCode::FORBIDDEN, ..Reply::json(out.finish()) });
    }
    out.name("current").integer(taken.current.into());
    out.name("limit").string(&asked.limit);
    match cap {
        Some(cap) => out.name("source").plain(cap.source.as_str()),
        None => out.name("source").null(),
    }
    out.name("state").plain(taken.state.as_str());
    out.end_object();
    Ok(Reply::json(out.finish()))
}

/// Gives some of a limit back.
pub(super) fn release(_: &App, call: &Call) -> Result<Reply, Problem> {
    let ledger = call.ledger()?;
    let mut members = call.object(&RELEASE)?;
    let limit = limit(&mut members)?;
    let released = count(&mut members, "released").unwrap_or(1);
    let current = caps::give_back(ledger, call.now, call.roles.judge().tenant_id(), &limit, released)?;
    let mut out = Writer::default();
    out.begin_object();
    out.name("current").integer(current.into());
    out.name("limit").string(&limit);
    out.end_object();
    Ok(Reply::json(out.finish()))
}

/// Takes what a program has counted for what is used.
pub(super) fn report(app: &App, call: &Call) -> Result<Reply, Problem> {
    let (ledger, judge) = (call.ledger()?, call.roles.judge());
    let mut members = call.object(&REPORT)?;
    let told = take(&mut members, "usage").map(|value| value.into_object("usage")).transpose()?.unwrap_or_default();
    if told.len() > MAX_LIMITS {
        return Err(Problem::new(Code::Malformed, format_args!("at most {MAX_LIMITS} limits are told of at once")));
    }
    let mut used = Vec::with_capacity(told.len());
    for (limit, current) in told {
        used.push(Used { current: current.into_count("usage")?, limit: checked(limit.into_owned())? });
    }
    caps::tell(ledger, call.now, judge.tenant_id(), used)?;
    let posture = posture(ledger, &judge, app.refused().as_ref(), call.now)?;
    let mut out = Writer::default();
    out.begin_object();
    out.name("limits").begin_array();
    posture.rows.iter().for_each(|row| row.write(&mut out));
    out.end_array();
    out.name("state").plain(posture.verdict.state.as_str());
    out.end_object();
    Ok(Reply::json(out.finish()))
}

fn limit(members: &mut Members<'_>) -> Result<String, Problem> {
    checked(text(members, "limit").unwrap_or_default())
}

/// What is kept for good under a name that a caller chooses must be a name.
fn checked(limit: String) -> Result<String, Problem> {
    let is_name = (1..=MAX_LIMIT_BYTES).contains(&limit.len()) && !limit.chars().any(crate::json::steers);
    let unfit = format_args!("a limit's name has 1 to {MAX_LIMIT_BYTES} bytes and no control character").to_string();
    if is_name { Ok(limit) } else { Err(Problem::new(Code::Malformed, unfit).hint(BODIES)) }
}
