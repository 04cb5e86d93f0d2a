//! Says what happened to lines of armor whose checks do not hold one after the other.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use super::WIDTH;
use super::fault::{Fault, FaultKind};
use super::lines::{Record, check};
use super::parts::foreign_characters;

/// Names every line that was changed, lost, moved, doubled or added.
pub(super) fn diagnose(records: &[Record]) -> Vec<Fault> {
    let numbers = Alignment::of(records);
    let mut first: BTreeMap<usize, usize> = BTreeMap::new();
    let mut faults = Vec::new();
    for (index, record) in records.iter().enumerate() {
        if let Place::Known(number) = numbers[index] {
            match first.entry(number) {
                Entry::Occupied(_) => faults.push(fault(record, Some(number), FaultKind::Duplicate)),
                Entry::Vacant(vacant) => {
                    vacant.insert(index);
                }
            }
        }
    }

    let mut in_text: Vec<(usize, usize)> = first.iter().map(|(number, index)| (*index, *number)).collect();
    in_text.sort_unstable();
    for ((index, number), due) in in_text.iter().zip(first.keys()) {
        if number != due {
            faults.push(fault(&records[*index], Some(*number), FaultKind::Displaced(*due)));
        }
    }

    let highest = numbers.iter().map(|place| place.number()).max().unwrap_or(0);
    let mut lost: BTreeSet<usize> = (1..=highest).filter(|number| !first.contains_key(number)).collect();
    for (record, place) in records.iter().zip(&numbers) {
        let armor_line = match *place {
            Place::Known(number) => Some(number),
            Place::Guessed(number) => {
                let belongs = lost.remove(&number);
                faults.push(fault(
                    record,
                    Some(number),
                    if belongs { changed(record, number, highest) } else { FaultKind::Foreign },
                ));
                belongs.then_some(number)
            }
        };
        faults.extend(foreign_characters(&record.content, |_| armor_line));
    }
    let line_of = |number: usize| {
        let next = first.range(number..).next().map(|(_, index)| *index);
        next.and_then(|index| records.get(index)).or(records.last()).map_or(1, |record| record.line)
    };
    faults.extend(lost.iter().map(|&number| Fault {
        line: line_of(number),
        armor_line: Some(number),
        kind: FaultKind::Lost,
    }));
    faults
}

fn fault(record: &Record, armor_line: Option<usize>, kind: FaultKind) -> Fault {
    Fault { line: record.line, armor_line, kind }
}

fn changed(record: &Record, number: usize, highest: usize) -> FaultKind {
    if record.check.is_empty() {
        return FaultKind::CheckLost;
    }
    let length = record.content.len();
    // How long the last line was, nobody knows.
    let missing = if number < highest || length > WIDTH { WIDTH.cast_signed() - length.cast_signed() } else { 0 };
    FaultKind::Changed { found: record.check.clone(), expected: check(number, &record.text), missing }
}

/// The line of the armor that a record is.
#[derive(Clone, Copy)]
enum Place {
    /// Its check says so.
    Known(usize),
    /// Its neighbours say so.
    Guessed(usize),
}

impl Place {
    fn number(self) -> usize {
        match self {
            Self::Known(number) | Self::Guessed(number) => number,
        }
    }
}

/// Finds the number of each record, with work that grows as their count does.
struct Alignment<'a> {
    records: &'a [Record],
    budget: usize,
}

impl<'a> Alignment<'a> {
    fn of(records: &'a [Record]) -> Vec<Place> {
        let mut alignment = Self { records, budget: 4_096 + 4 * records.len() };
        let mut places = alignment.places();
        alignment.settle_guesses(&mut places);
        places
    }

    /// Goes through the text once. A record that fails where the one after it holds was changed in its place, or is to
    /// be found among the missing later; only otherwise were lines lost, doubled or moved.
    fn places(&mut self) -> Vec<Place> {
        let mut places = Vec::with_capacity(self.records.len());
        let mut due = 1;
        for (index, record) in self.records.iter().enumerate() {
            let next_holds = || self.records.get(index + 1).is_some_and(|next| next.is(due + 1));
            let known = if record.is(due) {
                Some(due)
            } else if next_holds() {
                None
            } else {
                self.search(record, due)
            };
            places.push(known.map_or(Place::Guessed(due), Place::Known));
            due = known.map_or(due + 1, |number| due.max(number + 1));
        }
        places
    }

    /// Looks for a record's number, nearest first.
    fn search(&mut self, record: &Record, due: usize) -> Option<usize> {
        for distance in 1..=self.records.len() + 64 {
            if self.budget == 0 {
                break;
            }
            let near = [Some(due + distance), due.checked_sub(distance).filter(|number| *number > 0)];
            if let Some(number) = near.into_iter().flatten().find(|number| self.holds(record, *number)) {
                return Some(number);
            }
        }
        None
    }

    /// Tries the guessed records in the places that nobody fills.
    fn settle_guesses(&mut self, places: &mut [Place]) {
        let known: BTreeSet<usize> =
            places.iter().filter(|place| matches!(place, Place::Known(_))).map(|place| place.number()).collect();
        let mut missing: BTreeSet<usize> = (1..=places.len()).filter(|number| !known.contains(number)).collect();
        let records = self.records;
        for (place, record) in places.iter_mut().zip(records) {
            if self.budget == 0 {
                break;
            }
            if let Place::Guessed(_) = place
                && let Some(number) = missing.iter().copied().find(|number| self.holds(record, *number))
            {
                missing.remove(&number);
                *place = Place::Known(number);
            }
        }
    }

    fn holds(&mut self, record: &Record, number: usize) -> bool {
        let Some(budget) = self.budget.checked_sub(1) else { return false };
        self.budget = budget;
        record.is(number)
    }
}
