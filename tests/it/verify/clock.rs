//! The clock of the machine, moved beneath the program by libfaketime.
#![cfg(unix)]

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
    assert_eq!(verify_at(&bench, "+0s").status, Some(0));
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
