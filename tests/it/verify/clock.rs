//! The clock of the machine, moved beneath the program by libfaketime.
#![cfg(unix)]

use mintage::time::Timestamp;

use super::bench;
use crate::harness::{Bench, Outcome, feed};
use crate::interop::present;

/// Verifies with the clock moved by a span such as `-1h`.
fn verify_at(bench: &Bench, moved: &str) -> Outcome {
    let mut command = bench.command_of("faketime");
    command.args(["-f", moved]).arg(bench.command().get_program());
    command.args(["verify", "-q", "--json", "--trust", "vendor.pub", "--state", "state.json", "acme.lic"]);
    feed(command, b"")
}

#[test]
fn a_clock_that_was_set_back_is_found_by_what_was_seen() {
    if !present("faketime", ["-f", "+0s", "true"]) {
        return;
    }
    let bench = bench();
    // Issued long ago, so that no time of the license itself stands against an earlier clock.
    let minted = |more: &[&str]| {
        let key = crate::harness::example("vendor.key");
        let line = ["mint", "-q", "--allow-readable-key", "--key", &key, "--tenant", "acme", "--expires", "never"];
        let outcome = bench.run([&line[..], more].concat());
        assert_eq!(outcome.status, Some(0), "{outcome}");
        bench.write("acme.lic", outcome.stdout);
    };
    minted(&["--issued-at", "1990-01-01"]);
    let seen = verify_at(&bench, "+0s");
    assert_eq!(seen.status, Some(0), "{seen}");
    let state = bench.read("state.json");
    // A clock that is corrected by a second or a few minutes is no clock that was set back.
    assert_eq!(verify_at(&bench, "-1s").status, Some(0));
    for moved in ["-1h", "-1d", "-1y"] {
        let outcome = verify_at(&bench, moved);
        assert_eq!(outcome.status, Some(1), "{moved}: {outcome}");
        assert!(outcome.stdout().contains(r#""code":"clock-rolled-back""#), "{moved}: {outcome}");
    }
    assert_eq!(bench.read("state.json"), state, "what was refused, or is earlier, changes nothing");
    // Without what was seen nobody can tell; with something else in its place nobody believes it.
    std::fs::remove_file(bench.path("state.json")).unwrap();
    assert_eq!(verify_at(&bench, "-1d").status, Some(0));
    bench.write("state.json", state.replace("latestSeen", "latestseen"));
    let damaged = verify_at(&bench, "+0s");
    assert!(
        damaged.stdout().contains("the state `state.json` is damaged: the member `latestSeen` is missing"),
        "{damaged}"
    );
    assert_eq!(damaged.status, Some(3));
    bench.write("state.json", &state[..state.len() / 2]);
    assert_eq!(verify_at(&bench, "-1y").status, Some(3));
    // The time of issue is a floor of its own.
    minted(&[]);
    std::fs::remove_file(bench.path("state.json")).unwrap();
    let early = verify_at(&bench, "-1h");
    assert!(early.status == Some(1) && early.stdout().contains(r#""code":"clock-behind""#), "{early}");
    // What was seen is told beside it.
    assert_eq!(verify_at(&bench, "+0s").status, Some(0));
    let both = verify_at(&bench, "-1h");
    for code in [r#""code":"clock-behind""#, r#""code":"clock-rolled-back""#] {
        assert!(both.stdout().contains(code), "{both}");
    }
}

#[test]
fn a_time_that_was_asked_about_is_held_against_what_was_seen_and_seen_itself_once_it_has_come() {
    let bench = bench();
    bench.write("acme.lic", bench.license(&[]));
    let verify = |at: &str| {
        let outcome =
            bench.run(["verify", "acme.lic", "--trust", "vendor.pub", "--state", "state.json", "-q", "--at", at]);
        (outcome.status, outcome.stderr().contains("error[clock-rolled-back]"), bench.read("state.json"))
    };
    let seen = verify("2026-02-01T00:00:00Z");
    assert!(seen.0 == Some(0) && seen.2.contains(r#""latestSeen":1769904000"#), "{seen:?}");
    assert_eq!(verify("2026-01-31T00:00:00Z"), (Some(1), true, seen.2.clone()));
    // Nobody is locked out by a question about the future.
    let renewed = bench.mint(&["--tenant", "acme", "--expires", "never"]);
    bench.write("acme.lic", renewed);
    assert_eq!(verify("2999-01-01T00:00:00Z"), (Some(0), false, seen.2));
}

/// Verifies with the clock of the machine at these seconds since the epoch, and its hands in a zone.
fn verify_in(bench: &Bench, zone: &str, seconds: i64) -> Outcome {
    let mut command = bench.command_of("faketime");
    command.env("TZ", zone).env("FAKETIME_FMT", "%s");
    command.args(["-f", &format!("@{seconds}")]).arg(bench.command().get_program());
    command.args(["verify", "-q", "--json", "--trust", "vendor.pub", "--state", "state.json", "acme.lic"]);
    feed(command, b"")
}

#[test]
fn neither_zones_nor_summer_time_nor_leap_seconds_are_taken_for_a_clock_that_was_set_back() {
    const ZONES: [&str; 8] = [
        "UTC",
        "right/UTC",
        "Pacific/Kiritimati",
        "Etc/GMT+12",
        "America/St_Johns",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "CET-1CEST,M3.5.0,M10.5.0/3",
    ];
    if !present("faketime", ["-f", "+0s", "true"]) {
        return;
    }
    let bench = bench();
    let key = crate::harness::example("vendor.key");
    let line = ["mint", "-q", "--allow-readable-key", "--key", &key, "--tenant", "acme", "--expires", "never"];
    let minted = bench.run(line.iter().chain(&["--issued-at", "1990-01-01"]));
    bench.write("acme.lic", minted.stdout);
    for (event, moment) in [
        ("summer time begins in Berlin", "2026-03-29T01:00:00Z"),
        ("summer time ends in Berlin: an hour comes twice", "2026-10-25T01:00:00Z"),
        ("it ends in Newfoundland", "2026-11-01T04:30:00Z"),
        ("it ends on Lord Howe, by half an hour", "2026-04-04T15:00:00Z"),
        ("a leap second", "2017-01-01T00:00:00Z"),
        ("midnight of a year in UTC", "2027-01-01T00:00:00Z"),
    ] {
        let moment = Timestamp::parse_rfc3339(moment).unwrap().seconds();
        drop(std::fs::remove_file(bench.path("state.json")));
        // One memory goes around the world: what it holds is no time of any place.
        let mut zones = ZONES.iter().cycle();
        let mut answer = |seconds: i64| verify_in(&bench, zones.next().unwrap(), seconds);
        for seconds in (-2..=2).chain([600, 1_799, 1_800, 3_599, 3_600, 3_601]) {
            let told = answer(moment + seconds);
            assert_eq!(told.status, Some(0), "{event}, {seconds} s after it: {told}");
            // A second that is repeated, or a clock that is drawn to the right time by minutes.
            for back in [1, 300] {
                let told = answer(moment + seconds - back);
                assert_eq!(told.status, Some(0), "{event}, {back} s before {seconds} s after it: {told}");
            }
        }
        for zone in ZONES {
            let seen = moment + 3_601;
            assert_eq!(verify_in(&bench, zone, seen - 300).status, Some(0), "{event}, {zone}");
            let alarm = verify_in(&bench, zone, seen - 301);
            assert_eq!(alarm.status, Some(1), "{event}, {zone}: {alarm}");
            assert!(alarm.stdout().contains(r#""code":"clock-rolled-back""#), "{event}, {zone}: {alarm}");
        }
        assert!(bench.read("state.json").contains(&format!("\"latestSeen\":{}", moment + 3_601)), "{event}");
    }
}
