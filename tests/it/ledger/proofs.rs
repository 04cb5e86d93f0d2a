//! Machines that are activated across an air gap, counted by the ledger.

use insta::assert_snapshot;
use mintage::SecretKey;
use mintage::dsse::{Envelope, Kind};
use mintage::release::Release;
use mintage::request::Request;
use mintage::time::Timestamp;

use crate::harness::{Bench, ISSUED, Outcome, example};

/// The short id of the example key.
const KID: &str = "ec192ae06d2b6cb0";

const BOOK: [&str; 2] = ["--ledger", "sqlite:book.db"];

/// A customer and a vendor in one folder, with a license for one machine.
fn scene() -> Bench {
    let bench = Bench::new();
    let terms = ["--tenant", "acme", "--activation", "proof", "--expires", "2099-12-31", "--max-activations", "1"];
    bench.write("acme.lic", bench.mint(&[&terms[..], &BOOK].concat()));
    bench
}

impl Bench {
    fn asks(&self, machine: &str) {
        let request = format!("{machine}.request");
        let outcome =
            self.run(["-q", "activate", "--license", "acme.lic", "--fingerprint", machine, "--request-out", &request]);
        assert_eq!(outcome.status, Some(0), "{outcome}");
    }

    pub(super) fn answers(&self, machine: &str, id: &str) -> Outcome {
        let (key, request, proof) = (example("vendor.key"), format!("{machine}.request"), format!("{machine}.proof"));
        let fixed = ["mint", "proof", "--allow-readable-key", "--key", &key, "--issued-at", ISSUED, "--force"];
        self.run(fixed.iter().chain(&["--request", &request, "-o", &proof, "--id", id]).chain(&BOOK))
    }

    fn book(&self, arguments: &[&str]) -> Outcome {
        self.run([&["ledger"], arguments, &BOOK].concat())
    }
}

#[test]
fn one_machine_holds_the_one_activation_until_it_gives_it_back() {
    let bench = scene();
    bench.asks("node-1");
    bench.asks("node-2");
    assert_snapshot!(bench.answers("node-1", "p-1"), @"
    ------- stderr -------
    mintage: minted proof p-1 for license lic-1, until 2099-12-31T23:59:59Z
    [exit status: 0]
    ");
    // The same machine keeps its activation, and its proof id.
    assert!(bench.answers("node-1", "p-2").stderr().contains("minted proof p-1 for license lic-1"));
    assert_snapshot!(bench.answers("node-2", "p-3"), @"
    ------- stderr -------
    mintage: error[activations-exhausted]: 1 of 1 activations of license lic-1 are in use
    mintage: hint: release a machine that no longer runs the product, or ask for more activations
    [exit status: 1]
    ");
    let trust = example("vendor.pub");
    let activate = |arguments: &[&str]| {
        bench.run([&["-q", "activate", "--fingerprint", "node-1", "--trust", &trust], arguments].concat())
    };
    assert_eq!(activate(&["--proof", "node-1.proof", "--install", "installed"]).status, Some(0));
    let given_back = activate(&["--deactivate", "--proof", "installed", "--reason", "moved", "-o", "release.json"]);
    assert_eq!(given_back.status, Some(0), "{given_back}");
    let released = bench.book(&["release", "--document", "release.json"]);
    assert_snapshot!(released, @"
    ------- stderr -------
    mintage: machine p-1 of license lic-1 is released
    [exit status: 0]
    ");
    assert!(bench.book(&["audit", "--action", "deactivated"]).stdout().contains(r#""reason":"moved","signed":true"#));
    assert_eq!(bench.answers("node-2", "p-4").status, Some(0));
}

#[test]
fn a_suspended_license_activates_no_machine() {
    let bench = scene();
    bench.asks("node-1");
    assert_eq!(bench.book(&["suspend", "lic-1", "--reason", "not paid"]).status, Some(0));
    let refused = bench.answers("node-1", "p-1");
    assert!(refused.stderr().contains("error[suspended]: license lic-1 is suspended, for: not paid"), "{refused}");
    assert!(!bench.path("node-1.proof").exists());
    assert_eq!(bench.book(&["reinstate", "lic-1"]).status, Some(0));
    assert_eq!(bench.answers("node-1", "p-1").status, Some(0));
}

/// What the machine signs of its activation decides, and nothing that it says of another.
#[test]
fn a_release_of_another_license_or_of_a_day_to_come_frees_nothing() {
    let bench = scene();
    bench.asks("node-1");
    assert_eq!(bench.answers("node-1", "p-1").status, Some(0));
    let instance = SecretKey::from_seed(&[5; 32]);
    let request = bench.read("node-1.request");
    let request = Request::parse(request.as_bytes()).unwrap();
    let request = Request { instance_key: instance.public(), ..request };
    bench.write("node-1.request", request.to_json());
    assert_eq!(bench.answers("node-1", "p-1").status, Some(0));
    for (license, released_at, code) in
        [("lic-2", "2026-01-01T00:00:00Z", "license-mismatch"), ("lic-1", "2999-01-01T00:00:00Z", "clock-rolled-back")]
    {
        let released_at = Timestamp::parse_rfc3339(released_at).unwrap();
        let release = Release { proof_id: "p-1".to_owned(), license_id: license.to_owned(), reason: None, released_at };
        let envelope = Envelope::sign(Kind::Release, release.to_payload().into_bytes(), &[&instance]);
        bench.write("release.json", envelope.to_json());
        let refused = bench.book(&["release", "--document", "release.json"]);
        assert_eq!(refused.status, Some(1), "{refused}");
        assert!(refused.stderr().contains(&format!("error[{code}]")), "{refused}");
    }
    assert_eq!(bench.answers("node-1", "p-1").status, Some(0), "the machine holds its activation");
}

#[test]
fn a_manifest_that_is_not_approved_is_none_that_a_proof_may_cover() {
    let bench = scene();
    let key = example("vendor.key");
    for (name, text) in [("approved", "one"), ("other", "two")] {
        bench.write(&format!("{name}/a.txt"), text);
        let of = ["mint", "manifest", name, "--key", &key, "--allow-readable-key", "--product", "p", "--version", "1"];
        let made = bench.run([&of[..], &["-o", &format!("{name}.json")]].concat());
        assert_eq!(made.status, Some(0), "{made}");
    }
    let trust = example("vendor.pub");
    assert_eq!(bench.book(&["approve", "approved.json", "--trust", &trust]).status, Some(0));
    bench.asks("node-1");
    let answer = |manifest: &str| {
        let fixed = ["mint", "proof", "--allow-readable-key", "--key", &key, "--request", "node-1.request"];
        bench.run([&fixed[..], &["--manifest", manifest, "-o", "out.proof"], &BOOK].concat())
    };
    let refused = answer("other.json");
    assert!(refused.stderr().contains("error[manifest-mismatch]"), "{refused}");
    assert_eq!(answer("approved.json").status, Some(0));
}

/// What covers every build covers also those that nobody approved.
#[test]
fn where_builds_are_approved_one_must_be_named() {
    let bench = Bench::new();
    let terms = ["--tenant", "acme", "--product", "p", "--activation", "proof", "--expires", "2099-12-31"];
    bench.write("acme.lic", bench.mint(&[&terms[..], &["--seats", "1"], &BOOK].concat()));
    let (key, trust) = (example("vendor.key"), example("vendor.pub"));
    bench.write("app/a.txt", "one");
    let of = ["mint", "manifest", "app", "--key", &key, "--allow-readable-key", "--product", "p", "--version", "1"];
    assert_eq!(bench.run([&of[..], &["-o", "app.json"]].concat()).status, Some(0));
    bench.asks("node-1");
    assert_eq!(bench.answers("node-1", "p-1").status, Some(0), "nothing is approved yet");
    let approve = ["approve", "app.json", "--trust", &trust, "--for-license", "lic-1"];
    assert_eq!(bench.book(&approve).status, Some(0));
    assert_snapshot!(bench.answers("node-1", "p-1"), @r"
    ------- stderr -------
    mintage: error[build-required]: builds are approved for license lic-1, and the request names none
    mintage: hint: name the build: `mintage activate --manifest FILE` in the request, `mint proof --manifest FILE` or `--manifest-key KEYID` in the answer
    [exit status: 1]
    ");
    let answer = |machine: &str, more: &[&str]| {
        let request = format!("{machine}.request");
        let fixed = ["mint", "proof", "--allow-readable-key", "--key", &key, "--request", &request, "--force"];
        bench.run([&fixed[..], &["-o", "out.proof"], more, &BOOK].concat())
    };
    let lent = answer("node-1", &["--borrow-until", "2099-06-01"]);
    assert!(lent.stderr().contains("error[build-required]"), "{lent}");
    // The vendor names builds by the key that signs them; a machine names the one that it runs.
    assert_eq!(answer("node-1", &["--manifest-key", KID]).status, Some(0));
    let asks = ["-q", "activate", "--license", "acme.lic", "--fingerprint", "node-2", "--manifest", "app.json"];
    assert_eq!(bench.run([&asks[..], &["--request-out", "node-2.request"]].concat()).status, Some(0));
    assert_eq!(answer("node-2", &["--borrow-until", "2099-06-01"]).status, Some(0));
}

#[test]
fn a_request_may_name_its_license_by_its_key() {
    let (bench, key) = (Bench::new(), example("vendor.key"));
    let fixed = ["-q", "mint", "--key", &key, "--allow-readable-key", "--id", "lic-1", "--issued-at", ISSUED];
    let terms = ["--tenant", "acme", "--expires", "2099-12-31", "--license-key", "-o", "acme.lic"];
    let minted = bench.run([&fixed[..], &terms, &BOOK].concat());
    let license_key = minted.stderr().split_whitespace().find(|word| word.starts_with("MTG-")).unwrap();
    bench.asks("node-1");
    let request = bench.read("node-1.request");
    let token = bench.read("acme.lic");
    let named = request.replace(
        &format!(r#""license":"{}""#, token.trim()),
        &format!(r#""licenseKey":"{}""#, license_key.trim_end_matches(',')),
    );
    assert_ne!(named, request);
    bench.write("node-1.request", &named);
    let answered = bench.answers("node-1", "p-1");
    assert_eq!(answered.status, Some(0), "{answered}");
    bench.write("node-1.request", named.replace("MTG-", "MRR-"));
    assert!(bench.answers("node-1", "p-2").stderr().contains("error[malformed]: a license key is MTG-"));
}
