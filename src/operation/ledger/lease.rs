//! A seat as a document: a proof whose id is that of the lease and whose end is that of the lease, so that any verifier
//! accepts it until then, and no longer.

mod draft;
pub mod installed;

pub use draft::{Draft, Drafting, Seats, Shown, draft};

use super::Stamp;
use super::activate::{self, ActivateError};
use crate::code::Code;
use crate::keyring::Keyring;
use crate::ledger::license_key::LicenseKey;
use crate::ledger::machine::Machine;
use crate::ledger::release::is_same_nonce;
use crate::ledger::seat::{self, Claim, Claimed, EndReason, Lease};
use crate::ledger::{Ledger, LedgerError, Transaction, activation, license, release};
use crate::operation::proof::{self, Answer};
use crate::proof::Proof;
use crate::request::Request;
use crate::time::Timestamp;

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
    /// A proof that was verified: the lease, or that of the activation or machine that holds it.
    Proof(Box<Proof>),
    /// A machine with its license, by both their ids, as a request names them that carries the license or its key.
    Machine {
        /// The license.
        license_id: String,
        /// The machine.
        machine: Machine,
    },
}

/// Claims a seat for the machine of a draft. A machine that has one keeps it, also after a crash. One that is activated
/// holds its seat under the id of its activation, any other under the digest of its fingerprint.
///
/// # Errors
/// `Refused` with `proof-required` when the license counts machines and this one holds no activation, with what
/// approvals refuse a request for unless it holds its seat already; else as [`seat::claim`].
pub fn claim(ledger: &Ledger, stamp: &Stamp, draft: Draft, terms: &Terms) -> Result<Seated, LedgerError> {
    let (stamp, terms) = (stamp.clone(), terms.clone());
    let (claimant, lease_id) = (Claimant::of(&draft), draft.proof.proof_id.clone());
    let unseen = draft.is_new.then(|| draft.proof.clone());
    let claimed = ledger.write(move |transaction| {
        let holder = claimant.holder(transaction)?;
        if let Some(proof) = &unseen {
            let held = seat::of_holder(transaction, &claimant.license_id, &holder);
            // What is approved later takes a seat from nobody.
            if !held.is_ok_and(|lease| lease.is_held(stamp.now)) {
                activate::approved(transaction, proof, None)?;
            }
        }
        let claim = Claim {
            holder,
            license_id: claimant.license_id.clone(),
            username: terms.username.clone(),
            lease_id: lease_id.clone(),
            seconds: terms.seconds,
            borrow_until: terms.borrow_until,
            wait: terms.wait,
            now: stamp.now,
            actor: stamp.actor.clone(),
        };
        let claimed = seat::claim(transaction, &claim)?;
        if let Claimed::Granted(lease) = &claimed {
            release::keep_lease_key(transaction, &lease.lease_id, &claimant.instance_key)?;
        }
        Ok(claimed)
    })?;
    Ok(match claimed {
        Claimed::Granted(lease) => Seated::Held(Box::new(Leased::of(draft.proof, lease))),
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
    let proof = proof::answer(request, answer).map_err(ActivateError::Refused)?;
    let license_id = proof.license_id.clone();
    let draft = Draft { proof, knows_activations: true, is_new: true };
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
pub fn renew(ledger: &Ledger, stamp: &Stamp, draft: Draft, seconds: i64) -> Result<Leased, LedgerError> {
    let (stamp, claimant) = (stamp.clone(), Claimant::of(&draft));
    let lease = ledger.write(move |transaction| {
        let holder = claimant.holder(transaction)?;
        let lease = seat::of_holder(transaction, &claimant.license_id, &holder)?;
        let lease = seat::renew(transaction, &lease.lease_id, seconds, stamp.now, &stamp.actor)?;
        release::keep_lease_key(transaction, &lease.lease_id, &claimant.instance_key)?;
        Ok(lease)
    })?;
    Ok(Leased::of(draft.proof, lease))
}

/// What was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// The lease of the seat; nothing of who only stood in line.
    pub lease_id: Option<String>,
    /// Whether the seat was held until now.
    pub was_held: bool,
    /// Whether a place in line was given up.
    pub was_in_line: bool,
}

/// Gives a seat back, or takes it, and gives up the place that its holder has in line. Without an id it is the one that
/// `right` shows. A borrowed one only the vendor takes before its end, as its lease counts offline until then.
///
/// # Errors
/// `Refused` with `unauthorized` when `right` is none to this seat, with `borrowed`, with `lease-ended`; else as
/// [`seat::release`].
pub fn release(ledger: &Ledger, stamp: &Stamp, lease_id: Option<&str>, right: Right) -> Result<GivenUp, LedgerError> {
    let (stamp, named) = (stamp.clone(), lease_id.map(str::to_owned));
    ledger.write(move |transaction| {
        let found = match &named {
            Some(id) => Some(seat::find(transaction, id)?),
            None => right.only(transaction)?,
        };
        let Some(lease) = found else {
            return Ok(GivenUp { lease_id: None, was_held: false, was_in_line: true });
        };
        let id = lease.lease_id.clone();
        if !right.reaches(transaction, &lease)? {
            return Err(LedgerError::refused(
                Code::Unauthorized,
                format!("what was shown gives no right to lease {id}"),
            ));
        }
        let reason = if let Right::Admin = right { EndReason::Forced } else { EndReason::Released };
        if reason == EndReason::Released && lease.borrowed && lease.is_held(stamp.now) {
            let message = format!("lease {id} is borrowed until {}", lease.expires_at);
            return Err(LedgerError::refused(Code::Borrowed, message));
        }
        let was_held = seat::release(transaction, &id, reason, None, stamp.now, &stamp.actor)?;
        let was_in_line = seat::leave(transaction, &lease.license_id, &lease.holder)?;
        Ok(GivenUp { lease_id: Some(id), was_held, was_in_line })
    })
}

/// Who claims a seat, or renews its lease.
struct Claimant {
    license_id: String,
    machine: Machine,
    /// The key that its lease names.
    instance_key: String,
    /// Whether the ledger knows which machines are activated.
    knows_activations: bool,
}

impl Claimant {
    fn of(draft: &Draft) -> Self {
        Self {
            license_id: draft.proof.license_id.clone(),
            machine: Machine::of(&draft.proof.fingerprint),
            instance_key: activate::stored(&draft.proof.instance_key),
            knows_activations: draft.knows_activations,
        }
    }

    /// Names who holds the seat: the activation of the machine, else the machine.
    fn holder(&self, transaction: &mut Transaction<'_>) -> Result<String, LedgerError> {
        let Self { license_id, machine, knows_activations, .. } = self;
        if !knows_activations {
            return Ok(machine.digest().to_owned());
        }
        // Nobody may give back meanwhile what the seat is held under.
        let held = license::lock(transaction, license_id)?;
        match activation::of_machine(transaction, license_id, machine)? {
            Some(proof_id) => Ok(proof_id),
            None if held.license.max_activations.is_some() => {
                let message = format!("license {license_id} counts machines, and this one holds no activation");
                Err(LedgerError::refused(Code::ProofRequired, message))
            }
            None => Ok(machine.digest().to_owned()),
        }
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
    /// Reads a request as a right: it must carry the license, or name it by its license key.
    ///
    /// # Errors
    /// `Refused` with what is wrong with the license, `unknown-license`, `license-mismatch`, and `unauthorized` for a request
    /// that names its license by id alone; `Ledger`.
    pub fn of_request(
        ledger: &Ledger,
        keyring: &Keyring,
        seats: Seats<'_>,
        request: &Request,
    ) -> Result<Self, ActivateError> {
        let held = draft::of_reference(ledger, keyring, seats, &request.license)?;
        let machine = Machine::of(&request.fingerprint);
        Ok(Self::Machine { license_id: held.license.license_id, machine })
    }

    /// Finds the one lease that is shown; nothing once its machine, which only stood in line, has left that.
    fn only(&self, transaction: &mut Transaction<'_>) -> Result<Option<Lease>, LedgerError> {
        let (license_id, machine) = match self {
            Self::Proof(proof) => match seat::find(transaction, &proof.proof_id) {
                Err(LedgerError::Refused(_)) => (&proof.license_id, Machine::of(&proof.fingerprint)),
                found => return found.map(Some),
            },
            Self::Machine { license_id, machine } => (license_id, machine.clone()),
            Self::Admin | Self::LicenseKey(_) | Self::Nonce(_) => {
                return Err(LedgerError::refused(Code::LeaseEnded, "no lease was named"));
            }
        };
        let activated = activation::of_machine(transaction, license_id, &machine)?;
        // Also one that has ended, so that who lost the answer can ask again.
        let holder = activated.unwrap_or_else(|| machine.digest().to_owned());
        match seat::last_of_holder(transaction, license_id, &holder) {
            Err(LedgerError::Refused(_)) if seat::leave(transaction, license_id, &holder)? => Ok(None),
            found => found.map(Some),
        }
    }

    fn reaches(&self, transaction: &mut Transaction<'_>, lease: &Lease) -> Result<bool, LedgerError> {
        Ok(match self {
            Self::Admin => true,
            Self::Proof(proof) => {
                let own = [&lease.lease_id, &lease.holder].contains(&&proof.proof_id);
                let machine = Machine::of(&proof.fingerprint);
                own || holds(transaction, &proof.license_id, &machine, lease)?
            }
            Self::Machine { license_id, machine } => holds(transaction, license_id, machine, lease)?,
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

/// Whether a machine holds the seat of a lease, by its activation or as itself.
fn holds(
    transaction: &mut Transaction<'_>,
    license_id: &str,
    machine: &Machine,
    lease: &Lease,
) -> Result<bool, LedgerError> {
    if *license_id != lease.license_id {
        return Ok(false);
    }
    Ok(machine.digest() == lease.holder
        || activation::of_machine(transaction, license_id, machine)?.as_ref() == Some(&lease.holder))
}
