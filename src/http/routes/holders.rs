//! `GET /seats`: who holds seats now.

use super::seats::HELD_LEASE;
use crate::http::app::App;
use crate::http::call::{Call, Reply};
use crate::http::problem::Problem;
use crate::http::schema::{Holds, Schema, must};
use crate::json::Writer;
use crate::operation::ledger::seats;

/// As many are told at once; the first that claimed come first.
const MOST: u64 = 1_000;

pub(super) static HOLDERS: Schema = Schema {
    name: "Seats",
    about: "Who holds seats now, license by license; the first 1000",
    members: &[must("seats", Holds::List(&Holds::Object(&HELD_LEASE)), "The seats")],
    open: false,
};

pub(super) fn run(_: &App, call: &Call) -> Result<Reply, Problem> {
    let held = seats::held(call.ledger()?, call.now, MOST)?;
    let mut out = Writer::default();
    out.begin_object();
    out.name("seats").begin_array();
    held.iter().for_each(|lease| lease.write(&mut out));
    out.end_array();
    out.end_object();
    Ok(Reply::json(out.finish()))
}
