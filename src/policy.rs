//! [`judge`]: whether a verified license may run here and now. Pure: all that the answer depends on arrives as a value.

mod activation;
mod build;
mod clock;
mod covered;
mod entitled;
mod machine;
mod product;
mod revoked;
mod tenant;
mod usage;
mod window;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::code::Code;
use crate::fingerprint::Machine;
use crate::license::License;
use crate::manifest::VerifiedManifest;
use crate::proof::VerifiedProof;
use crate::revocations::Revocations;
use crate::time::Timestamp;
use crate::token::VerifiedToken;
use crate::verdict::{Findings, Refusal, State, Verdict, effective_limits};

/// What a license is judged against. What is left out is not asked, except where the license itself demands it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Context {
    /// The time to judge for.
    pub now: Timestamp,
    /// A time that has certainly passed; a clock earlier than it by more than 300 s was set back.
    pub floor: Option<Timestamp>,
    /// The tenant that runs the product.
    pub tenant: Option<String>,
    /// The product that runs.
    pub product: Option<String>,
    /// The version of the product that runs.
    pub product_version: Option<String>,
    /// Where it runs, such as `production`.
    pub environment: Option<String>,
    /// The manifest of the build that runs.
    pub manifest: Option<Arc<VerifiedManifest>>,
    /// The machine that it runs on.
    pub machine: MachineContext,
    /// The activation of the license on that machine.
    pub proof: ProofContext,
    /// The licenses that were withdrawn.
    pub revocations: RevocationsContext,
    /// Features about to be used.
    pub features: Vec<String>,
    /// Current use by limit key.
    pub usage: BTreeMap<String, u64>,
    /// When the running build was made.
    pub build_date: Option<Timestamp>,
    /// Limits of the default tier.
    pub defaults: BTreeMap<String, u64>,
}

/// What is known of the machine.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum MachineContext {
    /// Any machine will do: the caller asks about the license alone.
    Any,
    /// What was read from this machine.
    This(Machine),
    /// Nothing; a license bound to a machine is then refused.
    #[default]
    Unknown,
}

/// What is known of an activation.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum ProofContext {
    /// Nothing; a license that demands a proof is then refused.
    #[default]
    None,
    /// A proof was named and is not to be believed; the license is then refused for the same reason.
    Refused(Refusal),
    /// A proof that a trusted key signed.
    Verified {
        /// The proof.
        proof: Arc<VerifiedProof>,
        /// When this machine gave the activation back, if it did.
        released_at: Option<Timestamp>,
    },
}

impl ProofContext {
    fn proof(&self) -> Option<&Arc<VerifiedProof>> {
        match self {
            Self::Verified { proof, .. } => Some(proof),
            Self::None | Self::Refused(_) => None,
        }
    }
}

/// What is known of withdrawn licenses.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum RevocationsContext {
    /// A list that a trusted key signed.
    List {
        /// The list.
        list: Arc<Revocations>,
        /// Seconds after its issue in which it serves, instead of until its successor is due.
        max_age: Option<i64>,
    },
    /// Nothing; the question is not asked.
    #[default]
    None,
    /// A list was named and is not to be believed; a license is then refused for the same reason.
    Refused(Refusal),
}

impl Context {
    /// Starts a context that asks nothing but whether the license is valid at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self {
            now,
            floor: None,
            tenant: None,
            product: None,
            product_version: None,
            environment: None,
            manifest: None,
            machine: MachineContext::Unknown,
            proof: ProofContext::None,
            revocations: RevocationsContext::None,
            features: Vec::new(),
            usage: BTreeMap::new(),
            build_date: None,
            defaults: BTreeMap::new(),
        }
    }
}

/// Runs every rule and reports every refusal, not the first.
pub fn judge(token: &VerifiedToken, context: &Context) -> Verdict {
    judge_with(token, context, "the license is sealed and no secret was given")
}

/// Judges a license that is still sealed after a secret was tried.
pub fn judge_closed(token: &VerifiedToken, context: &Context) -> Verdict {
    judge_with(token, context, "the license is sealed, and the secret that was given does not open it")
}

fn judge_with(token: &VerifiedToken, context: &Context, sealed: &'static str) -> Verdict {
    let mut findings = Findings { checks: Vec::with_capacity(12), refusals: Vec::new() };
    let kid = token.key_id().kid();
    findings.explain("signature", format_args!("by key {kid}"));
    let license = token.shared_license();
    match license.as_deref() {
        Some(license) => judge_license(license, context, &mut findings),
        None => findings.fail("seal", Code::Sealed, sealed),
    }
    let state = state(&findings.refusals, license.as_deref(), context.now);
    let holding = license.as_deref().filter(|_| state.license_limits_hold());
    let effective_limits = effective_limits(holding, &context.defaults);
    match &license {
        Some(_) => usage::judge(&effective_limits, holding.is_some(), context, &mut findings),
        // What the seal hides may allow more than the default tier does.
        None => findings.skip("usage", "the limits are sealed"),
    }
    Verdict {
        state,
        refusals: findings.refusals,
        checks: findings.checks,
        as_of: context.now,
        key_id: Some(token.key_id()),
        license,
        proof: context.proof.proof().map(|verified| Arc::new(verified.proof.clone())),
        effective_limits,
        kind: "license",
    }
}

fn judge_license(license: &License, context: &Context, findings: &mut Findings) {
    clock::judge(license, context, findings);
    window::judge(license, context, findings);
    tenant::judge(license, context, findings);
    product::judge(license, context, findings);
    machine::judge(license, context, findings);
    revoked::judge(license, context, findings);
    activation::judge(license, context, findings);
    entitled::judge(license, context, findings);
    build::judge(license, context, findings);
}

fn state(refusals: &[Refusal], license: Option<&License>, now: Timestamp) -> State {
    let Some(license) = license else { return State::Invalid };
    let state = window::state(license, now);
    // These leave the license what it is: the holder asked for more than it grants, or is late. An activation that has
    // expired is no license that has.
    let leaves = |code| match code {
        Code::BuildNotCovered | Code::NotEntitled => true,
        Code::Expired => state == State::Expired,
        _ => false,
    };
    if refusals.iter().all(|refusal| leaves(refusal.code)) { state } else { State::Invalid }
}

#[cfg(test)]
mod tests;
