//! The revocation rule: a license that the issuer withdrew counts no longer, and neither does an outdated list.

use super::{Context, Findings, RevocationsContext};
use crate::code::Code;
use crate::license::License;

pub(super) fn judge(license: &License, context: &Context, findings: &mut Findings) {
    let (list, max_age) = match &context.revocations {
        RevocationsContext::None => return,
        RevocationsContext::Refused(refusal) => {
            findings.fail("revocations", refusal.code, &refusal.message);
            return;
        }
        RevocationsContext::List { list, max_age } => (list, *max_age),
    };
    let now = context.now;
    let due = max_age.map_or(list.next_update, |age| list.issued_at.saturating_add(age));
    if now > due {
        let message = format!("the revocations of {} had a successor due on {due}, and it is {now}", list.issued_at);
        findings.fail("revocations", Code::Stale, message);
    }
    let proof = context.proof.proof().map(|verified| &verified.proof);
    let known = proof.and_then(|proof| proof.revocation_sequence.map(|sequence| (sequence, proof.activated_at)));
    // A list issued later under a lower number begins a new series, and is no older one.
    if let Some((sequence, activated_at)) = known
        && list.sequence < sequence
        && list.issued_at < activated_at
    {
        let message = format!("the proof knows of revocations {sequence}, and these are {}", list.sequence);
        findings.fail("revocations", Code::RolledBack, message);
    }
    if let Some((proof, entry)) = proof.and_then(|proof| Some((proof, list.find(&proof.proof_id)?)))
        && now >= entry.grace_until()
    {
        let message = format!("the issuer withdrew the activation {} on {}", proof.proof_id, entry.at);
        findings.fail("revocations", Code::Revoked, message);
    }
    match list.find(&license.license_id) {
        None => findings.pass("revocations", format!("not in list {} of {}", list.sequence, list.issued_at)),
        Some(entry) => {
            let reason = entry.reason.as_deref().map(|reason| format!(", for: {reason}")).unwrap_or_default();
            let grace = entry.grace_until();
            if now < grace {
                findings.pass("revocations", format!("withdrawn on {}{reason}, counts until {grace}", entry.at));
            } else {
                let message = format!("the issuer withdrew license {} on {}{reason}", license.license_id, entry.at);
                findings.fail("revocations", Code::Revoked, message);
            }
        }
    }
}
