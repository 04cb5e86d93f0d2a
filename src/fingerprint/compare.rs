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
    let components: Vec<_> =
        fp1.components.iter().map(|component| compare(component, fp1, &digester, readings)).collect();
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
mod tests {
    use super::super::{Enrolment, Fingerprint, Machine, Profile, Weak, enrol};
    use super::*;

    fn ok(name: &str, value: &str) -> Reading {
        Reading::new(name, ReadingState::Ok(vec![value.to_owned()]))
    }

    /// Weights 3, 4, 3 and 4, none of them stretched.
    fn readings() -> Vec<Reading> {
        vec![
            ok("os.machine-id", "4c1f1c2f9d8e4b6ba5d0b1c2d3e4f506"),
            ok("cloud.instance-id", "i-0123456789abcdef0"),
            ok("dmi.product-uuid", "4c4c4544-0042-3510-8054-b7c04f313233"),
            ok("k8s.cluster-uid", "2d3c1a7e-7c0b-4a59-9a0e-7a0a5a1c9f10"),
        ]
    }

    fn enrolled(profile: Profile) -> Fp1 {
        let enrolment = Enrolment { product: "acme".to_owned(), salt: [9; 16], profile, weak: Weak::Refuse };
        enrol(&readings(), &enrolment).unwrap()
    }

    fn with(changes: &[(&str, ReadingState)]) -> Vec<Reading> {
        let mut readings = readings();
        for (name, state) in changes {
            readings.iter_mut().find(|reading| reading.name == *name).unwrap().state = state.clone();
        }
        readings
    }

    fn other() -> ReadingState {
        ReadingState::Ok(vec!["other".to_owned()])
    }

    fn outcome(document: &Fp1, readings: &[Reading]) -> Outcome {
        fp1(document, readings).outcome
    }

    #[test]
    fn the_same_machine_matches_in_full() {
        for profile in [Profile::Host, Profile::Vm] {
            let comparison = fp1(&enrolled(profile), &readings());
            assert_eq!((comparison.outcome, comparison.score, comparison.total), (Outcome::Match, 14, 14));
        }
    }

    #[test]
    fn a_host_may_drift_as_long_as_most_of_it_stays() {
        let comparison = fp1(
            &enrolled(Profile::Host),
            &with(&[("os.machine-id", other()), ("cloud.instance-id", ReadingState::Absent)]),
        );
        assert_eq!((comparison.outcome, comparison.score), (Outcome::Mismatch, 7));
        let comparison = fp1(
            &enrolled(Profile::Host),
            &with(&[("os.machine-id", other()), ("dmi.product-uuid", ReadingState::Absent)]),
        );
        assert_eq!((comparison.outcome, comparison.score), (Outcome::Drift, 8));
        assert_eq!(comparison.fragile, ["cloud.instance-id", "k8s.cluster-uid"]);
        assert_eq!(
            comparison.detail,
            "8 of 14 points match and 8 are needed; changed: os.machine-id; absent: dmi.product-uuid; one more change \
             (cloud.instance-id or k8s.cluster-uid) would break this binding"
        );
    }

    #[test]
    fn a_veto_fails_whatever_the_score() {
        let document = Fp1 { threshold: 1, ..enrolled(Profile::Vm) };
        let comparison = fp1(&document, &with(&[("cloud.instance-id", other())]));
        assert_eq!(comparison.outcome, Outcome::Mismatch);
        assert!(comparison.detail.ends_with("cloud.instance-id must not change"), "{}", comparison.detail);
        assert_eq!(outcome(&document, &with(&[("os.machine-id", other())])), Outcome::Drift);
    }

    #[test]
    fn what_could_not_be_read_is_never_called_changed() {
        let document = enrolled(Profile::Host);
        let denied =
            |names: &[&'static str]| with(&names.iter().map(|&name| (name, ReadingState::Denied)).collect::<Vec<_>>());
        assert_eq!(outcome(&document, &denied(&["dmi.product-uuid"])), Outcome::Drift);
        let comparison = fp1(&document, &denied(&["dmi.product-uuid", "cloud.instance-id"]));
        assert_eq!(comparison.outcome, Outcome::Unreadable);
        assert!(comparison.detail.contains("unreadable: cloud.instance-id, dmi.product-uuid"), "{}", comparison.detail);
        assert!(!comparison.detail.contains("changed"), "{}", comparison.detail);
        let mut hopeless = denied(&["os.machine-id"]);
        hopeless.retain(|reading| reading.name == "os.machine-id");
        hopeless.extend(
            ["cloud.instance-id", "dmi.product-uuid", "k8s.cluster-uid"].map(|name| Reading::new(name, other())),
        );
        assert_eq!(outcome(&document, &hopeless), Outcome::Mismatch);
    }

    #[test]
    fn a_veto_that_cannot_be_read_is_not_passed_over() {
        let document = Fp1 { threshold: 1, ..enrolled(Profile::Vm) };
        assert_eq!(outcome(&document, &with(&[("dmi.product-uuid", ReadingState::Denied)])), Outcome::Unreadable);
    }

    #[test]
    fn what_nobody_read_or_supplied_is_unreadable_too() {
        let document = enrolled(Profile::Host);
        assert_eq!(outcome(&document, &[]), Outcome::Unreadable);
        let mut partial = readings();
        partial.retain(|reading| !matches!(&*reading.name, "k8s.cluster-uid" | "dmi.product-uuid"));
        let comparison = fp1(&document, &partial);
        assert_eq!(comparison.outcome, Outcome::Unreadable);
        assert!(comparison.detail.contains("not read: dmi.product-uuid, k8s.cluster-uid"), "{}", comparison.detail);
    }

    #[test]
    fn an_unknown_component_gives_no_points_and_is_named() {
        let mut document = enrolled(Profile::Host);
        document.components[0].name = "tpm.ek".to_owned();
        let mut readings = readings();
        readings[1].name = "tpm.ek".to_owned();
        let comparison = fp1(&document, &readings);
        assert_eq!((comparison.outcome, comparison.score), (Outcome::Drift, 10));
        assert!(comparison.detail.contains("unknown to this version: tpm.ek"), "{}", comparison.detail);
    }

    #[test]
    fn one_of_several_values_is_enough_and_only_eight_are_tried() {
        let document = enrolled(Profile::Host);
        let values = |count: usize| {
            let mut values: Vec<_> = (1..count).map(|at| format!("i-{at}")).collect();
            values.push("i-0123456789abcdef0".to_owned());
            fp1(&document, &with(&[("cloud.instance-id", ReadingState::Ok(values))])).score
        };
        assert_eq!((values(8), values(9)), (14, 10));
    }

    #[test]
    fn salt_and_product_of_the_document_decide() {
        let document = Fp1 { salt: [8; 16], ..enrolled(Profile::Host) };
        assert_eq!(fp1(&document, &readings()).score, 0);
        let document = Fp1 { product: "other".to_owned(), ..enrolled(Profile::Host) };
        assert_eq!(fp1(&document, &readings()).score, 0);
    }

    #[test]
    fn an_exact_fingerprint_is_compared_byte_for_byte() {
        let bound = Fingerprint::Exact("prod-node-01".to_owned());
        let compare =
            |value: Option<&str>| bound.compare(&Machine { exact: value.map(str::to_owned), ..Machine::default() });
        assert_eq!(compare(Some("prod-node-01")).outcome, Outcome::Match);
        assert_eq!(compare(None).outcome, Outcome::Unreadable);
        assert_eq!(compare(Some("prod-node-02")).detail, "bound to `prod-node-01`, this machine is `prod-node-02`");
        for value in ["PROD-node-01", "prod-node-01\n", " prod-node-01"] {
            let comparison = compare(Some(value));
            assert_eq!(comparison.outcome, Outcome::Mismatch);
            assert!(comparison.detail.ends_with("they differ only in case or white space"), "{}", comparison.detail);
        }
    }
}
