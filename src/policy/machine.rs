//! The machine rule: a license bound to a machine holds on that machine alone.

use super::{Context, Findings, MachineContext};
use crate::code::Code;
use crate::fingerprint::Outcome;
use crate::license::License;

pub(super) fn judge(license: &License, context: &Context, findings: &mut Findings) {
    let Some(fingerprint) = &license.fingerprint else {
        findings.skip("machine", "the license is bound to none");
        return;
    };
    match &context.machine {
        MachineContext::Any => findings.skip("machine", "any machine was said to do"),
        MachineContext::Unknown => {
            let message = "the license is bound to a machine, and this one's fingerprint was not given";
            findings.fail("machine", Code::MachineUnreadable, message);
        }
        MachineContext::This(machine) => {
            let comparison = fingerprint.compare(machine);
            match comparison.outcome {
                Outcome::Match | Outcome::Drift => findings.pass("machine", comparison.detail),
                Outcome::Mismatch => findings.fail("machine", Code::WrongMachine, comparison.detail),
                Outcome::Unreadable => findings.fail("machine", Code::MachineUnreadable, comparison.detail),
            }
        }
    }
}
