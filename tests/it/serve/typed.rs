//! A server whose key's passphrase was typed at a terminal.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rexpect::process::Signal;
use rexpect::session::spawn_command;

use crate::harness::{Bench, example};
use crate::interop::keygen;

/// How long a line may take to appear: a bound for a test that hangs, not a wait.
const PATIENCE_MS: u64 = 60_000;

#[test]
fn a_locked_key_is_not_asked_for_again_and_another_one_is_not_passed_over() {
    let bench = Bench::new();
    let close = |name: &str| fs::set_permissions(bench.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    fs::copy(example("locked.key"), bench.path("served.key")).unwrap();
    close("served.key");
    keygen(&bench, "other", true);
    bench.write("serve.toml", "key = \"served.key\"\n");
    let mut command = bench.command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--log", "json", "--config", "serve.toml"]);
    let mut server = spawn_command(command, Some(PATIENCE_MS)).unwrap();
    server.exp_string("passphrase of `served.key`: ").unwrap();
    server.send_line(fs::read_to_string(example("locked.passphrase")).unwrap().trim_end()).unwrap();
    server.exp_string("\"message\":\"listening\"").unwrap();
    server.process_mut().signal(Signal::SIGHUP).unwrap();
    server.exp_string("\"message\":\"read everything again\"").unwrap();
    fs::copy(bench.path("other.key"), bench.path("served.key")).unwrap();
    server.process_mut().signal(Signal::SIGHUP).unwrap();
    let refused = server.exp_string("the server goes on with what it had").unwrap();
    assert!(refused.contains("`served.key` is another encrypted key than at the start"), "{refused}");
    // With its passphrase in a file nobody has to be asked.
    bench.write("serve.toml", "key = \"served.key\"\npassphrase-file = \"phrase\"\n");
    server.process_mut().signal(Signal::SIGHUP).unwrap();
    server.exp_string("\"message\":\"read everything again\"").unwrap();
}
