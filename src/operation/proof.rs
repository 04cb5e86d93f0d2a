//! `mint proof`, and the verdict on a proof: a request becomes a proof, and a proof with its license a verdict.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::verify::{Against, read_bytes, refused, settle};
use crate::code::Code;
use crate::dsse::Envelope;
use crate::fingerprint::{Fingerprint, Weak};
use crate::id::{Hex, KeyId};
use crate::keyring::Keyring;
use crate::license::License;
use crate::manifest::{Scope, VerifiedManifest};
use crate::policy::{Context, MachineContext, ProofContext, RevocationsContext, judge};
use crate::proof::{ManifestBinding, Proof};
use crate::request::{LicenseReference, Nonce, Request};
use crate::seal::SealSecret;
use crate::time::Timestamp;
use crate::token::{Body, Token, TokenError, VerifiedToken};
use crate::verdict::{Refusal, Verdict};

/// A license as a trusted key signed it, with its text.
#[derive(Clone, Copy, Debug)]
pub struct SignedLicense<'a> {
    /// The token.
    pub text: &'a str,
    /// What it says.
    pub token: &'a VerifiedToken,
}

/// What a request is answered with.
#[derive(Clone, Debug)]
pub struct Answer<'a> {
    /// The license that the vendor has found for the request.
    pub license: SignedLicense<'a>,
    /// The build that the activation is for.
    pub build: Build<'a>,
    /// The versions that it covers, where they are not the one that the request names.
    pub product_version: Option<String>,
    /// The last second of the proof; that of the license and its grace if left out.
    pub expires_at: Option<Timestamp>,
    /// Withdrawn licenses.
    pub revocations: RevocationsContext,
    /// What is new and random, and when it is.
    pub fresh: Fresh,
}

/// Which builds a vendor lets a machine run.
#[derive(Clone, Debug)]
pub enum Build<'a> {
    /// The one that the request names, or all where it names none.
    AsRequested,
    /// The one of this manifest.
    Manifest(&'a VerifiedManifest),
    /// All that these keys sign for the product.
    SignedBy(Vec<KeyId>),
}

/// What is new in a proof.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// The id of the activation.
    pub proof_id: String,
    /// What the first heartbeat must carry.
    pub heartbeat_nonce: Nonce,
    /// The time of the activation.
    pub now: Timestamp,
}

/// A license that a machine asks to have activated; nobody has vouched for it yet.
#[derive(Clone, Debug)]
pub struct Unverified {
    /// Its text, mended.
    pub token: String,
    /// Its id; `None` where it is sealed.
    pub license_id: Option<String>,
    /// The product that it names.
    pub product: Option<String>,
    /// The machine that it is bound to.
    pub fingerprint: Option<Fingerprint>,
}

/// Returns the salt of the fingerprint in a request for a license: 16 bytes of a hash of its id. Requests for one license can
/// be compared, so that a machine that asks again is not counted twice; those for two licenses cannot be linked.
pub fn request_salt(license_id: &str) -> [u8; 16] {
    let hash: [u8; 32] = Sha256::digest(format!("mintage/request-salt/v1\0{license_id}")).into();
    *hash.first_chunk().unwrap_or(&[0; 16])
}

/// Reads the license that is to be activated; whether it counts is for its vendor to say.
///
/// # Errors
/// What is wrong with its text.
pub fn unverified_license(bytes: &[u8]) -> Result<Unverified, Refusal> {
    let token = read_bytes(bytes, &mut Vec::new())?;
    let license = match token.unverified_body() {
        Body::Open(license) => Some(license),
        Body::Sealed(_) => None,
    };
    Ok(Unverified {
        token: token.to_token().to_string(),
        license_id: license.map(|license| license.license_id.clone()),
        product: license.and_then(|license| license.product.clone()),
        fingerprint: license.and_then(|license| license.fingerprint.clone()),
    })
}

/// Reads the license that a request is for as pasted or as the request carries it; a sealed one needs its secret.
///
/// # Errors
/// What is wrong with its text or signature, `Sealed` without the secret.
pub fn license(
    text: impl AsRef<[u8]>,
    keyring: &Keyring,
    secret: Option<&SealSecret>,
) -> Result<(Token, VerifiedToken), Refusal> {
    let of_token = |error: TokenError| Refusal::new(error.code(), error);
    let unverified = read_bytes(text.as_ref(), &mut Vec::new())?;
    let token = unverified.to_token();
    let verified = unverified.verify(keyring).map_err(of_token)?;
    let opened = match secret {
        Some(secret) => verified.unseal(secret, keyring).map_err(of_token)?,
        None => verified,
    };
    if opened.license().is_none() {
        return Err(Refusal::new(Code::Sealed, "the license is sealed and no secret was given"));
    }
    Ok((token, opened))
}

/// Answers a request.
///
/// # Errors
/// Every reason for a "no", not the first: what the license itself is refused for, a request that is not for it, another
/// product or machine than it names, a build that is not the approved one, a proof that would outlive it.
pub fn answer(request: &Request, answer: Answer<'_>) -> Result<Proof, Vec<Refusal>> {
    let mut refusals = judge_license(request, &answer);
    let Some(license) = answer.license.token.license() else { return Err(refusals) };
    judge_reference(&request.license, &answer, license, &mut refusals);
    judge_machine(&request.fingerprint, license, &mut refusals);
    if license.max_activations == Some(0) {
        refusals.push(Refusal::new(Code::ActivationsExhausted, "the license allows 0 activations"));
    }
    let product = request.product.clone().or_else(|| license.product.clone());
    let manifest = bind(request, &answer.build, license, product.as_ref(), &mut refusals);
    let last = license.grace_until();
    let expires_at = answer.expires_at.unwrap_or(last);
    if expires_at > last {
        let grace = if license.grace_period_days == 0 { "" } else { ", its days of grace included" };
        let message = format!("the proof would last until {expires_at}, and the license ends on {last}{grace}");
        refusals.push(Refusal::new(Code::Usage, message).with_hint("name an earlier end, or renew the license first"));
    }
    let now = answer.fresh.now;
    if let Some(end) = answer.expires_at.filter(|end| *end < now) {
        let message = format!("the proof would end on {end}, and the activation begins on {now}");
        refusals.push(Refusal::new(Code::Usage, message).with_hint("name a later end"));
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    Ok(Proof {
        proof_id: answer.fresh.proof_id,
        license: answer.license.text.to_owned(),
        license_id: license.license_id.clone(),
        tenant_id: license.tenant_id.clone(),
        fingerprint: request.fingerprint.clone(),
        environment: request.environment.clone(),
        product,
        product_version: answer.product_version.or_else(|| request.product_version.clone()),
        manifest,
        nonce: request.nonce,
        instance_key: request.instance_key.clone(),
        heartbeat_nonce: answer.fresh.heartbeat_nonce,
        activated_at: answer.fresh.now,
        expires_at,
        // Sequences begin at 1: who knew of no list says so.
        revocation_sequence: Some(match &answer.revocations {
            RevocationsContext::List { list, .. } => list.sequence,
            _ => 0,
        }),
    })
}

/// Judges the license as far as it can be judged away from its machine.
fn judge_license(request: &Request, answer: &Answer<'_>) -> Vec<Refusal> {
    let mut context = Context::at(answer.fresh.now);
    context.machine = MachineContext::Any;
    context.revocations = answer.revocations.clone();
    let named = answer.license.token.license().and_then(|license| license.product.as_ref());
    context.product = named.and(request.product.clone());
    let verdict = judge(answer.license.token, &context);
    verdict.refusals.into_iter().filter(|refusal| refusal.code != Code::ProofRequired).collect()
}

fn judge_reference(reference: &LicenseReference, answer: &Answer<'_>, license: &License, refusals: &mut Vec<Refusal>) {
    let found = &license.license_id;
    let named = match reference {
        LicenseReference::Id(id) => Some(id.clone()),
        // A renewed license keeps its id; another one's token is a stranger's.
        LicenseReference::Token(text) if text != answer.license.text => {
            let token = Token::parse(text).ok();
            Some(
                token.and_then(|token| token.unverified_license_id()).unwrap_or_else(|| "a damaged license".to_owned()),
            )
        }
        LicenseReference::Token(_) => None,
        LicenseReference::Key(_) => {
            let message = "the request names its license by a license key, which only a ledger can look up";
            return refusals.push(Refusal::new(Code::LedgerUnavailable, message));
        }
    };
    if let Some(named) = named.filter(|named| named != found) {
        let message = format!("the request is for license `{named}`, and this is license `{found}`");
        refusals.push(Refusal::new(Code::LicenseMismatch, message));
    }
}

/// Holds the machine of the request against the one that the license is bound to.
fn judge_machine(asked: &Fingerprint, license: &License, refusals: &mut Vec<Refusal>) {
    // Whoever asks writes the rule by which his proof is judged later; one component alone he could make up as well.
    if let Fingerprint::Fp1(fp1) = asked
        && let Err(error) = fp1.check_rule(Weak::Allow)
    {
        let message = format!("in the request, {error}");
        refusals.push(Refusal::new(Code::WeakFingerprint, message));
    }
    let Some(bound) = &license.fingerprint else { return };
    let comparison = bound.compare_enrolled(asked);
    if let Some(code) = comparison.code() {
        let message = format!("the machine of the request and the one of the license: {}", comparison.detail);
        refusals.push(Refusal::new(code, message));
    }
}

fn bind(
    request: &Request,
    build: &Build<'_>,
    license: &License,
    product: Option<&String>,
    refusals: &mut Vec<Refusal>,
) -> Option<ManifestBinding> {
    match build {
        Build::AsRequested => request.manifest_digest.map(ManifestBinding::Digest),
        Build::Manifest(verified) => {
            let (manifest, id) = (&verified.manifest, &license.license_id);
            let digest = manifest.sums_digest();
            if let Some(asked) = request.manifest_digest.filter(|asked| *asked != digest.0) {
                let message = format!("the build of the request is {}, and the manifest is of {digest}", Hex(&asked));
                refusals.push(Refusal::new(Code::ManifestMismatch, message));
            }
            if let Some(product) = product.filter(|product| **product != manifest.product) {
                let message = format!("the manifest is for product `{}`, and this is `{product}`", manifest.product);
                refusals.push(Refusal::new(Code::WrongProduct, message));
            }
            if let Scope::Licenses(ids) = &manifest.scope
                && !ids.contains(id)
            {
                let message = format!("the build is approved for {}, not for {id}", ids.join(", "));
                refusals.push(Refusal::new(Code::ManifestScope, message));
            }
            Some(ManifestBinding::Digest(digest.0))
        }
        Build::SignedBy(keys) => {
            let Some(product) = product else {
                let message = "builds bound by key need a product, and neither the request nor the license names one";
                refusals.push(Refusal::new(Code::WrongProduct, message));
                return None;
            };
            Some(ManifestBinding::Keys { keys: keys.clone(), product: product.clone() })
        }
    }
}

/// Reads a proof as something that stands beside a license.
pub fn admit(envelope: &Envelope, against: Against<'_>, released_at: Option<Timestamp>) -> ProofContext {
    match Proof::verify(envelope, against.keyring) {
        Ok(proof) => ProofContext::Verified { proof: Arc::new(proof), released_at },
        Err(error) => ProofContext::Refused(Refusal::new(error.code(), error)),
    }
}

/// Verifies a proof and the license inside it; `released_at` says when this machine gave the activation back, if it did.
pub fn verify(envelope: &Envelope, against: Against<'_>, released_at: Option<Timestamp>) -> Verdict {
    let verified = match Proof::verify(envelope, against.keyring) {
        Ok(verified) => Arc::new(verified),
        Err(error) => {
            let mut verdict = refused(Refusal::new(error.code(), error), against);
            verdict.kind = "proof";
            return verdict;
        }
    };
    let mut context = against.context.clone();
    context.proof = ProofContext::Verified { proof: Arc::clone(&verified), released_at };
    let against = Against { context: &context, ..against };
    let mut verdict = match Token::parse(&verified.proof.license) {
        Ok(token) => settle(token.verify(against.keyring), against),
        Err(error) => {
            let message = format!("the license inside the proof cannot be read: {error}");
            refused(Refusal::new(error.code(), message), against)
        }
    };
    verdict.kind = "proof";
    verdict.key_id = Some(verified.key_id);
    verdict
}
