//! What a text, a payload or a claim gets wrong.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::super::crafted::{Apart, seed, token as spell};
use super::valid::SECRET;
use super::{Scene, payload, scene, sign, token};

fn malformed(name: &'static str, comment: &str, text: String) -> Scene {
    scene("malformed", "INVALID", name, comment, text)
}

pub(super) fn scenes() -> Vec<Scene> {
    [texts(), payloads(), missing(), claims(), duplicates(), demands()].into_iter().flatten().collect()
}

/// Faults of the text, which a verifier that mends texts may mend; strictly they are refused.
fn texts() -> Vec<Scene> {
    let whole = token(&[]);
    let (first, second) = whole.split_once('.').unwrap();
    // 64 bytes end in four bits that say nothing and must be nought.
    let trailing = {
        let mut characters: Vec<char> = second.chars().collect();
        let at = characters.len() - 3;
        characters[at] = match characters[at] {
            'A' => 'B',
            'Q' => 'R',
            'g' => 'h',
            _ => 'x',
        };
        characters.into_iter().collect::<String>()
    };
    let bytes = STANDARD.decode(second).unwrap();
    let long = format!("\"{}\"", "x".repeat(49_086 - payload(&[("colour", "\"\"")]).len()));
    let too_long = token(&[("colour", &long)]);
    assert_eq!(too_long.len(), 65_537);
    let url_safe = URL_SAFE.encode(&bytes);
    assert_ne!(url_safe, second);
    let signature = |bytes: &[u8]| format!("{first}.{}", STANDARD.encode(bytes));
    vec![
        malformed("empty", "no text at all", String::new()),
        malformed("one-part", "no dot", first.to_owned()),
        malformed("three-parts", "a dot too many", format!("{whole}.{second}")),
        malformed("dot-at-the-end", "a third part that is empty", format!("{whole}.")),
        malformed("no-payload", "an empty first part", format!(".{second}")),
        malformed("no-signature", "an empty second part", format!("{first}.")),
        malformed("padding-lost", "the signature without its ==", whole.trim_end_matches('=').to_owned()),
        malformed("padding-too-long", "=== after the signature", format!("{whole}=")),
        malformed("trailing-bits", "the last character's unused bits are not nought", format!("{first}.{trailing}")),
        malformed("url-safe", "the URL-safe alphabet", format!("{first}.{url_safe}")),
        malformed("blank-inside", "a blank in the payload", format!("{} {}", &whole[..40], &whole[40..])),
        malformed("blank-in-front", "a blank before the payload", format!(" {whole}")),
        malformed("line-end-inside", "wrapped after 60 characters", format!("{}\n{}", &whole[..60], &whole[60..])),
        malformed("carriage-return-at-the-end", "CR LF ends the file", format!("{whole}\r")),
        malformed("byte-order-mark", "U+FEFF in front", format!("\u{feff}{whole}")),
        malformed("zero-width-space", "U+200B in the payload", format!("{}\u{200b}{}", &whole[..40], &whole[40..])),
        malformed("signature-of-63-bytes", "one byte short", signature(&bytes[..63])),
        malformed("signature-of-65-bytes", "one byte long", signature(&[&bytes[..], &[0]].concat())),
        malformed("json-web-token", "URL-safe, three parts, and an algorithm to choose", jwt()),
        malformed("longer-than-64-kib", "65,537 characters, one more than are read", too_long),
    ]
}

fn jwt() -> String {
    let encode = |text: &str| URL_SAFE.encode(text).trim_end_matches('=').to_owned();
    format!("{}.{}.", encode(r#"{"alg":"none","typ":"JWT"}"#), encode(&payload(&[])))
}

/// Payloads that are no strict JSON object, all signed by the vendor.
fn payloads() -> Vec<Scene> {
    let apart = Apart::new(&seed("vendor"));
    let raw = |bytes: &[u8]| spell(bytes, apart.sign(b"", bytes));
    let whole = payload(&[]);
    let deep = format!("{}0{}", "[".repeat(16), "]".repeat(16));
    let (front, back) = whole.split_once("acme").unwrap();
    let not_utf_8 = [front.as_bytes(), b"ac\xffme", back.as_bytes()].concat();
    let inside = |from: &str, to: &str| sign(&whole.replace(from, to));
    vec![
        malformed("payload-empty-object", "no claims", sign("{}")),
        malformed("payload-array", "not an object", sign("[]")),
        malformed("payload-string", "not an object", sign(r#""license""#)),
        malformed("payload-not-json", "words", sign("licensed to acme")),
        scene(
            "truncated",
            "INVALID",
            "payload-cut-short",
            "the last brace is missing",
            sign(&whole[..whole.len() - 1]),
        ),
        malformed("payload-two-objects", "one object and another", sign(&format!("{whole}{{}}"))),
        malformed("payload-begins-with-a-blank", "a license begins with {", sign(&format!(" {whole}"))),
        malformed(
            "payload-begins-with-a-byte-order-mark",
            "a license begins with {",
            sign(&format!("\u{feff}{whole}")),
        ),
        malformed(
            "payload-in-a-dsse-encoding",
            "a license begins with {",
            sign(&format!("DSSEv1 1 a {} {whole}", whole.len())),
        ),
        malformed("payload-not-utf-8", "a byte 0xff in a string", raw(&not_utf_8)),
        malformed(
            "payload-with-a-control-character",
            "a line feed inside a string, not escaped",
            inside("acme", "ac\nme"),
        ),
        malformed("payload-with-a-lone-surrogate", "\\ud800 alone is no character", inside("acme", r"ac\ud800me")),
        malformed("payload-with-a-trailing-comma", "JSON has none", inside("}", ",}")),
        malformed("payload-with-a-comment", "JSON has none", inside("{\"", "{/**/\"")),
        malformed("payload-with-nan", "JSON has no NaN", inside("1798761599", "NaN")),
        malformed("payload-with-a-leading-zero", "JSON numbers have none", inside("1798761599", "01798761599")),
        malformed("payload-seventeen-deep", "sixteen is the deepest", token(&[("colour", &deep)])),
    ]
}

fn missing() -> Vec<Scene> {
    vec![
        malformed("no-exp", "the end is missing", token(&[("exp", "")])),
        malformed("no-iat", "the time of issue is missing", token(&[("iat", "")])),
        malformed("no-license-id", "the id is missing", token(&[("licenseId", "")])),
        malformed("no-tenant-id", "the tenant is missing", token(&[("tenantId", "")])),
    ]
}

/// Claims of a wrong type or range. A wrong type is never the same as absent.
fn claims() -> Vec<Scene> {
    let long = format!("\"{}\"", "x".repeat(1_025));
    let claim = |name, comment, member, json: &str| malformed(name, comment, token(&[(member, json)]));
    vec![
        claim("exp-string", "\"1798761599\"", "exp", r#""1798761599""#),
        claim("exp-fraction", "1798761599.5", "exp", "1798761599.5"),
        claim("exp-whole-fraction", "1798761599.0 is no integer", "exp", "1798761599.0"),
        claim("exp-exponent", "18e8 is no integer", "exp", "18e8"),
        claim("exp-null", "null is not absent", "exp", "null"),
        claim("exp-negative", "before 1970", "exp", "-1"),
        claim("exp-negative-nought", "-0 is no integer of ours", "exp", "-0"),
        claim("exp-after-9999", "253402300800", "exp", "253402300800"),
        claim("exp-beyond-64-bits", "18446744073709551616", "exp", "18446744073709551616"),
        claim("exp-in-milliseconds", "1798761599000 is the year 58970", "exp", "1798761599000"),
        claim("nbf-null", "null is not absent", "nbf", "null"),
        claim("nbf-string", "a date in words", "nbf", r#""2026-07-01""#),
        claim("grace-3651", "3,650 days are the most", "gracePeriodDays", "3651"),
        claim("grace-negative", "-1", "gracePeriodDays", "-1"),
        claim("grace-65536", "does not come round to nought", "gracePeriodDays", "65536"),
        claim("grace-null", "null is not absent", "gracePeriodDays", "null"),
        claim("license-id-empty", "an id is not empty", "licenseId", r#""""#),
        claim("license-id-number", "an id is a string", "licenseId", "1"),
        claim("tenant-id-empty", "a tenant is not empty", "tenantId", r#""""#),
        claim("label-too-long", "1,025 bytes", "label", &long),
        claim("limits-array", "an object", "limits", "[]"),
        claim("limit-negative", "-1 is not without limit", "limits", r#"{"max_apps":-1}"#),
        claim("limit-fraction", "2.5", "limits", r#"{"max_apps":2.5}"#),
        claim("limit-string", "\"25\"", "limits", r#"{"max_apps":"25"}"#),
        claim("limit-null", "null is not without limit", "limits", r#"{"max_apps":null}"#),
        claim("limit-beyond-63-bits", "9223372036854775808", "limits", r#"{"max_apps":9223372036854775808}"#),
        claim("features-string", "an array of strings", "features", r#""*""#),
        claim("feature-number", "an array of strings", "features", "[1]"),
        claim("seats-string", "\"5\"", "seats", r#""5""#),
        claim("max-activations-null", "null is not absent", "maxActivations", "null"),
        claim("activation-unknown", "none or proof", "activation", r#""maybe""#),
        claim("activation-false", "none or proof", "activation", "false"),
        claim("fingerprint-number", "a string or an fp1 object", "fingerprint", "1"),
        claim("fingerprint-empty", "an empty text is no machine", "fingerprint", r#""""#),
        claim("meta-number", "an object of strings", "meta", r#"{"order":1}"#),
        claim("kid-upper-case", "16 lower-case hex digits", "kid", r#""0123456789ABCDEF""#),
        claim("kid-path", "a kid is never a path", "kid", r#""../../etc/passwd""#),
        claim("kid-whole-key-id", "16 digits, not 64", "kid", &format!("\"{}\"", "0".repeat(64))),
        claim("crit-string", "an array of strings", "crit", r#""exp""#),
        claim("crit-of-an-absent-member", "crit names members that are there", "crit", r#"["nbf"]"#),
        claim("typ-null", "null is not absent", "typ", "null"),
    ]
}

fn duplicates() -> Vec<Scene> {
    let twice = |name, comment, text| scene("duplicate-member", "INVALID", name, comment, text);
    let payload = payload(&[("limits", r#"{"max_apps":3}"#)]);
    let with = |from: &str, to: &str| sign(&payload.replace(from, to));
    vec![
        twice("top-level", "two ends: which one a parser takes is luck", with(r#"{"exp""#, r#"{"exp":1,"exp""#)),
        twice("same-value", "also when both say the same", with(r#"{"exp""#, r#"{"exp":1798761599,"exp""#)),
        twice("nested", "two caps of one limit", with(r#"{"max_apps":3}"#, r#"{"max_apps":3,"max_apps":999}"#)),
        twice("spelled-with-escapes", "\\u0065xp is exp", with(r#"{"exp""#, r#"{"\u0065xp":1,"exp""#)),
        twice(
            "in-an-unknown-member",
            "at any depth, also where nobody looks",
            with(r#"{"exp""#, r#"{"a":[{"b":1,"b":1}],"exp""#),
        ),
        twice("exp-and-expires-at", "two names of one claim", with(r#"{"exp""#, r#"{"expiresAt":1,"exp""#)),
        twice("iat-and-issued-at", "two names of one claim", with(r#""iat""#, r#""issuedAt":1,"iat""#)),
    ]
}

/// Documents of another kind, and licenses that demand what is not understood.
fn demands() -> Vec<Scene> {
    let unsupported = |name, comment, text| scene("unsupported", "INVALID", name, comment, text);
    let kind = |name, comment, typ: &str| scene("wrong-kind", "INVALID", name, comment, token(&[("typ", typ)]));
    let data = STANDARD.encode([7; 64]);
    let sealed = |changes: &str| sign(&format!(r#"{{"data":"{data}",{changes}"typ":"sealed-license"}}"#));
    vec![
        unsupported(
            "critical-member-unknown",
            "crit names what this version does not know",
            token(&[("colour", "1"), ("crit", r#"["colour"]"#)]),
        ),
        unsupported(
            "critical-member-unknown-and-absent",
            "unknown outweighs absent",
            token(&[("crit", r#"["colour"]"#)]),
        ),
        unsupported(
            "second-critical-member-unknown",
            "every name counts",
            token(&[("colour", "1"), ("crit", r#"["exp","colour"]"#)]),
        ),
        unsupported("fingerprint-of-a-newer-format", "fp2", token(&[("fingerprint", r#"{"format":"fp2"}"#)])),
        unsupported("sealed-with-another-cipher", "A256GCM is the only one", sealed(r#""enc":"A128GCM","#))
            .with("secret", SECRET),
        unsupported(
            "sealed-with-a-critical-member-unknown",
            "outside the seal too",
            sealed(r#""colour":1,"crit":["colour"],"enc":"A256GCM","#),
        )
        .with("secret", SECRET),
        malformed("sealed-without-a-cipher", "enc is missing", sealed("")),
        malformed("sealed-without-data", "data is missing", sign(r#"{"enc":"A256GCM","typ":"sealed-license"}"#)),
        malformed(
            "sealed-too-short",
            "27 bytes hold no nonce and tag",
            sign(&format!(r#"{{"data":"{}","enc":"A256GCM","typ":"sealed-license"}}"#, STANDARD.encode([7; 27]))),
        ),
        malformed(
            "sealed-claims-of-a-wrong-type",
            "what is inside the seal is read as strictly",
            inside_a_seal(&payload(&[("exp", "null")])),
        )
        .with("secret", SECRET),
        kind("activation-proof", "typ says another kind", r#""proof""#),
        kind("kind-in-another-case", "license, byte for byte", r#""License""#),
    ]
}

/// Seals any text as a license would be.
fn inside_a_seal(text: &str) -> String {
    use aes_gcm::aead::array::Array;
    use aes_gcm::aead::{Aead, Payload};
    use aes_gcm::{Aes256Gcm, KeyInit};

    let info = b"mintage/sealed-license/v1";
    let mut key = [0; 32];
    hkdf::Hkdf::<sha2::Sha256>::new(None, &[7; 32]).expand(info, &mut key).unwrap();
    let message = Payload { msg: text.as_bytes(), aad: info };
    let data = Aes256Gcm::new(&Array(key)).encrypt(&Array([3; 12]), message).unwrap();
    let data = STANDARD.encode([&[3; 12][..], &data].concat());
    sign(&format!(r#"{{"data":"{data}","enc":"A256GCM","typ":"sealed-license"}}"#))
}
