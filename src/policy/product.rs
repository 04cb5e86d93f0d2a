//! The product rule: who asks for a product gets only licenses that name it.

use super::{Context, Findings};
use crate::code::Code;
use crate::license::License;

pub(super) fn judge(license: &License, context: &Context, findings: &mut Findings) {
    let proof = context.proof.proof().and_then(|verified| verified.proof.product.as_ref());
    if let (Some(asked), Some(named)) = (&context.product, proof)
        && asked != named
    {
        let message = format!("the proof is for product `{named}`, and this is `{asked}`");
        findings.fail("product", Code::WrongProduct, message);
        return;
    }
    match (&context.product, license.product.as_ref().or(proof)) {
        (None, _) => findings.skip("product", "none was named"),
        (Some(asked), Some(named)) if asked == named => findings.pass("product", asked.clone()),
        (Some(asked), Some(named)) => {
            let message = format!("the license is for product `{named}`, and this is `{asked}`");
            findings.fail("product", Code::WrongProduct, message);
        }
        (Some(asked), None) => {
            let message = format!("the license names no product, and `{asked}` was asked for");
            findings.fail("product", Code::WrongProduct, message);
        }
    }
}
