//! Full disks, failing calls, killed runs, closed streams: the answer is never yes, and nothing half-written is left.
#![cfg(unix)]

mod injected;
mod secrets;
mod sizes;
mod types;

use std::process::Stdio;

use crate::harness::{Bench, ISSUED, Outcome, feed};
use crate::interop::forms::is_superuser;
use crate::interop::{keygen, present};
use crate::keygen::listing;

/// A mint that needs no passphrase, with a key in the folder above.
const MINT: [&str; 9] =
    ["-q", "mint", "--key", "../vendor.key", "--tenant", "acme", "--expires", "never", "--issued-at"];

/// Rows enough that their results do not fit into 64 KiB.
const ROWS: usize = 400;

/// A bench with a key, rows to mint and tokens to verify.
fn scene() -> Bench {
    let bench = Bench::new();
    keygen(&bench, "vendor", false);
    let row = |row| format!("{{\"tenantId\":\"acme\",\"licenseId\":\"lic-{row}\"}}\n");
    let rows: Vec<String> = (0..ROWS).map(row).collect();
    bench.write("rows.jsonl", rows.concat());
    let line = ["-q", "mint", "--key", "vendor.key", "--tenant", "acme", "--expires", "never", "--issued-at", ISSUED];
    let token = bench.run(line);
    assert_eq!(token.status, Some(0), "{token}");
    bench.write("tokens.jsonl", token.stdout().repeat(ROWS));
    bench
}

/// The commands that write a file, as run in a folder below the bench's; each writes `out` or a pair of that name.
fn writers() -> [(&'static str, Vec<&'static str>); 4] {
    let minting = |more: &[&'static str]| [&MINT[..], &[ISSUED], more].concat();
    [
        ("keygen", vec!["-q", "keygen", "out", "--no-passphrase"]),
        ("mint", minting(&["-o", "out"])),
        ("mint --batch", minting(&["--batch", "../rows.jsonl", "-o", "out"])),
        ("verify --batch", vec!["-q", "verify", "--trust", "../vendor.pub", "--batch", "../tokens.jsonl", "-o", "out"]),
    ]
}

/// Runs a shell script in a small file system of its own, mounted at `disk`, the arguments being the program's.
fn on_small_disk(bench: &Bench, options: &str, script: &str, arguments: &[&str]) -> Option<Outcome> {
    let flags = if is_superuser() { "-m" } else { "-rm" };
    if !present("unshare", [flags, "sh", "-c", "mount -t tmpfs none /mnt"]) {
        return None;
    }
    std::fs::create_dir_all(bench.path("disk")).unwrap();
    let mut command = bench.command_of("unshare");
    let script = format!("mount -t tmpfs -o {options} none disk && cd disk || exit 99\n{script}");
    command.args([flags, "sh", "-c", &script, "sh"]).arg(bench.command().get_program()).args(arguments);
    Some(feed(command, b""))
}

#[test]
fn a_full_disk_is_an_error_and_leaves_no_file() {
    let bench = scene();
    let script = "head -c 1M /dev/zero >filler 2>&-; \"$@\"; echo \"status $?\"; ls -A";
    for (name, arguments) in writers() {
        let Some(outcome) = on_small_disk(&bench, "size=64k", script, &arguments) else {
            return;
        };
        // A batch keeps what it has minted, to go on with; here that is nothing.
        assert_eq!(outcome.stdout(), "status 3\nfiller\n", "{name}: {outcome}");
        assert!(outcome.stderr().contains("error[file-unwritable]"), "{name}: {outcome}");
        assert!(outcome.stderr().contains("No space left on device"), "{name}: {outcome}");
    }
}

#[test]
fn a_full_disk_leaves_what_was_to_be_replaced() {
    let bench = scene();
    let script = "for name in out out.key out.pub; do echo old >$name; done; head -c 1M /dev/zero >filler 2>&-
        \"$@\" --force; echo \"status $?\"; cat out out.key out.pub; rm -f out.partial; ls -A";
    for (name, arguments) in writers() {
        let Some(outcome) = on_small_disk(&bench, "size=64k", script, &arguments) else {
            return;
        };
        let expected = "status 3\nold\nold\nold\nfiller\nout\nout.key\nout.pub\n";
        assert_eq!(outcome.stdout(), expected, "{name}: {outcome}");
    }
}

#[test]
fn a_disk_that_fills_half_way_is_an_error_too() {
    let bench = scene();
    let [_, _, _, (_, verify)] = writers();
    let script = "\"$@\"; echo \"status $?\"; ls -A";
    let Some(outcome) = on_small_disk(&bench, "size=64k", script, &verify) else {
        return;
    };
    assert_eq!(outcome.stdout(), "status 3\n", "{outcome}");
}

#[test]
fn an_interrupted_batch_goes_on_when_there_is_room_again() {
    let bench = scene();
    let [_, _, (_, mint), _] = writers();
    let script = "\"$@\"; echo \"status $?\"; ls -A; mount -t tmpfs -o remount,size=8m none $PWD && \"$@\" --resume
        echo \"status $?\"; ls -A; wc -l <out; grep -o '\"licenseId\":\"lic-[0-9]*\"' out | sort -u | wc -l";
    let Some(outcome) = on_small_disk(&bench, "size=64k", script, &mint) else {
        return;
    };
    let expected = format!("status 3\nout.partial\nstatus 0\nout\n{ROWS}\n{ROWS}\n");
    assert_eq!(outcome.stdout(), expected, "{outcome}");
}

#[test]
fn a_file_size_limit_is_an_error_and_leaves_no_file() {
    let bench = scene();
    std::fs::create_dir(bench.path("disk")).unwrap();
    for (name, arguments) in writers() {
        let mut shell = bench.command_of("sh");
        let script = "cd disk; ulimit -f 0; \"$@\" 2>&1; echo \"status $?\"; rm -f out.partial; ls -A";
        shell.args(["-c", script, "sh"]).arg(bench.command().get_program()).args(arguments);
        let outcome = feed(shell, b"");
        assert!(outcome.stdout().contains("error[file-unwritable]"), "{name}: {outcome}");
        assert!(outcome.stdout().ends_with("status 3\n"), "{name}: {outcome}");
    }
}

#[test]
fn a_read_only_disk_is_an_error() {
    let bench = scene();
    for (name, arguments) in writers() {
        let Some(outcome) = on_small_disk(&bench, "ro", "\"$@\"; echo \"status $?\"; ls -A", &arguments) else {
            return;
        };
        assert_eq!(outcome.stdout(), "status 3\n", "{name}: {outcome}");
        assert!(outcome.stderr().contains("error[file-unwritable]"), "{name}: {outcome}");
    }
}

#[test]
fn a_missing_folder_is_an_error_and_is_not_made() {
    let bench = scene();
    let before = listing(&bench);
    for (name, arguments) in writers() {
        let mut command = bench.command();
        for argument in arguments {
            match argument {
                "out" if name == "keygen" => command.args(["out", "--out-dir", "absent"]),
                "out" => command.arg("absent/out"),
                other => command.arg(other.trim_start_matches("../")),
            };
        }
        let outcome = feed(command, b"");
        assert_eq!((outcome.status, listing(&bench)), (Some(3), before.clone()), "{name}: {outcome}");
        assert!(outcome.stderr().contains("error[file-unwritable]: `absent/out"), "{name}: {outcome}");
        assert!(!outcome.stderr().contains("unfinished"), "{name}: {outcome}");
    }
}

/// Every command that prints, with a key and a token in the bench.
fn printers() -> Vec<Vec<&'static str>> {
    let mint = ["mint", "--key", "vendor.key", "--tenant", "acme", "--expires", "never"];
    vec![
        mint.to_vec(),
        [&mint[..], &["--json"]].concat(),
        [&mint[..], &["--dry-run"]].concat(),
        [&mint[..], &["--batch", "rows.jsonl"]].concat(),
        vec!["verify", "token", "--trust", "vendor.pub"],
        vec!["verify", "token", "--trust", "vendor.pub", "--json"],
        vec!["verify", "--batch", "tokens.jsonl", "--trust", "vendor.pub"],
        vec!["inspect", "token"],
        vec!["inspect", "vendor.pub", "--json"],
        vec!["keygen", "new", "--no-passphrase"],
        vec!["keygen", "new", "--no-passphrase", "--json"],
        vec!["completions", "bash"],
        vec!["--help"],
        vec!["mint", "--help"],
        vec!["--version"],
    ]
}

#[test]
fn an_output_that_nobody_receives_is_an_error() {
    let bench = scene();
    bench.write("token", bench.read("tokens.jsonl").lines().next().unwrap());
    let before = listing(&bench);
    for arguments in printers() {
        let mut heard = bench.command();
        heard.args(&arguments);
        assert_eq!(feed(heard, b"").status, Some(0), "{arguments:?}");
        for name in ["new.key", "new.pub"] {
            let _ = std::fs::remove_file(bench.path(name));
        }
        for full in [true, false] {
            let stdout: Stdio = if full {
                std::fs::File::options().write(true).open("/dev/full").unwrap().into()
            } else {
                std::io::pipe().unwrap().1.into()
            };
            let mut command = bench.command();
            let output = command.args(&arguments).stdout(stdout).output().unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(3), "{arguments:?}: {stderr}");
            assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
            // Who stops reading has had enough; only what is undone for it is told.
            let is_told = stderr.contains("error[file-unwritable]: ");
            assert_eq!(is_told, full || arguments[0] == "keygen", "{arguments:?}: {stderr}");
            assert_eq!(listing(&bench), before, "{arguments:?}: a key that was not shown is not kept");
        }
    }
}

#[test]
fn notes_that_nobody_receives_change_no_answer() {
    let bench = scene();
    for status in [0, 2, 3] {
        let mut command = bench.command();
        match status {
            0 => command.args(["mint", "--key", "vendor.key", "--tenant", "acme", "--expires", "never"]),
            2 => command.args(["mint", "--no-such-flag"]),
            _ => command.args(["mint", "--key", "absent", "--tenant", "acme", "--expires", "never"]),
        };
        command.stderr(std::fs::File::options().write(true).open("/dev/full").unwrap());
        let output = command.output().unwrap();
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(status), status != 0));
    }
}
