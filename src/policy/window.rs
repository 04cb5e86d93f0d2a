//! The window rule: `nbf`, `exp` and the grace period.

use std::fmt;

use super::{Context, Findings};
use crate::code::Code;
use crate::license::License;
use crate::time::{DAY, Timestamp};
use crate::verdict::State;

pub(super) fn judge(license: &License, context: &Context, findings: &mut Findings) {
    let (now, end) = (context.now, license.expires_at);
    if let Some(start) = license.not_before.filter(|start| now < *start) {
        let message = format!("the license is valid from {start}, and it is {now}");
        findings.fail("window", Code::NotYetValid, message);
        // One that ends before it begins is both.
        if state(license, now) != State::Expired {
            return;
        }
    }
    match state(license, now) {
        State::Active if end == Timestamp::NEVER => findings.pass("window", "never expires"),
        State::Active => findings.explain("window", format_args!("until {end}, {} left", days(end.since(now)))),
        State::Grace => {
            let last = license.grace_until();
            let detail = format!("expired on {end}, in grace until {last}, {} left", days(last.since(now)));
            findings.pass("window", detail);
        }
        _ => {
            let grace = match license.grace_period_days {
                0 => String::new(),
                count => format!(", its grace of {count} days ended on {}", license.grace_until()),
            };
            let message = format!("the license expired on {end}, {} ago{grace}", days(now.since(end)));
            findings.fail("window", Code::Expired, message);
        }
    }
}

/// Places a moment in the window, its first second left aside.
pub(super) fn state(license: &License, now: Timestamp) -> State {
    if now <= license.expires_at {
        State::Active
    } else if now <= license.grace_until() {
        State::Grace
    } else {
        State::Expired
    }
}

/// Whole days, in words.
struct Days(i64);

fn days(seconds: i64) -> Days {
    Days(seconds.div_euclid(DAY))
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("less than a day"),
            1 => f.write_str("1 day"),
            count => write!(f, "{count} days"),
        }
    }
}
