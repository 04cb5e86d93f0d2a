//! Machines that have drifted: found by what they still have in common with the one that was bound, and bound anew.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Activation, read};
use crate::ledger::machine::Machine;
use crate::ledger::value::{Cell, present, values};
use crate::ledger::{LedgerError, Row, Transaction, sql};

/// As many machines are compared with one that asks: those that have most in common with it. Only who makes fingerprints up
/// has more that share what identifies.
const MOST_COMPARED: usize = 64;

/// Finds the activations that are held by machines which these may have drifted from; which have, their rule says.
///
/// # Errors
/// `Unavailable`.
pub(super) fn candidates(
    transaction: &mut Transaction<'_>,
    asked: &[(&str, &Machine)],
) -> Result<Vec<Activation>, LedgerError> {
    let asked: Vec<_> = asked.iter().map(|(license_id, machine)| (*license_id, machine.digests())).collect();
    let marks: BTreeSet<(&str, &str)> =
        asked.iter().flat_map(|(id, digests)| digests.iter().map(|digest| (*id, digest.as_str()))).collect();
    let marks: Vec<Cell<'_>> = marks.into_iter().flat_map(|(id, digest)| values![id, digest]).collect();
    let mut holders: HashMap<(String, String), Vec<String>> = HashMap::new();
    transaction.each_of_all(sql::HALLMARKED, &marks, &mut |cells| {
        let mut row = Row::kept(cells);
        let mark = (row.text()?, row.text()?);
        let found = row.maybe_text()?.unwrap_or_default();
        holders.insert(mark, found.lines().map(str::to_owned).collect());
        Ok(())
    })?;
    let mut ids = BTreeSet::new();
    for (license_id, digests) in asked {
        let mut shared: BTreeMap<&str, usize> = BTreeMap::new();
        for digest in digests {
            let found = holders.get(&(license_id.to_owned(), digest));
            found.into_iter().flatten().for_each(|id| *shared.entry(id).or_default() += 1);
        }
        let mut shared: Vec<(&str, usize)> = shared.into_iter().collect();
        shared.sort_by_key(|(_, count)| Reverse(*count));
        ids.extend(shared.into_iter().take(MOST_COMPARED).map(|(id, _)| id));
    }
    let ids: Vec<Cell<'_>> = ids.into_iter().map(Cell::from).collect();
    let mut found = Vec::new();
    transaction.each_of_all(sql::FIND_ACTIVATIONS, &ids, &mut |cells| {
        found.push(read(Row::kept(cells))?);
        Ok(())
    })?;
    found.retain(|one| one.released_at.is_none());
    Ok(found)
}

/// Finds the one activation whose machine has become this one: that with the most points, of several the first.
///
/// # Errors
/// `Unavailable`.
pub(super) fn find(
    transaction: &mut Transaction<'_>,
    license_id: &str,
    machine: &Machine,
) -> Result<Option<Activation>, LedgerError> {
    if !machine.can_drift() {
        return Ok(None);
    }
    let mut scored = Vec::new();
    for one in candidates(transaction, &[(license_id, machine)])? {
        if let Some(score) = one.machine()?.recognises(machine) {
            scored.push((score, one));
        }
    }
    Ok(scored.into_iter().min_by_key(|(score, one)| first(*score, one.activated_at, &one.proof_id)).map(|(_, one)| one))
}

/// Orders those whom a machine may be: the first of them it is.
pub(super) fn first<T: Ord>(score: u32, activated_at: T, proof_id: &str) -> (Reverse<u32>, T, String) {
    (Reverse(score), activated_at, proof_id.to_owned())
}

/// Binds an activation to a machine as it is now.
///
/// # Errors
/// `Unavailable`.
pub(super) fn bind(
    transaction: &mut Transaction<'_>,
    proof_id: &str,
    license_id: &str,
    machine: &Machine,
) -> Result<(), LedgerError> {
    transaction.send_all(sql::BIND_ACTIVATION, &values![proof_id, machine.digest(), machine.document()])?;
    forget(transaction, proof_id)?;
    keep(transaction, &[(license_id, proof_id, machine)])
}

/// Keeps by what machines are found after they have drifted: of each its license, its activation and itself.
///
/// # Errors
/// `Unavailable`.
pub(super) fn keep(transaction: &mut Transaction<'_>, bound: &[(&str, &str, &Machine)]) -> Result<(), LedgerError> {
    let marks = bound.iter().map(|(license_id, proof_id, machine)| (*license_id, *proof_id, machine.hallmarks()));
    let marks: Vec<_> = marks.filter(|(_, _, hallmarks)| !hallmarks.is_empty()).collect();
    let rows = marks.iter().flat_map(|(license_id, proof_id, hallmarks)| {
        hallmarks.iter().flat_map(move |digest| values![*license_id, digest, *proof_id])
    });
    transaction.insert(sql::ACTIVATION_COMPONENT, &rows.collect::<Vec<_>>())
}

/// Finds the machine of an activation no more, however it drifts.
///
/// # Errors
/// `Unavailable`.
pub(in crate::ledger) fn forget(transaction: &mut Transaction<'_>, proof_id: &str) -> Result<(), LedgerError> {
    transaction.send_all(sql::FORGET_COMPONENTS, &values![proof_id])
}

/// Keeps anew by what every machine is found that holds an activation.
///
/// # Errors
/// `Unavailable`, also when a document is not that of its machine.
pub(in crate::ledger) fn keep_anew(transaction: &mut Transaction<'_>) -> Result<(), LedgerError> {
    let mut bound = Vec::new();
    transaction.each(sql::DOCUMENTS, &[], &mut |cells| {
        let [license_id, proof_id, digest, document] = *cells else {
            return Err(LedgerError::corrupted("an activation has fewer columns than it should"));
        };
        let [license_id, proof_id] = [license_id, proof_id].map(|cell| cell.maybe_text().and_then(present));
        let machine = Machine::stored(present(digest.maybe_text()?)?, document.maybe_text()?)?;
        bound.push((license_id?.to_owned(), proof_id?.to_owned(), machine));
        Ok(())
    })?;
    let bound: Vec<_> = bound.iter().map(|(license, proof, machine)| (&**license, &**proof, machine)).collect();
    keep(transaction, &bound)
}
