//! `/admin/license` and `/admin/license/usage`: the license of this installation, as its operator sees it.

use super::book::take;
use crate::http::app::{App, Roles};
use crate::http::call::{Call, Reply};
use crate::http::metrics::LicenseGauges;
use crate::http::problem::Problem;
use crate::http::schema::{Holds, Schema, may, must};
use crate::json::Writer;
use crate::operation::ledger::install::{self, Origin};
use crate::time::Timestamp;
use crate::verdict::{State, Verdict};

pub(super) static INSTALL: Schema = Schema {
    name: "InstallRequest",
    about: "A license for this installation",
    members: &[must("token", Holds::Document, "The token, or the text that it came in")],
    open: true,
};

pub(super) static INSTALLATION: Schema = Schema {
    name: "Installation",
    about: "The license that this installation runs under from now on",
    members: &[
        must("envelope", Holds::Any, "What it says"),
        must("state", Holds::OneOf(&["ACTIVE", "GRACE"]), "What it is to its holder"),
    ],
    open: false,
};

pub(super) static INSTALLED: Schema = Schema {
    name: "Installed",
    about: "The license of this installation; the token itself is never told",
    members: &[
        must("envelope", Holds::Any, "What it says"),
        must("invalidReason", Holds::Maybe(&Holds::Text), "Why it is not to be believed"),
        may("lastValidatedAt", Holds::Time, "When it was last validated; left out before the first time"),
        must("state", Holds::OneOf(&["ABSENT", "ACTIVE", "EXPIRED", "GRACE", "INVALID"]), "What it is to its holder"),
    ],
    open: false,
};

pub(super) static USAGE: Schema = Schema {
    name: "Usage",
    about: "The limits that hold in this installation",
    members: &[
        must("daysRemaining", Holds::Maybe(&Holds::Integer), "Whole days until the end"),
        must("expiresAt", Holds::Maybe(&Holds::Time), "The last second of validity"),
        must("gracePeriodDays", Holds::Maybe(&Holds::Count), "Days after it in which the limits still hold"),
        must("label", Holds::Maybe(&Holds::Text), "A name for people"),
        may("lastValidatedAt", Holds::Time, "When it was last validated; left out before the first time"),
        must("limits", Holds::List(&Holds::Object(&CAP)), "Every limit"),
        must("message", Holds::Text, "The state in a sentence"),
        must("state", Holds::OneOf(&["ABSENT", "ACTIVE", "EXPIRED", "GRACE", "INVALID"]), "What it is to its holder"),
        must("tenantId", Holds::Maybe(&Holds::Text), "Whom it is for"),
    ],
    open: false,
};

pub(super) static CAP: Schema = Schema {
    name: "Cap",
    about: "One limit",
    members: &[
        must("cap", Holds::Count, "The number that holds"),
        must("current", Holds::Count, "Current use, as the programs that use it up have told; 0 where none has"),
        must("key", Holds::Text, "What it caps"),
        must("source", Holds::OneOf(&["default", "license"]), "Where it comes from"),
    ],
    open: false,
};

pub(super) fn gauges(app: &App, roles: &Roles, now: Timestamp) -> Result<LicenseGauges, Problem> {
    let (posture, validated_at) = app.posture(roles, now)?;
    let verdict = posture.verdict;
    let held = matches!(verdict.state, State::Active | State::Grace | State::Expired);
    posture.rows.iter().for_each(|row| app.metrics.may_be_capped(&row.limit.key));
    Ok(LicenseGauges {
        state: verdict.state.as_str(),
        days_remaining: verdict.days_remaining().filter(|_| held).unwrap_or(-1),
        validated_age: validated_at.map_or(0, |at| now.since(at).max(0)),
    })
}

pub(super) fn license(app: &App, call: &Call) -> Result<Reply, Problem> {
    let (posture, validated_at) = app.posture(&call.roles, call.now)?;
    let verdict = posture.verdict;
    let mut out = Writer::default();
    out.begin_object();
    write_envelope(out.name("envelope"), &verdict);
    match call.roles.judge().reason(&verdict).filter(|_| verdict.state == State::Invalid) {
        Some(reason) => out.name("invalidReason").string(&reason),
        None => out.name("invalidReason").null(),
    }
    validated_at.into_iter().for_each(|at| out.name("lastValidatedAt").plain(at));
    out.name("state").plain(verdict.state.as_str());
    out.end_object();
    Ok(Reply::json(out.finish()))
}

/// `POST /admin/license`: in force at once, on every server of the same ledger.
pub(super) fn install(_: &App, call: &Call) -> Result<Reply, Problem> {
    let (ledger, judge) = (call.ledger()?, call.roles.judge());
    let token = take(&mut call.object(&INSTALL)?, "token").map(|token| token.into_text("token")).transpose()?;
    let token = token.unwrap_or_default();
    let verdict = install::install(ledger, &call.stamp(), &judge, token.as_bytes(), Origin::Api)?;
    if let Some(refusal) = verdict.refusals.first() {
        let reason = judge.reason(&verdict).unwrap_or_default();
        return Err(Problem::new(refusal.code, reason).with_status(400));
    }
    tracing::info!(state = verdict.state.as_str(), "the license of this installation was installed");
    if call.roles.license.as_ref().is_some_and(|given| given.text.trim_ascii() != token.trim().as_bytes()) {
        tracing::warn!("the server was started with another license, which is installed again at its next start");
    }
    let mut out = Writer::default();
    out.begin_object();
    write_envelope(out.name("envelope"), &verdict);
    out.name("state").plain(verdict.state.as_str());
    out.end_object();
    Ok(Reply::json(out.finish()))
}

pub(super) fn usage(app: &App, call: &Call) -> Result<Reply, Problem> {
    let (posture, validated_at) = app.posture(&call.roles, call.now)?;
    let verdict = posture.verdict;
    let license = verdict.license.as_ref().filter(|_| verdict.state != State::Invalid);
    let text = |out: &mut Writer, text: Option<&str>| match text {
        Some(text) => out.string(text),
        None => out.null(),
    };
    let number = |out: &mut Writer, number: Option<i64>| match number {
        Some(number) => out.integer(number.into()),
        None => out.null(),
    };
    let mut out = Writer::default();
    out.begin_object();
    number(out.name("daysRemaining"), license.and(verdict.days_remaining()));
    write_time(out.name("expiresAt"), license.map(|license| license.expires_at));
    number(out.name("gracePeriodDays"), license.map(|license| license.grace_period_days.into()));
    text(out.name("label"), license.and_then(|license| license.label.as_deref()));
    validated_at.into_iter().for_each(|at| out.name("lastValidatedAt").plain(at));
    out.name("limits").begin_array();
    posture.rows.iter().for_each(|row| row.write(&mut out));
    out.end_array();
    out.name("message").string(&call.roles.judge().message(&verdict));
    out.name("state").plain(verdict.state.as_str());
    text(out.name("tenantId"), license.map(|license| license.tenant_id.as_str()));
    out.end_object();
    Ok(Reply::json(out.finish()))
}

fn write_envelope(out: &mut Writer, verdict: &Verdict) {
    match verdict.license.as_ref().filter(|_| verdict.state != State::Invalid) {
        Some(license) => license.write_readable(out),
        None => out.null(),
    }
}

fn write_time(out: &mut Writer, time: Option<Timestamp>) {
    match time {
        Some(time) => out.plain(time),
        None => out.null(),
    }
}
