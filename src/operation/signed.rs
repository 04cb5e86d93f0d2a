//! `verify` for documents that are judged alone or beside a proof: keyrings, revocations, unlocks, releases and reports of use.

use crate::code::Code;
use crate::dsse::{Envelope, EnvelopeError, Kind};
use crate::id::KeyId;
use crate::json::{JsonError, Writer, canonical, parse};
use crate::keyring::Keyring;
use crate::proof::Proof;
use crate::release::Release;
use crate::revocations::Revocations;
use crate::state::paced;
use crate::time::{CLOCK_TOLERANCE, Timestamp};
use crate::trust;
use crate::unlock::Unlock;
use crate::verdict::{Findings, Refusal, write_checks, write_refusals};

/// The answer to "did somebody whom I trust sign this, and does it still count?".
#[derive(Clone, Debug)]
#[must_use = "a verdict that nobody reads lets everything pass"]
pub struct SignedVerdict {
    /// What was judged.
    pub kind: Kind,
    /// Every rule, and every reason for a "no".
    pub findings: Findings,
    /// The time it was judged for.
    pub as_of: Timestamp,
    /// The key that signed, once that is proved.
    pub key_id: Option<KeyId>,
    /// The payload, once it is proved; spelled canonically.
    payload: Option<String>,
}

/// What a document is judged with.
#[derive(Clone, Copy, Debug)]
pub struct Beside<'a> {
    /// The trusted keys.
    pub keyring: &'a Keyring,
    /// The proof whose instance key signs releases and reports of use.
    pub proof: Option<&'a Envelope>,
    /// The time to judge for.
    pub now: Timestamp,
}

/// Verifies a document of any kind but proofs and manifests, which have verdicts of their own.
pub fn verify(envelope: &Envelope, kind: Kind, beside: Beside<'_>) -> SignedVerdict {
    let mut verdict =
        SignedVerdict { kind, findings: Findings::default(), as_of: beside.now, key_id: None, payload: None };
    match judge(envelope, kind, beside, &mut verdict) {
        Ok(()) => {
            verdict.payload = parse(envelope.unverified_payload()).ok().map(|value| canonical(&value));
        }
        Err(refusal) => verdict.findings.refuse("signature", refusal),
    }
    verdict
}

fn judge(envelope: &Envelope, kind: Kind, beside: Beside<'_>, verdict: &mut SignedVerdict) -> Result<(), Refusal> {
    match kind {
        Kind::Keyring => {
            let document = trust::read(envelope).map_err(|error| Refusal::new(error.code(), error))?;
            verdict.signed(envelope, beside.keyring, document.issued_at)?;
            let sequence = paced(document.sequence, document.issued_at);
            sequence.map_err(|error| Refusal::new(error.code(), error))?;
            verdict.findings.pass("contents", format!("sequence {}, {} keys", document.sequence, document.keys.len()));
        }
        Kind::Revocations => {
            let verified = Revocations::verify(envelope, beside.keyring);
            let list = verified.map_err(|error| Refusal::new(error.code(), error))?.list;
            verdict.signed(envelope, beside.keyring, list.issued_at)?;
            if beside.now > list.next_update {
                let message = format!("a successor was due on {}, and it is {}", list.next_update, beside.now);
                verdict.findings.fail("window", Code::Stale, message);
            } else {
                verdict.findings.pass("window", format!("next due {}", list.next_update));
            }
            verdict.findings.pass("contents", format!("sequence {}, {} entries", list.sequence, list.entries().len()));
        }
        Kind::Unlock => {
            let unlock = Unlock::verify(envelope, beside.keyring).map_err(|error| Refusal::new(error.code(), error))?;
            verdict.signed(envelope, beside.keyring, unlock.issued_at)?;
        }
        Kind::Release => {
            let proof = verdict.proof(beside)?;
            let release = Release::verify(envelope, &proof).map_err(|error| Refusal::new(error.code(), error))?;
            verdict.key_id = Some(proof.instance_key.id());
            verdict
                .findings
                .pass("signature", format!("by the instance key {} of the proof", proof.instance_key.id().kid()));
            verdict.clock(release.released_at);
            verdict
                .findings
                .pass("contents", format!("activation {} given back on {}", release.proof_id, release.released_at));
        }
        Kind::Usage => {
            let proof = verdict.proof(beside)?;
            let payload = envelope.verify_by(Kind::Usage, &proof.instance_key);
            let payload = payload.map_err(|error| Refusal::new(error.code(), error))?;
            verdict.key_id = Some(proof.instance_key.id());
            verdict
                .findings
                .pass("signature", format!("by the instance key {} of the proof", proof.instance_key.id().kid()));
            let as_of = of_proof(payload, &proof)?;
            verdict.clock(as_of);
            verdict.findings.pass("contents", format!("the use of license {} as of {as_of}", proof.license_id));
        }
        Kind::Checkpoint | Kind::Manifest | Kind::Proof => {
            let found = envelope.payload_type().to_owned();
            let error = EnvelopeError::WrongKind(kind.payload_type(), found);
            return Err(Refusal::new(error.code(), error));
        }
    }
    Ok(())
}

/// Holds a report of use against the proof whose key signed it; returns the moment of the report.
fn of_proof(payload: &[u8], proof: &Proof) -> Result<Timestamp, Refusal> {
    let malformed = |error: JsonError| Refusal::new(error.code(), error);
    let (mut as_of, mut named) = (None, [None, None]);
    for (name, value) in parse(payload).and_then(|value| value.into_object("report")).map_err(malformed)? {
        match name.as_ref() {
            "asOf" => as_of = Some(value.into_timestamp("asOf").map_err(malformed)?),
            "crit" => value.into_critical(&[]).map_err(malformed)?,
            "licenseId" => named[0] = Some(value.into_string("licenseId").map_err(malformed)?),
            "proofId" => named[1] = Some(value.into_string("proofId").map_err(malformed)?),
            _ => {}
        }
    }
    for (what, named, proved) in [("license", &named[0], &proof.license_id), ("activation", &named[1], &proof.proof_id)]
    {
        let named = named.as_deref().unwrap_or("none");
        if named != proved {
            let message = format!("the report is of {what} {named}, and the proof of {proved}");
            return Err(Refusal::new(Code::LicenseMismatch, message));
        }
    }
    as_of.ok_or_else(|| malformed(JsonError::Missing("asOf")))
}

impl SignedVerdict {
    /// Finds who signed a document issued at `issued_at`, and holds that time against the clock.
    fn signed(&mut self, envelope: &Envelope, keyring: &Keyring, issued_at: Timestamp) -> Result<(), Refusal> {
        let threshold = keyring.threshold(self.kind.purpose());
        let verified = envelope.verify(self.kind, keyring, Some(issued_at), threshold);
        let verified = verified.map_err(|error| Refusal::new(error.code(), error))?;
        let signers: Vec<String> = verified.signers().iter().map(|key| key.kid().to_string()).collect();
        self.key_id = verified.signers().first().copied();
        self.findings.pass("signature", format!("by key {}", signers.join(", ")));
        self.clock(issued_at);
        Ok(())
    }

    fn clock(&mut self, issued_at: Timestamp) {
        if issued_at.since(self.as_of) > CLOCK_TOLERANCE {
            let message = format!("the document was issued at {issued_at}, and it is {} here", self.as_of);
            self.findings.fail("clock", Code::ClockRolledBack, message);
        } else {
            self.findings.pass("clock", format!("issued at {issued_at}"));
        }
    }

    /// Takes the proof that vouches for an instance key.
    fn proof(&mut self, beside: Beside<'_>) -> Result<Proof, Refusal> {
        let Some(envelope) = beside.proof else {
            let message = format!("a {} counts only beside the proof of its activation", self.kind.as_str());
            return Err(Refusal::new(Code::ProofRequired, message));
        };
        let verified = Proof::verify(envelope, beside.keyring).map_err(|error| Refusal::new(error.code(), error))?;
        self.findings.pass("proof", format!("{}, by key {}", verified.proof.proof_id, verified.key_id.kid()));
        Ok(verified.proof)
    }

    /// Returns the verdict as canonical JSON; the payload is its member `document`.
    pub fn to_json(&self) -> String {
        let mut out = Writer::default();
        out.begin_object();
        out.name("asOf").string(&self.as_of.to_string());
        write_checks(&self.findings.checks, &mut out);
        match &self.payload {
            Some(payload) => out.name("document").raw(payload),
            None => out.name("document").null(),
        }
        match self.key_id {
            Some(id) => out.name("keyId").string(&id.to_string()),
            None => out.name("keyId").null(),
        }
        out.name("kind").string(self.kind.as_str());
        write_refusals(&self.findings.refusals, &mut out);
        out.name("verdict").string(if self.findings.is_valid() { "valid" } else { "refused" });
        out.end_object();
        out.finish()
    }
}
