//! `GET /admin/license` and `/admin/license/usage`: the license of this installation, as its operator sees it.

#![expect(clippy::unnecessary_wraps, reason = "routes are all of one type")]

use super::app::{App, Roles};
use super::call::{Call, Reply};
use super::metrics::LicenseGauges;
use super::problem::Problem;
use super::schema::{Holds, Schema, must};
use crate::code::Code;
use crate::json::Writer;
use crate::operation::verify::{Against, absent, license_bytes};
use crate::time::Timestamp;
use crate::verdict::{State, Verdict};

pub(super) static INSTALLED: Schema = Schema {
    name: "Installed",
    about: "The license of this installation; the token itself is never told",
    members: &[
        must("envelope", Holds::Any, "What it says"),
        must("invalidReason", Holds::Maybe(&Holds::Text), "Why it is not to be believed"),
        must("lastValidatedAt", Holds::Maybe(&Holds::Time), "When it was last validated"),
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
        must("lastValidatedAt", Holds::Maybe(&Holds::Time), "When it was last validated"),
        must("limits", Holds::List(&Holds::Object(&CAP)), "Every limit"),
        must("message", Holds::Text, "The state in a sentence"),
        must("state", Holds::OneOf(&["ABSENT", "ACTIVE", "EXPIRED", "GRACE", "INVALID"]), "What it is to its holder"),
        must("tenantId", Holds::Maybe(&Holds::Text), "Whom it is for"),
    ],
    open: false,
};

static CAP: Schema = Schema {
    name: "Cap",
    about: "One limit",
    members: &[
        must("cap", Holds::Count, "The number that holds"),
        must("current", Holds::Count, "Current use; 0 where this server does not measure it"),
        must("key", Holds::Text, "What it caps"),
        must("source", Holds::OneOf(&["default", "license"]), "Where it comes from"),
    ],
    open: false,
};

/// Judges the license of this installation as of now.
pub(super) fn verdict(roles: &Roles, now: Timestamp) -> Verdict {
    let context = roles.context(now);
    let against = Against { keyring: &roles.keyring, context: &context, secret: None };
    match &roles.license {
        Some(license) => license_bytes(license, against).verdict,
        None => absent(&context),
    }
}

pub(super) fn gauges(app: &App, roles: &Roles, now: Timestamp) -> LicenseGauges {
    let verdict = verdict(roles, now);
    let held = matches!(verdict.state, State::Active | State::Grace | State::Expired);
    LicenseGauges {
        state: verdict.state.as_str(),
        days_remaining: verdict.days_remaining().filter(|_| held).unwrap_or(-1),
        validated_age: app.validated_at().map_or(0, |at| now.since(at).max(0)),
    }
}

pub(super) fn license(app: &App, call: &Call) -> Result<Reply, Problem> {
    let verdict = verdict(&call.roles, call.now);
    let mut out = Writer::default();
    out.begin_object();
    match verdict.license.as_ref().filter(|_| verdict.state != State::Invalid) {
        Some(license) => license.write_readable(out.name("envelope")),
        None => out.name("envelope").null(),
    }
    match invalid_reason(&verdict, &call.roles) {
        Some(reason) => out.name("invalidReason").string(&reason),
        None => out.name("invalidReason").null(),
    }
    write_time(out.name("lastValidatedAt"), app.validated_at());
    out.name("state").string(verdict.state.as_str());
    out.end_object();
    Ok(Reply::json(out.finish()))
}

pub(super) fn usage(app: &App, call: &Call) -> Result<Reply, Problem> {
    let verdict = verdict(&call.roles, call.now);
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
    write_time(out.name("lastValidatedAt"), app.validated_at());
    out.name("limits").begin_array();
    for limit in &verdict.effective_limits {
        out.begin_object();
        out.name("cap").integer(limit.value.into());
        out.name("current").integer(0);
        out.name("key").string(&limit.key);
        out.name("source").string(limit.source.as_str());
        out.end_object();
    }
    out.end_array();
    out.name("message").string(&message(&verdict, &call.roles));
    out.name("state").string(verdict.state.as_str());
    text(out.name("tenantId"), license.map(|license| license.tenant_id.as_str()));
    out.end_object();
    Ok(Reply::json(out.finish()))
}

/// Says why a license is not to be believed, in the words that operators of the field look for.
fn invalid_reason(verdict: &Verdict, roles: &Roles) -> Option<String> {
    let refusal = verdict.refusals.first().filter(|_| verdict.state == State::Invalid)?;
    let license = verdict.license.as_deref();
    Some(match (refusal.code, license, &roles.tenant) {
        (Code::WrongTenant, Some(license), Some(tenant)) => {
            format!("License tenantId '{}' does not match server tenant '{tenant}'", license.tenant_id)
        }
        (Code::BadSignature | Code::UnknownKey, ..) if roles.keyring.keys().is_empty() => {
            "license public key not configured".to_owned()
        }
        (Code::BadSignature | Code::UnknownKey, ..) => "License signature verification failed".to_owned(),
        _ => refusal.message.clone(),
    })
}

/// Says the state in a sentence.
fn message(verdict: &Verdict, roles: &Roles) -> String {
    let days = verdict.days_remaining().unwrap_or(0);
    match verdict.state {
        State::Absent => "License absent. Default tier limits apply.".to_owned(),
        State::Active => format!("License active. {days} days remaining."),
        State::Grace => format!("License expired {} days ago and is in its grace period. Renew it.", -days),
        State::Expired => format!("License expired {} days ago. Default tier limits apply. Renew it.", -days),
        State::Invalid => {
            let reason = invalid_reason(verdict, roles).unwrap_or_default();
            format!("License invalid: {reason}. Default tier limits apply.")
        }
    }
}

fn write_time(out: &mut Writer, time: Option<Timestamp>) {
    match time {
        Some(time) => out.plain(time),
        None => out.null(),
    }
}
