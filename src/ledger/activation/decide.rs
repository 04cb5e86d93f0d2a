//! Many activations are decided together: a few statements for all of them, and machines counted one by one, in the order
//! in which they asked.

use std::collections::{BTreeMap, BTreeSet};

use super::holders::{Found, Holders, Holds, Rebound};
use super::{Activate, Activated, drift};
use crate::code::Code;
use crate::ledger::audit::Entry;
use crate::ledger::connection::Asked;
use crate::ledger::license::{HeldState, unknown, usable};
use crate::ledger::value::{Cell, present, values};
use crate::ledger::{LedgerError, Row, Transaction, sql};
use crate::time::Timestamp;

/// How an activation was decided.
pub(in crate::ledger) enum Decided {
    /// As it was asked for.
    Bound,
    /// The machine holds one.
    Holds(Activated),
}

impl Activate {
    /// What the machine holds now.
    pub(in crate::ledger) fn into_activated(self, decided: Decided) -> Activated {
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
}

/// Decides activations in the order in which they came.
pub(in crate::ledger) fn decide(
    transaction: &mut Transaction<'_>,
    asked: &[&Activate],
) -> Result<Vec<Result<Decided, LedgerError>>, LedgerError> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let (mut counters, found) = lock(transaction, asked)?;
    let mut holders = Holders::find(transaction, asked, &counters, found)?;
    let (mut answers, mut repeats) = (Vec::with_capacity(asked.len()), Vec::new());
    let mut unwritten = Vec::with_capacity(asked.len());
    for one in asked.iter().copied() {
        let Some(counter) = counters.get_mut(one.license_id.as_str()) else {
            answers.push(Err(unknown(&one.license_id)));
            continue;
        };
        let answer = counter.usable(one).and_then(|()| match holders.holds(one) {
            None => holders.is_free(one).and_then(|()| counter.take(one)).map(|()| None),
            holds => Ok(holds),
        });
        answers.push(match answer {
            Ok(None) => {
                holders.bind(one);
                unwritten.push(one);
                transaction.record(entry(one, &one.proof_id, None));
                Ok(Decided::Bound)
            }
            Ok(Some(Holds { activated, rebound })) => {
                if let Some(rebound) = rebound {
                    // Who was bound before comes first, so that each change finds the rows as they were then.
                    insert(transaction, &std::mem::take(&mut unwritten))?;
                    rebind(transaction, one, &activated.proof_id, rebound)?;
                }
                repeats.push((one, activated.clone()));
                Ok(Decided::Holds(activated))
            }
            Err(error) => Err(error),
        });
    }
    let added = counters.iter().filter(|(_, counter)| counter.added > 0);
    let added: Vec<Cell<'_>> = added.flat_map(|(id, counter)| values![*id, counter.added]).collect();
    transaction.send_all(sql::COUNT_ACTIVATIONS, &added)?;
    insert(transaction, &unwritten)?;
    // Who asked twice at once repeats what was only just inserted.
    repeats.iter().try_for_each(|(one, held)| repeat(transaction, one, held))?;
    Ok(answers)
}

/// Locks the licenses, then reads what is counted against them, and which of the machines and ids stand in the ledger: what
/// was read before they were locked, another may still have changed.
fn lock<'a>(
    transaction: &mut Transaction<'_>,
    asked: &[&'a Activate],
) -> Result<(BTreeMap<&'a str, Counter>, Found), LedgerError> {
    let ids: BTreeSet<&'a str> = asked.iter().map(|one| one.license_id.as_str()).collect();
    let cells: Vec<Cell<'_>> = ids.iter().copied().map(Cell::from).collect();
    transaction.lock_all(sql::LOCK_LICENSES, &cells)?;
    let (mut counters, mut found) = (BTreeMap::new(), Found::default());
    let mut count = |cells: &[Cell<'_>]| {
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
        };
        if let Some(id) = ids.get(present(id.maybe_text()?)?) {
            counters.insert(*id, counter);
        }
        Ok(())
    };
    let mut find = |cells: &[Cell<'_>]| found.add(Row::kept(cells));
    transaction.each_of_several(&mut [
        Asked { statement: sql::COUNTERS, values: &cells, each: &mut count },
        Asked { statement: sql::ASKED_ACTIVATIONS, values: &Found::asked(asked), each: &mut find },
    ])?;
    Ok((counters, found))
}

/// The refusal of an id that stands in the ledger already, of whatever license and machine.
pub(in crate::ledger) fn id_taken(id: &str, holder: &str, license_id: &str) -> LedgerError {
    let message = format!(
        "id {id} stands in the ledger already, for license {holder}, and was asked for anew, for license {license_id}"
    );
    LedgerError::refused(Code::IdTaken, message)
}

impl Counter {
    fn usable(&self, one: &Activate) -> Result<(), LedgerError> {
        usable(&one.license_id, self.state, self.reason.as_deref(), self.grace_until, one.now)
    }

    /// Takes a place for a machine.
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

/// Writes machines that are bound now.
fn insert(transaction: &mut Transaction<'_>, bound: &[&Activate]) -> Result<(), LedgerError> {
    let rows: Vec<Cell<'_>> = bound.iter().flat_map(|one| row(one)).collect();
    transaction.insert(sql::ACTIVATION, &rows)?;
    let machines = bound.iter().map(|one| (one.license_id.as_str(), one.proof_id.as_str(), &one.machine));
    drift::keep(transaction, &machines.collect::<Vec<_>>())
}

/// Binds the activation of a machine to that machine as it is now; the audit tells who it was.
fn rebind(
    transaction: &mut Transaction<'_>,
    one: &Activate,
    proof_id: &str,
    rebound: Rebound,
) -> Result<(), LedgerError> {
    if let Rebound::Drifted(previous) = rebound {
        transaction.record(entry(one, proof_id, Some(&previous)));
    }
    drift::bind(transaction, proof_id, &one.license_id, &one.machine)
}

fn row(one: &Activate) -> [Cell<'_>; 11] {
    values![
        &one.proof_id,
        &one.license_id,
        one.machine.digest(),
        &one.instance_key,
        &one.environment,
        &one.product_version,
        &one.nonce,
        one.now,
        one.expires_at,
        one.now,
        one.machine.document(),
    ]
}

/// Tells that a machine was bound, or bound anew after it had another fingerprint.
fn entry(one: &Activate, proof_id: &str, previous: Option<&str>) -> Entry {
    let entry = Entry::new(one.now, &one.actor, "activated", &one.license_id).target(proof_id);
    entry.detail(|out| {
        if let Some(environment) = &one.environment {
            out.name("environment").string(environment);
        }
        out.name("fingerprint").string(one.machine.digest());
        if let Some(previous) = previous {
            out.name("previousFingerprint").string(previous);
        }
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
