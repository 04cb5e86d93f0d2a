//! What other tools read.

use std::process::Command;

use mintage::dsse::{Envelope, Kind, encode};
use mintage::json::{self, Value};

use super::{codes, scene};
use crate::harness::{example, feed};

#[test]
fn openssl_verifies_the_signed_bytes() {
    let bench = scene();
    bench.minted(&[]);
    let envelope = Envelope::parse(bench.read("m.json").trim_end().as_bytes()).unwrap();
    bench.write("signed", encode(Kind::Manifest.payload_type(), envelope.unverified_payload()));
    let text = bench.read("m.json");
    let value = json::parse(text.trim_end().as_bytes()).unwrap();
    let signature = find(find(&value, "signatures"), "sig");
    let Value::String(signature) = signature else { panic!("{signature:?}") };
    let mut base64 = Command::new("base64");
    base64.arg("-d");
    bench.write("sig", feed(base64, signature.as_bytes()).stdout);
    let mut openssl = Command::new("openssl");
    openssl.args([
        "pkeyutl",
        "-verify",
        "-rawin",
        "-pubin",
        "-inkey",
        &example("ci.pub"),
        "-sigfile",
        "sig",
        "-in",
        "signed",
    ]);
    openssl.current_dir(bench.path(""));
    let checked = feed(openssl, b"");
    assert_eq!(checked.status, Some(0), "{checked}");
}

/// Returns a member of an object, or of the first item of an array.
pub(super) fn find<'a>(value: &'a Value<'a>, name: &str) -> &'a Value<'a> {
    match value {
        Value::Object(members) => &members.iter().find(|(member, _)| member == name).unwrap().1,
        Value::Array(items) => find(&items[0], name),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn a_sigstore_bundle_is_read_as_well() {
    let bench = scene();
    bench.minted(&["--format", "sigstore-bundle"]);
    let bundle = bench.read("m.json");
    assert!(bundle.contains(r#""mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json""#), "{bundle}");
    assert_eq!(bench.verified(&[]).status, Some(0));
}

#[test]
fn exports_are_not_signed_and_need_no_key() {
    let bench = scene();
    let run =
        |format| bench.run(["-q", "mint", "manifest", "app", "--product", "a", "--version", "1", "--format", format]);
    assert_eq!(run("muonroi").stdout(), "[]\n");
    assert_eq!(run("cyclonedx").stdout().matches("\"type\":\"file\"").count(), 3);
    let unsigned = run("dsse");
    assert_eq!((unsigned.status, codes(&unsigned)), (Some(2), vec!["usage"]), "{unsigned}");
}
