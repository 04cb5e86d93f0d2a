//! `activate`, from the request on the customer's machine to the release that brings the activation home.

mod answered;
mod given_back;
#[cfg(feature = "serve")]
mod online;
mod unlocked;

use insta::assert_snapshot;

use crate::harness::{Bench, ISSUED, Outcome, example};

/// Five months after the license was issued.
pub(super) const NOW: &str = "2026-06-01T00:00:00Z";

/// The customer's machine, `node-1`, with a license that demands a proof.
pub(super) fn customer() -> Bench {
    let bench = Bench::new();
    let token = bench.mint(&["--tenant", "acme", "--product", "suite", "--activation", "proof", "--expires", "never"]);
    bench.write("acme.lic", token);
    bench
}

impl Bench {
    /// Asks for an activation of `acme.lic`.
    pub(super) fn ask(&self, arguments: &[&str]) -> Outcome {
        let fixed = ["-q", "activate", "--license", "acme.lic", "--fingerprint", "node-1", "--request-out"];
        self.run(fixed.iter().chain(arguments))
    }

    /// Answers `request.json` as the vendor.
    pub(super) fn answer(&self, arguments: &[&str]) -> Outcome {
        let key = example("vendor.key");
        let fixed = ["mint", "proof", "--allow-readable-key", "--key", &key, "--id", "p-1", "--issued-at", ISSUED];
        self.run(fixed.iter().chain(&["--request", "request.json"]).chain(arguments))
    }

    /// Verifies a proof on machine `node-1`.
    pub(super) fn verify_proof(&self, proof: &str, arguments: &[&str]) -> Outcome {
        let trust = example("vendor.pub");
        let fixed = ["verify", proof, "--trust", &trust, "--at", NOW];
        let here: &[&str] = if arguments.contains(&"--fingerprint") { &[] } else { &["--fingerprint", "node-1"] };
        self.run(fixed.iter().chain(here).chain(arguments))
    }

    pub(super) fn activate(&self, arguments: &[&str]) -> Outcome {
        let trust = example("vendor.pub");
        let fixed = ["activate", "--fingerprint", "node-1", "--trust", &trust];
        self.run(fixed.iter().chain(arguments))
    }

    /// An activated machine: `proof.json` came back and is installed as `installed.json`.
    pub(super) fn activated(&self) {
        for outcome in [
            self.ask(&["request.json", "--environment", "production", "--product-version", "1.2.0"]),
            self.answer(&["-o", "proof.json"]),
            self.activate(&["--proof", "proof.json", "--install", "installed.json"]),
        ] {
            assert_eq!(outcome.status, Some(0), "{outcome}");
        }
    }
}

#[test]
fn a_license_that_demands_a_proof_holds_beside_one() {
    let bench = customer();
    bench.activated();
    let trust = example("vendor.pub");
    let alone = bench.run(["-q", "verify", "acme.lic", "--trust", &trust, "--at", NOW]);
    assert!(alone.stderr().contains("error[proof-required]"), "{alone}");
    assert_snapshot!(bench.verify_proof("acme.lic", &["--proof", "installed.json", "-q"]), @r"
    pass  signature    by key ec192ae06d2b6cb0
    pass  clock        issued at 2026-01-01T00:00:00Z
    pass  window       never expires
    skip  tenant       none was named
    skip  product      none was named
    pass  machine      the exact value matches
    pass  activation   proof p-1 of 2026-01-01T00:00:00Z, by key ec192ae06d2b6cb0
    skip  environment  none was named
    skip  version      none was named
    skip  build        the proof covers every build
    skip  features     none were asked for
    skip  maintenance  the license covers every build
    skip  usage        none was given
    valid, ACTIVE, as of 2026-06-01T00:00:00Z
    [exit status: 0]
    ");
    assert_snapshot!(bench.verify_proof("installed.json", &["-q", "--environment", "production"]), @r"
    pass  signature    by key ec192ae06d2b6cb0
    pass  clock        issued at 2026-01-01T00:00:00Z
    pass  window       never expires
    skip  tenant       none was named
    skip  product      none was named
    pass  machine      the exact value matches
    pass  activation   proof p-1 of 2026-01-01T00:00:00Z, by key ec192ae06d2b6cb0
    pass  environment  production
    skip  version      none was named
    skip  build        the proof covers every build
    skip  features     none were asked for
    skip  maintenance  the license covers every build
    skip  usage        none was given
    valid, ACTIVE, as of 2026-06-01T00:00:00Z
    [exit status: 0]
    ");
    assert_eq!(bench.read("proof.json"), bench.read("installed.json"));
}

#[test]
fn every_reason_to_activate_again_has_its_code() {
    let bench = customer();
    bench.activated();
    for (arguments, code) in [
        (&["--product-version", "1.3.0"][..], "wrong-version"),
        (&["--fingerprint", "node-2"], "wrong-machine"),
        (&["--environment", "test"], "wrong-environment"),
        (&["--product", "other"], "wrong-product"),
    ] {
        let outcome = bench.verify_proof("installed.json", arguments);
        assert_eq!(outcome.status, Some(1), "{outcome}");
        assert!(outcome.stderr().contains(&format!("error[{code}]")), "{code}: {outcome}");
    }
}

#[test]
fn a_proof_for_a_key_of_another_machine_is_not_installed() {
    let (bench, other) = (customer(), customer());
    bench.activated();
    other.write("proof.json", bench.read("proof.json"));
    assert_snapshot!(
        other.activate(&["--proof", "proof.json", "--install", "installed.json"]).stderr().replace(
            &instance_key(&bench), "[key]"
        ), @r"
    mintage: error[nonce-mismatch]: the proof is for instance key [key], which this machine does not hold
    mintage: hint: make a request here with --request-out, and have it answered
    ");
    assert!(!other.path("installed.json").exists());
}

#[test]
fn an_answer_to_another_request_is_not_installed() {
    let bench = customer();
    assert_eq!(bench.ask(&["request.json"]).status, Some(0));
    assert_eq!(bench.answer(&["-o", "proof.json"]).status, Some(0));
    let folder = bench.path(".local/state/mintage");
    let mut pending = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let pending = pending.find(|path| path.extension().is_some_and(|ending| ending == "request")).unwrap();
    let request = std::fs::read_to_string(&pending).unwrap();
    let start = request.find("\"nonce\":\"").unwrap() + 9;
    let changed = format!("{}AAAAAAAAAAAAAAAAAAAAAA=={}", &request[..start], &request[start + 24..]);
    std::fs::write(&pending, changed).unwrap();
    let outcome = bench.activate(&["--proof", "proof.json", "--install", "installed.json"]);
    assert_eq!(outcome.status, Some(1), "{outcome}");
    assert!(outcome.stderr().contains("error[nonce-mismatch]"), "{outcome}");
    assert!(!bench.path("installed.json").exists());
}

#[test]
fn what_is_refused_is_not_installed() {
    let bench = customer();
    assert_eq!(bench.ask(&["request.json"]).status, Some(0));
    assert_eq!(bench.answer(&["-o", "proof.json", "--expires", "2026-02-01"]).status, Some(0));
    let outcome = bench.activate(&["--proof", "proof.json", "--install", "installed.json", "-q"]);
    assert_eq!(outcome.status, Some(1), "{outcome}");
    assert!(outcome.stderr().contains("error[expired]"), "{outcome}");
    assert!(!bench.path("installed.json").exists());
}

#[test]
fn the_instance_key_is_its_users_alone() {
    use std::os::unix::fs::PermissionsExt;
    let bench = customer();
    assert_eq!(bench.ask(&["request.json"]).status, Some(0));
    let folder = bench.path(".local/state/mintage");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 2);
    files.iter().for_each(|file| assert_eq!(mode(file), 0o600));
    let key = files.iter().find(|file| file.extension().is_some_and(|ending| ending == "key")).unwrap();
    let pem = std::fs::read_to_string(key).unwrap();
    let body = pem.lines().nth(1).unwrap();
    assert!(!bench.read("request.json").contains(body));
}

#[test]
fn an_activation_needs_a_step() {
    let bench = customer();
    let outcome = bench.run(["activate", "--license", "acme.lic"]);
    assert_eq!(outcome.status, Some(2), "{outcome}");
    let both = bench.run(["activate", "--license", "acme.lic", "--request-out", "r", "--deactivate", "--proof", "p"]);
    assert_eq!(both.status, Some(2), "{both}");
}

/// The short id of the one instance key that a machine made.
pub(super) fn instance_key(bench: &Bench) -> String {
    let folder = bench.path(".local/state/mintage");
    let name = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().file_name();
    name.to_str().unwrap().split('.').next().unwrap().to_owned()
}
