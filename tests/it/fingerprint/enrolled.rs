//! Enrolment, and what explains it.

use insta::assert_snapshot;

use super::{ID, INSTANCE, Machine, SALT, UUID, done};
use crate::harness::Bench;

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
