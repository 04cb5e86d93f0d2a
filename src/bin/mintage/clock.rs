//! The one place where the time is read.

use anyhow::Context;
use mintage::time::Timestamp;

/// Returns the time of this machine's clock.
///
/// # Errors
/// When the clock stands before 1970 or after 9999.
pub(crate) fn now() -> anyhow::Result<Timestamp> {
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    let now = std::time::SystemTime::now();
    Timestamp::try_from(now).context("the clock of this machine cannot be used")
}
