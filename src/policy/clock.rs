//! The clock rule: a license from the future, or a time already seen, shows that the clock is wrong.

use super::{Context, Findings};
use crate::code::Code;
use crate::license::License;
use crate::time::CLOCK_TOLERANCE;

pub(super) fn judge(license: &License, context: &Context, findings: &mut Findings) {
    let now = context.now;
    let is_behind = license.issued_at.since(now) > CLOCK_TOLERANCE;
    if is_behind {
        let message = format!("the license was issued at {}, and it is {now} here", license.issued_at);
        findings.fail("clock", Code::ClockBehind, message);
    }
    match context.floor {
        Some(floor) if floor.since(now) > CLOCK_TOLERANCE => {
            let message = format!("this machine has seen {floor} already, and it is {now} now");
            findings.fail("clock", Code::ClockRolledBack, message);
        }
        _ if is_behind => {}
        _ => findings.explain("clock", format_args!("issued at {}", license.issued_at)),
    }
}
