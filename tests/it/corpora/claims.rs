//! The claims: duplicates of every member, every type in every place, and the edges of every number.

use mintage::code::Code;
use mintage::json::{self, JsonError};
use mintage::license::{License, LicenseError};
use mintage::operation::verify::{self, Against};
use mintage::policy::Context;
use mintage::time::{DAY, Timestamp};
use mintage::token::Token;
use mintage::verdict::{State, Verdict};

use crate::vectors::crafted::vendor;

/// Every member that a license can have, with a value it may have.
const MEMBERS: [(&str, &str); 22] = [
    ("activation", r#""none""#),
    ("crit", r#"["exp"]"#),
    ("exp", "1798761599"),
    ("expiresAt", "1798761599"),
    ("features", r#"["a"]"#),
    ("fingerprint", r#""node-1""#),
    ("gracePeriodDays", "1"),
    ("iat", "1767225600"),
    ("issuedAt", "1767225600"),
    ("kid", r#""0123456789abcdef""#),
    ("label", r#""l""#),
    ("licenseId", r#""lic-1""#),
    ("limits", r#"{"a":1}"#),
    ("maintenanceUntil", "1798761599"),
    ("maxActivations", "1"),
    ("meta", r#"{"a":"b"}"#),
    ("nbf", "1767225600"),
    ("product", r#""p""#),
    ("seats", "1"),
    ("tenantId", r#""acme""#),
    ("tier", r#""Free""#),
    ("typ", r#""license""#),
];

/// One value of each JSON type: the integer and the fraction are two.
const TYPES: [&str; 8] = ["null", "true", "7", "1.5", r#""x""#, "[]", "{}", "-1"];

fn read(payload: &str) -> Result<License, LicenseError> {
    License::from_members(json::parse(payload.as_bytes())?.into_object("payload")?)
}

/// A payload with the four required claims, those left out that the member stands for, and the member's own text.
fn payload_with(name: &str, member: &str) -> String {
    let required =
        [("exp", "1798761599"), ("iat", "1767225600"), ("licenseId", r#""lic-1""#), ("tenantId", r#""acme""#)];
    let stands_for = match name {
        "expiresAt" => "exp",
        "issuedAt" => "iat",
        name => name,
    };
    let others = required.iter().filter(|(other, _)| *other != stands_for);
    let others: Vec<_> = others.map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{},{member}}}", others.join(","))
}

#[test]
fn every_member_is_read_once() {
    for (name, value) in MEMBERS {
        assert!(read(&payload_with(name, &format!("\"{name}\":{value}"))).is_ok(), "{name}");
        let escaped = name.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect::<Vec<_>>().concat();
        for (first, second) in [(name, name), (name, escaped.as_str()), (escaped.as_str(), name)] {
            for (one, two) in [(value, "null"), ("null", value), (value, value)] {
                let payload = payload_with(name, &format!("\"{first}\":{one},\"{second}\":{two}"));
                let error = read(&payload).unwrap_err();
                assert_eq!(error, LicenseError::Json(JsonError::Duplicate(name.to_owned())), "{payload}");
            }
        }
    }
    for (name, other) in [("exp", "expiresAt"), ("expiresAt", "exp"), ("iat", "issuedAt"), ("issuedAt", "iat")] {
        let payload = payload_with(name, &format!("\"{name}\":1798761599,\"{other}\":1798761599"));
        assert!(matches!(read(&payload), Err(LicenseError::Json(JsonError::Duplicate(_)))), "{payload}");
    }
    for nested in [
        r#""limits":{"a":1,"a":2}"#,
        r#""limits":{"a":1,"\u0061":2}"#,
        r#""meta":{"a":"b","a":"b"}"#,
        r#""x":[{"a":{"b":1,"b":1}}]"#,
    ] {
        assert!(
            matches!(read(&payload_with("", nested)), Err(LicenseError::Json(JsonError::Duplicate(_)))),
            "{nested}"
        );
    }
}

#[test]
fn a_wrong_type_is_refused_wherever_it_stands() {
    // What of `TYPES` each member takes.
    let takes = |name: &str| -> &[&str] {
        match name {
            "exp" | "expiresAt" | "iat" | "issuedAt" | "nbf" | "maintenanceUntil" | "gracePeriodDays"
            | "maxActivations" | "seats" => &["7"],
            "label" | "product" | "tier" | "licenseId" | "tenantId" | "fingerprint" => &[r#""x""#],
            "features" | "crit" => &["[]"],
            "limits" | "meta" => &["{}"],
            _ => &[],
        }
    };
    let mut refused = 0;
    for (name, _) in MEMBERS {
        for value in TYPES {
            let payload = payload_with(name, &format!("\"{name}\":{value}"));
            let result = read(&payload);
            assert_eq!(result.is_ok(), takes(name).contains(&value), "{payload}: {result:?}");
            if let Err(error) = result {
                let expected = if (name, value) == ("typ", r#""x""#) { Code::WrongKind } else { Code::Malformed };
                assert_eq!(error.code(), expected, "{payload}: {error}");
                refused += 1;
            }
        }
        for (inside, member) in [("limits", r#"{"a":V}"#), ("meta", r#"{"a":V}"#), ("features", "[V]"), ("crit", "[V]")]
        {
            for value in TYPES {
                let payload = payload_with("", &format!("\"{inside}\":{}", member.replace('V', value)));
                let good = matches!((inside, value), ("limits", "7") | ("meta" | "features", r#""x""#));
                assert_eq!(read(&payload).is_ok(), good, "{payload}");
            }
        }
    }
    assert!(refused > 140, "{refused}");
}

fn verdict(license: &License, now: i64) -> Verdict {
    let token = Token::mint(license.clone(), &vendor());
    let keyring = vendor().public().into();
    let context = Context::at(Timestamp::from_seconds(now).unwrap());
    verify::license(token.as_str(), Against { keyring: &keyring, context: &context, secret: None }).verdict
}

/// Where the numbers of time change what they mean.
const EDGES: [i64; 20] = [
    0,
    1,
    59,
    60,
    299,
    300,
    301,
    86_399,
    86_400,
    86_401,
    315_360_000,
    2_147_483_647,
    2_147_483_648,
    4_294_967_295,
    4_294_967_296,
    253_402_214_400,
    253_402_300_498,
    253_402_300_499,
    253_402_300_798,
    253_402_300_799,
];

#[test]
fn every_edge_of_time_is_exact_to_the_second() {
    let last = Timestamp::NEVER.seconds();
    let time = |seconds| Timestamp::from_seconds(seconds).unwrap();
    let mut judged = 0;
    for end in EDGES {
        for days in [0_u16, 1, 3_650] {
            let mut license = License::new("lic-1".to_owned(), "acme".to_owned(), time(0), time(end));
            license.grace_period_days = days;
            let grace = (end + i64::from(days) * DAY).min(last);
            for edge in [end, grace] {
                for moment in [edge - 1, edge, edge + 1] {
                    if !(0..=last).contains(&moment) {
                        continue;
                    }
                    let expected = if moment <= end {
                        State::Active
                    } else if moment <= grace {
                        State::Grace
                    } else {
                        State::Expired
                    };
                    let verdict = verdict(&license, moment);
                    assert_eq!(
                        (verdict.state, verdict.is_valid()),
                        (expected, expected != State::Expired),
                        "{end}+{days}d at {moment}"
                    );
                    judged += 1;
                }
            }
        }
        for moment in [end - 1, end, end + 1].into_iter().filter(|moment| (0..=last).contains(moment)) {
            let mut license = License::new("lic-1".to_owned(), "acme".to_owned(), time(0), time(last));
            license.not_before = Some(time(end));
            let codes: Vec<Code> = verdict(&license, moment).refusals.iter().map(|refusal| refusal.code).collect();
            assert_eq!(codes, if moment < end { vec![Code::NotYetValid] } else { vec![] }, "nbf {end} at {moment}");
        }
        for moment in [end - 301, end - 300, end - 299, end].into_iter().filter(|moment| *moment >= 0) {
            let license = License::new("lic-1".to_owned(), "acme".to_owned(), time(end), time(last));
            let codes: Vec<Code> = verdict(&license, moment).refusals.iter().map(|refusal| refusal.code).collect();
            assert_eq!(
                codes,
                if end - moment > 300 { vec![Code::ClockBehind] } else { vec![] },
                "iat {end} at {moment}"
            );
        }
    }
    assert!(judged > 250, "{judged}");
}

#[test]
fn numbers_outside_their_range_are_refused() {
    let outside = [
        "-1",
        "253402300800",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "1e1000",
        "1.0",
        "-0",
        "0.0",
        "1E3",
        "00",
        "+1",
        ".5",
        "5.",
    ];
    for name in ["exp", "iat", "nbf", "maintenanceUntil", "expiresAt", "issuedAt"] {
        for number in outside {
            let payload = payload_with(name, &format!("\"{name}\":{number}"));
            assert_eq!(read(&payload).unwrap_err().code(), Code::Malformed, "{payload}");
        }
        for edge in EDGES {
            assert!(read(&payload_with(name, &format!("\"{name}\":{edge}"))).is_ok(), "{name} {edge}");
        }
    }
    for (days, good) in [
        ("-1", false),
        ("0", true),
        ("1", true),
        ("3650", true),
        ("3651", false),
        ("2147483647", false),
        ("65536", false),
        ("18446744073709551615", false),
    ] {
        let payload = payload_with("", &format!("\"gracePeriodDays\":{days}"));
        assert_eq!(read(&payload).is_ok(), good, "{payload}");
    }
}
