//! The machine rule: a license or proof bound to a machine holds on that machine alone.

use super::{Context, Findings, MachineContext};
use crate::code::Code;
use crate::fingerprint::{Fingerprint, Outcome};
use crate::license::License;
use crate::verdict::Refusal;

pub(super) fn judge(license: &License, context: &Context, findings: &mut Findings) {
    let proof = context.proof.proof();
    match &license.fingerprint {
        Some(fingerprint) => compare("license", fingerprint, context, findings),
        None if proof.is_none() => findings.skip("machine", "the license is bound to none"),
        None => {}
    }
    // What a proof says of the machine stands beside what the license says: both must hold.
    if let Some(verified) = proof
        && license.fingerprint.as_ref() != Some(&verified.proof.fingerprint)
    {
        compare("proof", &verified.proof.fingerprint, context, findings);
    }
}

fn compare(document: &str, fingerprint: &Fingerprint, context: &Context, findings: &mut Findings) {
    match &context.machine {
        MachineContext::Any => findings.skip("machine", "any machine was said to do"),
        MachineContext::Unknown => {
            let message = format!("the {document} is bound to a machine, and this one's fingerprint was not given");
            findings.fail("machine", Code::MachineUnreadable, message);
        }
        MachineContext::This(machine) => {
            let comparison = fingerprint.compare(machine);
            match comparison.outcome {
                Outcome::Match | Outcome::Drift => findings.pass("machine", comparison.detail),
                Outcome::Mismatch => findings.fail("machine", Code::WrongMachine, comparison.detail),
                Outcome::Unreadable => {
                    let refusal = Refusal::new(Code::MachineUnreadable, comparison.detail);
                    findings.refuse(
                        "machine",
                        match fingerprint {
                            // Nothing is read for it, so that no rights would help.
                            Fingerprint::Exact(_) => refusal.with_hint("name this machine's value with --fingerprint"),
                            Fingerprint::Fp1(_) => refusal,
                        },
                    );
                }
            }
        }
    }
}
