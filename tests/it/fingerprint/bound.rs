//! Exact values, and licenses bound to a machine.

use insta::assert_snapshot;

use super::{ID, Machine, done, of_machine};
use crate::harness::{Bench, ISSUED, example};

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
    mintage: hint: name this machine's value with --fingerprint
    [exit status: 3]
    ");
    assert_snapshot!(of_machine(machine.verify(&[])), @"
    fail  machine      bound to `k8s:2d3c`, and no value was supplied for this machine
    ------- stderr -------
    mintage: error[machine-unreadable]: bound to `k8s:2d3c`, and no value was supplied for this machine
    mintage: hint: name this machine's value with --fingerprint
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
