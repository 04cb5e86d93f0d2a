//! What is particular to Unix: modes, links, and the terminal.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use rexpect::process::WaitStatus;
use rexpect::session::{PtySession, spawn_command};

use super::*;
use crate::harness::{example, feed};

/// How long a prompt may take to appear: a bound for a test that hangs, not a wait.
const PATIENCE_MS: u64 = 60_000;

#[test]
fn a_symbolic_link_is_never_followed() {
    for link in ["vendor.key", "vendor.pub"] {
        for target in ["elsewhere", "absent"] {
            let bench = Bench::new();
            bench.write("elsewhere", "mine");
            symlink(target, bench.path(link)).unwrap();
            for force in [None, Some("--force")] {
                let outcome = bench.run(["keygen", "vendor", "--no-passphrase"].into_iter().chain(force));
                assert_eq!(outcome.status, Some(3), "{outcome}");
                let message = format!("`./{link}` could not be written: it is a symbolic link");
                assert!(outcome.stderr().contains(&message), "{outcome}");
            }
            assert_eq!(bench.read("elsewhere"), "mine");
            assert_eq!(listing(&bench), ["elsewhere", link]);
        }
    }
}

#[test]
fn what_is_no_regular_file_is_not_replaced() {
    let bench = Bench::new();
    fs::create_dir(bench.path("vendor.pub")).unwrap();
    let outcome = bench.run(["keygen", "vendor", "--no-passphrase", "--force"]);
    assert!(outcome.stderr().contains("it is not a regular file"), "{outcome}");
    assert_eq!((outcome.status, listing(&bench)), (Some(3), vec!["vendor.pub".to_owned()]));
}

#[test]
fn modes_do_not_depend_on_what_the_umask_allows() {
    for (umask, public) in [("000", 0o644), ("022", 0o644), ("077", 0o600)] {
        for force in [None, Some("--force")] {
            let bench = Bench::new();
            if force.is_some() {
                let open = fs::Permissions::from_mode(0o666);
                fs::set_permissions(bench.write("mintage.key", "old"), open.clone()).unwrap();
                fs::set_permissions(bench.write("mintage.pub", "old"), open).unwrap();
            }
            let program = bench.command();
            let mut shell = bench.command_of("sh");
            shell.args(["-c", &format!("umask {umask}; exec \"$@\""), "sh"]).arg(program.get_program());
            shell.args(["-q", "keygen", "--no-passphrase"]).args(force);
            let outcome = feed(shell, b"");
            assert_eq!(outcome.status, Some(0), "{outcome}");
            let mode = |name: &str| fs::metadata(bench.path(name)).unwrap().permissions().mode() & 0o7777;
            assert_eq!((mode("mintage.key"), mode("mintage.pub")), (0o600, public), "umask {umask} {force:?}");
        }
    }
}

#[test]
fn without_a_terminal_or_a_file_there_is_no_passphrase() {
    let bench = Bench::new();
    let program = bench.command();
    // A session of its own has no terminal to ask at.
    let mut session = bench.command_of("setsid");
    session.arg("--wait").arg(program.get_program()).args(["keygen"]);
    assert_snapshot!(feed(session, b""), @r"
    ------- stderr -------
    mintage: error[bad-passphrase]: a passphrase is needed, and none was typed at a terminal: No such device or address (os error 6)
    mintage: hint: name a file with --passphrase-file
    [exit status: 3]
    ");
    assert!(listing(&bench).is_empty());
}

#[test]
fn a_terminal_is_asked_twice_for_a_new_passphrase_and_once_for_an_old_one() {
    let bench = Bench::new();
    let mut session = at_terminal(&bench, &["keygen"]);
    let mut seen = answer(&mut session, "new passphrase: ", PASSPHRASE);
    seen += &answer(&mut session, "the same again: ", PASSPHRASE);
    let (rest, status) = end(session);
    seen += &rest;
    assert_eq!(status, 0, "{seen}");
    assert!(rest.contains("key id") && !seen.contains(PASSPHRASE), "nothing is echoed: {seen}");

    let mint = ["mint", "--key", "mintage.key", "--tenant", "acme", "--expires", "never"];
    let mut session = at_terminal(&bench, &mint);
    let mut seen = answer(&mut session, "passphrase of `mintage.key`: ", PASSPHRASE);
    let (rest, status) = end(session);
    seen += &rest;
    assert_eq!(status, 0, "{seen}");
    assert!(rest.contains("eyJ") && !seen.contains("the same again") && !seen.contains(PASSPHRASE), "{seen}");

    let mut session = at_terminal(&bench, &mint);
    answer(&mut session, "passphrase of `mintage.key`: ", "ember-quarry-violin-74");
    let (rest, status) = end(session);
    assert_eq!(status, 3, "{rest}");
    assert!(rest.contains("error[bad-passphrase]: key file `mintage.key`: the passphrase does not open"), "{rest}");
}

/// A shell that takes every signal, also where those who run the tests ignore some: a shell can trap none of these.
fn shell(bench: &Bench) -> Command {
    let mut shell = bench.command_of("env");
    shell.args(["--default-signal=HUP,INT,QUIT,TERM", "sh"]);
    shell
}

#[test]
fn an_interrupted_prompt_leaves_the_terminal_as_it_was() {
    let bench = Bench::new();
    let mut shell = shell(&bench);
    let script = "trap : INT; stty -a >before; \"$@\"; echo status $?; stty -a >after";
    shell.args(["-c", script, "sh"]).arg(bench.command().get_program()).arg("keygen");
    let mut session = spawn_command(shell, Some(PATIENCE_MS)).unwrap();
    session.exp_string("new passphrase: ").unwrap();
    session.send("half\u{3}").unwrap();
    session.flush().unwrap();
    let (rest, _) = end(session);
    assert!(rest.contains("status 130"), "{rest}");
    assert_eq!(bench.read("before"), bench.read("after"));
    assert_eq!(listing(&bench), ["after", "before"]);
}

#[test]
fn a_signal_at_a_prompt_ends_it_and_leaves_the_terminal_as_it_was() {
    // A ledger has threads of its own, any of which could be handed the signal.
    let mint = "mint --ledger sqlite:book.db --key locked.key --allow-readable-key --tenant acme --expires never";
    for (signal, status, arguments, question) in [
        ("TERM", 143, "keygen", "new passphrase: "),
        ("HUP", 129, "keygen", "new passphrase: "),
        ("INT", 130, "keygen", "new passphrase: "),
        ("QUIT", 131, "keygen", "new passphrase: "),
        ("TERM", 143, mint, "passphrase of `locked.key`: "),
    ] {
        let bench = Bench::new();
        fs::copy(example("locked.key"), bench.path("locked.key")).unwrap();
        // The prompt's own line tells that the question has been asked, and so that the echo is off.
        let script = "trap : TERM HUP INT QUIT; stty -a >before; (read _ <go; kill -$signal $(cat pid)) &
            sh -c 'echo $$ >pid; exec \"$@\"' sh \"$@\"; echo status $?; wait; stty -a >after";
        let mut shell = shell(&bench);
        assert!(bench.command_of("mkfifo").arg("go").status().unwrap().success());
        shell.env("signal", signal).args(["-c", script, "sh"]).arg(bench.command().get_program());
        shell.args(arguments.split(' '));
        let mut session = spawn_command(shell, Some(PATIENCE_MS)).unwrap();
        session.exp_string(question).unwrap();
        bench.write("go", "\n");
        let (rest, _) = end(session);
        assert!(rest.contains(&format!("status {status}")), "{signal}: {rest}");
        assert_eq!(bench.read("before"), bench.read("after"), "{signal}");
    }
}

/// As under `nohup`. Both threads of the program sleep again once the signal is behind them.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_is_ignored_leaves_a_prompt_without_echo() {
    let bench = Bench::new();
    assert!(bench.command_of("mkfifo").arg("go").status().unwrap().success());
    let script = "(read _ <go; read pid <pid; kill -HUP $pid
        until grep -q '^ShdPnd:[[:space:]]*0*$' /proc/$pid/status && ! grep -q '^State:.*R' /proc/$pid/task/*/status \\
            && stty -a </dev/tty | grep -q ' -echo '; do :; done; echo sent) &
        trap '' HUP; sh -c 'echo $$ >pid; exec \"$@\"' sh \"$@\"; echo status $?; wait";
    let mut shell = shell(&bench);
    shell.args(["-c", script, "sh"]).arg(bench.command().get_program()).arg("keygen");
    let mut session = spawn_command(shell, Some(PATIENCE_MS)).unwrap();
    session.exp_string("new passphrase: ").unwrap();
    bench.write("go", "\n");
    session.exp_string("sent").unwrap();
    session.send_line(PASSPHRASE).unwrap();
    let seen = answer(&mut session, "the same again: ", PASSPHRASE);
    let (rest, status) = end(session);
    assert!(rest.contains("status 0") && status == 0, "{rest}");
    assert!(!seen.contains(PASSPHRASE) && !rest.contains(PASSPHRASE), "{seen}{rest}");
}

#[test]
fn an_end_of_input_is_no_passphrase() {
    let bench = Bench::new();
    let mut session = at_terminal(&bench, &["keygen"]);
    session.exp_string("new passphrase: ").unwrap();
    session.send("\u{4}").unwrap();
    session.flush().unwrap();
    let (rest, status) = end(session);
    assert_eq!((status, listing(&bench).len()), (3, 0), "{rest}");
    assert!(rest.contains("error[bad-passphrase]") && rest.contains("unexpected end of file"), "{rest}");
}

#[test]
fn two_passphrases_that_differ_are_refused() {
    let bench = Bench::new();
    let mut session = at_terminal(&bench, &["keygen"]);
    answer(&mut session, "new passphrase: ", PASSPHRASE);
    answer(&mut session, "the same again: ", "ember-quarry-violin-74");
    let (rest, status) = end(session);
    assert_eq!((status, listing(&bench).len()), (3, 0), "{rest}");
    assert!(rest.contains("error[bad-passphrase]: the two passphrases differ"), "{rest}");
    assert!(rest.contains("hint: try again"), "{rest}");
}

#[test]
fn a_weak_passphrase_is_refused_before_it_is_asked_again() {
    for weak in ["", "short", "Password1234"] {
        let bench = Bench::new();
        let mut session = at_terminal(&bench, &["keygen"]);
        answer(&mut session, "new passphrase: ", weak);
        let (rest, status) = end(session);
        assert_eq!((status, listing(&bench).len()), (3, 0), "{rest}");
        assert!(rest.contains("error[weak-passphrase]") && !rest.contains("the same again"), "{rest}");
    }
}

#[test]
fn what_is_typed_in_another_encoding_is_refused() {
    let bench = Bench::new();
    let mut session = at_terminal(&bench, &["keygen"]);
    session.exp_string("new passphrase: ").unwrap();
    session.process().get_file_handle().unwrap().write_all(b"tulip-anchor-\xfc-9\n").unwrap();
    let (rest, status) = end(session);
    assert_eq!((status, listing(&bench).len()), (3, 0), "{rest}");
    assert!(rest.contains("error[bad-passphrase]: what was typed is not UTF-8"), "{rest}");
}

/// Starts the program with a terminal of its own.
fn at_terminal(bench: &Bench, arguments: &[&str]) -> PtySession {
    let mut command = bench.command();
    command.args(arguments).env("NO_COLOR", "1");
    spawn_command(command, Some(PATIENCE_MS)).unwrap()
}

/// Types a line once it is asked for; returns what stood on the terminal until then.
fn answer(session: &mut PtySession, question: &str, line: &str) -> String {
    let before = session.exp_string(question).unwrap();
    session.send_line(line).unwrap();
    before
}

/// Returns the rest of the output and the exit status.
fn end(mut session: PtySession) -> (String, i32) {
    let rest = session.exp_eof().unwrap();
    match session.process_mut().wait().unwrap() {
        WaitStatus::Exited(_, status) => (rest, status),
        other => panic!("{other:?}: {rest}"),
    }
}

impl Bench {
    /// Another program, in the same folder and with the same environment as the program itself.
    pub(crate) fn command_of(&self, program: &str) -> Command {
        let like = self.command();
        let mut command = Command::new(program);
        command.current_dir(like.get_current_dir().unwrap()).env_clear();
        for (name, value) in like.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command
    }
}
