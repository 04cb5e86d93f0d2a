//! `GET /metrics`: what was counted, and what stands in the ledger now.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::installed;
use crate::http::app::App;
use crate::http::call::{Call, Reply};
use crate::http::problem::Problem;
use crate::ledger::{Ledger, LedgerError, figures, job};
use crate::time::Timestamp;

pub(super) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// For so many seconds what was counted in the ledger is told again: anybody may ask, and counting takes a while.
const FRESH: i64 = 15;

/// When the ledger was last looked at.
#[derive(Debug, Default)]
pub(in crate::http) struct Looked(Mutex<Option<Timestamp>>);

/// Answers also while the ledger cannot be asked, which is when somebody looks.
pub(super) fn run(app: &App, call: &Call) -> Result<Reply, Problem> {
    if let Some(ledger) = &call.roles.ledger {
        look(app, ledger, call.now);
    }
    let license = match installed::gauges(app, &call.roles, call.now) {
        Ok(license) => Some(license),
        Err(problem) => {
            tracing::error!(cause = problem.cause, "the license of this installation could not be measured");
            None
        }
    };
    Ok(Reply::of(OPEN_METRICS, app.metrics.tell(license)?))
}

fn look(app: &App, ledger: &Ledger, now: Timestamp) {
    app.metrics.queue(ledger.url().engine_name(), ledger.waiting());
    let mut looked = app.looked.0.lock().unwrap_or_else(PoisonError::into_inner);
    if looked.is_some_and(|at| (0..FRESH).contains(&now.since(at))) {
        return;
    }
    let start = Instant::now();
    let counted = count(app, ledger, now);
    app.metrics.ledger(ledger.url().engine_name(), counted.is_ok(), start.elapsed());
    // Also of a ledger that does not answer: whoever asks meanwhile would wait for it as long.
    *looked = Some(now);
    if let Err(error) = counted {
        tracing::error!(%error, "the ledger could not be measured");
    }
}

fn count(app: &App, ledger: &Ledger, now: Timestamp) -> Result<(), LedgerError> {
    let (jobs, figures) = ledger.read(|transaction| Ok((job::all(transaction)?, figures::read(transaction, now)?)))?;
    for ran in jobs {
        app.metrics.job_told(&ran.name, ran.started_at, ran.succeeded_at);
    }
    app.metrics.book(&figures);
    Ok(())
}
