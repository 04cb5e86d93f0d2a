//! `mintage keygen`: what it writes, what it refuses, and what it never shows.

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

#[cfg(unix)]
mod unix {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::process::Command;

    use rexpect::process::WaitStatus;
    use rexpect::session::{PtySession, spawn_command};

    use super::*;
    use crate::harness::feed;

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

    #[test]
    fn an_interrupted_prompt_leaves_the_terminal_as_it_was() {
        let bench = Bench::new();
        let mut shell = bench.command_of("sh");
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
}
