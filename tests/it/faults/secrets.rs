//! Where a secret must not be: arguments, environment, output, core files, the network.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rexpect::process::{Signal, WaitStatus};
use rexpect::session::{PtySession, spawn_command};

use super::scene;
use crate::harness::{Bench, feed};
use crate::interop::forms::{hex, is_superuser};
use crate::interop::{PASSPHRASE, keygen, present};

/// How long a prompt may take to appear: a bound for a test that hangs, not a wait.
const PATIENCE_MS: u64 = 60_000;

/// A user that is nobody in particular.
const NOBODY: u32 = 65_534;

/// Waits at the prompt of a mint; returns the session and the process. The program is started by `user`, words that
/// change the user, or nothing.
fn at_prompt(bench: &Bench, user: &[&str], program: &OsStr) -> (PtySession, String) {
    let script = "ulimit -c unlimited 2>/dev/null; echo \"process $$.\"; exec \"$@\"";
    let mut words = user.iter().copied().chain(["sh", "-c", script, "sh"]);
    let mut command = bench.command_of(words.next().unwrap());
    command.args(words).arg(program);
    command.args(["mint", "--key", "locked.key", "--tenant", "acme", "--expires", "never"]);
    let mut session = spawn_command(command, Some(PATIENCE_MS)).unwrap();
    session.exp_string("process ").unwrap();
    let process = session.exp_string(".").unwrap();
    session.exp_string("passphrase of `locked.key`: ").unwrap();
    (session, process)
}

#[test]
#[cfg(target_os = "linux")]
fn a_process_that_holds_secrets_leaves_no_core() {
    let bench = Bench::new();
    keygen(&bench, "locked", true);
    let (mut session, process) = at_prompt(&bench, &[], bench.command().get_program());
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    session.process_mut().signal(Signal::SIGABRT).unwrap();
    let status = session.process_mut().wait().unwrap();
    assert!(matches!(status, WaitStatus::Signaled(_, Signal::SIGABRT, false)), "no core was dumped: {status:?}");
}

/// A process that cannot be dumped cannot be traced by its own user either, and its files under /proc are the
/// superuser's. Whoever is superuser can still read its memory: that is the limit of what a process can do.
#[test]
#[cfg(target_os = "linux")]
fn a_process_that_holds_secrets_cannot_be_read_by_its_own_user() {
    let bench = Bench::new();
    keygen(&bench, "locked", true);
    let id = NOBODY.to_string();
    let (session, process) = if is_superuser() {
        if !present("setpriv", ["--version"]) {
            return;
        }
        std::os::unix::fs::chown(bench.path("locked.key"), Some(NOBODY), Some(NOBODY)).unwrap();
        // The folder and the program must be where that user can reach them.
        fs::set_permissions(bench.path(""), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(bench.command().get_program(), bench.path("mintage")).unwrap();
        let user = ["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups"];
        at_prompt(&bench, &user, OsStr::new("./mintage"))
    } else {
        at_prompt(&bench, &[], bench.command().get_program())
    };
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let user = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    assert_ne!(user.split_whitespace().next(), Some("0"), "the process runs as an ordinary user");
    assert_eq!(fs::metadata(format!("/proc/{process}/environ")).unwrap().uid(), 0, "which does not own its memory");
    drop(session);
}

#[test]
#[cfg(target_os = "linux")]
fn a_typed_passphrase_is_in_no_argument_and_no_variable() {
    let bench = Bench::new();
    keygen(&bench, "locked", true);
    let (mut session, process) = at_prompt(&bench, &[], bench.command().get_program());
    session.send(PASSPHRASE).unwrap();
    session.flush().unwrap();
    for name in ["cmdline", "environ"] {
        // What may not be read holds nothing for its reader.
        let text = fs::read(format!("/proc/{process}/{name}")).unwrap_or_default();
        assert!(!text.windows(PASSPHRASE.len()).any(|window| window == PASSPHRASE.as_bytes()), "{name}");
    }
    session.send_line("").unwrap();
    let rest = session.exp_eof().unwrap();
    assert!(rest.contains("eyJ") && !rest.contains(PASSPHRASE), "{rest}");
}

#[test]
fn no_output_holds_a_passphrase_or_a_private_key() {
    let bench = scene();
    keygen(&bench, "locked", true);
    let body: String = bench.read("vendor.key").lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(body).unwrap();
    let seed = &der[der.len() - 32..];
    let hex = hex(seed);
    let needles = [
        PASSPHRASE.as_bytes().to_vec(),
        seed.to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        STANDARD.encode(seed).into_bytes(),
        // Within the base64 of the whole structure the seed begins at another bit.
        STANDARD.encode(&der[15..]).into_bytes()[4..40].to_vec(),
    ];
    let mint = ["mint", "--tenant", "acme", "--expires", "never", "--key"];
    let secret = bench.read("vendor.key");
    for arguments in [
        [&mint[..], &["vendor.key", "--json"]].concat(),
        [&mint[..], &["locked.key", "--passphrase-file", "phrase"]].concat(),
        [&mint[..], &["vendor.key", "--batch", "rows.jsonl"]].concat(),
        [&mint[..], &["phrase", "--allow-readable-key"]].concat(),
        [&mint[..], &["vendor.key", "--plans", "vendor.key", "--plan", "x"]].concat(),
        [&mint[..], &["vendor.key", "--seal", "phrase"]].concat(),
        vec!["inspect", "vendor.key"],
        vec!["--json", "inspect", "vendor.key"],
        vec!["inspect", "locked.key", "--passphrase-file", "phrase"],
        vec!["inspect", "phrase"],
        vec!["verify", "vendor.key", "--trust", "vendor.pub"],
        vec!["verify", "eyJ9.AAAA", "--trust", "vendor.key"],
        vec!["verify", "eyJ9.AAAA", "--trust", "phrase"],
        vec!["verify", "eyJ9.AAAA", "--trust", &secret],
        vec!["verify", "--batch", "vendor.key", "--trust", "vendor.pub"],
        vec!["keygen", "vendor", "--passphrase-file", "phrase"],
    ] {
        let mut command = bench.command();
        command.args(&arguments);
        let outcome = feed(command, b"");
        for needle in &needles {
            for text in [&outcome.stdout, &outcome.stderr] {
                let found = text.windows(needle.len()).any(|window| window == needle);
                assert!(!found, "{arguments:?} shows {:?}", String::from_utf8_lossy(needle));
            }
        }
    }
}

#[test]
fn no_command_opens_a_socket() {
    let bench = scene();
    bench.write("token", bench.read("tokens.jsonl").lines().next().unwrap());
    let flags = if is_superuser() { "-n" } else { "-rn" };
    if !present("unshare", [flags, "strace", "-f", "-qq", "-e", "trace=none", "true"]) {
        return;
    }
    let mint = ["mint", "--key", "vendor.key", "--tenant", "acme", "--expires", "never"];
    for arguments in [
        mint.to_vec(),
        [&mint[..], &["--batch", "rows.jsonl"]].concat(),
        vec!["verify", "token", "--trust", "vendor.pub"],
        vec!["verify", "token", "--trust", "vendor.pub", "--any-machine"],
        vec!["verify", "--batch", "tokens.jsonl", "--trust", "vendor.pub"],
        vec!["inspect", "token"],
        vec!["fingerprint"],
        vec!["keygen", "new", "--no-passphrase"],
        vec!["completions", "zsh"],
    ] {
        let mut command = bench.command_of("unshare");
        command.args([flags, "strace", "-f", "-qq", "-o", "trace", "-e", "trace=%network"]);
        command.arg(bench.command().get_program()).args(&arguments);
        let outcome = feed(command, b"");
        assert_eq!(bench.read("trace").lines().find(|line| line.contains('(')), None, "{arguments:?}");
        if arguments[0] != "fingerprint" {
            assert_eq!(outcome.status, Some(0), "{arguments:?}: {outcome}");
        }
    }
}
