//! The one place where the time is read.

use std::time::{Duration, SystemTime};

use anyhow::Context;
use mintage::operation::manifest::Clock;
use mintage::time::Timestamp;

/// This machine's clock.
pub(crate) struct System;

impl Clock for System {
    fn now(&self) -> SystemTime {
        #[expect(clippy::disallowed_methods, reason = "this is the place")]
        SystemTime::now()
    }

    fn wait(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// Returns the time of this machine's clock.
///
/// # Errors
/// When the clock stands before 1970 or after 9999.
pub(crate) fn now() -> anyhow::Result<Timestamp> {
    Timestamp::try_from(System.now()).context("the clock of this machine cannot be used")
}

/// Lets time pass.
pub(crate) fn wait(time: Duration) {
    System.wait(time);
}

/// Returns the time of a record in the log: RFC 3339 with microseconds.
#[cfg(feature = "serve")]
pub(crate) fn stamp() -> String {
    let now = System.now();
    let micros = now.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.subsec_micros());
    let seconds = Timestamp::try_from(now).unwrap_or(Timestamp::EPOCH).to_string();
    format!("{}.{micros:06}Z", seconds.trim_end_matches('Z'))
}
