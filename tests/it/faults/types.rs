//! What is no file is refused by its type and never waited for; what was read is not written over.

use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use insta::assert_snapshot;

use super::scene;
use crate::harness::{Bench, ISSUED, Outcome, example, feed};

/// A scene with a token, a FIFO that nobody writes to and a socket that nobody answers at.
fn odd() -> Bench {
    let bench = scene();
    bench.write("token", bench.read("tokens.jsonl").lines().next().unwrap());
    assert!(Command::new("mkfifo").arg(bench.path("pipe")).status().unwrap().success());
    drop(UnixListener::bind(bench.path("socket")).unwrap());
    std::fs::create_dir(bench.path("trusted")).unwrap();
    for link in ["license.lic", "trusted/odd.pub"] {
        std::os::unix::fs::symlink(bench.path("pipe"), bench.path(link)).unwrap();
    }
    bench
}

#[test]
fn what_is_no_file_is_refused_and_not_waited_for() {
    let bench = odd();
    let mint = ["mint", "--key", "vendor.key", "--tenant", "a", "--expires", "1d"];
    let verify = ["verify", "token", "--trust", "vendor.pub"];
    let beside = |line: &[&'static str], more: &[&'static str]| [line, more].concat();
    for odd in ["pipe", "socket", "/dev/zero", "/dev/null", "trusted"] {
        for (arguments, codes) in [
            (vec!["verify", odd, "--trust", "vendor.pub"], &["not-a-file"][..]),
            (vec!["verify", "--batch", odd, "--trust", "vendor.pub"], &["not-a-file"]),
            (vec!["inspect", odd], &["not-a-file"]),
            (vec!["fingerprint", "--against", odd], &["not-a-file"]),
            (vec!["verify", "token", "--trust", odd], &["not-a-file"]),
            ([&verify[..], &["--state", odd]].concat(), &["not-a-file"]),
            ([&verify[..], &["--defaults", odd]].concat(), &["not-a-file"]),
            ([&verify[..], &["--unseal", odd]].concat(), &["not-a-file"]),
            ([&verify[..], &["--revocations", odd]].concat(), &["not-a-file"]),
            ([&mint[..], &["--plans", odd]].concat(), &["not-a-file"]),
            ([&mint[..], &["--seal", odd]].concat(), &["not-a-file"]),
            (vec!["mint", "--key", odd, "--tenant", "a", "--expires", "1d"], &["not-a-file"]),
            ([&mint[..], &["--batch", odd]].concat(), &["usage"]),
            (vec!["keygen", "new", "--passphrase-file", odd], &["not-a-file"]),
        ] {
            let outcome = bench.run(&arguments);
            let told = codes.iter().any(|code| outcome.stderr().contains(&format!("error[{code}]")));
            assert!(told && matches!(outcome.status, Some(2 | 3)), "{arguments:?}: {outcome}");
        }
    }
    assert_snapshot!(bench.run(["verify", "--trust", "vendor.pub"]), @"
    ------- stderr -------
    mintage: error[not-a-file]: `license.lic` is a FIFO, not a file
    mintage: hint: name a file; what comes through a pipe is read as `-`
    [exit status: 3]
    ");
    let found = bench.run(beside(&["verify", "token", "--trust"], &["trusted"]));
    assert!(found.stderr().contains("error[not-a-file]: `trusted/odd.pub` is a FIFO"), "{found}");
    let found = bench.run_in([("MINTAGE_LICENSE_FILE", "pipe")], &["verify", "--trust", "vendor.pub"]);
    assert!(found.stderr().contains("error[not-a-file]"), "{found}");
}

/// Runs a line of bash, `$0` being the program.
fn bash(bench: &Bench, line: &str) -> Outcome {
    let mut command = bench.command_of("bash");
    command.args(["-c", line]).arg(bench.command().get_program());
    feed(command, b"")
}

#[test]
fn what_the_shell_has_opened_is_read() {
    let bench = odd();
    for line in [
        "$0 verify <(cat token) --trust <(cat vendor.pub)",
        "cat token | $0 verify /dev/stdin --trust vendor.pub",
        "$0 verify /dev/fd/3 --trust vendor.pub 3<token",
        "$0 verify - --trust vendor.pub <pipe & cat token >pipe; wait $!",
        "$0 inspect <(cat token)",
        "$0 verify --batch <(cat tokens.jsonl) --trust vendor.pub",
        "MINTAGE_LICENSE_FILE=/dev/stdin $0 verify --trust vendor.pub <token",
    ] {
        let outcome = bash(&bench, line);
        assert_eq!(outcome.status, Some(0), "{line}: {outcome}");
    }
}

#[test]
fn standard_input_holds_one_document() {
    let bench = scene();
    std::fs::copy(example("locked.key"), bench.path("locked.key")).unwrap();
    let locked = ["mint", "--allow-readable-key", "--key", "locked.key", "--passphrase-file", "-"];
    let mint = ["mint", "--tenant", "a", "--expires", "never"];
    let row = "{\"tenantId\":\"a\",\"exp\":\"never\"}\n";
    for (line, more, stdin) in [
        (&locked[..], &["--batch", "-", "-o", "out"][..], row),
        (&mint, &["--plans", "-", "--seal", "-", "--dry-run"], "[plans.a]\n"),
        (&["verify", "-", "--trust", "vendor.pub"], &["--unseal", "-"], "a-secret-of-thirty-two-bytes-or-more"),
    ] {
        let outcome = bench.run_with(line.iter().chain(more), stdin);
        let said = "mintage: error[usage]: standard input is named twice, and holds one document\nmintage: hint: name a file for one of the two\n";
        assert_eq!((outcome.status, outcome.stdout()), (Some(2), ""), "{outcome}");
        assert!(outcome.stderr().ends_with(said), "{outcome}");
    }
    assert!(!bench.path("out").exists() && !bench.path("out.partial").exists());
}

#[test]
fn what_was_read_is_not_written_over() {
    let bench = scene();
    bench.write("token", bench.read("tokens.jsonl").lines().next().unwrap());
    std::fs::hard_link(bench.path("token"), bench.path("other-name")).unwrap();
    std::fs::create_dir(bench.path("trusted")).unwrap();
    std::fs::copy(bench.path("vendor.pub"), bench.path("trusted/a.pub")).unwrap();
    let mint = ["mint", "--key", "vendor.key", "--tenant", "a", "--expires", "never", "--issued-at", ISSUED, "--force"];
    let verify = ["verify", "--trust", "trusted", "--force"];
    for (line, more) in [
        (&mint[..], &["-o", "vendor.key"][..]),
        (&mint, &["-o", "trusted/a.pub", "--verify", "--trust", "trusted"]),
        (&mint, &["-o", "rows.jsonl", "--batch", "rows.jsonl"]),
        (&mint, &["-o", "vendor.key", "--batch", "rows.jsonl"]),
        (&verify, &["token", "-o", "token"]),
        (&verify, &["token", "-o", "other-name"]),
        (&verify, &["token", "-o", "trusted/a.pub"]),
        (&verify, &["--batch", "tokens.jsonl", "-o", "tokens.jsonl"]),
    ] {
        let arguments = [line, more].concat();
        let target = arguments[arguments.iter().position(|argument| *argument == "-o").unwrap() + 1];
        let before = std::fs::read(bench.path(target)).unwrap();
        let outcome = bench.run(&arguments);
        assert!(outcome.stderr().contains("error[file-exists]"), "{arguments:?}: {outcome}");
        assert!(outcome.stderr().contains("hint: write to another name"), "{arguments:?}: {outcome}");
        assert_eq!((outcome.status, std::fs::read(bench.path(target)).unwrap()), (Some(3), before), "{arguments:?}");
        assert!(!bench.path(format!("{target}.partial")).exists(), "{arguments:?}");
    }
    let mut command = bench.command();
    command.args(["verify", "-", "--trust", "vendor.pub", "--force", "-o", "token"]);
    command.stdin(Stdio::from(std::fs::File::open(bench.path("token")).unwrap()));
    assert_eq!(command.output().unwrap().status.code(), Some(3));
    // A state is there to be replaced, and what was not read may be.
    for _ in 0..2 {
        let verified = bench.run(["verify", "-q", "token", "--trust", "vendor.pub", "--state", "state.json"]);
        assert_eq!(verified.status, Some(0), "{verified}");
    }
    bench.write("old.lic", "old");
    assert_eq!(bench.run([&mint[..], &["-q", "-o", "old.lic"]].concat()).status, Some(0));
}
