//! A text that parses as a token is the only spelling of its payload and signature, and its claims survive writing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mintage::json;
use mintage::key::SecretKey;
use mintage::keyring::Keyring;
use mintage::license::License;
use mintage::token::{Body, Token};

fuzz_target!(|text: &str| {
    let Ok(token) = Token::parse(text) else { return };
    let payload = std::str::from_utf8(token.unverified_payload()).expect("JSON is UTF-8");
    let key = SecretKey::from_seed(&[7; 32]);
    let signed = Token::sign(payload, &key);
    let (ours, theirs) = (signed.as_str().split_once('.').unwrap(), text.split_once('.').unwrap());
    assert_eq!(ours.0, theirs.0, "the payload has another spelling");

    // The same signature is the same text, and no other signature is by our key.
    assert_eq!(token.is_signed_by(&key.public()), signed.as_str() == text);
    let verified = Token::parse(signed.as_str()).unwrap().verify(&Keyring::from(key.public()));
    assert!(verified.is_ok(), "{verified:?}");

    if let Body::Open(license) = token.unverified_body() {
        let written = license.to_payload();
        let members = json::parse(written.as_bytes()).unwrap().into_object("payload").unwrap();
        assert_eq!(License::from_members(members).as_ref(), Ok(&**license));
    }
});
