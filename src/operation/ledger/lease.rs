//! A seat as a document: a proof whose id is that of the lease and whose end is that of the lease, so that any verifier
//! accepts it until then, and no longer.

use super::Stamp;
use super::activate::{self, ActivateError};
use crate::code::Code;
use crate::dsse::Envelope;
use crate::id::KeyId;
use crate::keyring::Keyring;
use crate::ledger::license_key::LicenseKey;
use crate::ledger::release::is_same_nonce;
use crate::ledger::seat::{self, Claim, Claimed, EndReason, Lease};
use crate::ledger::{Ledger, LedgerError, Transaction, activation, license};
use crate::operation::proof::{self, Answer, Build, Fresh, SignedLicense};
use crate::policy::RevocationsContext;
use crate::proof::{ManifestBinding, Proof};
use crate::request::{LicenseReference, Request};
use crate::time::Timestamp;
use crate::verdict::Refusal;

/// What a machine shows when it asks for a seat.
#[derive(Clone, Debug)]
pub enum Shown<'a> {
    /// The proof of its activation, or the lease that it has.
    Proof(&'a Envelope),
    /// A request that carries the license, or names it by its license key.
    Request(&'a Request),
}

/// How a seat is asked for.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How long the lease lasts, in seconds, unless it is renewed.
    pub seconds: i64,
    /// Takes the seat along until then, away from any network.
    pub borrow_until: Option<Timestamp>,
    /// A name for people.
    pub username: Option<String>,
    /// Whether to wait in line when every seat is taken.
    pub wait: bool,
}

/// A lease, as the ledger holds it and as the document that is to be signed.
#[derive(Clone, Debug)]
pub struct Leased {
    /// The seat.
    pub lease: Lease,
    /// The document.
    pub proof: Proof,
}

/// What a claim is answered with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Seated {
    /// The seat is held.
    Held(Box<Leased>),
    /// Every seat is taken; the place in line, from 1.
    Waiting(u64),
}

/// What shows that somebody may give a seat back.
#[derive(Clone, Debug)]
pub enum Right {
    /// The vendor takes it.
    Admin,
    /// The license key of its license.
    LicenseKey(LicenseKey),
    /// The nonce of the next heartbeat of the activation that holds it.
    Nonce(String),
    /// The id of a proof that was verified: that of the lease, or of the activation that holds it.
    Proof(String),
}

/// Drafts the proof that a lease will be, from what its machine shows: the license as the ledger holds it now, and the
/// machine, environment, product and builds as they were activated or asked for.
///
/// # Errors
/// `Refused` with what is wrong with the documents, with `released` or `lease-ended` for a proof that counts no more, with
/// `unauthorized` for a request that names its license by id alone; `Ledger`.
pub fn draft(
    ledger: &Ledger,
    keyring: &Keyring,
    revocations: RevocationsContext,
    shown: &Shown<'_>,
    until: Option<Timestamp>,
    fresh: Fresh,
) -> Result<Proof, ActivateError> {
    let (request, bound, held) = match shown {
        Shown::Request(request) => {
            let held = of_reference(ledger, keyring, &request.license)?;
            let named = LicenseReference::Id(held.license.license_id.clone());
            (Request { license: named, ..(*request).clone() }, None, held)
        }
        Shown::Proof(envelope) => {
            let proof = vouched(ledger, keyring, envelope, fresh.now)?;
            let held = activate::by_id(ledger, &proof.license_id)?;
            let (request, bound) = asked_again(proof);
            (request, bound, held)
        }
    };
    let (token, opened) =
        proof::license(&held.token, keyring, None).map_err(|refusal| ActivateError::Refused(vec![refusal]))?;
    let build = match bound {
        Some(keys) => Build::SignedBy(keys),
        None => Build::AsRequested,
    };
    let license = SignedLicense { text: token.as_str(), token: &opened };
    let answer = Answer { license, build, product_version: None, expires_at: until, revocations, fresh };
    let draft = proof::answer(&request, answer).map_err(ActivateError::Refused)?;
    if matches!(shown, Shown::Request(_)) {
        ledger.read(|transaction| activate::approved(transaction, &draft, &[]))?;
    }
    Ok(draft)
}

/// Claims a seat for the machine of a draft. A machine that has one keeps it, also after a crash. One that is activated
/// holds its seat under the id of its activation, any other under the digest of its fingerprint.
///
/// # Errors
/// `Refused` with `proof-required` when the license counts machines and this one holds no activation; else as
/// [`seat::claim`].
pub fn claim(ledger: &Ledger, stamp: &Stamp, draft: Proof, terms: &Terms) -> Result<Seated, LedgerError> {
    let (stamp, terms, license_id) = (stamp.clone(), terms.clone(), draft.license_id.clone());
    let (machine, lease_id) = (activate::machine_id(&draft.fingerprint), draft.proof_id.clone());
    let claimed = ledger.write(move |transaction| {
        let claim = Claim {
            holder: holder(transaction, &license_id, &machine)?,
            license_id: license_id.clone(),
            username: terms.username.clone(),
            lease_id: lease_id.clone(),
            seconds: terms.seconds,
            borrow_until: terms.borrow_until,
            wait: terms.wait,
            now: stamp.now,
            actor: stamp.actor.clone(),
        };
        seat::claim(transaction, &claim)
    })?;
    Ok(match claimed {
        Claimed::Granted(lease) => Seated::Held(Box::new(Leased::of(draft, lease))),
        Claimed::Waiting(position) => Seated::Waiting(position),
    })
}

/// Answers a request as [`proof::answer`] does, and lends its machine a seat.
///
/// # Errors
/// As [`activate::answer`], with `proof-required` as [`claim`] and `seats-exhausted`.
pub fn lend(
    ledger: &Ledger,
    stamp: &Stamp,
    request: &Request,
    answer: Answer<'_>,
    until: Timestamp,
) -> Result<Proof, ActivateError> {
    let draft = proof::answer(request, answer).map_err(ActivateError::Refused)?;
    ledger.read(|transaction| activate::approved(transaction, &draft, &[]))?;
    let license_id = draft.license_id.clone();
    match claim(ledger, stamp, draft, &Terms { seconds: 0, borrow_until: Some(until), username: None, wait: false })? {
        Seated::Held(leased) => Ok(leased.proof),
        Seated::Waiting(_) => {
            Err(LedgerError::refused(Code::SeatsExhausted, format_args!("no seat of license {license_id} is free"))
                .into())
        }
    }
}

/// Renews the lease that the machine of a draft holds.
///
/// # Errors
/// As [`claim`] and [`seat::renew`].
pub fn renew(ledger: &Ledger, stamp: &Stamp, draft: Proof, seconds: i64) -> Result<Leased, LedgerError> {
    let (stamp, license_id) = (stamp.clone(), draft.license_id.clone());
    let machine = activate::machine_id(&draft.fingerprint);
    let lease = ledger.write(move |transaction| {
        let holder = holder(transaction, &license_id, &machine)?;
        let lease = seat::of_holder(transaction, &license_id, &holder)?;
        seat::renew(transaction, &lease.lease_id, seconds, stamp.now, &stamp.actor)
    })?;
    Ok(Leased::of(draft, lease))
}

/// Gives a seat back, or takes it; says whether it was held until now. A borrowed one only the vendor takes before its end,
/// as its lease counts offline until then.
///
/// # Errors
/// `Refused` with `unauthorized` when `right` is none to this seat, with `borrowed`; else as [`seat::release`].
pub fn release(ledger: &Ledger, stamp: &Stamp, lease_id: &str, right: Right) -> Result<bool, LedgerError> {
    let (stamp, lease_id) = (stamp.clone(), lease_id.to_owned());
    ledger.write(move |transaction| {
        let lease = seat::find(transaction, &lease_id)?;
        if !right.reaches(transaction, &lease)? {
            let message = format!("what was shown gives no right to lease {lease_id}");
            return Err(LedgerError::refused(Code::Unauthorized, message));
        }
        let reason = if let Right::Admin = right { EndReason::Forced } else { EndReason::Released };
        if reason == EndReason::Released && lease.borrowed && lease.is_held(stamp.now) {
            let message = format!("lease {lease_id} is borrowed until {}", lease.expires_at);
            return Err(LedgerError::refused(Code::Borrowed, message));
        }
        seat::release(transaction, &lease_id, reason, stamp.now, &stamp.actor)
    })
}

/// Reads a proof that counts: of an activation that its machine did not give back, or of a lease that is held.
///
/// # Errors
/// As [`draft`].
fn vouched(ledger: &Ledger, keyring: &Keyring, envelope: &Envelope, now: Timestamp) -> Result<Proof, ActivateError> {
    let refuse = |code, message: String| ActivateError::Refused(vec![Refusal::new(code, message)]);
    let proof = Proof::verify(envelope, keyring).map_err(|error| refuse(error.code(), error.to_string()))?.proof;
    let id = &proof.proof_id;
    if now > proof.expires_at {
        return Err(refuse(Code::Expired, format!("proof {id} ended on {}", proof.expires_at)));
    }
    ledger.read(|transaction| {
        match seat::find(transaction, id) {
            Err(LedgerError::Refused(_)) => {}
            Ok(lease) if lease.is_held(now) => return Ok(()),
            Ok(_) => return Err(LedgerError::refused(Code::LeaseEnded, format_args!("lease {id} has ended"))),
            Err(error) => return Err(error),
        }
        match activation::find(transaction, id)?.released_at {
            Some(at) => Err(LedgerError::refused(Code::Released, format_args!("activation {id} was released at {at}"))),
            None => Ok(()),
        }
    })?;
    Ok(proof)
}

/// What a proof answers, with the keys that its builds are bound by.
fn asked_again(proof: Proof) -> (Request, Option<Vec<KeyId>>) {
    let (digest, keys) = match proof.manifest {
        Some(ManifestBinding::Digest(digest)) => (Some(digest), None),
        Some(ManifestBinding::Keys { keys, .. }) => (None, Some(keys)),
        None => (None, None),
    };
    let request = Request {
        license: LicenseReference::Id(proof.license_id),
        fingerprint: proof.fingerprint,
        environment: proof.environment,
        product: proof.product,
        product_version: proof.product_version,
        manifest_digest: digest,
        nonce: proof.nonce,
        instance_key: proof.instance_key,
        created_at: proof.activated_at,
    };
    (request, keys)
}

/// Finds the license of a request whose sender shows that it may use it: by its license key, or by its token.
fn of_reference(
    ledger: &Ledger,
    keyring: &Keyring,
    reference: &LicenseReference,
) -> Result<license::Held, ActivateError> {
    match reference {
        LicenseReference::Key(key) => match LicenseKey::parse(key) {
            Ok(key) => Ok(activate::by_license_key(ledger, &key)?),
            Err(error) => Err(LedgerError::refused(Code::UnknownLicense, error).into()),
        },
        LicenseReference::Token(text) => {
            let (_, token) =
                proof::license(text, keyring, None).map_err(|refusal| ActivateError::Refused(vec![refusal]))?;
            let id = token.license().map_or_else(String::new, |license| license.license_id.clone());
            Ok(activate::by_id(ledger, &id)?)
        }
        LicenseReference::Id(_) => {
            let message = "the request names its license by id, which does not show that its sender may use it";
            Err(LedgerError::refused(Code::Unauthorized, message).into())
        }
    }
}

/// Names who holds the seat of a machine.
fn holder(transaction: &mut Transaction<'_>, license_id: &str, machine: &str) -> Result<String, LedgerError> {
    let held = license::find(transaction, license_id)?.ok_or_else(|| license::unknown(license_id))?;
    match activation::of_machine(transaction, license_id, machine)? {
        Some(proof_id) => Ok(proof_id),
        None if held.license.max_activations.is_some() => {
            let message = format!("license {license_id} counts machines, and this one holds no activation");
            Err(LedgerError::refused(Code::ProofRequired, message))
        }
        None => Ok(machine.to_owned()),
    }
}

impl Leased {
    fn of(mut proof: Proof, lease: Lease) -> Self {
        proof.proof_id.clone_from(&lease.lease_id);
        proof.expires_at = lease.expires_at;
        Self { lease, proof }
    }
}

impl Right {
    fn reaches(&self, transaction: &mut Transaction<'_>, lease: &Lease) -> Result<bool, LedgerError> {
        Ok(match self {
            Self::Admin => true,
            Self::Proof(id) => *id == lease.lease_id || *id == lease.holder,
            Self::LicenseKey(key) => {
                let held = license::find_by_license_key(transaction, &key.hash())?;
                held.is_some_and(|held| held.license.license_id == lease.license_id)
            }
            Self::Nonce(nonce) => match activation::find(transaction, &lease.holder) {
                Ok(held) => held.released_at.is_none() && is_same_nonce(&held.nonce, nonce),
                Err(LedgerError::Refused(_)) => false,
                Err(error) => return Err(error),
            },
        })
    }
}
