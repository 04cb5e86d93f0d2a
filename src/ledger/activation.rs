//! The machines that licenses are bound to.

mod decide;
mod drift;
mod holders;

pub(super) use decide::{Decided, decide, id_taken};
pub(super) use drift::{forget, keep_anew};

use super::machine::Machine;
use super::value::values;
use super::{Ledger, LedgerError, Row, Transaction, sql};
use crate::code::Code;
use crate::json::Writer;
use crate::time::Timestamp;

/// Asks for a machine to be bound to a license.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activate {
    /// The license.
    pub license_id: String,
    /// The machine.
    pub machine: Machine,
    /// A fresh id for the proof, unless the machine has one.
    pub proof_id: String,
    /// A fresh nonce for the first heartbeat, unless the machine has one.
    pub nonce: String,
    /// The public key made on that machine, base64.
    pub instance_key: Option<String>,
    /// Where it runs.
    pub environment: Option<String>,
    /// What it runs.
    pub product_version: Option<String>,
    /// The last second of the proof.
    pub expires_at: Timestamp,
    /// The time.
    pub now: Timestamp,
    /// Who asks.
    pub actor: String,
}

/// What the machine holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activated {
    /// The proof's id; a machine that asks again keeps its first.
    pub proof_id: String,
    /// The nonce of its next heartbeat.
    pub nonce: String,
    /// When it was bound first.
    pub activated_at: Timestamp,
    /// Whether it held the activation before.
    pub repeated: bool,
}

/// An activation as the ledger holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// The proof's id.
    pub proof_id: String,
    /// The license.
    pub license_id: String,
    /// The digest of the machine's fingerprint.
    pub fingerprint: String,
    /// The machine's public key, base64.
    pub instance_key: Option<String>,
    /// Where it runs.
    pub environment: Option<String>,
    /// What it runs.
    pub product_version: Option<String>,
    /// The nonce of its next heartbeat.
    pub nonce: String,
    /// When it was bound.
    pub activated_at: Timestamp,
    /// The last second of its proof.
    pub expires_at: Timestamp,
    /// When it was last heard of.
    pub seen_at: Timestamp,
    /// When it was released.
    pub released_at: Option<Timestamp>,
    /// Why, for people.
    pub release_reason: Option<String>,
    /// The machine's `fp1` fingerprint, canonical JSON; none of an exact one, or where none was kept.
    pub document: Option<String>,
}

impl Ledger {
    /// Binds a machine to a license, or returns what it holds.
    ///
    /// # Errors
    /// `Refused` with `unknown-license`, `suspended`, `revoked`, `expired`, `activations-exhausted`, or `id-taken` where the
    /// id of the proof stands for another machine; `Unavailable`.
    pub fn activate(&self, activate: Activate) -> Result<Activated, LedgerError> {
        self.writer.activate(activate)
    }

    /// As [`Ledger::activate`], and waits for nothing, as [`Ledger::write_then`].
    pub fn activate_then(
        &self,
        activate: Activate,
        then: impl FnOnce(Result<Activated, LedgerError>) + Send + 'static,
    ) {
        self.writer.activate_then(activate, Box::new(then));
    }
}

/// Finds an activation, also one that was released.
///
/// # Errors
/// `Refused` with `unknown-license`; `Unavailable`.
pub fn find(transaction: &mut Transaction<'_>, proof_id: &str) -> Result<Activation, LedgerError> {
    let row = transaction.find(sql::FIND_ACTIVATION, &values![proof_id])?;
    row.map(read).transpose()?.ok_or_else(|| {
        LedgerError::refused(Code::UnknownLicense, format_args!("the ledger holds no activation {proof_id}"))
            .with_hint("look its id up with `mintage ledger show`")
    })
}

/// Names the activation that a machine holds now: its own, or that of the machine that it has drifted from.
///
/// # Errors
/// `Unavailable`.
pub fn of_machine(
    transaction: &mut Transaction<'_>,
    license_id: &str,
    machine: &Machine,
) -> Result<Option<String>, LedgerError> {
    let mut held = None;
    transaction.each_of_all(sql::HELD_ACTIVATIONS, &values![license_id, machine.digest()], &mut |cells| {
        held = Row::kept(cells).maybe_text()?;
        Ok(())
    })?;
    match held {
        Some(proof_id) => Ok(Some(proof_id)),
        None => Ok(drift::find(transaction, license_id, machine)?.map(|found| found.proof_id)),
    }
}

/// Finds the activation that a machine holds now, or else the one that it gave back last.
///
/// # Errors
/// `Unavailable`.
pub fn last_of_machine(
    transaction: &mut Transaction<'_>,
    license_id: &str,
    machine: &Machine,
) -> Result<Option<Activation>, LedgerError> {
    if let Some(proof_id) = of_machine(transaction, license_id, machine)? {
        return find(transaction, &proof_id).map(Some);
    }
    for one in of_license(transaction, license_id)?.into_iter().rev() {
        if one.released_at.is_some() && one.is_of(machine)? {
            return Ok(Some(one));
        }
    }
    Ok(None)
}

/// Reads the activations of a license, also those that were released.
///
/// # Errors
/// `Unavailable`.
pub fn of_license(transaction: &mut Transaction<'_>, license_id: &str) -> Result<Vec<Activation>, LedgerError> {
    transaction.query(sql::ACTIVATIONS_OF, &values![license_id])?.into_iter().map(read).collect()
}

fn read(mut row: Row) -> Result<Activation, LedgerError> {
    Ok(Activation {
        proof_id: row.text()?,
        license_id: row.text()?,
        fingerprint: row.text()?,
        instance_key: row.maybe_text()?,
        environment: row.maybe_text()?,
        product_version: row.maybe_text()?,
        nonce: row.text()?,
        activated_at: row.time()?,
        expires_at: row.time()?,
        seen_at: row.time()?,
        released_at: row.maybe_time()?,
        release_reason: row.maybe_text()?,
        document: row.maybe_text()?,
    })
}

impl Activation {
    /// Whether it is of this machine, also where that has drifted since it was bound.
    ///
    /// # Errors
    /// `Unavailable(Corrupted)` when the ledger holds the machine and cannot read it.
    pub fn is_of(&self, machine: &Machine) -> Result<bool, LedgerError> {
        Ok(self.fingerprint == machine.digest() || self.machine()?.recognises(machine).is_some())
    }

    /// Reads the machine that is bound.
    fn machine(&self) -> Result<Machine, LedgerError> {
        Machine::stored(&self.fingerprint, self.document.as_deref())
    }

    /// Writes the activation, without its nonce.
    pub fn write(&self, out: &mut Writer) {
        let maybe = |out: &mut Writer, text: Option<&str>| match text {
            Some(text) => out.string(text),
            None => out.null(),
        };
        out.begin_object();
        out.name("activatedAt").plain(self.activated_at);
        maybe(out.name("environment"), self.environment.as_deref());
        out.name("expiresAt").plain(self.expires_at);
        out.name("fingerprint").string(&self.fingerprint);
        maybe(out.name("productVersion"), self.product_version.as_deref());
        out.name("proofId").string(&self.proof_id);
        maybe(out.name("releaseReason"), self.release_reason.as_deref());
        match self.released_at {
            Some(at) => out.name("releasedAt").plain(at),
            None => out.name("releasedAt").null(),
        }
        out.name("seenAt").plain(self.seen_at);
        out.end_object();
    }
}
