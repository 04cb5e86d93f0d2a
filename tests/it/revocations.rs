//! `mint revocations`, and `verify` with a list and a memory.

use insta::assert_snapshot;
use mintage::Revocations;
use mintage::dsse::{Envelope, Kind};
use mintage::key::file::KeyFile;
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
    bench.write("cut.json", &bench.read("list-2.json")[..200]);
    assert!(verify("cut.json").stderr().contains("error[malformed]"));
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

/// Rollback, fork, freeze, fast-forward and its recovery, another vendor's list, a list cut short: each has its code, and
/// none that is refused leaves a trace.
#[test]
fn each_way_to_withhold_a_withdrawal_has_its_own_answer() {
    let bench = scene();
    for (id, output) in [("x", "list-2.json"), ("y", "fork.json")] {
        let minted = bench.list(&["--previous", "list-1.json", "--revoke", id, "--next-update", "never", "-o", output]);
        assert_eq!(minted.status, Some(0), "{minted}");
    }
    let end = Revocations::new(
        i64::MAX.unsigned_abs(),
        Timestamp::parse_rfc3339("2026-06-02T00:00:00Z").unwrap(),
        Timestamp::NEVER,
        Vec::new(),
    );
    let key = |name: &str| KeyFile::parse(&std::fs::read(example(name)).unwrap()).unwrap().open(None).unwrap();
    let signed =
        |payload: String, name: &str| Envelope::sign(Kind::Revocations, payload.into_bytes(), &[&key(name)]).to_json();
    bench.write("end.json", signed(end.to_payload(), "vendor.key"));
    let beyond = end.to_payload().replace("9223372036854775807", "18446744073709551615");
    bench.write("beyond.json", signed(beyond, "vendor.key"));
    bench.write("other.json", signed(end.to_payload(), "ci.key"));
    bench.write("cut.json", &bench.read("list-2.json")[..300]);
    let verify = |list: &str, more: &[&str]| {
        let state = ["--state", "state.json", "--revocations", list];
        bench.verify_with("lic-1.lic", &[&state, more].concat())
    };
    assert_eq!(verify("list-2.json", &[]).status, Some(0));
    let remembered = bench.read("state.json");
    for (case, list, error) in [
        ("rollback", "list-1.json", "error[rolled-back]"),
        ("fork", "fork.json", "error[forked]"),
        ("beyond any sequence", "beyond.json", "error[malformed]"),
        ("another vendor's", "other.json", "error[unknown-key]"),
        ("cut short", "cut.json", "error[malformed]"),
    ] {
        let refused = verify(list, &[]);
        assert!(refused.stderr().contains(error) && refused.status == Some(1), "{case}: {refused}");
        assert_eq!(bench.read("state.json"), remembered, "{case}");
    }
    // A list that is frozen: the newest there is, and older than it may be.
    let frozen = verify("list-2.json", &["--max-age", "1d"]);
    assert!(frozen.stderr().contains("error[stale]"), "{frozen}");
    assert_eq!(bench.read("state.json"), remembered);
    // Fast-forward with a stolen key, and the way back: a new key begins a new series.
    assert_eq!(verify("end.json", &[]).status, Some(0));
    assert!(verify("list-2.json", &[]).stderr().contains("error[rolled-back]"));
    let anew = ["mint", "revocations", "--allow-readable-key", "--next-update", "never", "-o", "anew.json", "--key"];
    assert_eq!(bench.run(anew.iter().chain(&[&*example("ci.key")])).status, Some(0));
    assert_eq!(verify("anew.json", &["--trust", &example("ci.pub")]).status, Some(0));
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
