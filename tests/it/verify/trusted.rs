//! `--trust`, and signatures by others.

use insta::assert_snapshot;

use super::{NOW, bench};
use crate::harness::example;

#[test]
fn without_a_trusted_key_nothing_can_be_told() {
    let bench = bench();
    let token = bench.license(&[]);
    assert_snapshot!(bench.run(["verify", &token]), @"
    ------- stderr -------
    mintage: error[no-trusted-key]: no trusted public key was given
    mintage: hint: name one with --trust or MINTAGE_TRUST
    [exit status: 3]
    ");
    assert_snapshot!(bench.run(["verify", "--trust", "nobody.pub", &token]), @"
    ------- stderr -------
    mintage: error[bad-key]: --trust: `nobody.pub` is neither a file that exists nor the text of a public key
    mintage: hint: name the issuer's public key: its file, a folder with it, or its text
    [exit status: 3]
    ");
    let identity = format!("01{}", "00".repeat(31));
    assert_snapshot!(bench.run(["verify", "--trust", &identity, &token]), @"
    ------- stderr -------
    mintage: error[weak-key]: the public key is refused: it is of small order
    mintage: hint: no honest key generator makes such a key; ask the issuer for the true one
    [exit status: 3]
    ");
    assert_snapshot!(bench.run(["verify", "--json", &token]), @r#"
    {"code":"no-trusted-key","error":"no trusted public key was given","hints":["name one with --trust or MINTAGE_TRUST"],"message":"no trusted public key was given"}
    ------- stderr -------
    mintage: error[no-trusted-key]: no trusted public key was given
    mintage: hint: name one with --trust or MINTAGE_TRUST
    [exit status: 3]
    "#);
}

#[test]
fn a_weak_key_out_of_a_keyring_is_told_as_one_out_of_a_file() {
    let bench = bench();
    let token = bench.license(&[]);
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/weak-key");
    let vector = std::fs::read_to_string(format!("{vectors}/keyring-of-the-neutral-point.txt")).unwrap();
    bench.write("weak.json", vector.split_once("\n\n").unwrap().1);
    assert_snapshot!(bench.verify(&["--trust", "weak.json", &token]), @r"
    ------- stderr -------
    mintage: judged as of 2026-07-01T00:00:00Z, not as of now
    mintage: error[weak-key]: this is no keyring: the member `public`: the public key is refused: it is of small order
    mintage: hint: no honest key generator makes such a key; ask the issuer for the true one
    [exit status: 3]
    ");
    // Judged itself, it is a document that is wrong, and the answer is no.
    assert_snapshot!(bench.verify(&["-q", "weak.json"]), @r"
    fail  signature    this is no keyring: the member `public`: the public key is refused: it is of small order
    refused, as of 2026-07-01T00:00:00Z
    ------- stderr -------
    mintage: error[weak-key]: this is no keyring: the member `public`: the public key is refused: it is of small order
    mintage: hint: no honest key generator makes such a key; ask the issuer for the true one
    [exit status: 1]
    ");
    assert_eq!(bench.run(["inspect", "weak.json"]).status, Some(1));
}

#[test]
fn trust_is_a_file_a_folder_a_text_or_a_variable() {
    let bench = bench();
    let token = bench.license(&[]);
    let key = std::fs::read_to_string(example("vendor.pub")).unwrap();
    let line: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    std::fs::create_dir(bench.path("keys")).unwrap();
    std::fs::copy(bench.path("ci.pub"), bench.path("keys/a.pub")).unwrap();
    std::fs::copy(bench.path("vendor.pub"), bench.path("keys/b.pub")).unwrap();
    bench.write("keys/notes.txt", "not a key");
    for trust in ["vendor.pub", "keys", line.as_str(), key.as_str()] {
        // PEM begins as a flag does, so it needs the equals sign.
        let (named, alias) = (format!("--trust={trust}"), format!("--public-key={trust}"));
        assert_eq!(bench.run(["verify", "--at", NOW, &named, &token]).status, Some(0), "{trust}");
        assert_eq!(bench.run(["verify", "--at", NOW, &alias, &token]).status, Some(0), "{trust}");
        assert_eq!(
            bench.run_in([("MINTAGE_TRUST", trust)], &["verify", "--at", NOW, &token]).status,
            Some(0),
            "{trust}"
        );
    }
    // What is named on the command line is all that is trusted.
    let both =
        bench.run_in([("MINTAGE_TRUST", "vendor.pub")], &["verify", "-q", "--at", NOW, "--trust", "ci.pub", &token]);
    assert_eq!(both.status, Some(1), "{both}");
}

#[test]
fn a_stranger_s_signature_is_told_from_a_broken_one() {
    let bench = bench();
    let token = bench.license(&[]);
    assert_snapshot!(bench.run(["verify", "-q", "--at", NOW, "--trust", "ci.pub", &token]), @"
    fail  document     signed by key ec192ae06d2b6cb0, which is not among the trusted keys
    refused, INVALID, as of 2026-07-01T00:00:00Z
    ------- stderr -------
    mintage: error[unknown-key]: signed by key ec192ae06d2b6cb0, which is not among the trusted keys
    mintage: hint: ask the issuer for that public key and name it with --trust
    [exit status: 1]
    ");
    let (payload, signature) = token.split_once('.').unwrap();
    let changed = format!("{payload}.{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    assert_snapshot!(bench.verify(&["-q", &changed]), @"
    fail  document     no trusted key made this signature over this text
    refused, INVALID, as of 2026-07-01T00:00:00Z
    ------- stderr -------
    mintage: error[bad-signature]: no trusted key made this signature over this text
    mintage: hint: the text was changed after signing, or another key signed it; ask the issuer for a fresh copy and for the public key
    [exit status: 1]
    ");
}

#[test]
fn two_keyrings_of_one_sequence_leave_nothing_to_trust() {
    let bench = bench();
    let (token, key) = (bench.license(&[]), example("vendor.key"));
    let keyring =
        ["mint", "keyring", "-q", "--allow-readable-key", "--key", &key, "--issued-at", "2026-01-01T00:00:00Z"];
    assert_eq!(bench.run(keyring.iter().chain(&["-o", "a.json"])).status, Some(0));
    assert_eq!(bench.run(keyring.iter().chain(&["-o", "b.json", "--add", "ci.pub:license"])).status, Some(0));
    assert_snapshot!(bench.run(["verify", "--trust", "a.json", "--trust", "b.json", &token]), @"
    ------- stderr -------
    mintage: error[forked]: two keyrings carry sequence 1 and differ
    mintage: hint: ask the issuer which is the true one
    [exit status: 3]
    ");
}

#[test]
fn keys_come_by_standard_input_too() {
    let bench = bench();
    let token = bench.license(&[]);
    let [public, secret] = ["vendor.pub", "vendor.key"].map(|name| std::fs::read(example(name)).unwrap());
    let verified = bench.run_with(["verify", "--trust", "-", &token, "--at", NOW, "-q"], &public);
    assert_eq!(verified.status, Some(0), "{verified}");
    let minted = bench.run_with(["mint", "--key", "-", "--tenant", "acme", "--expires", "never", "-q"], &secret);
    assert_eq!(minted.status, Some(0), "{minted}");
    let both = bench.run_with(["verify", "--trust", "-", "-"], &public);
    assert!(both.status == Some(2) && both.stderr().contains("standard input"), "{both}");
    std::fs::create_dir(bench.path("keys")).unwrap();
    assert_snapshot!(bench.run(["verify", "--trust", "keys", &token]), @"
    ------- stderr -------
    mintage: error[no-trusted-key]: the folder `keys` holds no `.pub` file
    mintage: hint: name the issuer's public key: its file, a folder with it, or its text
    [exit status: 3]
    ");
    let misnamed = ["mint", "--key", &example("vendor.key"), "--allow-readable-key", "--passphrase-file", "none"];
    let refused = bench.run([&misnamed[..], &["--tenant", "acme", "--expires", "never"]].concat());
    assert!(refused.status == Some(3) && refused.stderr().contains("`none` could not be read"), "{refused}");
}
