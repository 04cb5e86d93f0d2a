//! `--json` and `-o` together: standard output has one JSON value of every document, whether or not a file is named for it.

use mintage::json;

use crate::harness::{Bench, ISSUED, Outcome, example};

/// A license that demands a proof, and a request of machine `node-1` to activate it.
fn scene() -> Bench {
    let bench = Bench::new();
    bench.write("acme.lic", bench.mint(&["--tenant", "acme", "--activation", "proof", "--expires", "never"]));
    let ask = "activate --license acme.lic --fingerprint node-1 --request-out request.json";
    let asked = bench.run(ask.split(' '));
    assert_eq!(asked.status, Some(0), "{asked}");
    bench.write("app/a.txt", "one");
    bench
}

/// Every command that makes a document, `K` standing for the key that signs.
const MAKERS: [&str; 9] = [
    "mint K --tenant acme --expires never --id lic-2",
    "mint proof K --request request.json",
    "mint unlock K --request request.json",
    "mint revocations K --revoke lic-9 --next-update never",
    "mint keyring K",
    "mint manifest app K --product suite --version 1.0",
    "mint manifest app K --product suite --version 1.0 --format sigstore-bundle",
    "fingerprint --fingerprint-value node-1",
    "fingerprint --request --license acme.lic --fingerprint-value node-1",
];

/// Those that spell their document otherwise than as JSON, by what it begins with.
const SPELLED: [(&str, &str); 5] = [
    ("mint K --tenant acme --expires never --id lic-2 --armor", "-----BEGIN MINTAGE LICENSE-----\n"),
    ("mint proof K --request request.json --armor", "-----BEGIN MINTAGE PROOF-----\n"),
    ("mint unlock K --request request.json --armor", "-----BEGIN MINTAGE UNLOCK-----\n"),
    (
        "fingerprint --request --license acme.lic --fingerprint-value node-1 --armor",
        "-----BEGIN MINTAGE REQUEST-----\n",
    ),
    ("mint manifest app K --product suite --version 1.0 --format sha256sum", "7692c3ad3540bb803c02"),
];

fn run(bench: &Bench, line: &str, more: &[&str]) -> Outcome {
    let line =
        line.replace(" K", &format!(" --allow-readable-key --issued-at {ISSUED} --key {}", example("vendor.key")));
    let outcome = bench.run(line.split(' ').chain(more.iter().copied()));
    assert_eq!(outcome.status, Some(0), "{line}: {outcome}");
    outcome
}

/// One value on one line, in its one spelling.
fn value(outcome: &Outcome) -> &str {
    let line = outcome.stdout().strip_suffix('\n').unwrap_or_else(|| panic!("no line: {outcome}"));
    assert_eq!(json::canonical(&json::parse(line.as_bytes()).unwrap()), line);
    line
}

#[test]
fn a_document_in_a_file_is_a_value_on_standard_output_too() {
    let bench = scene();
    for (number, line) in MAKERS.iter().enumerate() {
        let file = format!("out-{number}");
        let both = run(&bench, line, &["--json", "-o", &file]);
        let alone = run(&bench, line, &["--json"]);
        let written = bench.read(&file);
        // A license is a token, which the value holds; every other document is the value itself.
        if line.starts_with("mint K") {
            assert!(value(&both).contains(written.trim_end()), "{line}");
        } else {
            assert_eq!(both.stdout(), written, "{line}");
        }
        assert!(!value(&alone).is_empty());
        let silent = run(&bench, line, &["-o", &format!("{file}-silent")]);
        assert_eq!(silent.stdout(), "", "{line}");
    }
}

#[test]
fn what_is_spelled_otherwise_is_json_on_standard_output_all_the_same() {
    let bench = scene();
    for (number, (line, head)) in SPELLED.iter().enumerate() {
        let file = format!("out-{number}");
        let both = run(&bench, line, &["--json", "-o", &file]);
        assert!(value(&both).starts_with('{') && bench.read(&file).starts_with(head), "{line}: {both}");
        assert!(value(&run(&bench, line, &["--json"])).starts_with('{'), "{line}");
        assert!(run(&bench, line, &[]).stdout().starts_with(head), "{line}");
    }
}

#[test]
fn a_release_is_a_value_too() {
    let bench = scene();
    for armor in [&[][..], &["--armor"]] {
        drop(run(
            &bench,
            "activate --license acme.lic --fingerprint node-1 --request-out",
            &["request.json", "--force"],
        ));
        drop(run(&bench, "mint proof K --request request.json -o proof.json --force", &[]));
        let trust = example("vendor.pub");
        let install = ["--json", "--trust", &trust, "--force"];
        let line = "activate --proof proof.json --install installed.json --fingerprint node-1";
        assert!(value(&run(&bench, line, &install)).contains(r#""verdict":"valid""#));
        let given_back = ["--json", "-o", "release.json", "--force"];
        let released = run(&bench, "activate --deactivate --proof installed.json", &[&given_back, armor].concat());
        assert!(value(&released).contains("application/vnd.mintage.release+json"), "{released}");
        let is_armored = bench.read("release.json").starts_with("-----BEGIN");
        assert_eq!(is_armored, !armor.is_empty());
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn what_the_ledger_hands_out_and_takes_in_is_a_value_too() {
    let bench = scene();
    let book = ["--ledger", "sqlite:book.db"];
    drop(run(&bench, "mint K --tenant acme --expires never --id lic-2 -o lic-2.lic", &book));
    for form in ["csv", "csv-general", "html", "json", "xlsx"] {
        let line = format!("ledger report usage --json --to 2026-01-01 --format {form} -o usage.{form}");
        let told = run(&bench, &line, &book);
        assert!(value(&told).contains("\"userMetrics\":"), "{form}: {told}");
        let file = std::fs::read(bench.path(format!("usage.{form}"))).unwrap();
        assert_eq!(file == told.stdout, form == "json", "{form}");
    }
    let renewed = run(&bench, "ledger renew lic-2 --expires 2030-01-01 --json -o renewed.lic K", &book);
    assert!(value(&renewed).contains(bench.read("renewed.lic").trim_end()), "{renewed}");
    let key = example("vendor.key");
    let sign = ["--key", &key, "--allow-readable-key", "--json"];
    let checkpoint = run(&bench, "ledger audit --checkpoint checkpoint.json", &[&sign[..], &book].concat());
    assert_eq!(checkpoint.stdout(), bench.read("checkpoint.json"));
    value(&checkpoint);
    drop(run(&bench, "mint manifest app K --product suite --version 1.0 -o app.json", &[]));
    let trust = example("vendor.pub");
    let approved = run(&bench, "ledger approve app.json --json --trust", &[&[trust.as_str()][..], &book].concat());
    assert_eq!(value(&approved), r#"{"added":1,"licenseIds":[],"product":"suite","version":"1.0"}"#);
    drop(run(&bench, "ledger export -o book.jsonl", &book));
    let imported = run(&bench, "ledger import book.jsonl --json --ledger sqlite:other.db", &[]);
    assert_eq!(value(&imported), r#"{"licenses":1}"#);
}

#[cfg(target_os = "linux")]
#[test]
fn a_document_that_nobody_could_be_told_of_is_taken_back() {
    let bench = scene();
    for line in MAKERS {
        let line = line.replace(" K", &format!(" --allow-readable-key --key {}", example("vendor.key")));
        for (force, left) in [("", "none"), ("--force", "old")] {
            let script = "rm -f out; test -z \"$2\" || echo old >out; program=$1; force=$2; shift 2
                \"$program\" \"$@\" --json -o out $force >/dev/full 2>&-; echo \"status $?\"; cat out 2>&- || echo none";
            let mut shell = std::process::Command::new("sh");
            shell.current_dir(bench.path("")).env("HOME", bench.path(""));
            shell.args(["-c", script, "sh"]).arg(bench.command().get_program()).arg(force).args(line.split(' '));
            let outcome = crate::harness::feed(shell, b"");
            assert_eq!(outcome.stdout(), format!("status 3\n{left}\n"), "{line} {force}: {outcome}");
        }
    }
}
