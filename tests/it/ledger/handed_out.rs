//! What is recorded and cannot be handed out is not lost, and what cannot be written is not recorded.

use std::fs::File;
use std::process::Stdio;

use insta::assert_snapshot;

use crate::harness::{Bench, ISSUED, Outcome, example};

const BOOK: [&str; 2] = ["--ledger", "sqlite:book.db"];

fn arguments(command: &[&str], more: &[&str]) -> Vec<String> {
    let key = example("vendor.key");
    let signer = ["--allow-readable-key", "--key", &key, "--issued-at", ISSUED];
    [command, &signer, &BOOK, more].concat().into_iter().map(str::to_owned).collect()
}

fn mint(bench: &Bench, more: &[&str]) -> Outcome {
    let terms = ["--tenant", "acme", "--expires", "2099-12-31", "--id", "lic-1"];
    bench.run(arguments(&["-q", "mint"], &[&terms, more].concat()))
}

/// Finds the license by its license key.
fn is_found(bench: &Bench, license_key: &str) -> bool {
    bench.run([&["ledger", "show", license_key, "--token"], &BOOK[..]].concat()).status == Some(0)
}

fn license_key(text: &str) -> String {
    let found = text.split(|char: char| !char.is_ascii_alphanumeric() && char != '-').find(|word| word.len() == 33);
    found.filter(|word| word.starts_with("MTG-")).unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[test]
fn what_cannot_be_written_is_not_recorded() {
    let bench = Bench::new();
    let refused = mint(&bench, &["--license-key", "-o", "none/acme.lic"]);
    assert_eq!(refused.status, Some(3), "{refused}");
    assert!(refused.stderr().contains("error[file-unwritable]"), "{refused}");
    let refused = mint(&bench, &["--qr=none/acme.png", "-o", "acme.lic"]);
    assert_eq!(refused.status, Some(3), "{refused}");
    assert!(!bench.path("acme.lic").exists());
    let minted = mint(&bench, &["--license-key", "-o", "acme.lic"]);
    assert_eq!(minted.status, Some(0), "{minted}");
    let token = bench.read("acme.lic");
    let renew = |more: &[&str]| bench.run(arguments(&["-q", "ledger", "renew", "lic-1"], more));
    assert_eq!(renew(&["--seats", "3", "-o", "none/acme.lic"]).status, Some(3));
    let shown = bench.run([&["ledger", "show", "lic-1", "--token"], &BOOK[..]].concat());
    assert_eq!(shown.stdout(), token);
}

#[test]
fn what_was_recorded_and_not_handed_out_is_said_to_be_there() {
    let bench = Bench::new();
    let terms = ["--tenant", "acme", "--expires", "2099-12-31", "--id", "lic-1", "--license-key"];
    let mut command = bench.command();
    command.args(arguments(&["-q", "mint"], &terms));
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let output = command.stdout(full()).stderr(Stdio::piped()).output().unwrap();
    let outcome = Outcome { stdout: output.stdout, stderr: output.stderr, status: output.status.code() };
    assert_snapshot!(outcome, @r"
    ------- stderr -------
    mintage: error[file-unwritable]: standard output could not be written: No space left on device (os error 28); license lic-1 is in the ledger all the same
    mintage: hint: `mintage ledger show lic-1 --token` prints its token, and `mintage ledger renew lic-1 --license-key` makes another license key
    [exit status: 3]
    ");
    // Nobody saw its license key: that is no success either.
    let mut command = bench.command();
    let other = ["--tenant", "acme", "--expires", "never", "--id", "lic-2", "--license-key", "-o", "acme.lic"];
    let output = command.args(arguments(&["mint"], &other)).stdin(Stdio::null()).stderr(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn a_license_key_that_was_lost_is_made_anew() {
    let bench = Bench::new();
    let minted = mint(&bench, &["--license-key", "-o", "acme.lic"]);
    let first = license_key(minted.stderr());
    assert!(is_found(&bench, &first));
    let anew = bench.run([&["ledger", "renew", "lic-1", "--license-key"], &BOOK[..]].concat());
    let second = license_key(anew.stderr());
    assert_snapshot!(anew.to_string().replace(&second, "[key]"), @r"
    ------- stderr -------
    mintage: license lic-1 has a new license key, and the one before stands for nothing any more
    mintage: license key [key], which is shown this once
    [exit status: 0]
    ");
    assert!(!is_found(&bench, &first) && is_found(&bench, &second));
    let shown = bench.run([&["ledger", "show", "lic-1", "--token"], &BOOK[..]].concat());
    assert_eq!(shown.stdout(), bench.read("acme.lic"));
    // Beside other changes, and for programs.
    let renewed =
        bench.run(arguments(&["-q", "--json", "ledger", "renew", "lic-1"], &["--seats", "3", "--license-key"]));
    let third = license_key(renewed.stdout());
    assert!(renewed.stdout().contains(&format!(r#""licenseKey":"{third}""#)), "{renewed}");
    assert!(renewed.stdout().contains(r#""seats":3"#) && !is_found(&bench, &second) && is_found(&bench, &third));
    let audit = bench.run([&["ledger", "audit", "--action", "rekeyed"], &BOOK[..]].concat());
    assert_eq!(audit.stdout().lines().count(), 2, "{audit}");
    assert!([&first, &second, &third].iter().all(|key| !audit.stdout().contains(key.as_str())), "{audit}");
    assert_eq!(bench.run([&["-q", "ledger", "revoke", "lic-1"], &BOOK[..]].concat()).status, Some(0));
    let late = bench.run([&["ledger", "renew", "lic-1", "--license-key"], &BOOK[..]].concat());
    assert!(late.stderr().contains("error[revoked]") && late.status == Some(1), "{late}");
}
