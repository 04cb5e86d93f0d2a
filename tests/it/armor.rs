//! Armored licenses from `mint --armor` to `verify` and `inspect`.

use crate::harness::{Bench, ISSUED, example};

fn armored(bench: &Bench) -> String {
    bench.mint(&["--tenant", "acme", "--expires", "never", "--armor"]) + "\n"
}

#[test]
fn armor_is_verified_and_inspected_as_what_it_holds() {
    let bench = Bench::new();
    let (text, trust) = (armored(&bench), example("vendor.pub"));
    assert!(text.starts_with("-----BEGIN MINTAGE LICENSE-----\n") && text.ends_with("-----END MINTAGE LICENSE-----\n"));
    let verified = bench.run_with(["verify", "--at", ISSUED, "--trust", &trust, "-"], &text);
    assert_eq!(verified.status, Some(0), "{verified}");
    let inspected = bench.run_with(["inspect", "--json"], &text);
    assert_eq!(inspected.status, Some(0), "{inspected}");
    assert!(inspected.stdout().contains(r#""kind":"license""#), "{inspected}");
}

#[test]
fn every_line_is_sixty_characters_and_a_check_of_four() {
    let bench = Bench::new();
    let text = armored(&bench);
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("-----")).collect();
    for (at, line) in lines.iter().enumerate() {
        let (data, check) = line.split_once(' ').unwrap();
        assert_eq!(check.len(), 4, "{line}");
        assert!(data.len() == 60 || at + 1 == lines.len(), "{line}");
    }
}

#[test]
fn what_is_left_of_damaged_armor_is_shown_and_the_line_is_named() {
    let bench = Bench::new();
    let damaged: Vec<String> = armored(&bench)
        .lines()
        .enumerate()
        .map(|(at, line)| if at == 3 { format!("!{}", &line[1..]) } else { line.to_owned() })
        .collect();
    let inspected = bench.run_with(["inspect"], damaged.join("\n"));
    assert_eq!(inspected.status, Some(1), "{inspected}");
    assert!(inspected.stdout().contains("line 4"), "{inspected}");
    assert!(inspected.stdout().contains(r#"reads    {"exp":253402300799"#), "{inspected}");
}

#[test]
fn documents_are_inspected_as_what_they_are() {
    let bench = Bench::new();
    let (key, ci) = (example("vendor.key"), example("ci.pub"));
    let fixed = ["--allow-readable-key", "--issued-at", ISSUED, "--key", &key, "-o"];
    let keyring =
        bench.run(["mint", "keyring", "--add", &format!("{ci}:manifest")].iter().chain(&fixed).chain(&["ring.json"]));
    assert_eq!(keyring.status, Some(0), "{keyring}");
    insta::assert_snapshot!(bench.run(["inspect", "ring.json", "--at", ISSUED]), @"
    NOT VERIFIED: this is what the text claims; nothing has been checked
    kind      keyring
    form      a DSSE envelope, 820 bytes; payload 422 bytes
    type      application/vnd.mintage.keyring+json
    signer    says key ec192ae06d2b6cb0f3df6376c53396f1f25328452d03d08fb4f51fdf07ccf70e
    sequence  1
    issued    2026-01-01T00:00:00Z, in 0 minutes
    key       d4e093ff67c0565a active, for manifest, from 1970-01-01T00:00:00Z
    key       ec192ae06d2b6cb0 active, for keyring, from 1970-01-01T00:00:00Z
    NOT VERIFIED: this is what the text claims; nothing has been checked
    [exit status: 0]
    ");
    let list = bench.run(["mint", "revocations", "--revoke", "lic-1"].iter().chain(&fixed).chain(&["list.json"]));
    assert_eq!(list.status, Some(0), "{list}");
    insta::assert_snapshot!(bench.run(["inspect", "list.json", "--at", ISSUED]), @"
    NOT VERIFIED: this is what the text claims; nothing has been checked
    kind      revocations
    form      a DSSE envelope, 476 bytes; payload 162 bytes
    type      application/vnd.mintage.revocations+json
    signer    says key ec192ae06d2b6cb0f3df6376c53396f1f25328452d03d08fb4f51fdf07ccf70e
    sequence  1
    issued    2026-01-01T00:00:00Z, in 0 minutes
    next due  2026-01-31T00:00:00Z, in 30 days
    entries   1, by the hash of the license id
    NOT VERIFIED: this is what the text claims; nothing has been checked
    [exit status: 0]
    ");
}
