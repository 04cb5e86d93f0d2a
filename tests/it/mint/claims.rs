//! Every claim, and the forms its flag takes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use insta::assert_snapshot;

use crate::harness::Outcome;
use crate::verify::{TERM, bench, words};

pub(crate) fn decode(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

/// The payload that was signed.
pub(super) fn payload(outcome: &Outcome) -> String {
    assert_eq!(outcome.status, Some(0), "{outcome}");
    String::from_utf8(decode(outcome.stdout().split('.').next().unwrap())).unwrap()
}

#[test]
fn every_flag_gives_its_claim() {
    let bench = bench();
    let mut arguments = words("--tenant acme --expires 2026-12-31 --product editor --tier Gold --limit max_apps=25");
    arguments.extend(words("--limit max_users=0 --feature reports --feature audit --grace-days 14 --seats 5"));
    arguments.extend(words("--not-before 2026-01-02T03:04:05Z --max-activations 3 --activation proof"));
    arguments.extend(words("--fingerprint node-1 --maintenance-until 2027-06-30"));
    arguments.extend(words("--meta order=A-1 --meta note=a=b --max-foo-bar 7 --max-environments=2"));
    arguments.extend(["--label", "Acme Production"]);
    assert_snapshot!(payload(&bench.minting(&[&["-q"], &arguments[..]].concat())), @r#"{"activation":"proof","exp":1798761599,"features":["reports","audit"],"fingerprint":"node-1","gracePeriodDays":14,"iat":1767225600,"kid":"ec192ae06d2b6cb0","label":"Acme Production","licenseId":"lic-1","limits":{"max_apps":25,"max_environments":2,"max_foo_bar":7,"max_users":0},"maintenanceUntil":1814399999,"maxActivations":3,"meta":{"note":"a=b","order":"A-1"},"nbf":1767323045,"product":"editor","seats":5,"tenantId":"acme","tier":"Gold"}"#);
}

#[test]
fn a_time_is_understood_in_each_of_its_forms() {
    let bench = bench();
    for (when, seconds, echo) in [
        ("2027-01-31", 1_801_439_999, "2027-01-31T23:59:59Z"),
        ("2027-01-31T12:00:00Z", 1_801_396_800, "2027-01-31T12:00:00Z"),
        ("2027-01-31T12:00:00+02:00", 1_801_389_600, "2027-01-31T10:00:00Z"),
        ("90d", 1_775_001_600, "2026-04-01T00:00:00Z"),
        ("12h", 1_767_268_800, "2026-01-01T12:00:00Z"),
        ("2w", 1_768_435_200, "2026-01-15T00:00:00Z"),
        ("never", 253_402_300_799_i64, "never expires"),
    ] {
        let outcome = bench.minting(&["--tenant", "acme", "--expires", when]);
        assert!(payload(&outcome).contains(&format!("\"exp\":{seconds},")), "{when}: {}", payload(&outcome));
        assert!(outcome.stderr().contains(echo), "{when}: {outcome}");
    }
}

#[test]
fn a_tier_brings_its_features() {
    let bench = bench();
    for (arguments, features) in [
        (vec!["--tier", "Free"], r#""features":["api.validate"]"#),
        (
            vec!["--tier", "licensed"],
            r#""features":["vsix.publish","vsix.watch","vsix.explorer","api.validate","cp.publish"]"#,
        ),
        (vec!["--tier", "Enterprise"], r#""features":["*"]"#),
        (vec!["--tier", "Enterprise", "--feature", "reports"], r#""features":["reports"]"#),
    ] {
        let payload = payload(&bench.minting(&[&TERM[..], &["-q"], &arguments].concat()));
        assert!(payload.contains(features), "{arguments:?}: {payload}");
    }
    let other = payload(&bench.minting(&[&TERM[..], &["-q", "--tier", "Gold"]].concat()));
    assert!(!other.contains("features"), "{other}");
}

#[test]
fn what_is_not_understood_is_2_and_says_why() {
    let bench = bench();
    assert_snapshot!(bench.minting(&["-q", "--expires", "90d"]), @"
    ------- stderr -------
    mintage: error[usage]: the license needs `tenantId`
    mintage: hint: name the tenant with --tenant
    [exit status: 2]
    ");
    assert_snapshot!(bench.minting(&["-q", "--tenant", "acme"]), @"
    ------- stderr -------
    mintage: error[usage]: the license needs `exp`
    mintage: hint: say when with --expires: 2027-01-31, 90d or never
    [exit status: 2]
    ");
    assert_snapshot!(bench.minting(&["-q", "--tenant", "acme", "--expires", "tomorrow"]), @"
    ------- stderr -------
    mintage: error[usage]: `exp`: `tomorrow` is not a time
    mintage: hint: write 2027-01-31, 2027-01-31T12:00:00Z, 90d, 12h, 2w or never
    [exit status: 2]
    ");
    assert_snapshot!(bench.minting(&["-q", "--tenant", "acme", "--expires", "2025-12-31"]), @"
    ------- stderr -------
    mintage: error[usage]: the license would begin at 2026-01-01T00:00:00Z and end before that, at 2025-12-31T23:59:59Z
    mintage: hint: give an end that comes after the beginning
    [exit status: 2]
    ");
    assert_snapshot!(bench.minting(&["--tenant", "acme", "--expires", "90d", "--max-apps"]), @"
    ------- stderr -------
    mintage: error[usage]: invalid value 'max_apps=' for '--limit <KEY=N>': the value must be an integer in 0..=9223372036854775807; `--max-apps N` is short for it

    For more information, try '--help'.
    [exit status: 2]
    ");
    assert_snapshot!(bench.minting(&["--tenant", "acme", "--expires", "90d", "--seats", "-1"]), @"
    ------- stderr -------
    mintage: error[usage]: invalid value '-1' for '--seats <N>': the value must be an integer in 0..=9223372036854775807

    For more information, try '--help'.
    [exit status: 2]
    ");
    let long = "x".repeat(1_025);
    for arguments in [
        vec!["--limit", "max_apps"],
        vec!["--limit", "=3"],
        vec!["--limit", "max_apps=many"],
        vec!["--limit", "max_apps=-1"],
        vec!["--limit", "max_apps=9223372036854775808"],
        vec!["--limit", "max_apps=1", "--limit", "max_apps=2"],
        vec!["--max-apps", "1", "--limit", "max_apps=2"],
        vec!["--max-apps"],
        vec!["--max-apps", "many"],
        vec!["--meta", "a=1", "--meta", "a=2"],
        vec!["--meta", "=1"],
        vec!["--grace-days", "3651"],
        vec!["--grace-days", "-1"],
        vec!["--seats", "1.5"],
        vec!["--seats", "9223372036854775808"],
        vec!["--max-activations", "18446744073709551615"],
        vec!["--activation", "maybe"],
        vec!["--not-before", "2027-01-01"],
        vec!["--expires", "2900000000d"],
        vec!["--expires", "10000-01-01T00:00:00Z"],
        vec!["--expires", "2026-02-29"],
        vec!["--label", ""],
        vec!["--label", &long],
        vec!["--feature", ""],
        vec!["--plan", "pro"],
        vec!["--resume"],
        vec!["--wat"],
        vec!["stray"],
    ] {
        let expires: &[&str] = if arguments.contains(&"--expires") { &[] } else { &["--expires", "2026-12-31"] };
        let outcome = bench.minting(&[&["-q", "--tenant", "acme"][..], expires, &arguments].concat());
        assert_eq!((outcome.status, outcome.stdout()), (Some(2), ""), "{arguments:?}: {outcome}");
        assert!(outcome.stderr().starts_with("mintage: error[usage]: "), "{arguments:?}: {outcome}");
    }
}

#[test]
fn a_key_that_is_given_twice_is_named() {
    let bench = bench();
    assert_snapshot!(bench.minting(&[&TERM[..], &["-q", "--max-apps", "1", "--limit", "max_apps=2"]].concat()), @"
    ------- stderr -------
    mintage: error[usage]: --limit names `max_apps` twice
    mintage: hint: give each key once
    [exit status: 2]
    ");
}

#[test]
fn characters_that_steer_or_hide_are_not_signed() {
    let bench = bench();
    for hostile in
        ["\u{1b}[2J", "\u{7f}", "\u{9b}", "\u{202e}", "\u{200b}", "\n", "\t", "\u{2066}", "\u{feff}", "\u{e0041}"]
    {
        let text = format!("a{hostile}b");
        let pair = format!("a{hostile}b=1");
        let meta = format!("k={text}");
        for arguments in [
            ["--tenant", &text],
            ["--label", &text],
            ["--product", &text],
            ["--tier", &text],
            ["--feature", &text],
            ["--id", &text],
            ["--limit", &pair],
            ["--meta", &meta],
            ["--meta", &pair],
            ["--fingerprint", &text],
        ] {
            let mut all = vec!["mint", "-q", "--dry-run", "--tenant", "acme", "--expires", "90d"];
            if arguments[0] == "--tenant" {
                all.drain(3..5);
            }
            let outcome = bench.run(all.iter().chain(&arguments));
            assert!(matches!(outcome.status, Some(1 | 2)), "{arguments:?}: {outcome}");
            assert!(outcome.stdout().is_empty(), "{arguments:?}: {outcome}");
        }
    }
    assert_snapshot!(bench.minting(&[&TERM[..], &["-q", "--label", "a\u{202e}b"]].concat()), @"
    ------- stderr -------
    mintage: error[usage]: `label` holds the control or invisible character U+202E
    mintage: hint: write it as plain text of 1 to 1,024 bytes
    [exit status: 2]
    ");
}

#[test]
fn a_tier_is_spelled_in_one_way() {
    let bench = bench();
    for (tier, expected) in [("free", "Free"), ("ENTERPRISE", "Enterprise"), ("gold", "gold")] {
        let minted = payload(&bench.minting(&["-q", "--tenant", "acme", "--expires", "2026-12-31", "--tier", tier]));
        assert!(minted.contains(&format!(r#""tier":"{expected}""#)), "{minted}");
    }
}
