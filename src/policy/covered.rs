//! The rules of what a proof covers: the environment, the version of the product, and the build.

use super::{Context, Findings};
use crate::code::Code;
use crate::id::Hex;
use crate::proof::{ManifestBinding, Proof};

pub(super) fn judge(proof: &Proof, context: &Context, findings: &mut Findings) {
    judge_environment(proof, context, findings);
    judge_version(proof, context, findings);
    judge_manifest(proof, context, findings);
}

/// Says of what was named that nothing covers it: without a proof it is not looked at.
pub(super) fn skip(context: &Context, findings: &mut Findings) {
    let named = [
        ("environment", context.environment.is_some()),
        ("version", context.product_version.is_some()),
        ("build", context.manifest.is_some()),
    ];
    named.into_iter().filter(|(_, is_named)| *is_named).for_each(|(name, _)| findings.skip(name, "no proof was given"));
}

fn judge_environment(proof: &Proof, context: &Context, findings: &mut Findings) {
    match (&proof.environment, &context.environment) {
        (None, _) => findings.skip("environment", "the proof covers every environment"),
        (Some(_), None) => findings.skip("environment", "none was named"),
        (Some(named), Some(asked)) if named == asked => findings.pass("environment", asked.clone()),
        (Some(named), Some(asked)) => {
            let message = format!("the proof is for environment `{named}`, and this is `{asked}`");
            findings.fail("environment", Code::WrongEnvironment, message);
        }
    }
}

fn judge_version(proof: &Proof, context: &Context, findings: &mut Findings) {
    let of_the_build = context.manifest.as_ref().map(|build| &build.manifest.version);
    // Whoever names a version does not make another one of the build beside it.
    let asked = || context.product_version.iter().chain(of_the_build);
    let uncovered = asked().find(|version| !proof.covers_version(version));
    match (&proof.product_version, uncovered.or(asked().next())) {
        (None, _) => findings.skip("version", "the proof covers every version"),
        (Some(_), None) => findings.skip("version", "none was named"),
        (Some(covered), Some(asked)) if proof.covers_version(asked) => {
            findings.pass("version", format!("{asked}, covered by {covered}"));
        }
        (Some(covered), Some(asked)) => {
            let message = format!("the proof covers version `{covered}`, and this is `{asked}`");
            findings.fail("version", Code::WrongVersion, message);
        }
    }
}

fn judge_manifest(proof: &Proof, context: &Context, findings: &mut Findings) {
    let (Some(binding), Some(build)) = (&proof.manifest, &context.manifest) else {
        let why = if proof.manifest.is_none() {
            "the proof covers every build"
        } else {
            "no manifest of the build was given"
        };
        findings.skip("build", why);
        return;
    };
    match binding {
        ManifestBinding::Digest(digest) => {
            let found = build.manifest.sums_digest();
            if found.0 == *digest {
                findings.pass("build", format!("the one with digest {found}"));
            } else {
                let message = format!("the proof covers the build {}, and this is {found}", Hex(digest));
                findings.fail("build", Code::ManifestMismatch, message);
            }
        }
        ManifestBinding::Keys { keys, product } => {
            let by = build.key_id.kid();
            if *product != build.manifest.product {
                let found = &build.manifest.product;
                let message = format!("the proof covers builds of `{product}`, and this is one of `{found}`");
                findings.fail("build", Code::ManifestMismatch, message);
            } else if build.signers.iter().any(|signer| keys.contains(signer)) {
                findings.pass("build", format!("{product} {}, signed by key {by}", build.manifest.version));
            } else {
                let named: Vec<String> = keys.iter().map(|key| key.kid().to_string()).collect();
                let message =
                    format!("the proof covers builds signed by {}, and key {by} signed this", named.join(", "));
                findings.fail("build", Code::ManifestMismatch, message);
            }
        }
    }
}
