//! The feature rule.

use super::{Context, Findings};
use crate::code::Code;
use crate::license::License;

pub(super) fn judge(license: &License, context: &Context, findings: &mut Findings) {
    if context.features.is_empty() {
        findings.skip("features", "none were asked for");
        return;
    }
    let missing: Vec<_> = context.features.iter().filter(|feature| !license.grants(feature)).collect();
    if missing.is_empty() {
        findings.pass("features", context.features.join(", "));
    }
    for feature in missing {
        let granted = match license.granted_features() {
            names if names.is_empty() => "grants none".to_owned(),
            names => format!("grants {}", names.join(", ")),
        };
        let message = format!("feature `{feature}` is not granted; the license {granted}");
        findings.fail("features", Code::NotEntitled, message);
    }
}
