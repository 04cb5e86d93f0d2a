//! `mint proof`: what a request is answered with, and why it is not.

use insta::assert_snapshot;
use mintage::dsse::Envelope;
use mintage::json::{Value, parse};

use super::{Bench, customer, example};

/// The payload of a proof, as text.
fn payload(bench: &Bench, name: &str) -> String {
    let envelope = Envelope::parse(bench.read(name).as_bytes()).unwrap();
    String::from_utf8(envelope.unverified_payload().to_vec()).unwrap()
}

fn member(json: &str, name: &str) -> String {
    let members = parse(json.trim().as_bytes()).unwrap().into_object("proof").unwrap();
    match members.into_iter().find(|(other, _)| other == name) {
        Some((_, Value::String(text))) => text.into_owned(),
        other => panic!("{other:?}"),
    }
}

/// A request as another program writes it.
fn request(license: &str, more: &str) -> String {
    format!(
        "{{\"createdAt\":1767225600,\"fingerprint\":\"node-1\",\
         \"instanceKey\":\"ewXX3PQ8rJfa0myDrGqwrrTUV3Kvm7VVzOhgIk0+BDc=\",\"kind\":\"mintage/request/v1\",\
         {license},\"nonce\":\"AQEBAQEBAQEBAQEBAQEBAQ==\"{more}}}"
    )
}

#[test]
fn a_proof_says_what_was_asked_and_carries_the_license_whole() {
    let bench = customer();
    assert_eq!(
        bench.ask(&["request.json", "--environment", "production", "--product-version", "1.2.0"]).status,
        Some(0)
    );
    assert_snapshot!(bench.answer(&["-o", "proof.json"]), @r"
    ------- stderr -------
    mintage: minted proof p-1 for license lic-1, until 9999-12-31T23:59:59Z
    [exit status: 0]
    ");
    let (asked, said) = (bench.read("request.json"), payload(&bench, "proof.json"));
    for name in ["environment", "fingerprint", "instanceKey", "license", "nonce", "product", "productVersion"] {
        assert_eq!(member(&asked, name), member(&said, name), "{name}");
    }
    assert_eq!(member(&said, "license"), bench.read("acme.lic"));
    assert_eq!((member(&said, "licenseId"), member(&said, "tenantId")), ("lic-1".to_owned(), "acme".to_owned()));
    assert_ne!(member(&said, "heartbeatNonce"), member(&said, "nonce"));
}

#[test]
fn a_request_by_id_is_answered_with_the_license_at_hand() {
    let bench = customer();
    bench.write("request.json", request("\"licenseId\":\"lic-1\"", ""));
    let without = bench.answer(&[]);
    assert_eq!(without.status, Some(1), "{without}");
    assert!(without.stderr().contains("error[no-license]"), "{without}");
    assert_eq!(bench.answer(&["--license", "acme.lic", "-o", "proof.json"]).status, Some(0));
    assert_eq!(member(&payload(&bench, "proof.json"), "license"), bench.read("acme.lic"));
    bench.write("request.json", request("\"licenseKey\":\"MTG-1\"", ""));
    let by_key = bench.answer(&[]);
    assert_eq!(by_key.status, Some(3), "{by_key}");
    assert!(by_key.stderr().contains("error[ledger-unavailable]"), "{by_key}");
}

/// Who asks writes the fingerprint, and with it the rule that verifiers go by.
#[test]
fn a_request_that_lets_other_machines_pass_is_refused() {
    let bench = customer();
    let license = bench.path("acme.lic");
    let license = license.to_str().unwrap();
    bench.write("root/etc/machine-id", "4c1f1c2f9d8e4b6ba5d0b1c2d3e4f506\n");
    let ask = ["-q", "fingerprint", "--request", "--sysroot", "root", "--allow-weak", "--license", license];
    assert_eq!(bench.run([&ask[..], &["-o", "request.json"]].concat()).status, Some(0));
    let asked = bench.read("request.json");
    let loose = asked.replace("\"threshold\":2", "\"threshold\":1");
    assert_ne!(loose, asked);
    bench.write("request.json", loose);
    assert_snapshot!(bench.answer(&["-o", "proof.json"]), @"
    ------- stderr -------
    mintage: error[weak-fingerprint]: in the request, the fingerprint lets 1 of 3 points pass, and 2 make a host
    mintage: hint: ask for one as `mintage fingerprint` prints it, unchanged; --allow-weak accepts one of a single component
    [exit status: 1]
    ");
    assert!(!bench.path("proof.json").exists());
    bench.write("request.json", asked);
    assert_eq!(bench.answer(&["-o", "proof.json"]).status, Some(0));
}

#[test]
fn every_reason_is_given_and_nothing_is_minted() {
    let bench = customer();
    let other = bench.mint(&["--id", "lic-2", "--tenant", "globex", "--expires", "2026-01-01", "--product", "other"]);
    bench.write("other.lic", other);
    bench.write("request.json", request("\"licenseId\":\"lic-1\"", ",\"product\":\"suite\""));
    let answer = ["--license", "other.lic", "--issued-at", "2026-03-01T00:00:00Z", "-o", "proof.json"];
    let key = example("vendor.key");
    let fixed = ["mint", "proof", "--allow-readable-key", "--key", &key, "--request", "request.json"];
    assert_snapshot!(bench.run(fixed.iter().chain(&answer)), @r"
    ------- stderr -------
    mintage: error[expired]: the license expired on 2026-01-01T23:59:59Z, 58 days ago
    mintage: hint: renew the license
    mintage: error[wrong-product]: the license is for product `other`, and this is `suite`
    mintage: hint: use the license of this product
    mintage: error[license-mismatch]: the request is for license `lic-1`, and this is license `lic-2`
    mintage: hint: use the documents that belong together
    [exit status: 1]
    ");
    assert_snapshot!(bench.run(fixed.iter().chain(&answer).chain(&["--json", "-q"])).stdout(), @r#"{"kind":"request","refusals":[{"code":"expired","hint":"renew the license","message":"the license expired on 2026-01-01T23:59:59Z, 58 days ago"},{"code":"wrong-product","hint":"use the license of this product","message":"the license is for product `other`, and this is `suite`"},{"code":"license-mismatch","hint":"use the documents that belong together","message":"the request is for license `lic-1`, and this is license `lic-2`"}],"verdict":"refused"}"#);
    assert!(!bench.path("proof.json").exists());
}

#[test]
fn a_license_for_no_machines_activates_none() {
    let bench = customer();
    bench.write("acme.lic", bench.mint(&["--tenant", "acme", "--max-activations", "0", "--expires", "never"]));
    assert_eq!(bench.ask(&["request.json"]).status, Some(0));
    let outcome = bench.answer(&[]);
    assert_eq!(outcome.status, Some(1), "{outcome}");
    assert!(outcome.stderr().contains("error[activations-exhausted]"), "{outcome}");
}

#[test]
fn a_license_that_a_stranger_signed_is_not_activated() {
    let bench = customer();
    assert_eq!(bench.ask(&["request.json"]).status, Some(0));
    let (key, vendor) = (example("ci.key"), example("vendor.pub"));
    let fixed = ["mint", "proof", "--allow-readable-key", "--key", &key, "--request", "request.json"];
    let outcome = bench.run(fixed);
    assert_eq!(outcome.status, Some(1), "{outcome}");
    assert!(outcome.stderr().contains("error[unknown-key]"), "{outcome}");
    assert_eq!(bench.run(fixed.iter().chain(&["--trust", &vendor, "-o", "proof.json"])).status, Some(0));
}

#[test]
fn a_license_bound_to_a_machine_is_activated_there_alone() {
    let bench = customer();
    let bound = ["--tenant", "acme", "--fingerprint", "node-2", "--expires", "never"];
    bench.write("acme.lic", bench.mint(&bound));
    assert_eq!(bench.ask(&["request.json"]).status, Some(0));
    let outcome = bench.answer(&[]);
    assert_eq!(outcome.status, Some(1), "{outcome}");
    assert!(outcome.stderr().contains("error[wrong-machine]"), "{outcome}");
}

#[test]
fn builds_are_bound_by_digest_or_by_their_signer() {
    let bench = customer();
    bench.write("app/a.txt", "one\n");
    let key = example("ci.key");
    let mint = |version: &str, name: &str, more: &[&str]| {
        let fixed =
            ["mint", "manifest", "app", "--allow-readable-key", "--key", &key, "--product", "suite", "--version"];
        let outcome = bench.run(fixed.iter().chain(&[version, "--issued-at", super::ISSUED, "-o", name]).chain(more));
        assert_eq!(outcome.status, Some(0), "{outcome}");
    };
    mint("1.2.0", "build.json", &[]);
    mint("1.2.0", "scoped.json", &["--for-license", "lic-9"]);
    bench.write("app/a.txt", "two\n");
    mint("1.2.1", "patch.json", &[]);
    assert_eq!(bench.ask(&["request.json", "--manifest", "build.json"]).status, Some(0));
    assert_eq!(member(&bench.read("request.json"), "productVersion"), "1.2.0");
    let (ci, vendor) = (example("ci.pub"), example("vendor.pub"));
    let trust = ["--trust", &vendor, "--trust", &ci];
    let answer = |arguments: &[&str]| bench.answer(&[&trust[..], arguments].concat());
    for (manifest, code) in [("patch.json", "manifest-mismatch"), ("scoped.json", "manifest-scope")] {
        let outcome = answer(&["--manifest", manifest]);
        assert_eq!(outcome.status, Some(1), "{outcome}");
        assert!(outcome.stderr().contains(&format!("error[{code}]")), "{outcome}");
    }
    assert_eq!(answer(&["--manifest", "build.json", "-o", "pinned.json"]).status, Some(0));
    let kid = mintage::PublicKey::parse(std::fs::read_to_string(&ci).unwrap().trim()).unwrap().id().kid().to_string();
    assert_eq!(answer(&["--manifest-key", &kid, "-o", "signed.json"]).status, Some(0));
    for (proof, manifest, status) in [
        ("pinned.json", "build.json", 0),
        ("pinned.json", "patch.json", 1),
        ("signed.json", "build.json", 0),
        ("signed.json", "patch.json", 0),
    ] {
        let outcome = bench.verify_proof(proof, &["--trust", &ci, "--manifest", manifest]);
        assert_eq!(outcome.status, Some(status), "{proof} {manifest}: {outcome}");
    }
}

#[test]
fn a_proof_pasted_with_a_line_lost_is_named_by_that_line() {
    let bench = customer();
    assert_eq!(bench.ask(&["request.json"]).status, Some(0));
    assert_eq!(bench.answer(&["--armor", "-o", "proof.txt"]).status, Some(0));
    assert_eq!(bench.verify_proof("proof.txt", &[]).status, Some(0));
    let quoted: Vec<String> = bench.read("proof.txt").lines().map(|line| format!("> {line}")).collect();
    bench.write("quoted.txt", quoted.join("\r\n"));
    assert_eq!(bench.verify_proof("quoted.txt", &[]).status, Some(0));
    let lines: Vec<String> = bench.read("proof.txt").lines().map(str::to_owned).collect();
    let lost: Vec<String> = lines.iter().enumerate().filter(|(at, _)| *at != 4).map(|(_, line)| line.clone()).collect();
    bench.write("lost.txt", lost.join("\n"));
    let outcome = bench.verify_proof("lost.txt", &[]);
    assert_eq!(outcome.status, Some(1), "{outcome}");
    assert!(outcome.stderr().contains("error[damaged-text]: line"), "{outcome}");
}

#[test]
fn what_travels_is_told_by_inspect_and_compared_with_a_machine() {
    let bench = customer();
    assert_eq!(bench.ask(&["request.json", "--environment", "production"]).status, Some(0));
    assert_eq!(bench.answer(&["--armor", "-o", "proof.txt"]).status, Some(0));
    for (document, kind, facts) in [
        (
            "request.json",
            "request",
            ["license       lic-1", "environment   production", "machine       exactly `node-1`"],
        ),
        ("proof.txt", "proof", ["proof         p-1", "environment   production", "machine       exactly `node-1`"]),
    ] {
        let outcome = bench.run(["inspect", document]);
        assert_eq!(outcome.status, Some(0), "{outcome}");
        let first = outcome.stdout().lines().nth(1).unwrap().to_owned();
        assert!(first.ends_with(kind), "{outcome}");
        facts.iter().for_each(|fact| assert!(outcome.stdout().contains(fact), "{fact}: {outcome}"));
        let same = bench.run(["fingerprint", "--against", document, "--fingerprint", "node-1"]);
        assert_eq!(same.status, Some(0), "{same}");
        let other = bench.run(["fingerprint", "--against", document, "--fingerprint", "node-2"]);
        assert_eq!(other.status, Some(1), "{other}");
    }
    bench.write("malformed.json", request("\"licenseId\":7", ""));
    let malformed = bench.run(["inspect", "malformed.json"]);
    assert_eq!(malformed.status, Some(1), "{malformed}");
}

#[test]
fn a_machine_that_asks_twice_has_one_fingerprint() {
    let bench = customer();
    bench.write("root/etc/machine-id", "4c1f1c2f9d8e4b6ba5d0b1c2d3e4f506\n");
    let asked = |license: &str, name: &str| {
        let fixed =
            ["-q", "fingerprint", "--request", "--sysroot", "root", "--allow-weak", "--license", license, "-o", name];
        assert_eq!(bench.run(fixed).status, Some(0));
        let json = bench.read(name);
        let members = parse(json.trim().as_bytes()).unwrap().into_object("request").unwrap();
        let found = members.into_iter().find(|(other, _)| other == "fingerprint").unwrap().1;
        mintage::json::canonical(&found)
    };
    let other = bench.mint(&["--id", "lic-2", "--tenant", "acme", "--expires", "never"]);
    bench.write("other.lic", other);
    let first = asked("acme.lic", "one.json");
    assert!(first.contains("\"format\":\"fp1\""), "{first}");
    assert_eq!(first, asked("acme.lic", "two.json"));
    assert_ne!(first, asked("other.lic", "three.json"));
}

#[test]
fn a_request_that_cannot_be_written_leaves_no_key() {
    let bench = customer();
    let failed = bench.ask(&["no-such-folder/request.json", "--instance-dir", "instance"]);
    assert_eq!(failed.status, Some(3), "{failed}");
    let kept = std::fs::read_dir(bench.path("instance")).map_or(0, Iterator::count);
    assert_eq!(kept, 0);
}

#[test]
fn a_proof_that_ends_before_it_begins_is_refused() {
    let bench = customer();
    assert_eq!(bench.ask(&["request.json"]).status, Some(0));
    let refused = bench.answer(&["--expires", "2020-01-01"]);
    assert!(refused.stderr().contains("error[usage]: the proof would end on 2020-01-01T23:59:59Z"), "{refused}");
}

#[test]
fn a_version_that_is_not_that_of_the_build_is_told() {
    let bench = customer();
    bench.write("app/a", "one");
    let key = example("vendor.key");
    let of =
        ["mint", "manifest", "app", "--key", &key, "--allow-readable-key", "--product", "suite", "--version", "1.2.0"];
    let made = bench.run(of.iter().chain(&["-o", "app.manifest"]));
    assert_eq!(made.status, Some(0), "{made}");
    assert_eq!(bench.ask(&["request.json"]).status, Some(0));
    for (version, warned) in [("1.2.0", false), ("1.2.*", false), ("*", false), ("9.9", true), ("1.3.*", true)] {
        let minted = bench.answer(&["--manifest", "app.manifest", "--product-version", version]);
        assert_eq!(minted.status, Some(0), "{minted}");
        let said = format!(
            "warning: the proof covers version {version}, and its manifest is of 1.2.0: beside that manifest it is refused"
        );
        assert_eq!(minted.stderr().contains(&said), warned, "{minted}");
    }
}

#[test]
fn what_is_compared_with_this_machine_is_called_what_it_is() {
    let bench = customer();
    assert_eq!(bench.ask(&["request.json"]).status, Some(0));
    assert_eq!(bench.answer(&["-o", "proof.json"]).status, Some(0));
    let token = bench.mint(&["--tenant", "acme", "--expires", "never", "--fingerprint", "node-1"]);
    bench.write("bound.lic", token);
    bench.write("exact.json", "\"node-1\"");
    for (file, kind) in
        [("request.json", "request"), ("proof.json", "proof"), ("bound.lic", "license"), ("exact.json", "fingerprint")]
    {
        let told = bench.run(["fingerprint", "--against", file, "--fingerprint-value", "node-1", "--json"]);
        assert_eq!(told.status, Some(0), "{told}");
        assert!(told.stdout().contains(&format!(r#""kind":"{kind}""#)), "{file}: {told}");
    }
}
