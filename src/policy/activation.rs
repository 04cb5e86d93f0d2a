//! The activation rule: a license that demands a proof holds only beside one that is for it, that is in force, and that this
//! machine has not given back.

use super::{Context, Findings, ProofContext, covered};
use crate::code::Code;
use crate::license::{Activation, License};
use crate::proof::Proof;
use crate::time::CLOCK_TOLERANCE;
use crate::verdict::Refusal;

pub(super) fn judge(license: &License, context: &Context, findings: &mut Findings) {
    match (&context.proof, license.activation) {
        (ProofContext::None, Activation::None) => {
            findings.skip("activation", "no proof is demanded");
            covered::skip(context, findings);
        }
        (ProofContext::None, Activation::Proof) => {
            findings.fail("activation", Code::ProofRequired, "the license is valid only with an activation proof");
        }
        (ProofContext::Refused(refusal), _) => findings.fail("activation", refusal.code, &refusal.message),
        (ProofContext::Verified { proof: verified, released_at }, _) => {
            let proof = &verified.proof;
            let before = findings.refusals.len();
            judge_license(license, proof, findings);
            judge_window(proof, context, findings);
            if let Some(released_at) = released_at {
                let message = format!("this machine gave the activation {} back on {released_at}", proof.proof_id);
                findings.fail("activation", Code::Released, message);
            }
            if findings.refusals.len() == before {
                let kid = verified.key_id.kid();
                findings
                    .pass("activation", format!("proof {} of {}, by key {kid}", proof.proof_id, proof.activated_at));
            }
            covered::judge(proof, context, findings);
        }
    }
}

fn judge_license(license: &License, proof: &Proof, findings: &mut Findings) {
    for (what, named, found) in
        [("license", &proof.license_id, &license.license_id), ("tenant", &proof.tenant_id, &license.tenant_id)]
    {
        if named != found {
            let message = format!("the proof is for {what} `{named}`, and the license is of {what} `{found}`");
            findings.fail("activation", Code::LicenseMismatch, message);
        }
    }
}

fn judge_window(proof: &Proof, context: &Context, findings: &mut Findings) {
    let now = context.now;
    if proof.activated_at.since(now) > CLOCK_TOLERANCE {
        let message = format!("the proof was made at {}, and it is {now} here", proof.activated_at);
        findings.fail("activation", Code::ClockRolledBack, message);
    }
    if now > proof.expires_at {
        let message = format!("the proof expired on {}, and it is {now}", proof.expires_at);
        findings.refuse("activation", Refusal::new(Code::Expired, message).with_hint(Code::Released.hint()));
    }
}
