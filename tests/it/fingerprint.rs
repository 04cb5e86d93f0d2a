//! `mintage fingerprint`, and how `mint` and `verify` bind a license to a machine.
//!
//! Stretching a network address or a serial is slow by design, so most machines here have neither.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

use insta::assert_snapshot;

use crate::harness::{Bench, ISSUED, Outcome, example, feed};

const ID: &str = "4c1f1c2f9d8e4b6ba5d0b1c2d3e4f506";
const OTHER_ID: &str = "9a0b1c2d3e4f40516273849506a7b8c9";
const INSTANCE: &str = "i-0123456789abcdef0";
const CLUSTER: &str = "2d3c1a7e-7c0b-4a59-9a0e-7a0a5a1c9f10";
const UUID: &str = "4c4c4544-0042-3510-8054-b7c04f313233";

/// A fingerprint to take the salt from, so that digests are known.
const SALT: &str = concat!(
    r#"{"components":[{"digests":["00000000000000000000000000000001"],"kdf":"hmac-sha256","name":"os.machine-id","#,
    r#""weight":3}],"format":"fp1","product":"acme","profile":"host","salt":"MDEyMzQ1Njc4OWFiY2RlZg==","#,
    r#""threshold":3,"total":3,"veto":[]}"#
);

/// A made-up machine: a folder of the bench.
struct Machine<'a> {
    bench: &'a Bench,
    name: &'static str,
}

impl<'a> Machine<'a> {
    fn new(bench: &'a Bench, name: &'static str, id: &str) -> Self {
        Self { bench, name }.file("etc/machine-id", id)
    }

    /// A machine of a cloud, where nothing is slow to digest.
    fn of_cloud(bench: &'a Bench, name: &'static str, id: &str, instance: &str) -> Self {
        Self::new(bench, name, id).file("sys/class/dmi/id/board_asset_tag", instance)
    }

    /// A machine with an interface and a disk.
    fn physical(bench: &'a Bench, name: &'static str, address: &str, serial: &str) -> Self {
        Self::new(bench, name, ID).interface("eno1", "pci0", address).disk(serial)
    }

    fn file(self, path: &str, content: &str) -> Self {
        self.bench.write(&format!("{}/{path}", self.name), format!("{content}\n"));
        self
    }

    fn link(self, path: &str, target: &str) -> Self {
        let path = self.bench.path(self.name).join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
        self
    }

    fn interface(self, name: &str, place: &str, address: &str) -> Self {
        let interface = format!("sys/devices/{place}/{name}");
        let machine = self
            .file(&format!("{interface}/type"), "1")
            .file(&format!("{interface}/addr_assign_type"), "0")
            .file(&format!("{interface}/address"), address)
            .link(&format!("sys/class/net/{name}"), &format!("/{interface}"));
        if place == "virtual" { machine } else { machine.link(&format!("{interface}/device"), "..") }
    }

    fn disk(self, serial: &str) -> Self {
        self.file("proc/self/mountinfo", "22 1 8:0 / / rw - ext4 /dev/sda rw")
            .file("sys/devices/sda/serial", serial)
            .link("sys/dev/block/8:0", "/sys/devices/sda")
    }

    fn fingerprint(&self, arguments: &[&str]) -> Outcome {
        self.bench.run(["fingerprint", "--sysroot", self.name].iter().chain(arguments))
    }

    /// Verifies `license` as of the day of its issue.
    fn verify(&self, arguments: &[&str]) -> Outcome {
        let trust = example("vendor.pub");
        let fixed = ["-q", "verify", "license.lic", "--at", ISSUED, "--trust", &trust, "--sysroot", self.name];
        self.bench.run(fixed.iter().chain(arguments))
    }
}

impl Bench {
    /// Mints `license.lic`, bound as said.
    fn mint_bound(&self, fingerprint: &str) {
        let token = self.mint(&["--tenant", "acme", "--expires", "never", "--fingerprint", fingerprint]);
        self.write("license.lic", token);
    }
}

/// What `verify` says of the machine; what else it says is not for these tests to pin.
fn of_machine(mut outcome: Outcome) -> Outcome {
    let line = outcome.stdout().lines().find(|line| line.contains("  machine  ")).unwrap();
    outcome.stdout = format!("{line}\n").into_bytes();
    outcome
}

fn done(outcome: &Outcome) -> &str {
    assert_eq!(outcome.status, Some(0), "{outcome}");
    outcome.stdout()
}

#[test]
fn a_machine_is_enrolled_as_one_line_of_canonical_json() {
    let bench = Bench::new();
    bench.write("salt.json", SALT);
    let machine = Machine::of_cloud(&bench, "cloud", ID, INSTANCE).disk("overlayblk");
    assert_snapshot!(machine.fingerprint(&["--salt-from", "salt.json"]), @r#"
    {"components":[{"digests":["d55186024f2b26389ae376d348749965"],"kdf":"hmac-sha256","name":"cloud.instance-id","weight":4},{"digests":["8c55e434f71d3b34cb200c32cce98113"],"kdf":"hmac-sha256","name":"os.machine-id","weight":3}],"format":"fp1","product":"acme","profile":"host","salt":"MDEyMzQ1Njc4OWFiY2RlZg==","threshold":4,"total":7,"veto":[]}
    ------- stderr -------
    mintage: FP1-5N84M-6YAYY-9YYB4-DB9BP-P7R8A-KR: 4 of 7 points needed; cloud.instance-id 4, os.machine-id 3
    mintage: left out: disk.root (placeholder); --explain tells why
    mintage: warning: the salt is that of `salt.json`, so whoever has both can tell whether they are one machine
    [exit status: 0]
    "#);
    assert_snapshot!(machine.fingerprint(&["--salt-from", "salt.json", "--profile", "vm", "-q"]), @r#"
    {"components":[{"digests":["d55186024f2b26389ae376d348749965"],"kdf":"hmac-sha256","name":"cloud.instance-id","weight":4},{"digests":["8c55e434f71d3b34cb200c32cce98113"],"kdf":"hmac-sha256","name":"os.machine-id","weight":3}],"format":"fp1","product":"acme","profile":"vm","salt":"MDEyMzQ1Njc4OWFiY2RlZg==","threshold":7,"total":7,"veto":["cloud.instance-id"]}
    [exit status: 0]
    "#);
    assert_snapshot!(machine.fingerprint(&["--salt-from", "salt.json", "--product", "other"]), @"
    ------- stderr -------
    mintage: error[usage]: --salt-from is for the product `acme`, and --product says `other`
    mintage: hint: leave out --product; digests of two products cannot be compared
    [exit status: 2]
    ");
}

#[test]
fn every_enrolment_has_a_salt_of_its_own_and_goes_into_a_new_file() {
    let bench = Bench::new();
    let machine = Machine::of_cloud(&bench, "cloud", ID, INSTANCE);
    assert_ne!(done(&machine.fingerprint(&[])), done(&machine.fingerprint(&[])));
    assert_eq!(done(&machine.fingerprint(&["-q", "-o", "fp.json"])), "");
    assert!(bench.read("fp.json").starts_with(r#"{"components":["#) && bench.read("fp.json").ends_with("}\n"));
    assert_snapshot!(machine.fingerprint(&["-q", "-o", "fp.json"]), @"
    ------- stderr -------
    mintage: error[file-exists]: `fp.json` exists
    mintage: hint: choose another name, or replace it with --force
    [exit status: 3]
    ");
    assert_eq!(done(&machine.fingerprint(&["-q", "-o", "fp.json", "--force"])), "");
}

#[test]
fn what_identifies_nobody_is_not_enrolled() {
    let bench = Bench::new();
    let empty = Machine::new(&bench, "empty", "uninitialized").disk("QM00001");
    assert_snapshot!(empty.fingerprint(&["--allow-weak"]), @"
    ------- stderr -------
    mintage: error[machine-unreadable]: no component can identify this machine: os.machine-id is invalid, net.mac is absent, disk.root is a placeholder, cloud.instance-id is absent
    mintage: hint: supply a component with --component, or bind by --fingerprint-value
    [exit status: 3]
    ");
    let weak = Machine::new(&bench, "weak", ID);
    assert_snapshot!(weak.fingerprint(&[]), @"
    ------- stderr -------
    mintage: error[machine-unreadable]: only os.machine-id can identify this machine, which is weak: os.machine-id is ok, net.mac is absent, disk.root is absent, cloud.instance-id is absent
    mintage: hint: supply another with --component, read more with --privileged, or say --allow-weak
    [exit status: 3]
    ");
    assert_snapshot!(weak.fingerprint(&["--profile", "vm", "--allow-weak"]), @"
    ------- stderr -------
    mintage: error[machine-unreadable]: neither net.mac nor cloud.instance-id tells this virtual machine from its copies: os.machine-id is ok, net.mac is absent, disk.root is absent, cloud.instance-id is absent
    mintage: hint: give it a network interface, or bind by --fingerprint-value
    [exit status: 3]
    ");
    let allowed = weak.fingerprint(&["--allow-weak"]);
    done(&allowed);
    assert_snapshot!(allowed.stderr(), @"
    mintage: FP1-5N84M-6YAYY-9YYB4-DB9BP-P7R8A-KR: 2 of 3 points needed; os.machine-id 3
    mintage: warning: os.machine-id alone identifies this machine; whoever copies it passes for it
    ");
    assert_snapshot!(bench.run(["fingerprint", "--sysroot", "missing"]), @"
    ------- stderr -------
    mintage: error[file-unreadable]: --sysroot `missing` is not a folder
    mintage: hint: check the path and its permissions
    [exit status: 3]
    ");
}

#[test]
fn surroundings_are_warned_of_and_change_nothing() {
    let bench = Bench::new();
    bench.write("salt.json", SALT);
    let machine = |name| Machine::of_cloud(&bench, name, ID, INSTANCE);
    let plain = machine("plain").fingerprint(&["--salt-from", "salt.json"]);
    let guest = machine("guest").file("sys/class/dmi/id/sys_vendor", "QEMU").fingerprint(&["--salt-from", "salt.json"]);
    let container = machine("container").file(".dockerenv", "").fingerprint(&["--salt-from", "salt.json"]);
    assert_eq!(done(&guest), done(&plain));
    assert_eq!(done(&container), done(&plain));
    assert_snapshot!(guest.stderr(), @"
    mintage: FP1-5N84M-6YAYY-9YYB4-DB9BP-P7R8A-KR: 4 of 7 points needed; cloud.instance-id 4, os.machine-id 3
    mintage: warning: the salt is that of `salt.json`, so whoever has both can tell whether they are one machine
    mintage: warning: this seems to be a virtual machine (QEMU), whose copies a host's rule lets pass; say --profile vm
    ");
    assert_snapshot!(container.stderr(), @"
    mintage: FP1-5N84M-6YAYY-9YYB4-DB9BP-P7R8A-KR: 4 of 7 points needed; cloud.instance-id 4, os.machine-id 3
    mintage: warning: the salt is that of `salt.json`, so whoever has both can tell whether they are one machine
    mintage: warning: this seems to be a container (/.dockerenv), and what was read may go with it; bind it by --fingerprint-value
    ");
}

#[test]
fn explain_shows_what_counts_and_no_value() {
    let bench = Bench::new();
    let machine = Machine::new(&bench, "host", ID)
        .interface("eno1", "pci0", "00:1b:21:aa:bb:01")
        .interface("docker0", "virtual", "02:42:7c:00:00:01")
        .interface("enx00e04c680001", "pci0/usb1", "00:e0:4c:68:00:01")
        .disk("overlayblk")
        .file(".dockerenv", "")
        .file("sys/class/dmi/id/product_uuid", UUID);
    let people = machine.fingerprint(&["--explain", "--privileged"]);
    assert_snapshot!(people, @"
    component          state        weight  note
    os.machine-id      ok           3
    net.mac            ok           2       ignored: docker0 (virtual), enx… (USB)
    disk.root          placeholder  -       value `overlayblk` is not unique; not used
    cloud.instance-id  absent       -
    dmi.product-uuid   ok           3
    dmi.board-serial   absent       -

    environment  container? (/.dockerenv); the profile is not changed by it
    rule         host: 5 of 8 points must match
    short id     FP1-5N84M-6YAYY-9YYB4-DB9BP-P7R8A-KR
    [exit status: 0]
    ");
    let programs = machine.fingerprint(&["--explain", "--json", "--product", "acme"]);
    assert_snapshot!(programs, @r#"
    {"components":[{"name":"os.machine-id","note":"","state":"ok","values":1,"weight":3},{"name":"net.mac","note":"ignored: docker0 (virtual), enx… (USB)","state":"ok","values":1,"weight":2},{"name":"disk.root","note":"value `overlayblk` is not unique; not used","state":"placeholder","values":0,"weight":0},{"name":"cloud.instance-id","note":"","state":"absent","values":0,"weight":0}],"environment":{"evidence":"/.dockerenv","kind":"container"},"product":"acme","profile":"host","refusals":[],"rule":{"threshold":3,"total":5,"veto":[]},"shortId":"FP1-5N84M-6YAYY-9YYB4-DB9BP-P7R8A-KR"}
    [exit status: 0]
    "#);
    for value in [ID, "00:1b:21", "00e04c", UUID] {
        assert!(!people.stdout().contains(value) && !programs.stdout().contains(value), "{value}");
    }
    let weak = Machine::new(&bench, "weak", ID);
    assert_snapshot!(weak.fingerprint(&["--explain", "--profile", "vm"]), @"
    component          state   weight  note
    os.machine-id      ok      3
    net.mac            absent  -
    disk.root          absent  -       no mount of `/` was found
    cloud.instance-id  absent  -

    rule      vm: none, for nothing tells this machine from its copies
    short id  FP1-5N84M-6YAYY-9YYB4-DB9BP-P7R8A-KR
    [exit status: 0]
    ");
    assert_snapshot!(weak.fingerprint(&["--explain"]), @"
    component          state   weight  note
    os.machine-id      ok      3
    net.mac            absent  -
    disk.root          absent  -       no mount of `/` was found
    cloud.instance-id  absent  -

    rule      host: none without --allow-weak, for os.machine-id alone identifies this machine
    short id  FP1-5N84M-6YAYY-9YYB4-DB9BP-P7R8A-KR
    [exit status: 0]
    ");
}

#[test]
fn values_are_shown_on_a_terminal_only() {
    let bench = Bench::new();
    let machine = Machine::of_cloud(&bench, "cloud", ID, INSTANCE);
    assert_snapshot!(machine.fingerprint(&["--explain", "--show-values"]), @"
    ------- stderr -------
    mintage: error[usage]: --show-values shows what identifies this machine, and does so on a terminal only
    mintage: hint: leave out --json, -o and the pipe, or it
    [exit status: 2]
    ");
    let mut command = bench.command();
    command.args(["fingerprint", "--explain", "--show-values", "--sysroot", "cloud"]);
    let mut session = rexpect::session::spawn_command(command, Some(10_000)).unwrap();
    session.exp_string(ID).unwrap();
    session.exp_string(INSTANCE).unwrap();
    session.exp_eof().unwrap();
}

#[test]
fn an_exact_fingerprint_is_checked_and_printed_as_a_json_string() {
    let bench = Bench::new();
    let machine = Machine::new(&bench, "host", ID).file("etc/hostname", "prod-node-01.example.org");
    assert_snapshot!(machine.fingerprint(&["--fingerprint-value", "k8s:2d3c"]), @r#"
    "k8s:2d3c"
    [exit status: 0]
    "#);
    assert_snapshot!(machine.fingerprint(&["--fingerprint-value", "Prod-Node-01"]), @r#"
    "Prod-Node-01"
    ------- stderr -------
    mintage: warning: this is the host name, which can be changed and which other machines may have too
    [exit status: 0]
    "#);
    assert_snapshot!(machine.fingerprint(&["--fingerprint-value", " k8s:2d3c"]), @"
    ------- stderr -------
    mintage: error[usage]: --fingerprint-value is ` k8s:2d3c`, which cannot be compared byte for byte
    mintage: hint: give 1 to 1024 bytes without control characters or outer white space
    [exit status: 2]
    ");
    assert_snapshot!(machine.fingerprint(&["--fingerprint-value", "k8s:2d3c", "--product", "acme"]), @"
    ------- stderr -------
    mintage: error[usage]: an exact fingerprint has no components, product, profile or salt
    mintage: hint: leave out either --fingerprint-value or the rest
    [exit status: 2]
    ");
}

#[test]
fn an_exact_fingerprint_travels_from_file_to_file() {
    let bench = Bench::new();
    let machine = Machine::new(&bench, "host", ID);
    done(&machine.fingerprint(&["--fingerprint-value", "k8s:2d3c", "-o", "exact.json"]));
    bench.write("exact.txt", "k8s:2d3c\n");
    for bound in ["@exact.json", "@exact.txt", "k8s:2d3c", "\"k8s:2d3c\""] {
        bench.mint_bound(bound);
        for value in ["@exact.json", "@exact.txt", "k8s:2d3c"] {
            done(&machine.verify(&["--fingerprint", value]));
            done(&machine.fingerprint(&["--against", "license.lic", "--fingerprint-value", value]));
        }
    }
    let trust = example("vendor.pub");
    let verify = ["-q", "verify", "license.lic", "--at", ISSUED, "--trust", &trust];
    done(&bench.run_in([("MINTAGE_FINGERPRINT", "k8s:2d3c")], &verify));
    done(&bench.run_in([("MINTAGE_FINGERPRINT_FILE", "exact.json")], &verify));
    done(&bench.run_in([("MINTAGE_FINGERPRINT", ""), ("MINTAGE_FINGERPRINT_FILE", "exact.txt")], &verify));
    assert_snapshot!(of_machine(bench.run_in([("MINTAGE_FINGERPRINT", "k8s:2D3C")], &verify)), @"
    fail  machine      bound to `k8s:2d3c`, this machine is `k8s:2D3C`; they differ only in case or white space
    ------- stderr -------
    mintage: error[wrong-machine]: bound to `k8s:2d3c`, this machine is `k8s:2D3C`; they differ only in case or white space
    mintage: hint: run `mintage fingerprint` there and send the result to the issuer
    [exit status: 1]
    ");
    assert_snapshot!(of_machine(machine.verify(&["--fingerprint", ""])), @"
    fail  machine      bound to `k8s:2d3c`, and no value was supplied for this machine
    ------- stderr -------
    mintage: error[machine-unreadable]: bound to `k8s:2d3c`, and no value was supplied for this machine
    mintage: hint: run with the rights to read it, or supply the value with --fingerprint
    [exit status: 3]
    ");
    assert_snapshot!(of_machine(machine.verify(&[])), @"
    fail  machine      bound to `k8s:2d3c`, and no value was supplied for this machine
    ------- stderr -------
    mintage: error[machine-unreadable]: bound to `k8s:2d3c`, and no value was supplied for this machine
    mintage: hint: run with the rights to read it, or supply the value with --fingerprint
    [exit status: 3]
    ");
    done(&machine.verify(&["--any-machine"]));
}

#[test]
fn a_license_holds_on_its_machine_and_not_on_a_copy_of_its_disk() {
    let bench = Bench::new();
    let machine = Machine::physical(&bench, "machine", "00:1b:21:aa:bb:01", "S3Z9NB0K123456");
    done(&machine.fingerprint(&["--product", "acme", "-q", "-o", "fp.json"]));
    bench.mint_bound("@fp.json");
    assert_snapshot!(of_machine(machine.verify(&[])), @"
    pass  machine      7 of 7 points match and 4 are needed
    [exit status: 0]
    ");
    let copy = Machine::physical(&bench, "copy", "00:1b:21:aa:bb:02", "S3Z9NB0K999999");
    assert_snapshot!(of_machine(copy.verify(&[])), @"
    fail  machine      3 of 7 points match and 4 are needed; changed: disk.root, net.mac
    ------- stderr -------
    mintage: error[wrong-machine]: 3 of 7 points match and 4 are needed; changed: disk.root, net.mac
    mintage: hint: run `mintage fingerprint` there and send the result to the issuer
    [exit status: 1]
    ");
    done(&copy.verify(&["--any-machine"]));
    let repaired = Machine::physical(&bench, "repaired", "00:1b:21:aa:bb:02", "S3Z9NB0K123456");
    assert_snapshot!(repaired.fingerprint(&["--against", "license.lic"]), @"
    MATCH WITH DRIFT 5 of 7 (needs 4)
    component      outcome    weight  note
    disk.root      unchanged  2
    net.mac        changed    2
    os.machine-id  unchanged  3
    ------- stderr -------
    mintage: license lic-1 itself was not verified; `mintage verify` does that
    mintage: warning: one more change (disk.root or os.machine-id) would break this binding; ask for a new one now
    [exit status: 0]
    ");
}

#[test]
fn a_machine_is_compared_with_a_fingerprint() {
    let bench = Bench::new();
    bench.write("cluster", CLUSTER);
    bench.write("other-cluster", "7c0b1a7e-2d3c-4a59-9a0e-7a0a5a1c9f10");
    let supplied = ["--component", "k8s.cluster-uid=@cluster"];
    let machine = Machine::of_cloud(&bench, "machine", ID, INSTANCE);
    done(&machine.fingerprint(&["-q", "-o", "fp.json", supplied[0], supplied[1]]));
    let against =
        |machine: &Machine<'_>, more: &[&str]| machine.fingerprint(&[&["--against", "fp.json"], more].concat());
    assert_snapshot!(against(&machine, &supplied), @"
    MATCH 11 of 11 (needs 6)
    component          outcome    weight  note
    cloud.instance-id  unchanged  4
    k8s.cluster-uid    unchanged  4
    os.machine-id      unchanged  3
    [exit status: 0]
    ");
    let drifted = Machine::of_cloud(&bench, "drifted", OTHER_ID, INSTANCE);
    assert_snapshot!(against(&drifted, &supplied), @"
    MATCH WITH DRIFT 8 of 11 (needs 6)
    component          outcome    weight  note
    cloud.instance-id  unchanged  4
    k8s.cluster-uid    unchanged  4
    os.machine-id      changed    3
    ------- stderr -------
    mintage: warning: one more change (cloud.instance-id or k8s.cluster-uid) would break this binding; ask for a new one now
    [exit status: 0]
    ");
    assert_snapshot!(against(&drifted, &["--component", "k8s.cluster-uid=@other-cluster"]), @"
    MISMATCH 4 of 11 (needs 6)
    component          outcome    weight  note
    cloud.instance-id  unchanged  4
    k8s.cluster-uid    changed    4
    os.machine-id      changed    3
    ------- stderr -------
    mintage: error[wrong-machine]: 4 of 11 points match and 6 are needed; changed: k8s.cluster-uid, os.machine-id
    mintage: hint: run `mintage fingerprint` there and send the result to the issuer
    [exit status: 1]
    ");
    assert_snapshot!(against(&drifted, &[]), @"
    UNREADABLE 4 of 11 (needs 6)
    component          outcome    weight  note
    cloud.instance-id  unchanged  4
    k8s.cluster-uid    not read   4
    os.machine-id      changed    3
    ------- stderr -------
    mintage: error[machine-unreadable]: 4 of 11 points match and 6 are needed; changed: os.machine-id; not read: k8s.cluster-uid
    mintage: hint: supply --component k8s.cluster-uid=@FILE
    [exit status: 3]
    ");
    assert_snapshot!(against(&drifted, &["--json"]), @r#"
    {"components":[{"name":"cloud.instance-id","note":"","outcome":"unchanged","veto":false,"weight":4},{"name":"k8s.cluster-uid","note":"","outcome":"not-read","veto":false,"weight":4},{"name":"os.machine-id","note":"","outcome":"changed","veto":false,"weight":3}],"detail":"4 of 11 points match and 6 are needed; changed: os.machine-id; not read: k8s.cluster-uid","fragile":[],"kind":"fingerprint","outcome":"unreadable","refusals":[{"code":"machine-unreadable","hint":"run with the rights to read it, or supply the value with --fingerprint","message":"4 of 11 points match and 6 are needed; changed: os.machine-id; not read: k8s.cluster-uid"}],"repairs":[],"score":4,"threshold":6,"total":11,"verified":false}
    ------- stderr -------
    mintage: error[machine-unreadable]: 4 of 11 points match and 6 are needed; changed: os.machine-id; not read: k8s.cluster-uid
    mintage: hint: supply --component k8s.cluster-uid=@FILE
    [exit status: 3]
    "#);
    assert_snapshot!(against(&machine, &["--profile", "vm"]), @"
    ------- stderr -------
    mintage: error[usage]: the argument '--against <DOC>' cannot be used with '--profile <KIND>'

    Usage: mintage fingerprint --sysroot <DIR> --against <DOC>

    For more information, try '--help'.
    [exit status: 2]
    ");
}

#[test]
fn a_copy_of_a_virtual_machine_is_told_by_its_instance() {
    let bench = Bench::new();
    let machine = Machine::of_cloud(&bench, "machine", ID, INSTANCE);
    done(&machine.fingerprint(&["-q", "--profile", "vm", "-o", "fp.json"]));
    assert_snapshot!(machine.fingerprint(&["--against", "fp.json"]), @"
    MATCH 7 of 7 (needs 7)
    component          outcome    weight  note
    cloud.instance-id  unchanged  4
    os.machine-id      unchanged  3
    ------- stderr -------
    mintage: a change of cloud.instance-id or os.machine-id alone would break this binding
    [exit status: 0]
    ");
    let copy = Machine::of_cloud(&bench, "copy", ID, "i-0fedcba9876543210");
    assert_snapshot!(copy.fingerprint(&["--against", "fp.json"]), @"
    MISMATCH 3 of 7 (needs 7)
    component          outcome    weight  note
    cloud.instance-id  changed    4
    os.machine-id      unchanged  3
    ------- stderr -------
    mintage: error[wrong-machine]: 3 of 7 points match and 7 are needed; changed: cloud.instance-id; cloud.instance-id must not change
    mintage: hint: run `mintage fingerprint` there and send the result to the issuer
    [exit status: 1]
    ");
}

#[test]
fn a_license_is_compared_without_a_key_and_after_mail() {
    let bench = Bench::new();
    bench.write("salt.json", SALT);
    let machine = Machine::of_cloud(&bench, "machine", ID, INSTANCE);
    bench.mint_bound(done(&machine.fingerprint(&["--salt-from", "salt.json", "-q"])));
    let token = bench.read("license.lic");
    assert_snapshot!(machine.fingerprint(&["--against", &token]), @"
    MATCH 7 of 7 (needs 4)
    component          outcome    weight  note
    cloud.instance-id  unchanged  4
    os.machine-id      unchanged  3
    ------- stderr -------
    mintage: license lic-1 itself was not verified; `mintage verify` does that
    mintage: a change of cloud.instance-id alone would break this binding
    [exit status: 0]
    ");
    let (half, rest) = token.split_at(76);
    let mailed = format!("{half}\r\n{rest}\r\n");
    let outcome = bench.run_with(["-q", "fingerprint", "--sysroot", "machine", "--against", "-"], mailed);
    assert!(done(&outcome).starts_with("MATCH 7 of 7 (needs 4)\n"), "{outcome}");
    let unbound = bench.mint(&["--tenant", "acme", "--expires", "never"]);
    assert_snapshot!(machine.fingerprint(&["--against", &unbound]), @"
    UNBOUND the license is bound to no machine
    ------- stderr -------
    mintage: license lic-1 itself was not verified; `mintage verify` does that
    [exit status: 0]
    ");
    assert_snapshot!(machine.fingerprint(&["--against", &unbound, "--json", "-q"]), @r#"
    {"kind":"license","licenseId":"lic-1","outcome":"unbound","refusals":[],"repairs":[],"verified":false}
    [exit status: 0]
    "#);
    bench.write("secret", "0123456789abcdef0123456789abcdef");
    let sealed = bench.mint(&["--tenant", "acme", "--expires", "never", "--fingerprint", "node-7", "--seal", "secret"]);
    assert_snapshot!(machine.fingerprint(&["--against", &sealed]), @"
    ------- stderr -------
    mintage: error[sealed]: the license is sealed, so which machine it is bound to cannot be seen
    mintage: hint: name the secret with --unseal
    [exit status: 3]
    ");
    assert_snapshot!(
        machine.fingerprint(&["--against", &sealed, "--unseal", "secret", "--fingerprint-value", "Node-7"]), @"
    MISMATCH bound to `node-7`, this machine is `Node-7`; they differ only in case or white space
    ------- stderr -------
    mintage: license lic-1 itself was not verified; `mintage verify` does that
    mintage: error[wrong-machine]: bound to `node-7`, this machine is `Node-7`; they differ only in case or white space
    mintage: hint: run `mintage fingerprint` there and send the result to the issuer
    [exit status: 1]
    "
    );
}

#[test]
fn what_holds_no_fingerprint_is_named() {
    let bench = Bench::new();
    let machine = Machine::new(&bench, "machine", ID);
    let mut refusals = Vec::new();
    for text in [
        r#"{"format":"fp2","components":7}"#,
        r#"{"payload":"","payloadType":"application/vnd.mintage.proof+json","signatures":[]}"#,
        r#"{"max_apps":3}"#,
        r#"{"format":"fp1","format":"fp1"}"#,
        r#""a\u0000b""#,
        &fs::read_to_string(example("vendor.pub")).unwrap(),
    ] {
        bench.write("other", text);
        let outcome = machine.fingerprint(&["--against", "other"]);
        assert_eq!(outcome.status, Some(1), "{outcome}");
        refusals.push(outcome.stderr().lines().next().unwrap().to_owned());
    }
    assert_snapshot!(refusals.join("\n"), @r#"
    mintage: error[unsupported]: the fingerprint has the format `fp2`, which needs a newer mintage
    mintage: error[wrong-kind]: this is a signed envelope, neither a fingerprint nor a license
    mintage: error[wrong-kind]: this is a JSON document without a `format`, neither a fingerprint nor a license
    mintage: error[duplicate-member]: the member `format` stands twice in one object
    mintage: error[malformed]: the member `fingerprint` must be 1..=1024 bytes without control characters, and without white space at either end, and is the string `a\0b`
    mintage: error[wrong-kind]: this is a key, not a license
    "#);
}

#[test]
fn what_is_supplied_has_a_name_of_its_own() {
    let bench = Bench::new();
    bench.write("asset", "A-17\n");
    bench.write("exact.json", "\"node-7\"\n");
    let machine = Machine::new(&bench, "machine", ID);
    let refusals = [
        &["--component", "x.asset"][..],
        &["--component", "net.mac=@asset"],
        &["--component", "x.asset=@asset", "--component", "x.asset=@asset"],
        &["--component", "x.asset=none"],
        &["--salt-from", "exact.json"],
    ]
    .map(|arguments| machine.fingerprint(arguments).stderr().lines().next().unwrap().to_owned());
    assert_snapshot!(refusals.join("\n"), @"
    mintage: error[usage]: `x.asset` is not NAME=@FILE
    mintage: error[usage]: the component `net.mac` cannot be supplied
    mintage: error[usage]: the component `x.asset` is supplied twice
    mintage: error[usage]: the component `x.asset` cannot be used: placeholder, value `none` is not unique; not used
    mintage: error[wrong-kind]: --salt-from `exact.json`: it holds no fp1 fingerprint, and so no salt
    ");
}

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
