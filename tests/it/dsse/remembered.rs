//! What a verifier with a memory keeps of the keyrings it has believed.

use super::rotation::{Story, told};
use crate::harness::{Bench, Outcome};

/// Verifies a license with a memory; returns what was told and the memory afterwards.
fn with_memory(bench: &Bench, trust: &[&str], license: &str) -> (Outcome, String) {
    let trust = trust.iter().flat_map(|trust| ["--trust", trust]);
    let outcome = bench.run_with(["verify", "-", "--state", "state.json"].into_iter().chain(trust), license);
    let memory = std::fs::read_to_string(bench.path("state.json")).unwrap_or_default();
    (outcome, memory)
}

/// A root that lists A, then retires it for B, and by mistake signs another keyring under the same number.
fn story() -> Story {
    let story = Story::with_keys(&["root", "a", "b"]);
    story.keyring("--key root.key --add a.pub:license", "2026-01-01", "1.json");
    story.keyring("--key root.key --previous 1.json --add b.pub:license --revoke-key @a", "2026-02-01", "2.json");
    story.keyring("--key root.key --previous 1.json --add b.pub:license", "2026-02-01", "fork.json");
    story
}

#[test]
fn an_older_keyring_and_another_in_its_place_are_refused() {
    let story = story();
    let (by_a, by_b) = (story.license("a", "2026-01-15T00:00:00Z"), story.license("b", "2026-03-01T00:00:00Z"));
    // Nothing is remembered yet, so the old keyring counts, and with it the key that was revoked since.
    assert_eq!(story.answer(&["root.pub", "1.json"], &by_a), "0");
    let (yes, remembered) = with_memory(&story.bench, &["root.pub", "2.json"], &by_b);
    assert_eq!(told(&yes), "0", "{yes}");
    let series = format!("\"keyring/{}\":{{", story.named("@root"));
    assert!(remembered.contains(&series) && remembered.contains("\"sequence\":2"), "{remembered}");
    for (trust, said) in [
        (&["root.pub", "1.json"][..], "error[rolled-back]"),
        (&["1.json"], "error[rolled-back]"),
        (&["root.pub", "fork.json"], "error[forked]"),
    ] {
        let (refused, memory) = with_memory(&story.bench, trust, &by_a);
        assert!(refused.stderr().contains(said), "{trust:?}: {refused}");
        assert_eq!((refused.status, &memory), (Some(3), &remembered), "{trust:?}: {refused}");
    }
    let (again, memory) = with_memory(&story.bench, &["root.pub", "1.json", "2.json"], &by_a);
    assert_eq!((told(&again).as_str(), &memory), ("1 key-revoked", &remembered), "{again}");
}

#[test]
fn a_keyring_is_remembered_though_the_license_is_refused_and_none_that_is_refused_is() {
    let story = story();
    let by_a = story.license("a", "2026-01-15T00:00:00Z");
    let (refused, memory) = with_memory(&story.bench, &["root.pub", "2.json"], &by_a);
    assert_eq!(told(&refused), "1 key-revoked", "{refused}");
    assert!(memory.contains("\"sequence\":2"), "{memory}");
    // Its day is evidence of time, and that of a refused license is none: the floor is the first of February.
    assert!(memory.contains("\"latestSeen\":1769990399"), "{memory}");
    let story = Story::with_keys(&["root", "stranger"]);
    let license = story.license("root", "2026-01-15T00:00:00Z");
    story.keyring("--key stranger.key", "2026-01-01", "strange.json");
    let (refused, memory) = with_memory(&story.bench, &["root.pub", "strange.json"], &license);
    assert_eq!((told(&refused).as_str(), memory.as_str()), ("3 unknown-key", ""), "{refused}");
}

#[test]
fn a_keyring_of_tomorrow_is_refused_and_changes_nothing() {
    let story = Story::with_keys(&["root"]);
    let license = story.license("root", "2026-01-15T00:00:00Z");
    story.keyring("--key root.key --add root.pub:license,keyring", "2999-01-01", "1.json");
    let (refused, memory) = with_memory(&story.bench, &["root.pub", "1.json"], &license);
    assert_eq!((told(&refused).as_str(), memory.as_str()), ("3 clock-rolled-back", ""), "{refused}");
}

#[test]
fn a_new_root_is_the_way_back_from_a_sequence_at_its_end() {
    let story = story();
    let by_b = story.license("b", "2026-03-01T00:00:00Z");
    assert_eq!(told(&with_memory(&story.bench, &["root.pub", "2.json"], &by_b).0), "0");
    // The vendor begins anew with another root, which the product learns of in its next release.
    let outcome = story.bench.run(["-q", "keygen", "second", "--no-passphrase"]);
    assert_eq!(outcome.status, Some(0), "{outcome}");
    story.keyring("--key second.key --add b.pub:license", "2026-02-01", "anew.json");
    let (yes, memory) = with_memory(&story.bench, &["second.pub", "anew.json"], &by_b);
    assert_eq!(told(&yes), "0", "{yes}");
    assert_eq!(memory.matches("\"keyring/").count(), 2, "{memory}");
}
