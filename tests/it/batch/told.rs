//! What a batch says of its times, and what `--verify` holds it to.

use insta::assert_snapshot;

use crate::verify::{bench, words};

#[test]
fn the_times_of_the_command_line_are_said_once() {
    let bench = bench();
    bench.write("rows.csv", "tenantId\na\nb\n");
    let mut arguments = words("--batch rows.csv --expires never --not-before 2026-01-01T12:00:00Z");
    arguments.extend(words("--maintenance-until 12h -o out.jsonl"));
    assert_snapshot!(bench.mint_batch(&arguments), @"
    ------- stderr -------
    mintage: where a row says nothing else: never expires; issued 2026-01-01T00:00:00Z; not valid before 2026-01-01T12:00:00Z; maintenance until 2026-01-01T12:00:00Z
    mintage: minted 2 licenses, signed by key ec192ae06d2b6cb0
    [exit status: 0]
    ");
    assert_snapshot!(bench.mint_batch(&words("-q --batch rows.csv --expires soon")), @"
    ------- stderr -------
    mintage: error[usage]: `exp`: `soon` is not a time
    mintage: hint: write 2027-01-31, 2027-01-31T12:00:00Z, 90d, 12h, 2w or never
    [exit status: 2]
    ");
}

#[test]
fn one_license_is_not_licenses() {
    let bench = bench();
    bench.write("rows.csv", "tenantId,exp\na,never\n");
    assert_snapshot!(bench.mint_batch(&words("--batch rows.csv -o out.jsonl")).stderr(), @"
    mintage: where a row says nothing else: issued 2026-01-01T00:00:00Z
    mintage: minted 1 license, signed by key ec192ae06d2b6cb0
    ");
}

#[test]
fn licenses_that_would_be_refused_today_are_counted() {
    let bench = bench();
    let rows =
        "tenantId,exp,iat,nbf\na,2026-02-01,,\nb,2026-03-01,,\nc,never,9000-01-01,\nd,never,,9000-01-02\ne,never,,\n";
    bench.write("rows.csv", rows);
    let outcome = bench.mint_batch(&words("--batch rows.csv -o out.jsonl"));
    assert_eq!(outcome.status, Some(0), "{outcome}");
    // The day on which it runs is the only thing that may differ.
    let (before, after) = outcome.stderr().split_once("later than now, ").unwrap();
    let without_now = format!("{before}later than now, NOW{}", &after["2026-01-01T00:00:00Z".len()..]);
    assert_snapshot!(without_now, @"
    mintage: where a row says nothing else: issued 2026-01-01T00:00:00Z
    mintage: warning: 1 of 5 licenses would be issued later than now, NOW: refused with `clock-behind`, the last of them until 9000-01-01T23:59:59Z
    mintage: warning: 2 of 5 licenses will have expired already, the first of them at 2026-02-01T23:59:59Z
    mintage: warning: 1 of 5 licenses will be refused with `not-yet-valid`, the last of them until 9000-01-02T23:59:59Z
    mintage: minted 5 licenses, signed by key ec192ae06d2b6cb0
    ");
}

#[test]
fn a_batch_is_verified_before_anything_of_it_is_kept() {
    let bench = bench();
    bench.write("rows.csv", "tenantId,exp,activation,nbf\na,never,proof,\nb,never,,2026-02-01\n");
    bench.write("secret", [7; 32]);
    let line = words("-q --batch rows.csv -o out.jsonl --verify");
    let outcome = bench.mint_batch(&[&line[..], &["--trust", "ci.pub"]].concat());
    assert_snapshot!(outcome, @"
    ------- stderr -------
    mintage: error[unknown-key]: the license of row 1 does not verify: signed by key ec192ae06d2b6cb0, which is not among the trusted keys
    mintage: hint: ask the issuer for that public key and name it with --trust
    [exit status: 3]
    ");
    assert!(!bench.path("out.jsonl").exists() && !bench.path("out.jsonl.partial").exists());
    let printed = bench.mint_batch(&words("-q --batch rows.csv --verify --trust ci.pub"));
    assert_eq!((printed.status, printed.stdout()), (Some(3), ""));
    for more in [&["--trust", "vendor.pub"][..], &[], &["--seal", "secret"]] {
        let outcome = bench.mint_batch(&[&line[..], &["--force"], more].concat());
        assert_eq!((outcome.status, bench.read("out.jsonl").lines().count()), (Some(0), 2), "{outcome}");
    }
}
