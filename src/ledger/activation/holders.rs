//! [`Holders`]: who holds activations, as far as those who ask are concerned, and who was bound only just now.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::decide::id_taken;
use super::drift::{self, first};
use super::{Activate, Activated, Activation, read};
use crate::ledger::machine::Machine;
use crate::ledger::value::{Cell, values};
use crate::ledger::{LedgerError, Row, Transaction, sql};
use crate::time::Timestamp;

pub(super) struct Holders<'a> {
    /// By license and digest.
    held: HashMap<(&'a str, Cow<'a, str>), Held<'a>>,
    /// Machines that others may have drifted from; each is among those above.
    machines: Vec<Cow<'a, Machine>>,
    /// Where those machines stand that have, or had, a hallmark, by license and hallmark.
    marked: HashMap<(&'a str, String), Vec<usize>>,
    /// Ids that stand in the ledger already, and the license that each stands for.
    taken: HashMap<Cow<'a, str>, Cow<'a, str>>,
}

struct Held<'a> {
    proof_id: Cow<'a, str>,
    nonce: Cow<'a, str>,
    activated_at: Timestamp,
    /// Whether no more is known of the machine than its digest.
    is_bare: bool,
}

/// What a machine holds that asks again.
pub(super) struct Holds {
    pub(super) activated: Activated,
    /// How its activation is to be bound anew.
    pub(super) rebound: Option<Rebound>,
}

/// Why an activation is bound anew to the machine that holds it.
pub(super) enum Rebound {
    /// It has drifted; the digest that it had.
    Drifted(String),
    /// Nothing but its digest was known.
    Known,
}

/// What stands in the ledger of the machines that ask, and of the ids that they are to have.
#[derive(Default)]
pub(super) struct Found {
    /// The proofs of machines that hold an activation.
    held: Vec<String>,
    /// Ids that stand for something already, each with the license it stands for.
    taken: Vec<(String, String)>,
}

impl Found {
    /// Returns the values that `ASKED_ACTIVATIONS` is asked with.
    pub(super) fn asked<'a>(asked: &[&'a Activate]) -> Vec<Cell<'a>> {
        let machines: BTreeSet<_> =
            asked.iter().map(|one| (&one.license_id, one.machine.digest(), &one.proof_id)).collect();
        machines.into_iter().flat_map(|(id, machine, proof_id)| values![id, machine, proof_id]).collect()
    }

    /// Takes in a row that it answers.
    ///
    /// # Errors
    /// `Unavailable(Corrupted)`.
    pub(super) fn add(&mut self, mut row: Row) -> Result<(), LedgerError> {
        let (asked, held) = (row.text()?, row.maybe_text()?);
        self.held.extend(held);
        self.taken.extend(row.maybe_text()?.map(|license_id| (asked, license_id)));
        Ok(())
    }
}

impl<'a> Holders<'a> {
    /// Finds those who hold what is asked for, and those whom others of the asked may have drifted from.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(super) fn find<T>(
        transaction: &mut Transaction<'_>,
        asked: &[&'a Activate],
        licenses: &BTreeMap<&'a str, T>,
        found: Found,
    ) -> Result<Self, LedgerError> {
        let held = HashMap::with_capacity(asked.len());
        let taken = found.taken.into_iter().map(|(id, license_id)| (Cow::Owned(id), Cow::Owned(license_id))).collect();
        let mut holders = Self { held, machines: Vec::new(), marked: HashMap::new(), taken };
        let ids: Vec<Cell<'_>> = found.held.iter().map(Cell::from).collect();
        let of = |activation: &Activation| licenses.get_key_value(activation.license_id.as_str()).map(|(id, _)| *id);
        transaction.each_of_all(sql::FIND_ACTIVATIONS, &ids, &mut |cells| {
            let found = read(Row::kept(cells))?;
            if let Some(license_id) = of(&found) {
                holders.hold(license_id, found);
            }
            Ok(())
        })?;
        let drifting: Vec<&'a Activate> = asked.iter().copied().filter(|one| one.machine.can_drift()).collect();
        // As long as each holds its own, none is bound anew.
        if drifting.iter().all(|one| holders.held.contains_key(&own(one))) {
            return Ok(holders);
        }
        let drifting: Vec<_> = drifting.iter().map(|one| (one.license_id.as_str(), &one.machine)).collect();
        for found in drift::candidates(transaction, &drifting)? {
            if let Some(license_id) = of(&found) {
                let machine = found.machine()?;
                holders.hold(license_id, found);
                holders.mark(license_id, Cow::Owned(machine));
            }
        }
        Ok(holders)
    }

    fn hold(&mut self, license_id: &'a str, found: Activation) {
        let Activation { proof_id, fingerprint, nonce, activated_at, document, .. } = found;
        let (proof_id, nonce) = (Cow::Owned(proof_id), Cow::Owned(nonce));
        let held = Held { proof_id, nonce, activated_at, is_bare: document.is_none() };
        self.held.insert((license_id, Cow::Owned(fingerprint)), held);
    }

    fn mark(&mut self, license_id: &'a str, machine: Cow<'a, Machine>) {
        let at = self.machines.len();
        self.machines.push(machine);
        self.mark_at(license_id, at);
    }

    fn mark_at(&mut self, license_id: &'a str, at: usize) {
        for hallmark in self.machines[at].hallmarks() {
            self.marked.entry((license_id, hallmark)).or_default().push(at);
        }
    }

    /// Whether the id that a machine is to have stands for nothing yet.
    ///
    /// # Errors
    /// `Refused` with `id-taken`.
    pub(super) fn is_free(&self, one: &Activate) -> Result<(), LedgerError> {
        self.taken
            .get(one.proof_id.as_str())
            .map_or(Ok(()), |holder| Err(id_taken(&one.proof_id, holder, &one.license_id)))
    }

    /// Takes in a machine that is bound now.
    pub(super) fn bind(&mut self, one: &'a Activate) {
        let (proof_id, nonce) = (Cow::Borrowed(one.proof_id.as_str()), Cow::Borrowed(one.nonce.as_str()));
        self.taken.insert(proof_id.clone(), Cow::Borrowed(&one.license_id));
        self.held.insert(own(one), Held { proof_id, nonce, activated_at: one.now, is_bare: false });
        if one.machine.can_drift() {
            self.mark(&one.license_id, Cow::Borrowed(&one.machine));
        }
    }

    /// Says what a machine holds, also what it was bound by just now, or held before it drifted.
    pub(super) fn holds(&mut self, one: &'a Activate) -> Option<Holds> {
        if let Some(held) = self.held.get_mut(&own(one)) {
            let is_news = held.is_bare && one.machine.document().is_some();
            held.is_bare &= !is_news;
            let activated = held.activated();
            if is_news && one.machine.can_drift() {
                self.mark(&one.license_id, Cow::Borrowed(&one.machine));
            }
            return Some(Holds { activated, rebound: is_news.then_some(Rebound::Known) });
        }
        let at = self.drifted(one)?;
        let before = std::mem::replace(&mut self.machines[at], Cow::Borrowed(&one.machine)).digest().to_owned();
        self.mark_at(&one.license_id, at);
        let held = self.held.remove(&(one.license_id.as_str(), Cow::Owned(before.clone())))?;
        let activated = held.activated();
        self.held.insert(own(one), held);
        Some(Holds { activated, rebound: Some(Rebound::Drifted(before)) })
    }

    /// Finds where the machine stands that has become this one: that with the most points, of several the first.
    fn drifted(&self, one: &'a Activate) -> Option<usize> {
        let marked = |digest| self.marked.get(&(one.license_id.as_str(), digest));
        let found: BTreeSet<usize> = one.machine.digests().into_iter().filter_map(marked).flatten().copied().collect();
        let scored = found.into_iter().filter_map(|at| {
            let machine = &self.machines[at];
            let score = machine.recognises(&one.machine)?;
            let held = self.held.get(&(one.license_id.as_str(), Cow::Borrowed(machine.digest())))?;
            Some((first(score, held.activated_at, &held.proof_id), at))
        });
        scored.min().map(|(_, at)| at)
    }
}

/// The key of a machine among those that hold.
fn own(one: &Activate) -> (&str, Cow<'_, str>) {
    (&one.license_id, Cow::Borrowed(one.machine.digest()))
}

impl Held<'_> {
    fn activated(&self) -> Activated {
        let (proof_id, nonce) = (self.proof_id.to_string(), self.nonce.to_string());
        Activated { proof_id, nonce, activated_at: self.activated_at, repeated: true }
    }
}
