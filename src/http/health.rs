//! `GET /healthz`, `/readyz`, `/metrics` and `/openapi.json`.

#![expect(clippy::unnecessary_wraps, reason = "routes are all of one type")]

use super::app::App;
use super::call::{Call, Reply};
use super::metrics::LicenseGauges;
use super::openapi;
use super::problem::Problem;
use super::schema::{Holds, Schema, must};
use crate::operation::verify::{Against, absent, license_bytes};
use crate::verdict::State;

pub(super) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) static STATUS: Schema = Schema {
    name: "Status",
    about: "Whether the server runs, or is ready",
    members: &[must("status", Holds::OneOf(&["ok", "ready"]), "The answer")],
    open: false,
};

pub(super) fn healthz(_: &App, _: &Call) -> Result<Reply, Problem> {
    Ok(Reply::json(r#"{"status":"ok"}"#.to_owned()))
}

pub(super) fn readyz(_: &App, _: &Call) -> Result<Reply, Problem> {
    Ok(Reply::json(r#"{"status":"ready"}"#.to_owned()))
}

pub(super) fn metrics(app: &App, call: &Call) -> Result<Reply, Problem> {
    let context = call.roles.context(call.now);
    let against = Against { keyring: &call.roles.keyring, context: &context, secret: None };
    let verdict = match &call.roles.license {
        Some(license) => license_bytes(license, against).verdict,
        None => absent(&context),
    };
    let held = matches!(verdict.state, State::Active | State::Grace | State::Expired);
    let days_remaining = verdict.days_remaining().filter(|_| held).unwrap_or(-1);
    let gauges = LicenseGauges { state: verdict.state.as_str(), days_remaining, validated_age: 0 };
    Ok(Reply::of(OPEN_METRICS, app.metrics.tell(gauges)?))
}

pub(super) fn openapi(_: &App, _: &Call) -> Result<Reply, Problem> {
    Ok(Reply::json(openapi::describe()))
}
