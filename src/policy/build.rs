//! The maintenance rule: builds dated after the end of maintenance are not covered.

use super::{Context, Findings};
use crate::code::Code;
use crate::license::License;

pub(super) fn judge(license: &License, context: &Context, findings: &mut Findings) {
    match (license.maintenance_until, context.build_date) {
        (None, _) => findings.skip("maintenance", "the license covers every build"),
        (Some(_), None) => findings.skip("maintenance", "no build date was given"),
        (Some(end), Some(build)) if build <= end => {
            findings.pass("maintenance", format!("until {end}, the build is of {build}"));
        }
        (Some(end), Some(build)) => {
            let message = format!("maintenance ended on {end}, and the build is of {build}");
            findings.fail("maintenance", Code::BuildNotCovered, message);
        }
    }
}
