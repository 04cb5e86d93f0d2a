//! A value that is read has one canonical spelling, which reads back as the same value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mintage::json::{self, Value};

fuzz_target!(|text: &[u8]| {
    let Ok(value) = json::parse(text) else { return };
    let spelled = json::canonical(&value);
    let again = json::parse(spelled.as_bytes()).expect("what is written can be read");
    assert_eq!(json::canonical(&again), spelled);
    assert!(!spelled.chars().any(json::steers), "a character that steers a terminal was written");
    if !holds_a_fraction(&value) {
        assert_eq!(sorted(again), sorted(value));
    }
});

/// A fraction has no canonical spelling and is written as `null`.
fn holds_a_fraction(value: &Value<'_>) -> bool {
    match value {
        Value::Fraction(_) => true,
        Value::Array(items) => items.iter().any(holds_a_fraction),
        Value::Object(members) => members.iter().any(|(_, value)| holds_a_fraction(value)),
        _ => false,
    }
}

fn sorted(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Object(mut members) => {
            members.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Object(members.into_iter().map(|(name, value)| (name, sorted(value))).collect())
        }
        other => other,
    }
}
