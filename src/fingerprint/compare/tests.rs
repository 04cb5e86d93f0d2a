//! What holds of every comparison.

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
    let comparison =
        fp1(&enrolled(Profile::Host), &with(&[("os.machine-id", other()), ("dmi.product-uuid", ReadingState::Absent)]));
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
    hopeless
        .extend(["cloud.instance-id", "dmi.product-uuid", "k8s.cluster-uid"].map(|name| Reading::new(name, other())));
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

#[test]
fn two_fingerprints_of_one_machine_match_under_one_salt_alone() {
    let bound = Fingerprint::Fp1(enrolled(Profile::Host));
    assert_eq!(bound.compare_enrolled(&bound).outcome, Outcome::Match);
    let of = |salt, readings: &[Reading]| {
        let enrolment = Enrolment { product: "acme".to_owned(), salt, profile: Profile::Host, weak: Weak::Refuse };
        Fingerprint::Fp1(enrol(readings, &enrolment).unwrap())
    };
    let drifted = with(&[("os.machine-id", other())]);
    assert_eq!(bound.compare_enrolled(&of([9; 16], &drifted)).outcome, Outcome::Drift);
    let mostly_other = with(&[("os.machine-id", other()), ("k8s.cluster-uid", other()), ("dmi.product-uuid", other())]);
    assert_eq!(bound.compare_enrolled(&of([9; 16], &mostly_other)).outcome, Outcome::Mismatch);
    assert_eq!(bound.compare_enrolled(&of([8; 16], &readings())).outcome, Outcome::Unreadable);
    let exact = Fingerprint::Exact("node-1".to_owned());
    assert_eq!(exact.compare_enrolled(&exact).outcome, Outcome::Match);
    assert_eq!(exact.compare_enrolled(&bound).outcome, Outcome::Unreadable);
    assert_eq!(bound.compare_enrolled(&exact).outcome, Outcome::Unreadable);
}
