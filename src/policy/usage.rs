//! The usage rule: no limit that holds now is exceeded.

use super::{Context, Findings};
use crate::code::Code;
use crate::verdict::EffectiveLimit;

pub(super) fn judge(limits: &[EffectiveLimit], in_force: bool, context: &Context, findings: &mut Findings) {
    if context.usage.is_empty() {
        findings.skip("usage", "none was given");
    }
    for (key, current) in &context.usage {
        match limits.iter().find(|limit| limit.key == *key) {
            None if in_force => findings.pass("usage", format!("{key}: {current} used, not limited")),
            None => findings.skip("usage", "the license is not in force, and the default tier sets no such limit"),
            Some(limit) if *current <= limit.value => {
                findings.pass("usage", format!("{key}: {current} of {} used", limit.value));
            }
            Some(limit) => {
                let (cap, source) = (limit.value, limit.source.as_str());
                let message = format!("{key}: {current} used, and the {source} limit is {cap}");
                findings.fail("usage", Code::LimitExceeded, message);
            }
        }
    }
}
