//! `mint unlock`: a verifier's memory starts anew, once, on the machine that asked.

use super::{Bench, ISSUED, Outcome, customer, example};

impl Bench {
    fn unlock(&self, output: &str) -> Outcome {
        let key = example("vendor.key");
        let fixed = ["mint", "unlock", "--allow-readable-key", "--key", &key, "--issued-at", ISSUED];
        self.run(fixed.iter().chain(&["--request", "request.json", "-o", output]))
    }

    fn verify_remembering(&self, arguments: &[&str]) -> Outcome {
        let trust = example("vendor.pub");
        let fixed = ["verify", "plain.lic", "--trust", &trust, "--state", "state.json"];
        let here: &[&str] = if arguments.contains(&"--fingerprint") { &[] } else { &["--fingerprint", "node-1"] };
        self.run(fixed.iter().chain(here).chain(arguments))
    }
}

/// A machine whose memory is damaged, and that has asked for an unlock.
fn locked() -> Bench {
    let bench = customer();
    bench.write("plain.lic", bench.mint(&["--tenant", "acme", "--expires", "never"]));
    bench.write("state.json", "{\"kind\":\"mintage/sta");
    assert_eq!(bench.ask(&["request.json"]).status, Some(0));
    assert_eq!(bench.unlock("unlock.json").status, Some(0));
    bench
}

#[test]
fn a_damaged_memory_is_a_refusal_until_it_is_unlocked() {
    let bench = locked();
    let damaged = bench.verify_remembering(&[]);
    assert_eq!(damaged.status, Some(3), "{damaged}");
    assert!(damaged.stderr().contains("error[truncated]: the state `state.json` is damaged"), "{damaged}");
    let unlocked = bench.verify_remembering(&["--unlock", "unlock.json"]);
    assert_eq!(unlocked.status, Some(0), "{unlocked}");
    assert_eq!(bench.verify_remembering(&[]).status, Some(0));
}

#[test]
fn a_clock_from_the_future_is_forgotten_and_sequences_are_not() {
    let bench = locked();
    let series = "\"sequences\":{\"revocations/x\":{\"digest\":\"00\",\"sequence\":7}}";
    bench.write("state.json", format!("{{\"kind\":\"mintage/state/v1\",\"latestSeen\":9000000000,{series}}}"));
    let late = bench.verify_remembering(&[]);
    assert!(late.stderr().contains("error[clock-rolled-back]"), "{late}");
    assert_eq!(bench.verify_remembering(&["--unlock", "unlock.json"]).status, Some(0));
    assert!(bench.read("state.json").contains("\"sequence\":7"), "{}", bench.read("state.json"));
}

#[test]
fn an_unlock_serves_once_on_the_machine_that_asked_and_only_when_it_is_signed() {
    let bench = locked();
    let elsewhere = bench.verify_remembering(&["--unlock", "unlock.json", "--fingerprint", "node-2"]);
    assert_eq!(elsewhere.status, Some(1), "{elsewhere}");
    assert!(elsewhere.stderr().contains("error[wrong-machine]"), "{elsewhere}");
    let forged = bench.read("unlock.json").replacen("\"sig\":\"", "\"sig\":\"AAAA", 1);
    bench.write("forged.json", forged.replacen("==\"}]", "\"}]", 1));
    assert_ne!(bench.verify_remembering(&["--unlock", "forged.json"]).status, Some(0));
    assert_eq!(bench.read("state.json"), "{\"kind\":\"mintage/sta");
    assert_eq!(bench.verify_remembering(&["--unlock", "unlock.json"]).status, Some(0));
    let state = bench.read("state.json");
    let again = bench.verify_remembering(&["--unlock", "unlock.json"]);
    assert_eq!(again.status, Some(1), "{again}");
    assert!(again.stderr().contains("error[nonce-mismatch]"), "{again}");
    assert_eq!(bench.read("state.json"), state);
}
