use super::*;
use crate::key::SecretKey;
use crate::keyring::Keyring;
use crate::license::Activation;
use crate::time::DAY;
use crate::token::Token;
use crate::verdict::Source;

const NOW: i64 = 1_800_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

fn license() -> License {
    License::new("lic-1".to_owned(), "acme".to_owned(), at(NOW - DAY), at(NOW + 10 * DAY))
}

fn verdict(license: License, context: &Context) -> Verdict {
    let key = SecretKey::from_seed(&[1; 32]);
    let token = Token::mint(license, &key);
    judge(&Token::parse(token.as_str()).unwrap().verify(&Keyring::from(key.public())).unwrap(), context)
}

fn codes(verdict: &Verdict) -> Vec<Code> {
    verdict.refusals.iter().map(|refusal| refusal.code).collect()
}

#[test]
fn the_edges_of_the_window_are_exact_to_the_second() {
    let mut license = license();
    license.grace_period_days = 2;
    let (end, grace) = (license.expires_at.seconds(), license.grace_until().seconds());
    for (now, state, valid) in [
        (end - 1, State::Active, true),
        (end, State::Active, true),
        (end + 1, State::Grace, true),
        (grace, State::Grace, true),
        (grace + 1, State::Expired, false),
    ] {
        let verdict = verdict(license.clone(), &Context::at(at(now)));
        assert_eq!((verdict.state, verdict.is_valid()), (state, valid), "{now}");
    }
}

#[test]
fn not_before_holds_to_the_second() {
    let mut license = license();
    license.not_before = Some(at(NOW));
    assert_eq!(codes(&verdict(license.clone(), &Context::at(at(NOW - 1)))), [Code::NotYetValid]);
    assert!(verdict(license, &Context::at(at(NOW))).is_valid());
}

#[test]
fn a_license_that_ends_before_it_begins_is_refused_for_both() {
    let mut license = license();
    (license.expires_at, license.not_before) = (at(NOW - 1), Some(at(NOW + 1)));
    let verdict = verdict(license, &Context::at(at(NOW)));
    assert_eq!((codes(&verdict), verdict.state), (vec![Code::NotYetValid, Code::Expired], State::Invalid));
}

#[test]
fn clocks_may_differ_by_three_hundred_seconds_and_no_more() {
    let mut license = license();
    license.issued_at = at(NOW + 300);
    assert!(verdict(license.clone(), &Context::at(at(NOW))).is_valid());
    license.issued_at = at(NOW + 301);
    assert_eq!(codes(&verdict(license, &Context::at(at(NOW)))), [Code::ClockBehind]);

    let mut context = Context::at(at(NOW));
    context.floor = Some(at(NOW + 300));
    assert!(verdict(self::license(), &context).is_valid());
    context.floor = Some(at(NOW + 301));
    assert_eq!(codes(&verdict(self::license(), &context)), [Code::ClockRolledBack]);
}

#[test]
fn every_refusal_is_reported_not_the_first() {
    let mut license = license();
    license.expires_at = at(NOW - 1);
    license.issued_at = at(NOW - DAY);
    license.product = Some("editor".to_owned());
    license.activation = Activation::Proof;
    license.maintenance_until = Some(at(NOW - 5));
    license.fingerprint = Some(crate::fingerprint::Fingerprint::Exact("node-1".to_owned()));
    license.limits.insert("max_apps".to_owned(), 5);
    let mut context = Context::at(at(NOW));
    context.tenant = Some("other".to_owned());
    context.product = Some("viewer".to_owned());
    context.features = vec!["a".to_owned(), "b".to_owned()];
    context.build_date = Some(at(NOW));
    context.usage.insert("max_apps".to_owned(), 2);
    context.defaults.insert("max_apps".to_owned(), 1);
    let verdict = verdict(license, &context);
    assert_eq!(
        codes(&verdict),
        [
            Code::Expired,
            Code::WrongTenant,
            Code::WrongProduct,
            Code::MachineUnreadable,
            Code::ProofRequired,
            Code::NotEntitled,
            Code::NotEntitled,
            Code::BuildNotCovered,
            Code::LimitExceeded
        ]
    );
    assert_eq!(verdict.state, State::Invalid);
    assert_eq!(verdict.exit(), Some(crate::code::Exit::No));
}

#[test]
fn limits_fall_through_to_the_default_tier_key_by_key() {
    let mut license = license();
    license.limits.insert("max_apps".to_owned(), 25);
    let mut context = Context::at(at(NOW));
    context.defaults = [("max_apps".to_owned(), 3), ("max_users".to_owned(), 3)].into();
    let found = |verdict: &Verdict| -> Vec<(String, u64, Source)> {
        verdict.effective_limits.iter().map(|limit| (limit.key.clone(), limit.value, limit.source)).collect()
    };
    let active = verdict(license.clone(), &context);
    let expected = [("max_apps".to_owned(), 25, Source::License), ("max_users".to_owned(), 3, Source::Default)];
    assert_eq!(found(&active), expected);
    context.now = at(NOW + 20 * DAY);
    let expired = verdict(license, &context);
    let expected = [("max_apps".to_owned(), 3, Source::Default), ("max_users".to_owned(), 3, Source::Default)];
    assert_eq!(found(&expired), expected);
}

#[test]
fn a_license_bound_to_a_machine_is_refused_where_the_machine_is_not_known() {
    let mut license = license();
    license.fingerprint = Some(crate::fingerprint::Fingerprint::Exact("node-1".to_owned()));
    let mut context = Context::at(at(NOW));
    let unknown = verdict(license.clone(), &context);
    assert_eq!((codes(&unknown), unknown.exit()), (vec![Code::MachineUnreadable], Some(crate::code::Exit::Unable)));
    context.machine = MachineContext::Any;
    assert!(verdict(license.clone(), &context).is_valid());
    context.machine = MachineContext::This(Machine { exact: Some("node-1".to_owned()), ..Machine::default() });
    assert!(verdict(license.clone(), &context).is_valid());
    context.machine = MachineContext::This(Machine { exact: Some("node-2".to_owned()), ..Machine::default() });
    let other = verdict(license, &context);
    assert_eq!((codes(&other), other.state), (vec![Code::WrongMachine], State::Invalid));
}

#[test]
fn what_only_a_proof_can_cover_is_said_not_to_be_looked_at() {
    let mut context = Context::at(at(NOW));
    let skipped = |context: &Context| -> Vec<(&str, String)> {
        let verdict = verdict(license(), context);
        assert!(verdict.is_valid());
        let checks = verdict.checks.into_iter().filter(|check| ["environment", "version"].contains(&check.name));
        checks.map(|check| (check.name, check.detail.into_owned())).collect()
    };
    assert_eq!(skipped(&context), []);
    context.environment = Some("prod".to_owned());
    context.product_version = Some("1.0".to_owned());
    let why = || "no proof was given".to_owned();
    assert_eq!(skipped(&context), [("environment", why()), ("version", why())]);
}

#[test]
fn who_asks_for_a_product_gets_only_licenses_that_name_it() {
    let mut context = Context::at(at(NOW));
    context.product = Some("editor".to_owned());
    assert_eq!(codes(&verdict(license(), &context)), [Code::WrongProduct]);
    let mut named = license();
    named.product = Some("editor".to_owned());
    assert!(verdict(named, &context).is_valid());
}
