//! The machines that licenses are bound to. Many activations are decided together: a few statements for all of them, and
//! machines counted one by one, in the order in which they asked.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::audit::Entry;
use super::license::{HeldState, unknown, usable};
use super::value::{Cell, present, values};
use super::{Ledger, LedgerError, Row, Transaction, sql};
use crate::code::Code;
use crate::json::Writer;
use crate::time::Timestamp;

/// Asks for a machine to be bound to a license.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activate {
    /// The license.
    pub license_id: String,
    /// Names the machine: the digest of its fingerprint.
    pub fingerprint: String,
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

/// How an activation was decided.
pub(crate) enum Decided {
    /// As it was asked for.
    Bound,
    /// The machine holds one.
    Holds(Activated),
}

impl Activate {
    /// What the machine holds now.
    pub(crate) fn into_activated(self, decided: Decided) -> Activated {
        match decided {
            Decided::Bound => {
                Activated { proof_id: self.proof_id, nonce: self.nonce, activated_at: self.now, repeated: false }
            }
            Decided::Holds(activated) => activated,
        }
    }
}

/// A license while activations are counted against it.
struct Counter {
    state: HeldState,
    reason: Option<String>,
    grace_until: Timestamp,
    most: Option<u64>,
    held: u64,
    added: i64,
    /// The machines that held an activation before, by fingerprint.
    holding: HashMap<String, Activated>,
}

/// Ids that stand in the ledger already, and the license that each stands for.
type Taken = HashMap<String, String>;

/// Decides activations in the order in which they came.
pub(crate) fn decide(
    transaction: &mut Transaction<'_>,
    asked: &[&Activate],
) -> Result<Vec<Result<Decided, LedgerError>>, LedgerError> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let mut counters = lock(transaction, asked)?;
    let mut taken = find_held(transaction, asked, &mut counters)?;
    let (mut answers, mut repeats) = (Vec::with_capacity(asked.len()), Vec::new());
    // The machines that are bound now, by license and fingerprint.
    let mut bound: HashMap<(&str, &str), &Activate> = HashMap::with_capacity(asked.len());
    let mut rows = Vec::with_capacity(asked.len() * sql::ACTIVATION.width());
    for one in asked.iter().copied() {
        let Some(counter) = counters.get_mut(one.license_id.as_str()) else {
            answers.push(Err(unknown(&one.license_id)));
            continue;
        };
        let machine = (one.license_id.as_str(), one.fingerprint.as_str());
        let answer = counter.usable(one).and_then(|()| counter.answer(one, bound.get(&machine).copied(), &taken));
        match &answer {
            Ok(Decided::Holds(activated)) => repeats.push((one, activated.clone())),
            Ok(Decided::Bound) => {
                bound.insert(machine, one);
                taken.insert(one.proof_id.clone(), one.license_id.clone());
                rows.extend(row(one));
                transaction.record(entry(one));
            }
            Err(_) => {}
        }
        answers.push(answer);
    }
    let added = counters.iter().filter(|(_, counter)| counter.added > 0);
    let added: Vec<Cell<'_>> = added.flat_map(|(id, counter)| values![*id, counter.added]).collect();
    transaction.send_all(sql::COUNT_ACTIVATIONS, &added)?;
    transaction.insert(sql::ACTIVATION, &rows)?;
    // Who asked twice at once repeats what was only just inserted.
    repeats.iter().try_for_each(|(one, held)| repeat(transaction, one, held))?;
    Ok(answers)
}

fn lock<'a>(
    transaction: &mut Transaction<'_>,
    asked: &[&'a Activate],
) -> Result<BTreeMap<&'a str, Counter>, LedgerError> {
    let ids: BTreeSet<&'a str> = asked.iter().map(|one| one.license_id.as_str()).collect();
    let cells: Vec<Cell<'_>> = ids.iter().copied().map(Cell::from).collect();
    transaction.lock_all(sql::LOCK_LICENSES, &cells)?;
    let mut counters = BTreeMap::new();
    // What was read before they were locked, another may still have changed.
    transaction.each_of_all(sql::COUNTERS, &cells, &mut |cells| {
        let [id, state, reason, grace_until, most, held] = *cells else {
            return Err(LedgerError::corrupted("a license has fewer columns than it should"));
        };
        let state = present(state.maybe_text()?)?;
        let state = HeldState::parse(state)
            .ok_or_else(|| LedgerError::corrupted(format_args!("no state is called `{state}`")))?;
        let counter = Counter {
            state,
            reason: reason.maybe_text()?.map(str::to_owned),
            grace_until: present(grace_until.maybe_time()?)?,
            most: most.maybe_count()?,
            held: present(held.maybe_count()?)?,
            added: 0,
            holding: HashMap::new(),
        };
        if let Some(id) = ids.get(present(id.maybe_text()?)?) {
            counters.insert(*id, counter);
        }
        Ok(())
    })?;
    Ok(counters)
}

fn find_held(
    transaction: &mut Transaction<'_>,
    asked: &[&Activate],
    counters: &mut BTreeMap<&str, Counter>,
) -> Result<Taken, LedgerError> {
    let machines: BTreeSet<_> = asked.iter().map(|one| (&one.license_id, &one.fingerprint, &one.proof_id)).collect();
    let machines: Vec<Cell<'_>> =
        machines.into_iter().flat_map(|(id, machine, proof_id)| values![id, machine, proof_id]).collect();
    let (mut ids, mut taken) = (Vec::new(), Taken::new());
    transaction.each_of_all(sql::ASKED_ACTIVATIONS, &machines, &mut |cells| {
        let mut row = Row::kept(cells);
        let (asked, held) = (row.text()?, row.maybe_text()?);
        ids.extend(held);
        taken.extend(row.maybe_text()?.map(|license_id| (asked, license_id)));
        Ok(())
    })?;
    let ids: Vec<Cell<'_>> = ids.iter().map(Cell::from).collect();
    transaction.each_of_all(sql::FIND_ACTIVATIONS, &ids, &mut |cells| {
        let Activation { proof_id, license_id, fingerprint, nonce, activated_at, .. } = read(Row::kept(cells))?;
        let held = Activated { proof_id, nonce, activated_at, repeated: true };
        counters.get_mut(license_id.as_str()).map(|counter| counter.holding.insert(fingerprint, held));
        Ok(())
    })?;
    Ok(taken)
}

/// The refusal of an id that stands in the ledger already, of whatever license and machine.
pub(super) fn id_taken(id: &str, holder: &str, license_id: &str) -> LedgerError {
    let message = format!(
        "id {id} stands in the ledger already, for license {holder}, and was asked for anew, for license {license_id}"
    );
    LedgerError::refused(Code::IdTaken, message)
}

impl Counter {
    fn usable(&self, one: &Activate) -> Result<(), LedgerError> {
        usable(&one.license_id, self.state, self.reason.as_deref(), self.grace_until, one.now)
    }

    /// Answers a machine: what it holds, also what it was bound by just now, or a place for it.
    fn answer(&mut self, one: &Activate, bound: Option<&Activate>, taken: &Taken) -> Result<Decided, LedgerError> {
        if let Some(held) = self.holding.get(&one.fingerprint) {
            return Ok(Decided::Holds(held.clone()));
        }
        if let Some(first) = bound {
            let (proof_id, nonce) = (first.proof_id.clone(), first.nonce.clone());
            return Ok(Decided::Holds(Activated { proof_id, nonce, activated_at: first.now, repeated: true }));
        }
        if let Some(holder) = taken.get(&one.proof_id) {
            return Err(id_taken(&one.proof_id, holder, &one.license_id));
        }
        self.take(one)?;
        Ok(Decided::Bound)
    }

    fn take(&mut self, one: &Activate) -> Result<(), LedgerError> {
        if let Some(most) = self.most.filter(|most| self.held >= *most) {
            let message = format!("{} of {most} activations of license {} are in use", self.held, one.license_id);
            return Err(LedgerError::refused(Code::ActivationsExhausted, message));
        }
        self.held += 1;
        self.added += 1;
        Ok(())
    }
}

fn row(one: &Activate) -> [Cell<'_>; 10] {
    values![
        &one.proof_id,
        &one.license_id,
        &one.fingerprint,
        &one.instance_key,
        &one.environment,
        &one.product_version,
        &one.nonce,
        one.now,
        one.expires_at,
        one.now,
    ]
}

fn entry(one: &Activate) -> Entry {
    let entry = Entry::new(one.now, &one.actor, "activated", &one.license_id).target(&one.proof_id);
    entry.detail(|out| {
        if let Some(environment) = &one.environment {
            out.name("environment").string(environment);
        }
        out.name("fingerprint").string(&one.fingerprint);
        if let Some(version) = &one.product_version {
            out.name("productVersion").string(version);
        }
    })
}

/// The machine asked again: it keeps what it holds, and says anew where and what it runs.
fn repeat(transaction: &mut Transaction<'_>, one: &Activate, held: &Activated) -> Result<(), LedgerError> {
    let parameters =
        values![&held.proof_id, &one.instance_key, &one.environment, &one.product_version, one.expires_at, one.now,];
    transaction.execute(sql::REPEAT_ACTIVATION, &parameters).map(|_| ())
}

/// Finds an activation, also one that was released.
///
/// # Errors
/// `Refused` with `unknown-license`; `Unavailable`.
pub fn find(transaction: &mut Transaction<'_>, proof_id: &str) -> Result<Activation, LedgerError> {
    let row = transaction.find(sql::FIND_ACTIVATION, &values![proof_id])?;
    row.map(read).transpose()?.ok_or_else(|| {
        LedgerError::refused(Code::UnknownLicense, format_args!("the ledger holds no activation {proof_id}"))
    })
}

/// Names the activation that a machine holds now, by the digest of its fingerprint.
///
/// # Errors
/// `Unavailable`.
pub fn of_machine(
    transaction: &mut Transaction<'_>,
    license_id: &str,
    fingerprint: &str,
) -> Result<Option<String>, LedgerError> {
    let mut held = None;
    transaction.each_of_all(sql::HELD_ACTIVATIONS, &values![license_id, fingerprint], &mut |cells| {
        held = Row::kept(cells).maybe_text()?;
        Ok(())
    })?;
    Ok(held)
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
    })
}

impl Activation {
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
