//! The commands, as the vendor types them.

use std::process::Command;

use insta::assert_snapshot;

use crate::harness::{Bench, Outcome, example, feed};

/// Times that the tests give; every other is the moment of the run.
const GIVEN: [&str; 3] = ["2026-01-01T00:00:00Z", "2099-12-31T23:59:59Z", "2100-12-31T23:59:59Z"];

pub(super) struct Vendor(pub(super) Bench);

impl Vendor {
    pub(super) fn new() -> Self {
        let vendor = Self(Bench::new());
        for (id, tenant) in [("lic-1", "acme"), ("lic-2", "globex")] {
            let minted = vendor.mint(&["--id", id, "--tenant", tenant]);
            assert_eq!(minted.status, Some(0), "{minted}");
        }
        vendor
    }

    /// Runs with the ledger in the environment.
    pub(super) fn run(&self, arguments: &[&str]) -> Outcome {
        self.0.run_in([("MINTAGE_LEDGER", "sqlite:book.db"), ("USER", "ann")], arguments)
    }

    pub(super) fn signed(&self, command: &[&str], arguments: &[&str]) -> Outcome {
        let key = example("vendor.key");
        self.run(&[command, &["--allow-readable-key", "--key", &key], arguments].concat())
    }

    pub(super) fn mint(&self, arguments: &[&str]) -> Outcome {
        let fixed = ["--issued-at", GIVEN[0], "--expires", "2099-12-31", "--max-activations", "2"];
        self.signed(&["mint"], &[&fixed, arguments].concat())
    }
}

/// Prints an outcome with the moment of the run written as `NOW`.
pub(super) fn told(outcome: &Outcome) -> String {
    let text = outcome.to_string();
    let is_time = |text: &str| {
        let shape = "0000-00-00T00:00:00Z";
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(
                |(byte, shape)| {
                    if shape == b'0' { byte.is_ascii_digit() } else { byte == shape }
                },
            )
    };
    let (mut told, mut rest) = (String::new(), text.as_str());
    while let Some(char) = rest.chars().next() {
        if rest.get(..20).is_some_and(|time| is_time(time) && !GIVEN.contains(&time)) {
            told.push_str("NOW");
            rest = &rest[20..];
        } else {
            told.push(char);
            rest = &rest[char.len_utf8()..];
        }
    }
    told
}

#[test]
fn a_license_is_in_the_book_before_it_is_handed_out() {
    let vendor = Vendor::new();
    assert_snapshot!(told(&vendor.run(&["ledger", "list"])), @"
    lic-1  acme    active  2099-12-31T23:59:59Z  ec192ae06d2b6cb0  0 of 2 machines
    lic-2  globex  active  2099-12-31T23:59:59Z  ec192ae06d2b6cb0  0 of 2 machines
    ------- stderr -------
    mintage: 2 licenses
    [exit status: 0]
    ");
    assert_snapshot!(told(&vendor.mint(&["--id", "lic-1", "--tenant", "acme"])), @"
    ------- stderr -------
    mintage: expires 2099-12-31T23:59:59Z, 27027 days after issue
    mintage: issued 2026-01-01T00:00:00Z
    mintage: error[license-exists]: the ledger already holds a license lic-1
    mintage: hint: choose another id, or renew the license that is there
    [exit status: 1]
    ");
    let unwritable = vendor.mint(&["--id", "lic-3", "--tenant", "acme", "-o", "none/lic-3.lic"]);
    assert_eq!(unwritable.status, Some(3), "{unwritable}");
    assert_snapshot!(told(&vendor.run(&["ledger", "show", "lic-1"])), @r#"
    license   lic-1
    tenant    acme
    state     active
    signer    ec192ae06d2b6cb0f3df6376c53396f1f25328452d03d08fb4f51fdf07ccf70e
    issued    2026-01-01T00:00:00Z
    expires   2099-12-31T23:59:59Z
    seats     0 of any number
    machines  0 of 2
    history   NOW created by ann {"expiresAt":"2099-12-31T23:59:59Z","keyId":"ec192ae06d2b6cb0f3df6376c53396f1f25328452d03d08fb4f51fdf07ccf70e","tenantId":"acme"}
    [exit status: 0]
    "#);
    let token = vendor.run(&["ledger", "show", "lic-1", "--token"]);
    vendor.0.write("lic-1.lic", token.stdout());
    let verified = vendor.run(&["verify", "lic-1.lic", "--trust", &example("vendor.pub"), "-q"]);
    assert_eq!(verified.status, Some(0), "{verified}");
}

#[test]
fn a_license_is_suspended_reinstated_renewed_and_revoked() {
    let vendor = Vendor::new();
    assert_snapshot!(told(&vendor.run(&["ledger", "suspend", "lic-1", "--reason", "not paid"])), @"
    ------- stderr -------
    mintage: license lic-1 is suspended now
    [exit status: 0]
    ");
    assert_snapshot!(told(&vendor.run(&["ledger", "suspend", "lic-1"])), @"
    ------- stderr -------
    mintage: license lic-1 is suspended already
    [exit status: 0]
    ");
    assert_eq!(vendor.run(&["ledger", "reinstate", "lic-1"]).status, Some(0));
    let to = ["lic-1", "--issued-at", GIVEN[0], "--expires", "2100-12-31", "--limit", "max_apps=5"];
    assert_snapshot!(told(&vendor.signed(&["ledger", "renew"], &[&to[..], &["--dry-run"]].concat())), @"
    ------- stderr -------
    mintage: expiresAt: 2099-12-31T23:59:59Z -> 2100-12-31T23:59:59Z
    mintage: limits.max_apps: absent -> 5
    mintage: dry run: nothing was signed
    [exit status: 0]
    ");
    let named = vendor.signed(&["ledger", "renew"], &[&to[..], &["--dry-run", "-o", "renewed.lic"]].concat());
    assert!(named.stderr().contains("dry run: nothing was signed, and `renewed.lic` was not written"), "{named}");
    assert_snapshot!(told(&vendor.signed(&["ledger", "renew"], &to)), @"
    eyJleHAiOjQxMzM5ODA3OTksImdyYWNlUGVyaW9kRGF5cyI6MCwiaWF0IjoxNzY3MjI1NjAwLCJraWQiOiJlYzE5MmFlMDZkMmI2Y2IwIiwibGljZW5zZUlkIjoibGljLTEiLCJsaW1pdHMiOnsibWF4X2FwcHMiOjV9LCJtYXhBY3RpdmF0aW9ucyI6MiwidGVuYW50SWQiOiJhY21lIn0=.FzXfphwJbCjqEAbr+ksXRoY4nnZH9wOp5jDNEWzct+TT1Qh3s7qOSY2e2II4YdPKdpPJwxQliuKUpv7jumQ+Ag==
    ------- stderr -------
    mintage: expiresAt: 2099-12-31T23:59:59Z -> 2100-12-31T23:59:59Z
    mintage: limits.max_apps: absent -> 5
    mintage: renewed license lic-1, signed by key ec192ae06d2b6cb0
    [exit status: 0]
    ");
    assert_snapshot!(told(&vendor.run(&["ledger", "revoke", "lic-2", "--reason", "refund"])), @"
    ------- stderr -------
    mintage: license lic-2 is revoked now
    [exit status: 0]
    ");
    assert_snapshot!(told(&vendor.run(&["ledger", "reinstate", "lic-2"])), @"
    ------- stderr -------
    mintage: error[revoked]: license lic-2 was withdrawn for good
    mintage: hint: ask the issuer why, and for a new one
    [exit status: 1]
    ");
    assert_snapshot!(told(&vendor.run(&["ledger", "suspend", "lic-9"])), @"
    ------- stderr -------
    mintage: error[unknown-license]: the ledger holds no license lic-9
    mintage: hint: check the id or license key; `mintage ledger list` shows the licenses of the ledger
    [exit status: 1]
    ");
    assert_snapshot!(told(&vendor.run(&["ledger", "list", "--state", "revoked"])), @"
    lic-2  globex  revoked  2099-12-31T23:59:59Z  ec192ae06d2b6cb0  0 of 2 machines
    ------- stderr -------
    mintage: 1 license
    [exit status: 0]
    ");
    assert_snapshot!(told(&vendor.run(&["ledger", "audit", "--license", "lic-1"])), @r#"
    1  NOW  ann  created     SUCCESS  lic-1  {"expiresAt":"2099-12-31T23:59:59Z","keyId":"ec192ae06d2b6cb0f3df6376c53396f1f25328452d03d08fb4f51fdf07ccf70e","tenantId":"acme"}
    3  NOW  ann  suspended   SUCCESS  lic-1  {"reason":"not paid"}
    4  NOW  ann  reinstated  SUCCESS  lic-1  {}
    5  NOW  ann  renewed     SUCCESS  lic-1  {"changed":["expiresAt","limits.max_apps"],"expiresAt":"2100-12-31T23:59:59Z","keyId":"ec192ae06d2b6cb0f3df6376c53396f1f25328452d03d08fb4f51fdf07ccf70e"}
    [exit status: 0]
    "#);
}

#[test]
fn revocations_come_from_the_ledger_and_reach_the_verifier() {
    let vendor = Vendor::new();
    for name in ["list-1.json", "list-2.json"] {
        let list = vendor.signed(&["mint", "revocations"], &["--revoke", "lic-2=refund", "-o", name]);
        assert_eq!(list.status, Some(0), "{list}");
    }
    let token = vendor.run(&["ledger", "show", "lic-2", "--token"]);
    vendor.0.write("lic-2.lic", token.stdout());
    let verify = |list: &str| {
        let trust = example("vendor.pub");
        vendor.run(&["-q", "verify", "lic-2.lic", "--trust", &trust, "--state", "state", "--revocations", list])
    };
    assert!(verify("list-2.json").stderr().contains("error[revoked]"));
    assert!(verify("list-1.json").stderr().contains("error[rolled-back]"));
    let unknown = vendor.signed(&["mint", "revocations"], &["--revoke", "lic-9", "-o", "list-3.json"]);
    assert!(unknown.stderr().contains("error[unknown-license]"), "{unknown}");
}

#[test]
fn a_batch_is_recorded_row_by_row_and_once() {
    let vendor = Vendor::new();
    vendor.0.write("orders.csv", "licenseId,tenantId,exp\nlic-3,acme,never\nlic-4,acme,never\n");
    let minted = vendor.signed(&["mint"], &["--batch", "orders.csv", "-o", "minted.jsonl"]);
    assert_eq!(minted.status, Some(0), "{minted}");
    assert_eq!(vendor.run(&["ledger", "list"]).stdout().lines().count(), 4);
    // The result was written, and the book was not: the run goes on from there.
    std::fs::rename(vendor.0.path("minted.jsonl"), vendor.0.path("minted.jsonl.partial")).unwrap();
    std::fs::remove_file(vendor.0.path("book.db")).unwrap();
    let resumed = vendor.signed(&["mint"], &["--batch", "orders.csv", "-o", "minted.jsonl", "--resume"]);
    assert_eq!(resumed.status, Some(0), "{resumed}");
    let listed = vendor.run(&["ledger", "list"]);
    assert_eq!(listed.stdout().lines().count(), 2, "{listed}");
}

#[test]
fn what_was_done_to_the_audit_shows() {
    let vendor = Vendor::new();
    let trust = example("vendor.pub");
    let signed = vendor.signed(&["ledger", "audit"], &["--checkpoint", "checkpoint.json"]);
    assert_snapshot!(told(&signed), @"
    ------- stderr -------
    mintage: signed the audit up to entry 2, by key ec192ae06d2b6cb0
    [exit status: 0]
    ");
    let verify = ["ledger", "audit", "--verify", "--checkpoint", "checkpoint.json", "--trust", &trust];
    assert_snapshot!(told(&vendor.run(&verify)).replace(trust.as_str(), "PUB"), @"
    the audit is whole: 2 entries
    ------- stderr -------
    mintage: it passes through the checkpoint of NOW at entry 2
    [exit status: 0]
    ");
    let book = rusqlite::Connection::open(vendor.0.path("book.db")).unwrap();
    let cut = "DELETE FROM audit WHERE sequence = 2; \
               UPDATE book SET audit_sequence = 1, audit_hash = (SELECT hash FROM audit WHERE sequence = 1)";
    book.execute_batch(cut).unwrap();
    assert_eq!(vendor.run(&["ledger", "audit", "--verify"]).status, Some(0));
    assert_snapshot!(told(&vendor.run(&verify)), @"
    ------- stderr -------
    mintage: error[rolled-back]: the audit ends with entry 1, and had come to entry 2 at the checkpoint
    mintage: hint: use the newest copy
    [exit status: 1]
    ");
    book.execute_batch("UPDATE audit SET actor = 'eve'").unwrap();
    assert_snapshot!(told(&vendor.run(&["ledger", "audit", "--verify"])), @"
    ------- stderr -------
    mintage: error[audit-broken]: audit entry 1 was changed
    mintage: hint: compare it with a backup; a checkpoint kept elsewhere says how far it was whole
    [exit status: 1]
    ");
    let stranger =
        vendor.run(&["ledger", "audit", "--verify", "--checkpoint", "checkpoint.json", "--trust", &example("ci.pub")]);
    assert!(stranger.stderr().contains("error[unknown-key]"), "{stranger}");
    let other = Vendor::new();
    std::fs::copy(vendor.0.path("checkpoint.json"), other.0.path("checkpoint.json")).unwrap();
    let other = other.run(&verify);
    assert!(other.stderr().contains("error[license-mismatch]: the checkpoint is of ledger "), "{other}");
    assert_eq!(stranger.status, Some(3));
}

#[test]
fn a_book_moves_as_lines_and_a_line_that_is_lost_is_missed() {
    let vendor = Vendor::new();
    assert_eq!(vendor.run(&["ledger", "export", "-o", "book.jsonl"]).status, Some(0));
    assert_eq!(super::mode_of(&vendor.0.path("book.jsonl")), 0o600);
    let text = vendor.0.read("book.jsonl");
    let import = |name: &str| vendor.0.run(["ledger", "import", name, "--ledger", "sqlite:other.db"]);
    let cut: Vec<&str> = text.lines().enumerate().filter(|(at, _)| *at != 3).map(|(_, line)| line).collect();
    vendor.0.write("cut.jsonl", cut.join("\n") + "\n");
    assert_snapshot!(import("cut.jsonl"), @"
    ------- stderr -------
    mintage: error[malformed]: the export is not whole: its last line does not fit those before it
    mintage: hint: make it again with `mintage ledger export`, and carry it whole
    [exit status: 1]
    ");
    vendor.0.write("other.jsonl", "{\"token\":\"x\"}\n");
    assert_snapshot!(import("other.jsonl"), @"
    ------- stderr -------
    mintage: error[wrong-kind]: this is no export of a ledger
    mintage: hint: make it again with `mintage ledger export`, and carry it whole
    [exit status: 1]
    ");
    assert!(!vendor.0.path("other.db").exists(), "what is refused leaves no ledger behind");
    assert_snapshot!(import("book.jsonl"), @"
    ------- stderr -------
    mintage: imported 2 licenses
    [exit status: 0]
    ");
    let again = vendor.0.run(["ledger", "export", "--ledger", "sqlite:other.db"]);
    assert_eq!(again.stdout(), text);
}

#[test]
fn a_report_of_an_empty_book_is_whole_in_every_form() {
    let vendor = Vendor::new();
    let report = |arguments: &[&str]| vendor.run(&[&["ledger", "report", "usage"], arguments].concat());
    let csv = report(&["--format", "csv", "--primary-key", "client_username"]);
    assert!(csv.stdout().starts_with("client_username,first_active,last_seen,"), "{csv}");
    assert!(report(&["--format", "json"]).stdout().contains("\"totalLicenses\":2"));
    assert!(report(&["--format", "html"]).stdout().to_lowercase().starts_with("<!doctype html>"));
    assert_eq!(report(&["--format", "xlsx", "-o", "usage.xlsx"]).status, Some(0));
    assert!(std::fs::read(vendor.0.path("usage.xlsx")).unwrap().starts_with(b"PK"));
    assert_eq!(report(&["--format", "pdf"]).status, Some(2));
    let backwards = report(&["--from", "2026-02-01", "--to", "2026-01-01"]);
    assert!(backwards.stderr().contains("error[usage]: the period would begin at"), "{backwards}");
    assert!(
        backwards.stderr().contains("hint: exchange --from and --to") && backwards.status == Some(2),
        "{backwards}"
    );
    // Where no end is named it is now.
    assert_eq!(report(&["--from", "9999-01-01"]).status, Some(2));
}

#[test]
fn builds_are_approved_and_machines_freed() {
    let vendor = Vendor::new();
    vendor.0.write("app/a.txt", "one");
    let key = example("ci.key");
    let of =
        ["mint", "manifest", "app", "--key", &key, "--allow-readable-key", "--product", "acme", "--version", "1.0"];
    let made = vendor.run(&[&of[..], &["--issued-at", GIVEN[0], "-o", "app.manifest"]].concat());
    assert_eq!(made.status, Some(0), "{made}");
    let trust = example("ci.pub");
    let approve = |arguments: &[&str]| vendor.run(&[&["ledger", "approve", "app.manifest"], arguments].concat());
    assert_snapshot!(told(&approve(&["--trust", &trust])), @"
    ------- stderr -------
    mintage: approved acme 1.0 for every license: 1 new approvals
    mintage: what activates there must show an approved build from now on
    [exit status: 0]
    ");
    assert_snapshot!(told(&approve(&["--trust", &trust, "--for-license", "lic-9"])), @"
    ------- stderr -------
    mintage: error[unknown-license]: the ledger holds no license lic-9
    mintage: hint: check the id or license key; `mintage ledger list` shows the licenses of the ledger
    [exit status: 1]
    ");
    let bundle = vendor.run(&[&of[..], &["--format", "sigstore-bundle", "-o", "app.bundle"]].concat());
    assert_eq!(bundle.status, Some(0), "{bundle}");
    let approved = vendor.run(&["ledger", "approve", "app.bundle", "--trust", &trust]);
    assert!(approved.stderr().contains("approved acme 1.0 for every license: 0 new approvals"), "{approved}");
    assert!(approve(&["--trust", &example("vendor.pub")]).stderr().contains("error[unknown-key]"));
    assert_snapshot!(told(&vendor.run(&["ledger", "release", "none"])), @"
    ------- stderr -------
    mintage: error[unknown-license]: the ledger holds no activation none
    mintage: hint: look its id up with `mintage ledger show`
    [exit status: 1]
    ");
}

#[test]
fn a_ledger_that_cannot_be_used_is_named() {
    let bench = Bench::new();
    assert_snapshot!(bench.run(["ledger", "list"]), @"
    ------- stderr -------
    mintage: error[usage]: no ledger was named
    mintage: hint: name one with --ledger or MINTAGE_LEDGER
    [exit status: 2]
    ");
    assert_snapshot!(bench.run(["ledger", "list", "--ledger", "mysql://h/d"]), @"
    ------- stderr -------
    mintage: error[usage]: a ledger is `sqlite:PATH` or `postgres://USER@HOST/DATABASE`
    mintage: hint: see --ledger in --help
    [exit status: 2]
    ");
    // Who misspells the name of a book is not told that all is well with an empty one, nor hands out a list that withdraws
    // nothing.
    bench.write("empty.db", "");
    let key = example("vendor.key");
    let list = ["mint", "revocations", "--allow-readable-key", "--key", &key, "--next-update", "30d", "-o", "rev.json"];
    for (name, what) in [("typo.db", "No such file or directory (os error 2)"), ("empty.db", "the file is empty")] {
        let url = format!("sqlite:{name}");
        for command in [&["ledger", "list"][..], &["ledger", "audit", "--verify"], &list] {
            let outcome = bench.run([command, &["--ledger", &url]].concat());
            let told = format!("error[ledger-unavailable]: the ledger is unreachable: {url}: {what}\n");
            assert!(outcome.stderr().contains(&told) && outcome.status == Some(3), "{outcome}");
        }
    }
    assert!(!bench.path("typo.db").exists() && !bench.path("rev.json").exists());
    assert_snapshot!(bench.run(["ledger", "list", "--ledger", "sqlite:none/book.db"]), @"
    ------- stderr -------
    mintage: error[ledger-unavailable]: the ledger is unreachable: sqlite:none/book.db: No such file or directory (os error 2)
    mintage: hint: check the address, the rights, the room on its disk and that its file or server is there
    [exit status: 3]
    ");
}

#[test]
fn a_ledger_that_is_closed_for_writing_says_so() {
    let vendor = Vendor::new();
    let path = vendor.0.path("book.db");
    let mode = |mode: u32| std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(&path, mode(0o444)).unwrap();
    std::fs::set_permissions(vendor.0.path(""), mode(0o555)).unwrap();
    let program = assert_cmd::cargo::cargo_bin!("mintage");
    let mut command = if rustix::process::geteuid().is_root() {
        // Root may write everywhere, so somebody else tries; where the program is out of reach, so is this test.
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.args(["ledger", "suspend", "lic-1", "--ledger"]).arg(format!("sqlite:{}", path.display()));
    let outcome = feed(command, b"");
    std::fs::set_permissions(vendor.0.path(""), mode(0o755)).unwrap();
    if outcome.stderr().contains("setpriv:") {
        return;
    }
    assert!(outcome.stderr().starts_with("mintage: error[ledger-unavailable]: the ledger is read-only: "), "{outcome}");
    assert_eq!(outcome.status, Some(3));
}
