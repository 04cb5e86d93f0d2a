//! The same answer whoever asks, and the short id beside systemd's.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use insta::assert_snapshot;

use super::{ID, INSTANCE, Machine, UUID, done};
use crate::harness::{Bench, Outcome, feed};

#[test]
fn root_and_nobody_see_the_same_machine() {
    let bench = Bench::new();
    let machine = Machine::of_cloud(&bench, "machine", ID, INSTANCE).file("sys/class/dmi/id/product_uuid", UUID);
    let uuid = bench.path("machine/sys/class/dmi/id/product_uuid");
    fs::set_permissions(uuid, fs::Permissions::from_mode(0o400)).unwrap();
    let Some(nobody) = Nobody::new(&bench) else {
        println!("skipped: this needs root, and setpriv to become another user");
        return;
    };
    for arguments in [&["--explain", "--json"][..], &["--explain", "--json", "--profile", "vm", "--sysroot", "machine"]]
    {
        let root = bench.run(["fingerprint"].iter().chain(arguments));
        assert_eq!(done(&root), done(&nobody.fingerprint(arguments)), "{arguments:?}");
    }
    done(&machine.fingerprint(&["-q", "-o", "fp.json"]));
    done(&nobody.fingerprint(&["--sysroot", "machine", "--against", "fp.json"]));
    done(&machine.fingerprint(&["-q", "--privileged", "--profile", "vm", "-o", "all.json"]));
    done(&machine.fingerprint(&["--against", "all.json"]));
    assert_snapshot!(nobody.fingerprint(&["--sysroot", "machine", "--against", "all.json"]), @"
    UNREADABLE 7 of 10 (needs 10)
    component          outcome     weight  note
    cloud.instance-id  unchanged   4
    dmi.product-uuid   unreadable  3       only root can read it
    os.machine-id      unchanged   3
    ------- stderr -------
    mintage: error[machine-unreadable]: 7 of 10 points match and 10 are needed; unreadable: dmi.product-uuid
    mintage: hint: run with the rights to read it, or supply the value with --fingerprint
    [exit status: 3]
    ");
}

/// Runs the program as a user without rights.
struct Nobody<'a>(&'a Bench);

impl<'a> Nobody<'a> {
    /// Opens the folder to another user, and copies the program into it: where it was built, nobody may be let in.
    fn new(bench: &'a Bench) -> Option<Self> {
        fs::set_permissions(bench.path(""), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(bench.command().get_program(), bench.path("program")).unwrap();
        let probe = Self(bench).command().arg("--version").stderr(Stdio::null()).output();
        probe.is_ok_and(|output| output.status.success()).then_some(Self(bench))
    }

    fn command(&self) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(self.0.path("program"));
        command.current_dir(self.0.path(""));
        command
    }

    fn fingerprint(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.command();
        command.arg("fingerprint").args(arguments);
        feed(command, b"")
    }
}

#[test]
fn the_short_id_is_derived_as_systemd_does() {
    const SYMBOLS: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let output = Command::new("systemd-id128")
        .args(["machine-id", "--app-specific", "58e2ba8d-7e13-4399-aef7-03bd9da230ff"])
        .output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        println!("skipped: this needs systemd-id128, and a machine id");
        return;
    };
    let explained = Bench::new().run(["fingerprint", "--explain", "--json"]);
    let (_, rest) = done(&explained).split_once(r#""shortId":"FP1-"#).unwrap();
    let (id, _) = rest.split_once('"').unwrap();
    let digits = id.chars().filter(|symbol| *symbol != '-').take(26);
    let number =
        digits.fold(0, |number: u128, symbol| number << 5 | u128::try_from(SYMBOLS.find(symbol).unwrap()).unwrap());
    assert_eq!(format!("{number:032x}\n"), String::from_utf8(output.stdout).unwrap());
}
