//! [`Comparison`]: how a fingerprint and a machine differ, component by component. Pure: what was read comes as values.

use super::component::lookup;
use super::digest::{Digester, MOST_VALUES};
use super::fp1::{Component, Fp1};
use super::reading::{Reading, ReadingState};
use crate::code::Code;

/// Says whether a machine is the one a fingerprint was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is, though some components are not what they were.
    Drift,
    /// It is, in every component.
    Match,
    /// It is not.
    Mismatch,
    /// What could not be read decides.
    Unreadable,
}

/// Compares a fingerprint with a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Comparison {
    /// The answer.
    pub outcome: Outcome,
    /// The points that match; of an exact fingerprint 1 or 0.
    pub score: u32,
    /// The points that are needed; 1 of an exact fingerprint.
    pub threshold: u32,
    /// The points there are; 1 of an exact fingerprint.
    pub total: u32,
    /// The components in the order of the document; none of an exact fingerprint.
    pub components: Vec<ComponentComparison>,
    /// Names of components any one of which, were it to change too, would turn this match into a mismatch.
    pub fragile: Vec<String>,
    /// The answer and its reasons as one sentence without its full stop.
    pub detail: String,
}

/// Compares one component.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComponentComparison {
    /// Its name.
    pub name: String,
    /// The points it gives when it matches.
    pub weight: u32,
    /// Whether it does.
    pub outcome: ComponentOutcome,
    /// Whether being different fails the comparison whatever else matches.
    pub veto: bool,
    /// What the reading remarked, such as why it could not be used.
    pub note: String,
}

/// Says how one component compares. Only `Same` gives points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComponentOutcome {
    /// The machine has nothing of this kind any more.
    Absent,
    /// The machine has another value, or one that can be no identity.
    Changed,
    /// Nobody looked: it was not asked for, or not supplied.
    NotRead,
    /// One of the values is one that was enrolled.
    Same,
    /// This version does not know the component.
    Unknown,
    /// It could not be read.
    Unreadable,
}

/// Compares the text that a document is bound to with the one supplied for this machine.
pub(super) fn exact(bound: &str, machine: Option<&str>) -> Comparison {
    let (outcome, detail) = match machine {
        None => (
            Outcome::Unreadable,
            format!("bound to `{}`, and no value was supplied for this machine", bound.escape_debug()),
        ),
        Some(value) if value == bound => (Outcome::Match, "the exact value matches".to_owned()),
        Some(value) => {
            let fold = |text: &str| text.split_whitespace().collect::<String>().to_lowercase();
            let hint = if fold(value) == fold(bound) { "; they differ only in case or white space" } else { "" };
            let detail =
                format!("bound to `{}`, this machine is `{}`{hint}", bound.escape_debug(), value.escape_debug());
            (Outcome::Mismatch, detail)
        }
    };
    let score = u32::from(outcome == Outcome::Match);
    Comparison { outcome, score, threshold: 1, total: 1, components: Vec::new(), fragile: Vec::new(), detail }
}

/// Compares components: enough weight must match, and no veto may stand against it.
pub(super) fn fp1(fp1: &Fp1, readings: &[Reading]) -> Comparison {
    let digester = Digester { salt: &fp1.salt, product: &fp1.product };
    let components = fp1.components.iter().map(|component| compare(component, fp1, &digester, readings)).collect();
    settle(fp1, components)
}

/// Compares what a document is bound to with what another one enrolled, digest by digest. Digests under different salts
/// tell nothing about each other.
pub(super) fn enrolled(bound: &Fp1, other: Option<&Fp1>) -> Comparison {
    let comparable = other.filter(|other| other.salt == bound.salt && other.product == bound.product);
    let outcome = |component: &Component| match comparable.map(|other| other.find(&component.name)) {
        None => ComponentOutcome::NotRead,
        Some(None) => ComponentOutcome::Absent,
        Some(Some(found)) => {
            let same =
                found.kdf == component.kdf && found.digests.iter().any(|digest| component.digests.contains(digest));
            if same { ComponentOutcome::Same } else { ComponentOutcome::Changed }
        }
    };
    let components = bound.components.iter().map(|component| ComponentComparison {
        name: component.name.clone(),
        weight: component.weight,
        outcome: outcome(component),
        veto: bound.veto.contains(&component.name),
        note: String::new(),
    });
    let mut comparison = settle(bound, components.collect());
    if comparable.is_none() {
        "they were made under different salts or products, so they cannot be compared"
            .clone_into(&mut comparison.detail);
    }
    comparison
}

/// Weighs up what was found of each component.
fn settle(fp1: &Fp1, components: Vec<ComponentComparison>) -> Comparison {
    let score = weigh(&components, |component| component.outcome == ComponentOutcome::Same);
    let unread = weigh(&components, ComponentComparison::is_unread);
    let vetoed = components.iter().any(|component| component.veto && component.outcome == ComponentOutcome::Changed);
    // A veto that could not be read may stand against the machine, so the answer is not known.
    let undecided = components.iter().any(|component| component.veto && component.is_unread());
    let outcome = if vetoed || score.saturating_add(unread) < fp1.threshold {
        Outcome::Mismatch
    } else if undecided || score < fp1.threshold {
        Outcome::Unreadable
    } else if components.iter().all(|component| component.outcome == ComponentOutcome::Same) {
        Outcome::Match
    } else {
        Outcome::Drift
    };
    let mut comparison = Comparison {
        outcome,
        score,
        threshold: fp1.threshold,
        total: fp1.total,
        components,
        fragile: Vec::new(),
        detail: String::new(),
    };
    comparison.fragile = comparison.find_fragile();
    comparison.detail = comparison.describe();
    comparison
}

fn compare(component: &Component, fp1: &Fp1, digester: &Digester<'_>, readings: &[Reading]) -> ComponentComparison {
    let reading = readings.iter().find(|reading| reading.name == component.name);
    let outcome = match reading.map(|reading| &reading.state) {
        _ if lookup(&component.name).is_none() => ComponentOutcome::Unknown,
        None => ComponentOutcome::NotRead,
        Some(ReadingState::Absent) => ComponentOutcome::Absent,
        Some(ReadingState::Denied) => ComponentOutcome::Unreadable,
        Some(ReadingState::Invalid(_) | ReadingState::Placeholder(_)) => ComponentOutcome::Changed,
        Some(ReadingState::Ok(values)) => {
            let enrolled =
                |value: &String| component.digests.contains(&digester.digest(&component.name, component.kdf, value));
            let same = values.iter().take(MOST_VALUES).any(enrolled);
            if same { ComponentOutcome::Same } else { ComponentOutcome::Changed }
        }
    };
    ComponentComparison {
        name: component.name.clone(),
        weight: component.weight,
        outcome,
        veto: fp1.veto.contains(&component.name),
        note: reading.map(|reading| reading.note.clone()).unwrap_or_default(),
    }
}

fn weigh(components: &[ComponentComparison], counts: impl Fn(&ComponentComparison) -> bool) -> u32 {
    components
        .iter()
        .filter(|component| counts(component))
        .fold(0, |sum, component| sum.saturating_add(component.weight))
}

impl Outcome {
    /// Returns the outcome as every output writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drift => "match-with-drift",
            Self::Match => "match",
            Self::Mismatch => "mismatch",
            Self::Unreadable => "unreadable",
        }
    }
}

impl ComponentOutcome {
    /// Returns the outcome as every output writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Changed => "changed",
            Self::NotRead => "not-read",
            Self::Same => "unchanged",
            Self::Unknown => "unknown",
            Self::Unreadable => "unreadable",
        }
    }
}

impl ComponentComparison {
    fn is_unread(&self) -> bool {
        matches!(self.outcome, ComponentOutcome::NotRead | ComponentOutcome::Unreadable)
    }
}

impl Comparison {
    /// Returns the code that a document bound to another machine is refused with; `None` when the machine is the right one.
    pub fn code(&self) -> Option<Code> {
        match self.outcome {
            Outcome::Drift | Outcome::Match => None,
            Outcome::Mismatch => Some(Code::WrongMachine),
            Outcome::Unreadable => Some(Code::MachineUnreadable),
        }
    }

    fn find_fragile(&self) -> Vec<String> {
        if !matches!(self.outcome, Outcome::Drift | Outcome::Match) {
            return Vec::new();
        }
        let spare = self.score - self.threshold;
        let breaks = |component: &&ComponentComparison| {
            component.outcome == ComponentOutcome::Same && (component.veto || component.weight > spare)
        };
        self.components.iter().filter(breaks).map(|component| component.name.clone()).collect()
    }

    fn describe(&self) -> String {
        let mut parts =
            vec![format!("{} of {} points match and {} are needed", self.score, self.total, self.threshold)];
        for (outcome, words) in [
            (ComponentOutcome::Changed, "changed"),
            (ComponentOutcome::Absent, "absent"),
            (ComponentOutcome::Unreadable, "unreadable"),
            (ComponentOutcome::NotRead, "not read"),
            (ComponentOutcome::Unknown, "unknown to this version"),
        ] {
            let names = self.names(|component| component.outcome == outcome);
            if !names.is_empty() {
                parts.push(format!("{words}: {}", names.join(", ")));
            }
        }
        let vetoes = self.names(|component| component.veto && component.outcome == ComponentOutcome::Changed);
        parts.extend(vetoes.iter().map(|name| format!("{name} must not change")));
        // That a virtual machine must match in full is no news; that a drifted one hangs by a thread is.
        if self.outcome == Outcome::Drift && !self.fragile.is_empty() {
            parts.push(format!("one more change ({}) would break this binding", self.fragile.join(" or ")));
        }
        parts.join("; ")
    }

    fn names(&self, counts: impl Fn(&ComponentComparison) -> bool) -> Vec<&str> {
        self.components.iter().filter(|component| counts(component)).map(|component| &*component.name).collect()
    }
}

#[cfg(test)]
mod tests;
