//! Envelopes that other programs verify and make, and the rotation of keys that they carry.
#![cfg(unix)]

mod confusion;
mod remembered;
mod rotation;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mintage::{Envelope, dsse};

use crate::harness::{Bench, ISSUED, Outcome, example};
use crate::interop::present;
use crate::languages::foreign;

const KEYRING: &str = "application/vnd.mintage.keyring+json";

/// A program that verifies envelopes and makes them.
struct Peer {
    program: &'static str,
    /// What stands before the verb.
    launch: Vec<OsString>,
}

impl Peer {
    fn run(&self, bench: &Bench, arguments: &[&str]) -> Outcome {
        let arguments = arguments.iter().map(OsStr::new);
        foreign(bench, self.program, self.launch.iter().map(OsString::as_os_str).chain(arguments))
    }

    /// Our keyring there, theirs here.
    fn agrees(&self) {
        let bench = Bench::new();
        let (ours, payload) = minted(&bench);
        let vendor = example("vendor.pub");
        let verified = self.run(&bench, &["verify", &vendor, "ours.json"]);
        assert_eq!((verified.status, verified.stdout()), (Some(0), &*payload), "{verified}");
        bench.write("tampered.json", tampered(&ours, &payload));
        for (key, file) in [(&*vendor, "tampered.json"), (&example("ci.pub"), "ours.json")] {
            assert_ne!(self.run(&bench, &["verify", key, file]).status, Some(0), "{key}, {file}");
        }

        let made = self.run(&bench, &["sign", &example("vendor.key"), "payload.json", KEYRING]);
        assert_eq!(made.status, Some(0), "{made}");
        bench.write("theirs.json", &made.stdout);
        believed(&bench, &["--trust", &vendor, "--trust", "theirs.json"]);
        believed(&bench, &["--trust", "theirs.json"]);
        let relabelled = self.run(&bench, &["sign", &example("vendor.key"), "payload.json", "text/plain"]);
        bench.write("relabelled.json", relabelled.stdout().replace("text/plain", KEYRING));
        let stranger = self.run(&bench, &["sign", &example("ci.key"), "payload.json", KEYRING]);
        bench.write("stranger.json", &stranger.stdout);
        // A stranger is known for one where its envelope names its key, as not every tool's does.
        for (file, codes) in [
            ("tampered.json", &["bad-signature"][..]),
            ("relabelled.json", &["bad-signature"]),
            ("stranger.json", &["bad-signature", "unknown-key"]),
        ] {
            let refused = verify(&bench, &["--trust", &vendor, "--trust", file]);
            assert_eq!(refused.status, Some(3), "{file}: {refused}");
            let is_told = |code: &&str| refused.stderr().contains(&format!("error[{code}]"));
            assert!(codes.iter().any(is_told), "{file}: {refused}");
        }
    }
}

/// Mints a keyring as `ours.json` with its payload in `payload.json`, and a license in `license.lic` by a key that only
/// the keyring lists; returns envelope and payload.
fn minted(bench: &Bench) -> (String, String) {
    let add = format!("{}:license", example("locked.pub"));
    let mint = ["-q", "mint", "keyring", "--allow-readable-key", "--key", &example("vendor.key")];
    let outcome = bench.run(mint.iter().chain(&["--add", &add, "--issued-at", ISSUED]));
    assert_eq!(outcome.status, Some(0), "{outcome}");
    bench.write("ours.json", &outcome.stdout);
    let payload = Envelope::parse(&outcome.stdout).unwrap().unverified_payload().to_vec();
    bench.write("payload.json", &payload);
    let mint = ["-q", "mint", "--allow-readable-key", "--key", &example("locked.key"), "--tenant", "acme"];
    let rest = ["--passphrase-file", &example("locked.passphrase"), "--expires", "never", "--issued-at", ISSUED];
    let license = bench.run(mint.iter().chain(&rest).chain(&["-o", "license.lic"]));
    assert_eq!(license.status, Some(0), "{license}");
    (outcome.stdout().to_owned(), String::from_utf8(payload).unwrap())
}

/// Lets the envelope's root list the license key for more than it was listed for.
fn tampered(envelope: &str, payload: &str) -> String {
    let changed = payload.replace(r#"["license"]"#, r#"["license","manifest"]"#);
    assert_ne!(changed, payload);
    envelope.replace(&STANDARD.encode(payload), &STANDARD.encode(changed))
}

fn verify(bench: &Bench, trust: &[&str]) -> Outcome {
    bench.run(["verify", "license.lic"].iter().chain(trust))
}

fn believed(bench: &Bench, trust: &[&str]) {
    let outcome = verify(bench, trust);
    assert_eq!(outcome.status, Some(0), "{trust:?}: {outcome}");
}

fn script(name: &str) -> OsString {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/dsse").join(name).into_os_string()
}

#[test]
fn securesystemslib_verifies_our_keyrings_and_we_theirs() {
    if present("python3", ["-c", "import securesystemslib.dsse, cryptography"]) {
        Peer { program: "python3", launch: vec![script("peer.py")] }.agrees();
    }
}

/// Finds the packages in the folder `MINTAGE_TEST_NODE_MODULES`, or in its `node_modules`.
#[test]
fn sigstore_verifies_our_keyrings_and_we_theirs() {
    let named = std::env::var_os("MINTAGE_TEST_NODE_MODULES").unwrap_or_else(|| "target/node".into());
    let named = Path::new(env!("CARGO_MANIFEST_DIR")).join(named);
    let inner = named.join("node_modules");
    let modules = if inner.is_dir() { inner } else { named };
    let probe = format!("require({:?} + '/@sigstore/verify')", modules.display().to_string());
    if present("node", ["-e", &probe]) {
        Peer { program: "node", launch: vec![script("peer.mjs"), modules.into()] }.agrees();
    }
}

#[test]
fn openssl_verifies_the_signed_bytes_and_signs_them() {
    if !present("openssl", ["version"]) {
        return;
    }
    let bench = Bench::new();
    let (ours, payload) = minted(&bench);
    let openssl = |line: &str, key: &str, rest: &[&str]| {
        foreign(&bench, "openssl", line.split(' ').chain(["-inkey", &example(key)]).chain(rest.iter().copied()))
    };
    let signature =
        |envelope: &str| STANDARD.decode(&envelope[envelope.find(r#""sig":""#).unwrap() + 7..][..88]).unwrap();
    bench.write("signed", dsse::encode(KEYRING, payload.as_bytes()));
    bench.write("sig", signature(&ours));
    let check = ["-in", "signed", "-sigfile", "sig"];
    let verified = openssl("pkeyutl -verify -pubin -rawin", "vendor.pub", &check);
    assert_eq!(verified.status, Some(0), "{verified}");
    assert_ne!(openssl("pkeyutl -verify -pubin -rawin", "ci.pub", &check).status, Some(0));
    bench.write("bare", &payload);
    let bare = openssl("pkeyutl -verify -pubin -rawin", "vendor.pub", &["-in", "bare", "-sigfile", "sig"]);
    assert_ne!(bare.status, Some(0), "the payload alone is not what is signed");

    let made = openssl("pkeyutl -sign -rawin", "vendor.key", &["-in", "signed"]);
    assert_eq!(made.stdout, signature(&ours), "Ed25519 has one signature for a message and a key");
    let theirs = format!(
        r#"{{"payloadType":"{KEYRING}","payload":"{}","signatures":[{{"sig":"{}"}}]}}"#,
        STANDARD.encode(&payload),
        STANDARD.encode(&made.stdout)
    );
    bench.write("theirs.json", theirs);
    believed(&bench, &["--trust", &example("vendor.pub"), "--trust", "theirs.json"]);
}
