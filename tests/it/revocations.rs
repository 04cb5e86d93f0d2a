//! `mint revocations`, and `verify` with a list and a memory.

use insta::assert_snapshot;
use mintage::Revocations;
use mintage::dsse::{Envelope, Kind};
use mintage::key::file::KeyFile;
use mintage::state::MAX_LEAD;
use mintage::time::Timestamp;

use crate::harness::{Bench, Outcome, example};

/// A day after the first list had a successor due.
const NOW: &str = "2026-07-02T00:00:00Z";

/// A folder with two licenses and a first list that withdraws one of them.
fn scene() -> Bench {
    let bench = Bench::new();
    for id in ["lic-1", "lic-2"] {
        let token = bench.mint(&["--id", id, "--tenant", "acme", "--expires", "2099-12-31"]);
        bench.write(&format!("{id}.lic"), token);
    }
    let minted = bench.list(&["--revoke", "lic-2=refund", "-o", "list-1.json"]);
    assert_eq!(minted.status, Some(0), "{minted}");
    bench
}

impl Bench {
    fn list(&self, arguments: &[&str]) -> Outcome {
        let key = example("vendor.key");
        let fixed =
            ["mint", "revocations", "--allow-readable-key", "--issued-at", "2026-06-01T00:00:00Z", "--key", &key];
        self.run(fixed.iter().chain(arguments))
    }

    fn verify_with(&self, license: &str, arguments: &[&str]) -> Outcome {
        let trust = example("vendor.pub");
        let fixed = ["-q", "verify", license, "--trust", &trust];
        self.run(fixed.iter().chain(arguments))
    }
}

#[test]
fn a_withdrawn_license_is_refused_and_another_is_not() {
    let bench = scene();
    let at = ["--at", "2026-06-15T00:00:00Z", "--revocations", "list-1.json"];
    assert_eq!(bench.verify_with("lic-1.lic", &at).status, Some(0));
    assert_snapshot!(bench.verify_with("lic-2.lic", &at), @"
    pass  signature    by key ec192ae06d2b6cb0
    pass  clock        issued at 2026-01-01T00:00:00Z
    pass  window       until 2099-12-31T23:59:59Z, 26862 days left
    skip  tenant       none was named
    skip  product      none was named
    skip  machine      the license is bound to none
    fail  revocations  the issuer withdrew license lic-2 on 2026-06-01T00:00:00Z, for: refund
    skip  activation   no proof is demanded
    skip  features     none were asked for
    skip  maintenance  the license covers every build
    skip  usage        none was given
    refused, INVALID, as of 2026-06-15T00:00:00Z
    ------- stderr -------
    mintage: error[revoked]: the issuer withdrew license lic-2 on 2026-06-01T00:00:00Z, for: refund
    mintage: hint: ask the issuer why, and for a new one
    [exit status: 1]
    ");
}

#[test]
fn a_list_names_hashes_alone() {
    let bench = scene();
    let list = bench.read("list-1.json");
    assert!(!list.contains("lic-2"));
    let further =
        ["--previous", "list-1.json", "--revoke", "lic-3", "--next-update", "2026-09-01", "-o", "list-2.json"];
    assert_snapshot!(bench.list(&further), @"
    ------- stderr -------
    mintage: minted revocations 2 with 2 entries, next due 2026-09-01T23:59:59Z
    [exit status: 0]
    ");
}

#[test]
fn a_list_is_refused_past_its_day_unless_its_age_is_allowed() {
    let bench = scene();
    let late = ["--at", NOW, "--revocations", "list-1.json"];
    let refused = bench.verify_with("lic-1.lic", &late);
    assert!(refused.stderr().contains("error[stale]"), "{refused}");
    assert_eq!(refused.status, Some(1));
    assert_eq!(bench.verify_with("lic-1.lic", &[&late[..], &["--max-age", "8w"]].concat()).status, Some(0));
    assert_eq!(bench.verify_with("lic-1.lic", &[&late[..], &["--max-age", "2d"]].concat()).status, Some(1));
    assert_eq!(bench.verify_with("lic-1.lic", &[&late[..], &["--max-age", "2027-01-01"]].concat()).status, Some(2));
}

#[test]
fn a_verifier_that_remembers_never_goes_back() {
    let bench = scene();
    let status = |arguments: &[&str]| {
        let minted = bench.list(arguments);
        assert_eq!(minted.status, Some(0), "{minted}");
    };
    status(&["--previous", "list-1.json", "--revoke", "lic-9", "--next-update", "never", "-o", "list-2.json"]);
    status(&["--previous", "list-1.json", "--revoke", "lic-8", "--next-update", "never", "-o", "fork.json"]);
    let verify = |list: &str| bench.verify_with("lic-1.lic", &["--state", "state.json", "--revocations", list]);
    assert_eq!(verify("list-2.json").status, Some(0));
    let remembered = bench.read("state.json");
    assert!(remembered.contains(r#""sequence":2"#), "{remembered}");
    for (list, error) in [("list-1.json", "error[rolled-back]"), ("fork.json", "error[forked]")] {
        let refused = verify(list);
        assert!(refused.stderr().contains(error), "{refused}");
        assert_eq!((refused.status, bench.read("state.json")), (Some(1), remembered.clone()));
    }
    let stranger = bench.read("list-2.json").replace("application/vnd.mintage.revocations+json", "text/plain");
    bench.write("other.json", stranger);
    assert!(verify("other.json").stderr().contains("error[wrong-kind]"));
    assert_eq!(bench.read("state.json"), remembered);
}

#[test]
fn a_list_by_a_stranger_is_refused_by_verifier_and_vendor() {
    let bench = scene();
    let key = example("ci.key");
    let by_ci =
        ["mint", "revocations", "--allow-readable-key", "--next-update", "never", "-o", "ci.json", "--key", &key];
    let minted = bench.run(by_ci);
    assert_eq!(minted.status, Some(0), "{minted}");
    let refused = bench.verify_with("lic-1.lic", &["--revocations", "ci.json"]);
    assert!(refused.stderr().contains("error[unknown-key]"), "{refused}");
    assert_eq!(bench.list(&["--previous", "ci.json"]).status, Some(3));
}

/// Rollback, fork, freeze, fast-forward and its recovery, wrong key, truncation: each has a code of its own, and none that
/// is refused changes a byte of what is remembered.
#[test]
fn each_way_to_withhold_a_withdrawal_has_its_own_answer() {
    let bench = scene();
    for (id, output) in [("x", "list-2.json"), ("y", "fork.json")] {
        let minted = bench.list(&["--previous", "list-1.json", "--revoke", id, "--next-update", "never", "-o", output]);
        assert_eq!(minted.status, Some(0), "{minted}");
    }
    let issued = Timestamp::parse_rfc3339("2026-06-02T00:00:00Z").unwrap();
    let highest = issued.seconds().unsigned_abs() + MAX_LEAD;
    let pushed = |sequence: u64| Revocations::new(sequence, issued, Timestamp::NEVER, Vec::new()).to_payload();
    let key = |name: &str| KeyFile::parse(&std::fs::read(example(name)).unwrap()).unwrap().open(None).unwrap();
    let sign = |file: &str, payload: String, name: &str| {
        let envelope = Envelope::sign(Kind::Revocations, payload.into_bytes(), &[&key(name)]);
        bench.write(file, envelope.to_json());
    };
    sign("end.json", pushed(i64::MAX.unsigned_abs()), "vendor.key");
    sign("beyond.json", pushed(highest + 1), "vendor.key");
    sign("ahead.json", pushed(highest), "vendor.key");
    sign("no-number.json", pushed(u64::MAX), "vendor.key");
    sign("stranger.json", pushed(3), "ci.key");
    let whole = bench.read("list-2.json");
    for (file, length) in [("cut.json", 300), ("cut-at-its-end.json", whole.trim_end().len() - 1), ("nothing.json", 0)]
    {
        bench.write(file, &whole[..length]);
    }
    let signature = |text: &str| text.split("\"sig\":\"").nth(1).unwrap()[..88].to_owned();
    bench.write("altered.json", whole.replace(&signature(&whole), &signature(&bench.read("fork.json"))));
    let verify = |list: &str, more: &[&str]| {
        let state = ["--state", "state.json", "--revocations", list];
        bench.verify_with("lic-1.lic", &[&state, more].concat())
    };
    // At first contact nothing is remembered, and a list that leaves no room after it is refused all the same.
    let first = verify("end.json", &[]);
    assert!(first.stderr().contains("error[fast-forwarded]") && first.status == Some(1), "{first}");
    assert!(!bench.path("state.json").exists());
    assert_eq!(verify("list-2.json", &[]).status, Some(0));
    let remembered = std::fs::read(bench.path("state.json")).unwrap();
    for (case, list, more, code) in [
        ("rollback", "list-1.json", &[][..], "error[rolled-back]"),
        ("fork", "fork.json", &[], "error[forked]"),
        ("freeze", "list-2.json", &["--max-age", "1d"], "error[stale]"),
        ("fast-forward", "end.json", &[], "error[fast-forwarded]"),
        ("fast-forward by one too many", "beyond.json", &[], "error[fast-forwarded]"),
        ("wrong key", "stranger.json", &[], "error[unknown-key]"),
        ("truncation", "cut.json", &[], "error[truncated]"),
        ("truncation of one character", "cut-at-its-end.json", &[], "error[truncated]"),
        ("truncation to nothing", "nothing.json", &[], "error[truncated]"),
        ("no sequence at all", "no-number.json", &[], "error[malformed]"),
        ("another list's signature", "altered.json", &[], "error[bad-signature]"),
    ] {
        let refused = verify(list, more);
        assert!(refused.stderr().contains(code) && refused.status == Some(1), "{case}: {refused}");
        assert_eq!(refused.stderr().matches("error[").count(), 1, "{case}: {refused}");
        assert_eq!(std::fs::read(bench.path("state.json")).unwrap(), remembered, "{case}");
    }
    assert_snapshot!(verify("end.json", &["--json"]).stderr(), @r"
    mintage: error[fast-forwarded]: the revocations are not to be believed: the document has sequence 9223372036854775807, and none of its time can be beyond 2854100224
    mintage: hint: nothing of it was taken over here; ask the issuer, whose signing key may be stolen, for one signed by a new key
    ");
    // What a stolen key may push leaves room for the next list of the honest issuer, and a new key leaves it behind.
    assert_eq!(verify("ahead.json", &[]).status, Some(0));
    assert!(verify("list-2.json", &[]).stderr().contains("error[rolled-back]"));
    let list_by = |key: &str, more: &[&str]| {
        let fixed = ["mint", "revocations", "--allow-readable-key", "--next-update", "never", "--key", &example(key)];
        let minted = bench.run(fixed.iter().chain(more));
        assert_eq!(minted.status, Some(0), "{minted}");
    };
    list_by("vendor.key", &["--previous", "ahead.json", "-o", "next.json"]);
    assert_eq!(verify("next.json", &[]).status, Some(0));
    list_by("ci.key", &["-o", "anew.json"]);
    let with_the_new_key = ["--trust", &example("ci.pub")];
    assert_eq!(verify("anew.json", &with_the_new_key).status, Some(0));
    let left_behind = verify("ahead.json", &with_the_new_key);
    assert!(left_behind.stderr().contains("error[rolled-back]"), "{left_behind}");
}

#[test]
fn a_list_that_leaves_no_room_is_neither_made_nor_carried_on() {
    let bench = scene();
    let issued = Timestamp::parse_rfc3339("2026-06-01T00:00:00Z").unwrap();
    let key = KeyFile::parse(&std::fs::read(example("vendor.key")).unwrap()).unwrap().open(None).unwrap();
    let highest = issued.seconds().unsigned_abs() + MAX_LEAD;
    for (file, sequence) in [("full.json", highest), ("end.json", i64::MAX.unsigned_abs())] {
        let payload = Revocations::new(sequence, issued, Timestamp::NEVER, Vec::new()).to_payload();
        bench.write(file, Envelope::sign(Kind::Revocations, payload.into_bytes(), &[&key]).to_json());
    }
    assert_snapshot!(bench.list(&["--previous", "full.json", "-o", "next.json"]), @r"
    ------- stderr -------
    mintage: error[fast-forwarded]: the list cannot follow the one before it: the document has sequence 2854013825, and none of its time can be beyond 2854013824
    mintage: hint: begin a new series: sign a first list with a new key, without --previous
    [exit status: 1]
    ");
    assert_snapshot!(bench.list(&["--previous", "end.json", "-o", "next.json"]), @r"
    ------- stderr -------
    mintage: error[fast-forwarded]: revocations `end.json`: the revocations are not to be believed: the document has sequence 9223372036854775807, and none of its time can be beyond 2854013824
    mintage: hint: begin a new series: sign a first list with a new key, without --previous
    [exit status: 3]
    ");
    assert!(!bench.path("next.json").exists());
}

#[test]
fn a_clock_set_back_is_noticed_and_a_damaged_memory_refused() {
    let bench = scene();
    bench.write("state.json", r#"{"kind":"mintage/state/v1","latestSeen":4000000000}"#);
    let back = bench.verify_with("lic-1.lic", &["--state", "state.json"]);
    assert!(back.stderr().contains("error[clock-rolled-back]"), "{back}");
    assert_eq!(back.status, Some(1));
    assert!(bench.read("state.json").contains("4000000000"));
    bench.write("state.json", "{}");
    assert_snapshot!(bench.verify_with("lic-1.lic", &["--state", "state.json"]), @"
    ------- stderr -------
    mintage: error[malformed]: the state `state.json` is damaged: the member `kind` is missing
    mintage: hint: restore it from a backup, or ask the issuer for an unlock: `mintage fingerprint --request`, then --unlock
    [exit status: 3]
    ");
    assert_eq!(bench.read("state.json"), "{}");
}
