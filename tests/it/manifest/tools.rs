//! Stock tools check our manifests, and envelopes that they make are verified here.

use mintage::id::Hex;
use sha2::{Digest, Sha256};

use super::*;
use crate::interop::present;
use crate::languages::foreign;

fn script(name: &str) -> String {
    format!("{}/tests/it/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn in_toto_and_securesystemslib_accept_our_statement_and_we_their_envelope() {
    let probe = "import in_toto_attestation.v1.statement, securesystemslib.dsse, cryptography";
    if !present("python3", ["-c", probe]) {
        return;
    }
    let bench = scene();
    bench.minted(&[]);
    let sums = Hex(&Sha256::digest(bench.manifest(&["-q", "--format", "sha256sum"]).stdout)).to_string();
    let python = |name: &str, rest: &[&str]| foreign(&bench, "python3", [script(name).as_str()].iter().chain(rest));
    let subjects = python("manifest/statement.py", &[&example("ci.pub"), "m.json"]);
    assert_eq!(subjects.stdout(), format!("{sums} SHA256SUMS\n"), "{subjects}");
    let stranger = python("manifest/statement.py", &[&example("vendor.pub"), "m.json"]);
    assert_ne!(stranger.status, Some(0), "{stranger}");

    bench.write("statement", bench.statement());
    let payload_type = Kind::Manifest.payload_type();
    let made = python("dsse/peer.py", &["sign", &example("ci.key"), "statement", payload_type]);
    assert_eq!(made.status, Some(0), "{made}");
    bench.write("m.json", &made.stdout);
    let verified = bench.verified(&[]);
    assert_eq!(verified.status, Some(0), "{verified}");
}

/// Finds the packages in the folder `MINTAGE_TEST_NODE_MODULES`.
#[test]
fn sigstore_verifies_our_bundle() {
    let modules = std::env::var("MINTAGE_TEST_NODE_MODULES").unwrap_or_else(|_| "target/node/node_modules".to_owned());
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join(modules).display().to_string();
    if !present("node", ["-e", &format!("require({modules:?} + '/@sigstore/verify')")]) {
        return;
    }
    let bench = scene();
    bench.minted(&["--format", "sigstore-bundle"]);
    let node = |key: &str| foreign(&bench, "node", [&script("manifest/bundle.mjs"), &modules, &example(key), "m.json"]);
    let verified = node("ci.pub");
    assert_eq!(verified.status, Some(0), "{verified}");
    bench.minted(&[]);
    assert_eq!(verified.stdout(), bench.statement());
    bench.minted(&["--format", "sigstore-bundle"]);
    assert_ne!(node("vendor.pub").status, Some(0));
}
