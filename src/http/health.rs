//! `GET /healthz`, `/readyz`, `/metrics` and `/openapi.json`.

#![expect(clippy::unnecessary_wraps, reason = "routes are all of one type")]

use super::app::App;
use super::call::{Call, Reply};
use super::installed;
use super::openapi;
use super::problem::Problem;
use super::schema::{Holds, Schema, must};
use crate::ledger::license::LicenseFilter;
use crate::ledger::{job, license};

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

pub(super) fn readyz(_: &App, call: &Call) -> Result<Reply, Problem> {
    if let Some(ledger) = &call.roles.ledger {
        ledger.read(|transaction| license::page(transaction, &LicenseFilter::default(), 1))?;
    }
    Ok(Reply::json(r#"{"status":"ready"}"#.to_owned()))
}

pub(super) fn metrics(app: &App, call: &Call) -> Result<Reply, Problem> {
    if let Some(ledger) = &call.roles.ledger {
        for ran in ledger.read(job::all)? {
            app.metrics.job_told(&ran.name, ran.started_at, ran.succeeded_at);
        }
    }
    let gauges = installed::gauges(app, &call.roles, call.now)?;
    Ok(Reply::of(OPEN_METRICS, app.metrics.tell(gauges)?))
}

pub(super) fn openapi(_: &App, _: &Call) -> Result<Reply, Problem> {
    Ok(Reply::json(openapi::describe()))
}
