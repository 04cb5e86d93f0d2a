//! What a server does by itself: 60 s after it started, and daily at 03:00 UTC.

use std::sync::Arc;
use std::time::Duration;

use mintage::http::App;
use mintage::time::{DAY, Timestamp};

use crate::clock;

/// How often the clock is looked at; a machine that slept is late by no more than this.
const EVERY: Duration = Duration::from_secs(5);

/// Seconds after the start.
const FIRST: i64 = 60;

/// Seconds after midnight.
const DAILY: i64 = 3 * 3_600;

/// Judges the installation's license anew and sweeps the ledger, whenever it is time.
pub(super) async fn run(app: Arc<App>) {
    let mut due = clock::now().map_or(Timestamp::EPOCH, |now| now.saturating_add(FIRST));
    loop {
        tokio::time::sleep(EVERY).await;
        let Ok(now) = clock::now() else { continue };
        if now < due {
            continue;
        }
        due = next(now);
        let app = Arc::clone(&app);
        let work = move || {
            if let Err(error) = app.adopt().and_then(|()| app.revalidate()) {
                tracing::error!(%error, "the license of this installation could not be validated");
            }
            app.sweep();
        };
        if let Err(error) = tokio::task::spawn_blocking(work).await {
            tracing::error!(%error, "a job failed inside");
        }
    }
}

/// Returns the next 03:00 UTC after a time.
fn next(now: Timestamp) -> Timestamp {
    let since = (now.seconds() - DAILY).rem_euclid(DAY);
    now.saturating_add(DAY - since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daily_run_is_at_three() {
        for (now, expected) in [
            ("2026-06-01T02:59:59Z", "2026-06-01T03:00:00Z"),
            ("2026-06-01T03:00:00Z", "2026-06-02T03:00:00Z"),
            ("2026-12-31T23:00:00Z", "2027-01-01T03:00:00Z"),
        ] {
            assert_eq!(next(Timestamp::parse_rfc3339(now).unwrap()).to_string(), expected);
        }
    }
}
