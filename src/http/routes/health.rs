//! `GET /healthz`, `/readyz` and `/openapi.json`.

#![expect(clippy::unnecessary_wraps, reason = "routes are all of one type")]

use crate::http::app::App;
use crate::http::call::{Call, Reply};
use crate::http::openapi;
use crate::http::problem::Problem;
use crate::http::schema::{Holds, Schema, must};
use crate::ledger::license;
use crate::ledger::license::LicenseFilter;

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

pub(super) fn openapi(_: &App, _: &Call) -> Result<Reply, Problem> {
    Ok(Reply::json(openapi::describe()))
}
