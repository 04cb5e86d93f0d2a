//! Announce, distribute, overlap, retire: what a vendor does with keyrings, and what a product then believes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::harness::{Bench, Outcome};

/// A vendor and a product, in one folder.
pub(super) struct Story {
    pub(super) bench: Bench,
}

impl Story {
    /// Makes a key pair for each name.
    pub(super) fn with_keys(names: &[&str]) -> Self {
        let bench = Bench::new();
        for name in names {
            let outcome = bench.run(["-q", "keygen", name, "--no-passphrase"]);
            assert_eq!(outcome.status, Some(0), "{outcome}");
        }
        Self { bench }
    }

    /// Runs `mint keyring` with a line of arguments; `@NAME` stands for the id of a key.
    pub(super) fn try_keyring(&self, line: &str, issued: &str, output: &str) -> Outcome {
        let line: Vec<String> = line.split(' ').map(|word| self.named(word)).collect();
        let line = line.iter().map(String::as_str).filter(|word| !word.is_empty());
        let rest = ["--issued-at", issued, "-o", output];
        self.bench.run(["mint", "keyring"].into_iter().chain(line).chain(rest))
    }

    pub(super) fn keyring(&self, line: &str, issued: &str, output: &str) {
        let outcome = self.try_keyring(line, issued, output);
        assert_eq!(outcome.status, Some(0), "{outcome}");
    }

    pub(super) fn named(&self, word: &str) -> String {
        match word.strip_prefix('@') {
            Some(name) => mintage::PublicKey::parse(&self.bench.read(&format!("{name}.pub"))).unwrap().id().to_string(),
            None => word.to_owned(),
        }
    }

    /// Mints a license with a key, issued on a day.
    pub(super) fn license(&self, key: &str, issued: &str) -> String {
        let key = format!("{key}.key");
        let mint = ["-q", "mint", "--key", &key, "--tenant", "acme", "--expires", "never", "--issued-at", issued];
        let outcome = self.bench.run(mint);
        assert_eq!(outcome.status, Some(0), "{outcome}");
        outcome.stdout().to_owned()
    }

    /// What a product that trusts these answers to a license; only the code counts, `valid` for yes.
    pub(super) fn answer(&self, trust: &[&str], license: &str) -> String {
        let trust = trust.iter().flat_map(|trust| ["--trust", trust]);
        let outcome = self.bench.run_with(["verify", "-"].into_iter().chain(trust), license);
        told(&outcome)
    }
}

/// The exit status and the code of the first error.
pub(super) fn told(outcome: &Outcome) -> String {
    let status = outcome.status.unwrap();
    match outcome.stderr().split_once("error[").and_then(|(_, rest)| rest.split_once(']')) {
        Some((code, _)) => format!("{status} {code}"),
        None => format!("{status}"),
    }
}

const ANNOUNCED: &str = "2026-02-01T00:00:00Z";
const RETIRED: &str = "2026-05-01T00:00:00Z";

#[test]
fn a_key_is_announced_distributed_overlapped_and_retired() {
    let story = Story::with_keys(&["a", "b", "ci"]);
    let old = story.license("a", "2025-06-01T00:00:00Z");
    let overlap = story.license("a", "2026-03-01T00:00:00Z");
    let new = story.license("b", "2026-03-01T00:00:00Z");
    // The product was built to trust key A.
    assert_eq!(story.answer(&["a.pub"], &old), "0");
    assert_eq!(story.answer(&["a.pub"], &new), "1 unknown-key");

    // Announce: one file, signed by A. What A signed before there was any keyring still counts.
    let announce = "--key a.key --add a.pub:license,keyring --add b.pub:license --add ci.pub:manifest";
    story.keyring(announce, ANNOUNCED, "1.json");
    for license in [&old, &overlap, &new] {
        assert_eq!(story.answer(&["a.pub", "1.json"], license), "0");
    }
    // A key for manifests mints no licenses, though it be named beside the keyring.
    let forged = story.license("ci", "2026-03-01T00:00:00Z");
    assert_eq!(story.answer(&["a.pub", "1.json"], &forged), "1 wrong-purpose");
    assert_eq!(story.answer(&["a.pub", "ci.pub", "1.json"], &forged), "1 wrong-purpose");
    // Retire: what A signed until then counts, later things do not; the highest sequence counts in any order.
    story.keyring("--key a.key --previous 1.json --add a.pub:license --add b.pub:license,keyring", RETIRED, "2.json");
    story.keyring("--key b.key --previous 2.json --trust a.pub --retire @a", RETIRED, "3.json");
    let late = story.license("a", "2026-05-02T00:00:00Z");
    for trust in [["a.pub", "1.json", "2.json", "3.json"], ["3.json", "a.pub", "2.json", "1.json"]] {
        assert_eq!(story.answer(&trust, &old), "0");
        assert_eq!(story.answer(&trust, &overlap), "0");
        assert_eq!(story.answer(&trust, &new), "0");
        assert_eq!(story.answer(&trust, &late), "1 key-retired");
    }
    // A retired root signs no keyring any more.
    let vouched = "--key a.key --previous 3.json --trust a.pub --trust 2.json --revoke-key @b";
    let stale = story.try_keyring(vouched, "2026-06-01T00:00:00Z", "4.json");
    assert_eq!(told(&stale), "1 wrong-purpose", "{stale}");

    // Revoke: nothing that B signed counts.
    let orphaned = story.try_keyring("--key b.key --previous 3.json --revoke-key @b", "2026-06-01T00:00:00Z", "4.json");
    assert_eq!(told(&orphaned), "2 usage", "{orphaned}");
    let handed_over = "--key b.key --previous 3.json --add ci.pub:keyring --revoke-key @b";
    story.keyring(handed_over, "2026-06-01T00:00:00Z", "4.json");
    let all = ["a.pub", "1.json", "2.json", "3.json", "4.json"];
    assert_eq!(story.answer(&all, &new), "1 key-revoked");
    assert_eq!(story.answer(&all, &old), "0");
}

#[test]
fn a_root_apart_from_the_minting_keys_needs_one_file_for_ever() {
    let story = Story::with_keys(&["root", "a", "b"]);
    story.keyring("--key root.key --add a.pub:license", "2026-01-01", "1.json");
    story.keyring("--key root.key --previous 1.json --add b.pub:license --retire @a", "2026-02-01", "2.json");
    let (first, second) = (story.license("a", "2026-01-15T00:00:00Z"), story.license("b", "2026-03-01T00:00:00Z"));
    let late = story.license("a", "2026-03-01T00:00:00Z");
    let backdated = story.license("b", "2026-01-15T00:00:00Z");
    for trust in [&["root.pub", "2.json"][..], &["2.json"]] {
        assert_eq!(story.answer(trust, &first), "0");
        assert_eq!(story.answer(trust, &second), "0");
        assert_eq!(story.answer(trust, &late), "1 key-retired");
        assert_eq!(story.answer(trust, &backdated), "1 key-retired", "B came with the second keyring");
    }
    // A key of old that joins late brings what it signed.
    story.keyring(
        "--key root.key --previous 1.json --add b.pub:license --not-before 2026-01-10",
        "2026-02-01",
        "older.json",
    );
    assert_eq!(story.answer(&["root.pub", "older.json"], &backdated), "0");
    // The root signs keyrings and no licenses.
    assert_eq!(
        story.answer(&["root.pub", "2.json"], &story.license("root", "2026-03-01T00:00:00Z")),
        "1 wrong-purpose"
    );
}

#[test]
fn a_keyring_that_is_not_to_be_believed_settles_nothing() {
    let story = Story::with_keys(&["root", "a", "stranger"]);
    let license = story.license("a", "2026-03-01T00:00:00Z");
    story.keyring("--key root.key --add a.pub:license", "2026-01-01", "1.json");
    story.keyring("--key root.key --previous 1.json --add a.pub:manifest", "2026-02-01", "left.json");
    story.keyring("--key root.key --previous 1.json --retire @a", "2026-02-01", "right.json");
    story.keyring("--key stranger.key --add a.pub:license", "2026-01-01", "strange.json");
    let minted = story.bench.read("1.json");
    let payload = minted.split('"').nth(3).unwrap();
    let changed =
        String::from_utf8(STANDARD.decode(payload).unwrap()).unwrap().replace(r#""sequence":1"#, r#""sequence":9"#);
    story.bench.write("tampered.json", minted.replace(payload, &STANDARD.encode(changed)));
    story.bench.write("relabelled.json", minted.replace("vnd.mintage.keyring", "vnd.mintage.revocations"));
    story.bench.write("truncated.json", &minted[..minted.len() / 2]);
    for (keyrings, answer) in [
        (&["1.json"][..], "0"),
        (&["1.json", "1.json"], "0"),
        (&["1.json", "left.json"], "1 wrong-purpose"),
        (&["left.json", "1.json", "right.json"], "3 forked"),
        (&["strange.json"], "3 unknown-key"),
        (&["1.json", "strange.json"], "3 forked"),
        (&["tampered.json"], "3 bad-signature"),
        (&["1.json", "tampered.json"], "3 bad-signature"),
        (&["relabelled.json"], "3 wrong-kind"),
        (&["truncated.json"], "3 truncated"),
        (&["missing.json"], "3 bad-key"),
    ] {
        let trust = [&["root.pub"], keyrings].concat();
        assert_eq!(story.answer(&trust, &license), answer, "{trust:?}");
    }
    // What is not believed is not carried on either.
    let carried = story.try_keyring("--key root.key --previous tampered.json", "2026-03-01", "out.json");
    assert_eq!(told(&carried), "3 bad-signature", "{carried}");
    for (line, answer) in [
        ("--key stranger.key --previous 1.json", "3 unknown-key"),
        ("--key stranger.key --previous 1.json --trust root.pub", "1 unknown-key"),
        ("--key root.key --previous strange.json", "3 unknown-key"),
        ("--key root.key --previous strange.json --trust root.pub", "3 unknown-key"),
        ("--key root.key --previous 1.json --trust stranger.pub", "3 unknown-key"),
        ("--key root.key --previous left.json --trust root.pub --trust right.json", "3 forked"),
        ("--key root.key --previous 1.json --trust root.pub --trust left.json", "3 rolled-back"),
    ] {
        let refused = story.try_keyring(line, "2026-03-01", "out.json");
        assert_eq!(told(&refused), answer, "{line}: {refused}");
    }
    let strange = story.try_keyring("--key root.key --previous strange.json", "2026-03-01", "out.json");
    assert!(strange.stderr().contains("--previous is carried on only from a root that is trusted"), "{strange}");
    let early = story.try_keyring("--key root.key --previous left.json", "2026-01-15", "out.json");
    assert_eq!(told(&early), "2 usage", "{early}");
    assert!(early.stderr().contains("the one before it was issued later"), "{early}");
    assert!(!story.bench.path("out.json").exists());
}

#[test]
fn two_roots_that_disagree_are_told_by_name() {
    let story = Story::with_keys(&["here", "there", "a"]);
    let license = story.license("a", "2026-03-01T00:00:00Z");
    story.keyring("--key here.key --add a.pub:license", "2026-01-01", "here.json");
    story.keyring("--key there.key", "2026-01-01", "there-1.json");
    story.keyring("--key there.key --previous there-1.json", "2026-02-01", "there-2.json");
    for (other, said) in [
        ("there-1.json", "two keyrings carry sequence 1 and differ"),
        ("there-2.json", "two roots disagree: keyring 2 was signed by key"),
    ] {
        let trust = ["here.pub", "there.pub", "here.json", other];
        assert_eq!(story.answer(&trust, &license), "3 forked", "{other}");
        let trust = trust.iter().flat_map(|trust| ["--trust", trust]);
        let refused = story.bench.run_with(["verify", "-"].into_iter().chain(trust), &license);
        assert!(refused.stderr().contains(said), "{refused}");
    }
}

#[test]
fn a_keyring_that_two_must_sign_is_signed_by_one_after_the_other() {
    let story = Story::with_keys(&["first", "second", "a", "stranger"]);
    let license = story.license("a", "2026-03-01T00:00:00Z");
    story.keyring("--key first.key --add second.pub:keyring --threshold keyring=2", "2026-01-01", "1.json");
    let minted = story.try_keyring("--key first.key --previous 1.json --add a.pub:license", "2026-02-01", "lone.json");
    assert!(minted.stderr().contains("once 2 keys have signed it"), "{minted}");
    let cosign = |key: &str, output: &str| {
        story.bench.run(["mint", "keyring", "--key", key, "--cosign", "lone.json", "-o", output])
    };
    assert_eq!(told(&cosign("first.key", "2.json")), "2 usage");
    assert_eq!(told(&cosign("second.key", "2.json")), "0");
    let stranger = cosign("stranger.key", "strange.json");
    assert_eq!(told(&stranger), "1 unknown-key");
    assert!(stranger.stderr().contains("so nobody would count its signature"), "{stranger}");
    assert!(!story.bench.path("strange.json").exists());
    let wrong = cosign("a.key", "wrong.json");
    assert_eq!(told(&wrong), "0");
    assert!(wrong.stderr().contains("warning: keyring 2 does not let key"), "{wrong}");
    let answer = |file: &str| story.answer(&["first.pub", "1.json", file], &license);
    assert_eq!(answer("lone.json"), "3 bad-signature");
    assert_eq!(answer("wrong.json"), "3 bad-signature");
    assert_eq!(answer("2.json"), "0");
    let two_on_a_token = story.try_keyring("--key first.key --threshold license=2", "2026-01-01", "out.json");
    assert_eq!(told(&two_on_a_token), "2 usage", "{two_on_a_token}");
}

#[test]
fn a_root_may_give_itself_up_in_the_keyring_that_hands_over() {
    let story = Story::with_keys(&["old", "new", "a"]);
    let license = story.license("a", "2026-06-01T00:00:00Z");
    story.keyring("--key old.key", "2026-01-01", "1.json");
    for (name, farewell) in
        [("retired", "--retire @old"), ("revoked", "--revoke-key @old"), ("demoted", "--add old.pub:proof")]
    {
        let (second, third) = (format!("{name}-2.json"), format!("{name}-3.json"));
        let hand_over = format!("--key old.key --previous 1.json --add new.pub:keyring {farewell}");
        story.keyring(&hand_over, "2026-02-01", &second);
        let line = format!("--key new.key --previous {second} --trust old.pub --add a.pub:license");
        let next = story.try_keyring(&line, "2026-03-01", &third);
        assert!(next.stderr().contains("keyring 2 was signed by key"), "{next}");
        assert_eq!(story.answer(&["old.pub", &second, &third], &license), "0", "{name}");
        let back = story.try_keyring(&format!("--key old.key --previous {third}"), "2026-04-01", "out.json");
        assert_ne!(back.status, Some(0), "{name}");
    }
}
