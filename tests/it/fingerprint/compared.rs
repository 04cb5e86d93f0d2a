//! `fingerprint --against`.

use std::fs;

use insta::assert_snapshot;

use super::{CLUSTER, ID, INSTANCE, Machine, OTHER_ID, SALT, done};
use crate::harness::{Bench, example};

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
    mintage: hint: name the issuer's secret for it with --unseal
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
