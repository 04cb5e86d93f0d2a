//! What holds of every license that is minted.

use super::*;
use crate::operation::draft::When;

fn moment() -> Moment {
    Moment { now: Timestamp::from_seconds(1_800_000_000).unwrap(), fresh_id: "fresh".to_owned() }
}

fn draft() -> Draft {
    Draft { tenant_id: Some("acme".to_owned()), expires_at: Some(When::Text("90d".to_owned())), ..Draft::default() }
}

#[test]
fn spans_count_from_the_time_of_issue() {
    let mut draft = draft();
    draft.issued_at = Some(When::Text("2026-01-01T00:00:00Z".to_owned()));
    let license = license(draft, None, &moment()).unwrap();
    assert_eq!(license.expires_at.to_string(), "2026-04-01T00:00:00Z");
    assert_eq!(license.license_id, "fresh");
}

#[test]
fn a_tier_brings_its_features_unless_others_are_named() {
    let mut draft = draft();
    draft.tier = Some("Free".to_owned());
    let plain = license(draft.clone(), None, &moment()).unwrap();
    assert_eq!(plain.features, Some(vec!["api.validate".to_owned()]));
    draft.features = Some(vec!["reports".to_owned()]);
    assert_eq!(license(draft, None, &moment()).unwrap().features, Some(vec!["reports".to_owned()]));
}

#[test]
fn features_that_differ_in_case_alone_are_one() {
    let mut draft = draft();
    draft.features = Some(["Reports", "reports", "api", "REPORTS"].map(str::to_owned).to_vec());
    let features = license(draft, None, &moment()).unwrap().features;
    assert_eq!(features, Some(vec!["Reports".to_owned(), "api".to_owned()]));
}

#[test]
fn the_length_of_a_token_is_known_before_it_is_signed() {
    let (key, secret) = (SecretKey::from_seed(&[1; 32]), SealSecret::new(vec![7; 32]).unwrap());
    let mut draft = draft();
    for values in 0..60 {
        draft.meta.insert(format!("k{values}"), "v".repeat(1_000 + values % 20));
        let Ok(license) = license(draft.clone(), None, &moment()) else { break };
        let tokens = [
            (Form::Open, token(license.clone(), &key)),
            (Form::Sealed, sealed_token(&license, &key, &secret, &[3; 12])),
        ];
        for (form, token) in tokens {
            assert_eq!(check_length(&license, form), token.map(drop), "{form:?} {values}");
        }
    }
    assert!(draft.meta.len() > 45 && draft.meta.len() < 60);
}

#[test]
fn the_largest_counts_are_ones_that_verifiers_read() {
    let mut draft = draft();
    (draft.seats, draft.max_activations) = (Some(MAX_COUNT), Some(MAX_COUNT));
    draft.limits = [("max_apps".to_owned(), MAX_COUNT)].into();
    let key = SecretKey::from_seed(&[1; 32]);
    let token = token(license(draft, None, &moment()).unwrap(), &key).unwrap();
    let read = Token::parse(token.as_str()).unwrap().verify(&key.public().into()).unwrap();
    assert_eq!(read.license().unwrap().seats, Some(MAX_COUNT));
}

#[test]
fn refuses_what_no_verifier_should_meet() {
    let refused = |change: fn(&mut Draft)| {
        let mut draft = draft();
        change(&mut draft);
        license(draft, None, &moment()).unwrap_err().to_string()
    };
    assert_eq!(refused(|draft| draft.tenant_id = None), "the license needs `tenantId`");
    assert_eq!(refused(|draft| draft.tenant_id = Some(String::new())), "`tenantId` is empty");
    assert_eq!(
        refused(|draft| draft.label = Some("a\u{202e}b".to_owned())),
        "`label` holds the control or invisible character U+202E"
    );
    assert_eq!(
        refused(|draft| draft.label = Some("x".repeat(1_025))),
        "`label` is 1025 bytes long, and at most 1024 are allowed"
    );
    assert_eq!(
        refused(|draft| draft.grace_period_days = Some(3_651)),
        "3651 days of grace were asked for, and at most 3650 are allowed"
    );
    assert_eq!(
        refused(|draft| draft.seats = Some(MAX_COUNT + 1)),
        "`seats` is 9223372036854775808, and verifiers read at most 9223372036854775807"
    );
    assert_eq!(
        refused(|draft| draft.max_activations = Some(u64::MAX)),
        "`maxActivations` is 18446744073709551615, and verifiers read at most 9223372036854775807"
    );
    assert_eq!(
        refused(|draft| draft.limits = [("max_apps".to_owned(), MAX_COUNT + 1)].into()),
        "`max_apps` is 9223372036854775808, and verifiers read at most 9223372036854775807"
    );
    assert_eq!(
        refused(|draft| draft.expires_at = Some(When::Text("2020-01-01".to_owned()))),
        "the license would begin at 2027-01-15T08:00:00Z and end before that, at 2020-01-01T23:59:59Z"
    );
}
