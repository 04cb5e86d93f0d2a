//! The documents of an activation, told to people: request, proof, release and unlock.

use super::Inspection;
use super::claims::describe;
use crate::dsse::Kind;
use crate::id::Hex;
use crate::json::Writer;
use crate::proof::{ManifestBinding, Proof};
use crate::release::Release;
use crate::request::{LicenseReference, Request};
use crate::time::Timestamp;
use crate::token::Token;
use crate::unlock::Unlock;
use crate::verdict::Refusal;

impl Inspection {
    /// Tells the payload of an envelope, if it belongs to an activation.
    pub(super) fn activation(&mut self, kind: Option<Kind>, payload: &[u8], now: Timestamp) {
        let refusal = match kind {
            Some(Kind::Proof) => match Proof::parse(payload) {
                Ok(proof) => return self.proof(&proof, now),
                Err(error) => Refusal::new(error.code(), error),
            },
            Some(Kind::Release) => match Release::parse(payload) {
                Ok(release) => return self.release(&release, now),
                Err(error) => Refusal::new(error.code(), error),
            },
            Some(Kind::Unlock) => match Unlock::parse(payload) {
                Ok(unlock) => return self.unlock(&unlock, now),
                Err(error) => Refusal::new(error.code(), error),
            },
            _ => return,
        };
        self.refuse(refusal);
    }

    fn proof(&mut self, proof: &Proof, now: Timestamp) {
        self.kind = Kind::Proof.as_str();
        self.fact("proof", proof.proof_id.clone());
        self.fact("license", proof.license_id.clone());
        self.fact("tenant", proof.tenant_id.clone());
        self.runs(proof.environment.as_ref(), proof.product.as_ref(), proof.product_version.as_ref());
        match &proof.manifest {
            None => self.fact("builds", "all".to_owned()),
            Some(ManifestBinding::Digest(digest)) => {
                self.fact("builds", format!("the one with digest {}", Hex(digest)));
            }
            Some(ManifestBinding::Keys { keys, product }) => {
                let keys: Vec<String> = keys.iter().map(|key| key.kid().to_string()).collect();
                self.fact("builds", format!("all of {product} that key {} signs", keys.join(" or ")));
            }
        }
        self.fact("machine", describe(&proof.fingerprint));
        self.fact("instance key", proof.instance_key.id().kid().to_string());
        self.moment("activated", proof.activated_at, now);
        self.moment("expires", proof.expires_at, now);
        if let Some(sequence) = proof.revocation_sequence {
            self.fact("revocations", format!("knows of list {sequence}"));
        }
        let mut out = Writer::default();
        proof.write_readable(&mut out);
        self.member("proof", out.finish());
    }

    fn release(&mut self, release: &Release, now: Timestamp) {
        self.kind = Kind::Release.as_str();
        self.fact("proof", release.proof_id.clone());
        self.fact("license", release.license_id.clone());
        release.reason.iter().for_each(|reason| self.fact("reason", reason.clone()));
        self.moment("given back", release.released_at, now);
    }

    fn unlock(&mut self, unlock: &Unlock, now: Timestamp) {
        self.kind = Kind::Unlock.as_str();
        self.fact("machine", describe(&unlock.fingerprint));
        self.fact("nonce", unlock.nonce.to_string());
        self.moment("issued", unlock.issued_at, now);
    }

    /// Tells what a machine asks for.
    pub(super) fn request(&mut self, request: &Request, now: Timestamp) {
        self.kind = "request";
        match &request.license {
            LicenseReference::Id(id) => self.fact("license", id.clone()),
            LicenseReference::Key(_) => self.fact("license", "named by its license key".to_owned()),
            LicenseReference::Token(text) => {
                let id = Token::parse(text).ok().and_then(|token| token.unverified_license_id());
                self.fact("license", id.unwrap_or_else(|| "carried, and cannot be read".to_owned()));
            }
        }
        self.runs(request.environment.as_ref(), request.product.as_ref(), request.product_version.as_ref());
        if let Some(digest) = &request.manifest_digest {
            self.fact("build", Hex(digest).to_string());
        }
        self.fact("machine", describe(&request.fingerprint));
        self.fact("instance key", request.instance_key.id().kid().to_string());
        self.fact("nonce", request.nonce.to_string());
        self.moment("made", request.created_at, now);
        self.fact("signer", "nobody signs a request".to_owned());
    }

    fn runs(&mut self, environment: Option<&String>, product: Option<&String>, version: Option<&String>) {
        for (name, value) in [("environment", environment), ("product", product), ("version", version)] {
            value.iter().for_each(|value| self.fact(name, (*value).clone()));
        }
    }
}
