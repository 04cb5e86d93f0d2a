//! `mintage keygen`: what it writes, what it refuses, and what it never shows.

#[cfg(unix)]
mod unix;

use insta::assert_snapshot;
use serde_json::Value;

use crate::harness::{Bench, Outcome};

/// A passphrase that passes, and occurs in no other text.
const PASSPHRASE: &str = "ember-quarry-violin-73";

/// What is left of an output when everything drawn at random is replaced by its form.
fn form(outcome: &Outcome) -> String {
    let text = outcome.to_string();
    let word = |word: &str| {
        let is_hex = word.bytes().all(|byte| byte.is_ascii_hexdigit());
        match word.len() {
            64 if is_hex => "<64 hex>".to_owned(),
            60 if word.starts_with("MCowBQYDK2VwAyEA") => "<SPKI>".to_owned(),
            _ => word.to_owned(),
        }
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_pair_is_written_and_its_public_half_is_shown() {
    let bench = Bench::new();
    let outcome = bench.run(["keygen", "vendor", "--no-passphrase"]);
    assert_snapshot!(form(&outcome), @r"
    key id            <64 hex>
    public key        <SPKI>
    private key file  ./vendor.key
    public key file   ./vendor.pub
    ------- stderr -------
    mintage: warning: the private key is stored without a passphrase; whoever reads the file can sign
    [exit status: 0]
    ");
    let private = bench.read("vendor.key");
    assert!(private.starts_with("-----BEGIN PRIVATE KEY-----\n") && private.ends_with("-----END PRIVATE KEY-----\n"));
    let public = bench.read("vendor.pub");
    assert!(public.starts_with("-----BEGIN PUBLIC KEY-----\n") && public.ends_with("-----END PUBLIC KEY-----\n"));
    assert_eq!(public.lines().count(), 3, "nothing else is in the file");
    assert!(outcome.stdout().contains(public.lines().nth(1).unwrap()));
}

#[test]
fn the_name_is_mintage_unless_one_is_given() {
    let bench = Bench::new();
    assert_eq!(bench.run(["-q", "keygen", "--no-passphrase"]).status, Some(0));
    assert_eq!(listing(&bench), ["mintage.key", "mintage.pub"]);
}

#[test]
fn json_names_every_fact_once() {
    let bench = Bench::new();
    let outcome = bench.run(["-q", "--json", "keygen", "vendor", "--no-passphrase"]);
    assert_eq!((outcome.status, outcome.stderr()), (Some(0), ""));
    let value: Value = serde_json::from_slice(&outcome.stdout).unwrap();
    let members: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["encrypted", "keyId", "kid", "privateKeyFile", "publicKey", "publicKeyFile"]);
    let text = |name: &str| value[name].as_str().unwrap().to_owned();
    assert_eq!(value["encrypted"], false);
    assert_eq!(text("kid"), text("keyId")[..16]);
    assert_eq!((text("privateKeyFile"), text("publicKeyFile")), ("./vendor.key".to_owned(), "./vendor.pub".to_owned()));
    assert_eq!(bench.read("vendor.pub").lines().nth(1), Some(text("publicKey").as_str()));
    let inspected = bench.run(["--json", "inspect", "vendor.key"]);
    assert!(inspected.stdout().contains(&text("keyId")), "the private file holds the other half: {inspected}");
}

#[test]
fn a_passphrase_from_a_file_encrypts_the_key_and_is_not_shown() {
    let bench = Bench::new();
    bench.write("phrase", format!("{PASSPHRASE}\r\nnot this line\n"));
    let made = bench.run(["--json", "keygen", "vendor", "--passphrase-file", "phrase"]);
    assert_eq!(made.status, Some(0), "{made}");
    assert!(made.stdout().starts_with(r#"{"encrypted":true,"#));
    assert!(bench.read("vendor.key").starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    assert!(!made.to_string().contains(PASSPHRASE));

    let mint = ["-q", "mint", "--key", "vendor.key", "--tenant", "acme", "--expires", "never", "--passphrase-file"];
    let minted = bench.run(mint.iter().chain(&["phrase"]));
    assert_eq!(minted.status, Some(0), "{minted}");
    let from_stdin = bench.run_with(mint.iter().chain(&["-"]), format!("{PASSPHRASE}\n"));
    assert_eq!(from_stdin.status, Some(0), "{from_stdin}");
    assert_snapshot!(bench.run_with(mint.iter().chain(&["-"]), "another one\n"), @r"
    ------- stderr -------
    mintage: error[bad-passphrase]: key file `vendor.key`: the passphrase does not open the key
    mintage: hint: type it at a terminal or name a file with --passphrase-file
    [exit status: 3]
    ");
}

#[test]
fn weak_passphrases_are_refused_and_nothing_is_written() {
    let bench = Bench::new();
    let refused = |phrase: &[u8]| {
        let outcome = bench.run_with(["keygen", "--passphrase-file", "-"], phrase);
        assert_eq!((outcome.status, listing(&bench).len()), (Some(3), 0), "{outcome}");
        outcome
    };
    assert_snapshot!(refused(b""), @r"
    ------- stderr -------
    mintage: error[weak-passphrase]: the passphrase is empty
    mintage: hint: take four or more random words, or at least 10 characters that nobody would try
    [exit status: 3]
    ");
    for (phrase, reason) in [
        ("\nsecond line\n", "is empty"),
        ("short\n", "fewer than 10 characters"),
        ("aaaaaaaaaaaaaaaa\n", "fewer than 5 different"),
        ("Password1234\n", "anyone would try"),
        ("tulip-anchor\0-9\n", "holds a NUL"),
        (&"tulip-anchor-9".repeat(100), "longer than the 1,000 bytes"),
    ] {
        let outcome = refused(phrase.as_bytes());
        assert!(outcome.stderr().contains("error[weak-passphrase]") && outcome.stderr().contains(reason), "{outcome}");
    }
    assert!(
        refused(b"\xff\xfe\xfd long enough to pass\n").stderr().contains("error[bad-passphrase]: `-` is not UTF-8")
    );
    let endless = refused("x".repeat(70_000).as_bytes());
    assert!(endless.stderr().contains("error[bad-passphrase]: standard input is larger"), "{endless}");
}

#[test]
fn a_passphrase_cannot_be_an_argument_or_a_variable() {
    let bench = Bench::new();
    for flag in ["--passphrase", "--password"] {
        assert_eq!(bench.run(["keygen", flag, PASSPHRASE]).status, Some(2));
    }
    for name in ["MINTAGE_PASSPHRASE", "MINTAGE_PASSPHRASE_FILE", "PASSPHRASE"] {
        let outcome = bench.run_in([(name, PASSPHRASE)], &["keygen", "--passphrase-file", "absent"]);
        assert_eq!((outcome.status, listing(&bench).len()), (Some(3), 0), "{outcome}");
    }
    assert_eq!(bench.run(["keygen", "--no-passphrase", "--passphrase-file", "-"]).status, Some(2));
}

#[test]
fn files_that_exist_are_refused_and_left_as_they_are() {
    for existing in ["vendor.key", "vendor.pub"] {
        let bench = Bench::new();
        bench.write(existing, "mine");
        let outcome = bench.run(["keygen", "vendor", "--no-passphrase"]);
        assert!(outcome.stderr().contains(&format!("error[file-exists]: `./{existing}` exists")), "{outcome}");
        assert!(outcome.stderr().contains("replace it with --force"), "{outcome}");
        assert_eq!((outcome.status, listing(&bench)), (Some(3), vec![existing.to_owned()]));
        assert_eq!(bench.read(existing), "mine");
    }
}

#[test]
fn force_replaces_both_files() {
    let bench = Bench::new();
    bench.write("vendor.key", "old");
    bench.write("vendor.pub", "old");
    let outcome = bench.run(["-q", "keygen", "vendor", "--no-passphrase", "--force"]);
    assert_eq!(outcome.status, Some(0), "{outcome}");
    assert_eq!(listing(&bench), ["vendor.key", "vendor.pub"]);
    assert!(bench.read("vendor.key").starts_with("-----BEGIN PRIVATE KEY-----"));
    assert!(bench.read("vendor.pub").starts_with("-----BEGIN PUBLIC KEY-----"));
}

#[test]
fn a_name_is_not_a_path() {
    let bench = Bench::new();
    assert_snapshot!(bench.run(["keygen", "keys/vendor", "--no-passphrase"]), @r"
    ------- stderr -------
    mintage: error[usage]: `keys/vendor` is not the name of a file
    mintage: hint: name the folder with --out-dir
    [exit status: 2]
    ");
    for name in ["", ".", "..", "/", "../vendor", "vendor/"] {
        let outcome = bench.run(["keygen", name, "--no-passphrase"]);
        assert_eq!((outcome.status, listing(&bench).len()), (Some(2), 0), "{name}: {outcome}");
    }
}

#[test]
fn a_missing_folder_is_not_made() {
    let bench = Bench::new();
    assert_snapshot!(bench.run(["-q", "keygen", "--no-passphrase", "--out-dir", "absent"]), @r"
    ------- stderr -------
    mintage: error[file-unwritable]: `absent/mintage.key` could not be written: No such file or directory (os error 2)
    mintage: hint: check the path, its permissions and the free space
    [exit status: 3]
    ");
    assert!(listing(&bench).is_empty());
}

/// The names in the bench's folder, in order.
pub(crate) fn listing(bench: &Bench) -> Vec<String> {
    let entries = std::fs::read_dir(bench.path("")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
