//! `mint --batch --resume`, and two runs at once.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use insta::assert_snapshot;

use crate::harness::{Bench, ISSUED, example};
use crate::verify::bench;

/// A bench whose batch of three was interrupted after its first row.
fn interrupted(arguments: &[&str]) -> Bench {
    let bench = bench();
    bench.write("rows.csv", "tenantId,exp\na,never\nb,never\nc,never\n");
    bench.write("secret", [7; 32]);
    bench.write("other", [8; 32]);
    bench.write("plans.toml", "[plans.pro]\nlimits = { max_apps = 25 }\n");
    let whole = bench.mint_batch(&[&["-q", "--batch", "rows.csv"], arguments].concat());
    assert_eq!(whole.status, Some(0), "{whole}");
    bench.write("out.jsonl.partial", whole.stdout().lines().next().unwrap().to_owned() + "\n");
    bench
}

impl Bench {
    /// Goes on, and is refused; returns what was said. Nothing is added to what is there.
    fn refused(&self, arguments: &[&str]) -> String {
        let before = self.read("out.jsonl.partial");
        let resume = ["-q", "--batch", "rows.csv", "-o", "out.jsonl", "--resume"];
        let outcome = self.mint_batch(&[&resume, arguments].concat());
        assert!(!self.path("out.jsonl").exists() && self.read("out.jsonl.partial") == before, "{outcome}");
        outcome.to_string()
    }

    /// Goes on to the end.
    fn resumed(&self, arguments: &[&str]) {
        let resume = ["-q", "--batch", "rows.csv", "-o", "out.jsonl", "--resume"];
        let outcome = self.mint_batch(&[&resume, arguments].concat());
        assert_eq!((outcome.status, self.read("out.jsonl").lines().count()), (Some(0), 3), "{outcome}");
    }
}

#[test]
fn open_and_sealed_licenses_do_not_stand_in_one_batch() {
    let open = interrupted(&[]);
    assert_snapshot!(open.refused(&["--seal", "secret"]), @"
    ------- stderr -------
    mintage: error[malformed]: row 1 of what is there already: the token that is there is not sealed, and those to come would be
    mintage: hint: go on with the key and the --seal that it began with, or start over with --force
    [exit status: 3]
    ");
    open.resumed(&[]);
    let sealed = interrupted(&["--seal", "secret"]);
    assert_snapshot!(sealed.refused(&[]), @"
    ------- stderr -------
    mintage: error[malformed]: row 1 of what is there already: the token that is there is sealed, and those to come would not be
    mintage: hint: go on with the key and the --seal that it began with, or start over with --force
    [exit status: 3]
    ");
    assert_snapshot!(sealed.refused(&["--seal", "other"]), @"
    ------- stderr -------
    mintage: error[malformed]: row 1 of what is there already: the token that is there was sealed with another secret
    mintage: hint: go on with the key and the --seal that it began with, or start over with --force
    [exit status: 3]
    ");
    sealed.resumed(&["--seal", "secret", "--verify"]);
}

#[test]
fn plans_that_changed_are_not_taken_for_the_old_ones() {
    let plan = ["--plans", "plans.toml", "--plan", "pro"];
    let bench = interrupted(&plan);
    bench.write("plans.toml", "[plans.pro]\nlimits = { max_apps = 99 }\n");
    assert_snapshot!(bench.refused(&plan), @"
    ------- stderr -------
    mintage: error[malformed]: row 1: the row, or a default or plan beside it, was changed after it had been minted
    mintage: error[malformed]: 1 of 3 rows cannot be minted; nothing was signed
    mintage: hint: mend the rows and run the same command again
    [exit status: 1]
    ");
    bench.write("plans.toml", "# As it was.\n[plans.pro]\nlimits.max_apps = 25\n");
    bench.resumed(&plan);
}

#[test]
fn what_is_there_already_is_verified_too() {
    let bench = interrupted(&[]);
    assert_snapshot!(bench.refused(&["--verify", "--trust", "ci.pub"]), @"
    ------- stderr -------
    mintage: error[unknown-key]: row 1 of what is there already: the minted license does not verify: signed by key ec192ae06d2b6cb0, which is not among the trusted keys
    mintage: hint: go on with the key and the --seal that it began with, or start over with --force
    [exit status: 3]
    ");
    bench.resumed(&["--verify", "--trust", "vendor.pub"]);
}

#[test]
fn a_run_that_began_in_the_meantime_is_left_alone() {
    let bench = bench();
    bench.write("rows.csv", "tenantId,exp\nacme,2026-01-02\n");
    let mut command = bench.command();
    command.args(["mint", "--allow-readable-key", "--key", &example("locked.key"), "--passphrase-file", "-"]);
    command.args(["--issued-at", ISSUED, "--batch", "rows.csv", "-o", "out.jsonl"]);
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    // It has looked, and found nothing in its way; now it waits for the passphrase.
    assert!(said.by_ref().any(|line| line.contains("have expired already")));
    bench.write("out.jsonl.partial", "theirs");
    child.stdin.take().unwrap().write_all(&std::fs::read(example("locked.passphrase")).unwrap()).unwrap();
    assert_snapshot!(said.collect::<Vec<_>>().join("\n"), @"
    mintage: error[file-unwritable]: another run is writing `out.jsonl.partial`
    mintage: hint: let it end first
    ");
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(bench.read("out.jsonl.partial"), "theirs");
}
