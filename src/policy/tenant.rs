//! The tenant rule.

use super::{Context, Findings};
use crate::code::Code;
use crate::license::License;

pub(super) fn judge(license: &License, context: &Context, findings: &mut Findings) {
    match &context.tenant {
        None => findings.skip("tenant", "none was named"),
        Some(tenant) if *tenant == license.tenant_id => findings.pass("tenant", tenant.clone()),
        Some(tenant) => {
            let message = format!("the license was issued to tenant `{}`, and this is `{tenant}`", license.tenant_id);
            findings.fail("tenant", Code::WrongTenant, message);
        }
    }
}
