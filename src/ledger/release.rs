//! Machines that give their activation or their seat back, and the heartbeats of those that do not.

use sha2::{Digest, Sha256};

use super::activation::Activation;
use super::audit::Entry;
use super::machine::Machine;
use super::seat::{EndReason, Lease};
use super::value::values;
use super::{LedgerError, Transaction, activation, license, seat, sql};
use crate::code::Code;
use crate::json::{self, Writer};
use crate::time::Timestamp;

/// Gives an activation back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The proof's id.
    pub proof_id: String,
    /// Why, for people.
    pub reason: Option<String>,
    /// The document that the machine signed.
    pub document: Option<String>,
    /// The time.
    pub now: Timestamp,
    /// Who does it.
    pub actor: String,
}

/// Releases a machine, and the seat that it held under this activation; says whether it held the activation until now.
///
/// # Errors
/// `Refused` with `unknown-license` when the ledger holds no such activation; `Unavailable`.
pub fn release(transaction: &mut Transaction<'_>, release: &Release) -> Result<(Activation, bool), LedgerError> {
    let license_id = activation::find(transaction, &release.proof_id)?.license_id;
    // The license first: everybody locks in this order. Until then the machine may have drifted.
    license::lock(transaction, &license_id)?;
    let held = activation::find(transaction, &release.proof_id)?;
    let parameters = values![&release.proof_id, release.now, &release.reason, &release.document];
    if transaction.execute(sql::RELEASE_ACTIVATION, &parameters)? == 0 {
        return Ok((activation::find(transaction, &release.proof_id)?, false));
    }
    transaction.send_all(sql::COUNT_ACTIVATIONS, &values![&held.license_id, -1_i64])?;
    if held.document.is_some() {
        activation::forget(transaction, &held.proof_id)?;
    }
    let entry = Entry::new(release.now, &release.actor, "deactivated", &held.license_id).target(&held.proof_id);
    transaction.record(entry.detail(|out| {
        out.name("fingerprint").string(&held.fingerprint);
        if let Some(reason) = &release.reason {
            out.name("reason").string(reason);
        }
        out.name("signed").bool(release.document.is_some());
    }));
    leave_seat(transaction, &held, release)?;
    Ok((activation::find(transaction, &release.proof_id)?, true))
}

/// Ends the lease that a machine holds as this activation, which it could neither renew nor give back from now on.
fn leave_seat(
    transaction: &mut Transaction<'_>,
    activation: &Activation,
    release: &Release,
) -> Result<(), LedgerError> {
    match seat::of_holder(transaction, &activation.license_id, &activation.proof_id) {
        // What was taken along counts offline until its end, and so does its seat.
        Ok(lease) if lease.borrowed && lease.is_held(release.now) => Ok(()),
        Ok(lease) => {
            seat::release(transaction, &lease.lease_id, EndReason::Released, None, release.now, &release.actor)
                .map(drop)
        }
        Err(LedgerError::Refused(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Keeps the key that may sign that a seat is given back: the one that the lease, as it was handed out last, names.
///
/// # Errors
/// `Unavailable`.
pub fn keep_lease_key(
    transaction: &mut Transaction<'_>,
    lease_id: &str,
    instance_key: &str,
) -> Result<(), LedgerError> {
    transaction.send_all(sql::SET_LEASE_KEY, &values![lease_id, instance_key])
}

/// Returns the key that may sign that a seat is given back, base64; nothing of one that was lent before keys were kept.
///
/// # Errors
/// `Unavailable`.
pub fn lease_key(transaction: &mut Transaction<'_>, lease_id: &str) -> Result<Option<String>, LedgerError> {
    transaction.find(sql::LEASE_KEY, &values![lease_id])?.map_or(Ok(None), |mut row| row.maybe_text())
}

/// Ends a lease whose holder signed that it uses it no more, also one that was taken along, and keeps what it signed; says
/// whether the seat was held until now.
///
/// # Errors
/// As [`seat::release`].
pub fn release_lease(
    transaction: &mut Transaction<'_>,
    lease_id: &str,
    document: &str,
    now: Timestamp,
    actor: &str,
) -> Result<(Lease, bool), LedgerError> {
    let was_held = seat::release(transaction, lease_id, EndReason::Released, None, now, actor)?;
    if was_held {
        transaction.execute(sql::SET_LEASE_RELEASE, &values![lease_id, document])?;
    }
    Ok((seat::find(transaction, lease_id)?, was_held))
}

/// A machine says that it is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The proof's id.
    pub proof_id: String,
    /// The license.
    pub license_id: String,
    /// The machine.
    pub machine: Machine,
    /// The nonce that it was handed last.
    pub nonce: String,
    /// A fresh nonce to hand out.
    pub fresh_nonce: String,
    /// The hours that a withdrawn license still counts, where the withdrawal names none.
    pub grace_hours: u64,
    /// The time.
    pub now: Timestamp,
}

/// What a heartbeat is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The nonce of the next heartbeat.
    pub nonce: String,
    /// Whether the license was withdrawn.
    pub revoked: bool,
    /// Until when a withdrawn license still counts.
    pub grace_until: Option<Timestamp>,
    /// When the ledger was asked.
    pub checked_at: Timestamp,
}

/// Answers a heartbeat. A client that never got its answer asks with the nonce before, and gets the same answer again
/// until it has shown the new nonce; anything older is a replay.
///
/// # Errors
/// `Refused` with `unknown-license`, `license-mismatch`, `wrong-machine`, `released`, `nonce-mismatch`,
/// `suspended` or `expired`; `Unavailable`.
pub fn heartbeat(transaction: &mut Transaction<'_>, beat: &Heartbeat) -> Result<Beat, LedgerError> {
    // Two requests with one nonce must not both rotate it.
    let license_id = activation::find(transaction, &beat.proof_id)?.license_id;
    let held = license::lock(transaction, &license_id)?;
    let activation = activation::find(transaction, &beat.proof_id)?;
    let refused = |code, message: String| Err(LedgerError::refused(code, message));
    let (id, proof) = (&held.license.license_id, &beat.proof_id);
    if *id != beat.license_id {
        return refused(
            Code::LicenseMismatch,
            format!("activation {proof} is of license {id}, not {}", beat.license_id),
        );
    }
    if !activation.is_of(&beat.machine)? {
        return refused(Code::WrongMachine, format!("activation {proof} is of another machine"));
    }
    if let Some(at) = activation.released_at {
        return refused(Code::Released, format!("activation {proof} was released at {at}"));
    }
    let row = transaction.find(sql::LAST_NONCE, &values![proof])?;
    let mut row = row.ok_or_else(|| LedgerError::corrupted("an activation is gone"))?;
    let (last_nonce, last_reply) = (row.maybe_text()?, row.maybe_text()?);
    let is_asked_again = last_nonce.is_some_and(|last| is_same_nonce(&last, &beat.nonce));
    if !is_asked_again && !is_same_nonce(&activation.nonce, &beat.nonce) {
        return refused(Code::NonceMismatch, format!("the nonce for activation {proof} is not the one handed out"));
    }
    let grace_hours = held.grace_hours.unwrap_or(beat.grace_hours);
    let grace = i64::try_from(grace_hours.saturating_mul(3_600)).unwrap_or(i64::MAX);
    let grace_until = held.revoked_at.map(|at| at.saturating_add(grace));
    if held.revoked_at.is_none() {
        held.usable(beat.now)?;
    }
    if is_asked_again {
        let last = last_reply
            .and_then(|reply| Beat::parse(&reply))
            .ok_or_else(|| LedgerError::corrupted(format_args!("the last answer to activation {proof} is damaged")))?;
        // Who never moves on to the next nonce is told of a withdrawal all the same.
        return Ok(if grace_until.is_some() { Beat { revoked: true, grace_until, ..last } } else { last });
    }
    let answer =
        Beat { nonce: beat.fresh_nonce.clone(), revoked: grace_until.is_some(), grace_until, checked_at: beat.now };
    let reply = answer.to_json();
    let parameters = values![proof, &answer.nonce, &beat.nonce, &reply, beat.now];
    transaction.execute(sql::ROTATE_NONCE, &parameters)?;
    Ok(answer)
}

/// Whether a nonce is the one that was handed out last for an activation, or the one before: its answer may have been lost.
///
/// # Errors
/// `Unavailable`.
pub fn knows_nonce(
    transaction: &mut Transaction<'_>,
    activation: &Activation,
    nonce: &str,
) -> Result<bool, LedgerError> {
    let last = transaction.find(sql::LAST_NONCE, &values![&activation.proof_id])?;
    let last = last.map(|mut row| row.maybe_text()).transpose()?.flatten();
    Ok(is_same_nonce(&activation.nonce, nonce) || last.is_some_and(|last| is_same_nonce(&last, nonce)))
}

/// Compares digests, so that the time tells nothing of how much of a guess is right.
pub(crate) fn is_same_nonce(nonce: &str, given: &str) -> bool {
    Sha256::digest(nonce) == Sha256::digest(given)
}

impl Beat {
    fn to_json(&self) -> String {
        let mut out = Writer::default();
        out.begin_object();
        out.name("checkedAt").integer(self.checked_at.seconds().into());
        match self.grace_until {
            Some(until) => out.name("graceUntil").integer(until.seconds().into()),
            None => out.name("graceUntil").null(),
        }
        out.name("nonce").string(&self.nonce);
        out.name("revoked").bool(self.revoked);
        out.end_object();
        out.finish()
    }

    fn parse(text: &str) -> Option<Self> {
        let (mut nonce, mut revoked, mut grace_until, mut checked_at) = (None, None, None, None);
        for (name, value) in json::parse(text.as_bytes()).ok()?.into_object("reply").ok()? {
            match (name.as_ref(), value) {
                ("nonce", json::Value::String(text)) => nonce = Some(text.into_owned()),
                ("revoked", json::Value::Bool(value)) => revoked = Some(value),
                ("graceUntil", value @ json::Value::Integer(_)) => {
                    grace_until = value.into_timestamp("graceUntil").ok();
                }
                ("checkedAt", value) => checked_at = value.into_timestamp("checkedAt").ok(),
                _ => {}
            }
        }
        Some(Self { nonce: nonce?, revoked: revoked?, grace_until, checked_at: checked_at? })
    }
}
