//! The clock rule: a license from the future, or a time already seen, shows that the clock is wrong.

use super::{Context, Findings};
use crate::code::Code;
use crate::license::License;
use crate::time::CLOCK_TOLERANCE;

pub(super) fn judge(license: &License, context: &Context, findings: &mut Findings) {
    let now = context.now;
    if license.issued_at.since(now) > CLOCK_TOLERANCE {
        let message = format!("the license was issued at {}, and it is {now} here", license.issued_at);
        findings.fail("clock", Code::ClockBehind, message);
        return;
    }
    match context.floor {
        Some(floor) if floor.since(now) > CLOCK_TOLERANCE => {
            let message = format!("this machine has seen {floor} already, and it is {now} now");
            findings.fail("clock", Code::ClockRolledBack, message);
        }
        _ => findings.pass("clock", format!("issued at {}", license.issued_at)),
    }
}
