//! The text of a token: base64 in other spellings, single bits, foreign tokens, hostile key ids.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use mintage::code::Code;
use mintage::key::SecretKey;
use mintage::keyring::Keyring;
use mintage::license::License;
use mintage::operation::inspect::inspect;
use mintage::operation::verify::{self, Against};
use mintage::policy::Context;
use mintage::time::Timestamp;
use mintage::token::Token;

use super::{Dice, encode};
use crate::vectors::crafted::{plus_order, token as spell, vendor};

/// Tokens of many lengths, so that every remainder of base64 occurs.
fn tokens(count: usize) -> Vec<String> {
    let mut dice = Dice(100);
    let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
    let token = |number: usize| {
        let mut license =
            License::new(format!("lic-{number}"), "acme".to_owned(), at(1_767_225_600), at(1_798_761_599));
        license.label = Some("x".repeat(dice.below(40) + 1));
        license.limits.insert("max_apps".to_owned(), dice.roll() >> 2);
        Token::mint(license, &vendor()).to_string()
    };
    (0..count).map(token).collect()
}

fn keyring() -> Keyring {
    Keyring::from(vendor().public())
}

fn is_accepted(text: &str) -> bool {
    Token::parse(text).is_ok_and(|token| token.verify(&keyring()).is_ok())
}

/// Other spellings of the bytes of one part; `None` where a part has no such spelling.
fn variants(part: &str) -> [Option<String>; 13] {
    let bytes = STANDARD.decode(part).unwrap();
    let bare = part.trim_end_matches('=');
    let padding = part.len() - bare.len();
    let middle = part.len() / 2;
    let with = |inserted: &str| Some(format!("{}{inserted}{}", &part[..middle], &part[middle..]));
    let loose = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    let loose = GeneralPurpose::new(&alphabet::STANDARD, loose);
    // The next character of the alphabet has the same leading bits where padding follows.
    let trailing = (padding > 0).then(|| {
        let last = bare.as_bytes()[bare.len() - 1];
        let order = alphabet::STANDARD.as_str();
        let next = order.as_bytes()[order.find(char::from(last)).unwrap() + 1];
        format!("{}{}{}", &bare[..bare.len() - 1], char::from(next), "=".repeat(padding))
    });
    assert!(trailing.as_ref().is_none_or(|text| loose.decode(text).unwrap() == bytes));
    let url_safe = part.replace('+', "-").replace('/', "_");
    let half = bytes.len() / 2;
    [
        trailing,
        (padding > 0).then(|| bare.to_owned()),
        (padding == 2).then(|| format!("{bare}=")),
        Some(format!("{part}=")),
        Some(format!("{part}====")),
        with(" "),
        with("\n"),
        with("\r\n"),
        with("\t"),
        (url_safe != part).then_some(url_safe),
        Some(format!("\u{feff}{part}")),
        (!half.is_multiple_of(3)).then(|| format!("{}{}", encode(&bytes[..half]), encode(&bytes[half..]))),
        with("\0"),
    ]
}

#[test]
fn base64_has_one_spelling() {
    let (mut tried, mut kinds) = (0, [0; 13]);
    for token in tokens(100) {
        let (payload, signature) = token.split_once('.').unwrap();
        assert!(is_accepted(&token));
        for part in [payload, signature] {
            assert_eq!(encode(&STANDARD.decode(part).unwrap()), part);
        }
        let first = variants(payload).map(|variant| variant.map(|payload| format!("{payload}.{signature}")));
        let second = variants(signature).map(|variant| variant.map(|signature| format!("{payload}.{signature}")));
        for texts in [first, second] {
            for (kind, text) in texts.into_iter().enumerate() {
                let Some(text) = text else { continue };
                assert!(!is_accepted(&text), "variant {kind}: {text:?}");
                tried += 1;
                kinds[kind] += 1;
            }
        }
    }
    assert!(tried > 2_000 && kinds.iter().all(|count| *count > 20), "{tried}: {kinds:?}");
}

#[test]
fn no_flipped_bit_is_accepted() {
    let (keyring, context) = (keyring(), Context::at(Timestamp::from_seconds(1_782_864_000).unwrap()));
    let against = Against { keyring: &keyring, context: &context, secret: None };
    for token in tokens(20) {
        assert!(verify::license(&token, against).verdict.is_valid());
        for bit in 0..token.len() * 8 {
            let mut bytes = token.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Ok(text) = String::from_utf8(bytes) else { continue };
            assert!(!is_accepted(&text), "bit {bit} of {token}");
            // The door that mends may put back what base64 determines; it must say so. It is slower, so it sees fewer.
            if bit % 13 != 0 {
                continue;
            }
            let verification = verify::license(&text, against);
            assert!(!verification.verdict.is_valid() || !verification.repairs.is_empty(), "bit {bit} of {token}");
        }
    }
}

#[test]
fn a_signature_has_one_spelling() {
    for token in tokens(1_000) {
        let unverified = Token::parse(&token).unwrap();
        let payload = unverified.unverified_payload().to_owned();
        let twin = spell(payload, plus_order(unverified.signature()));
        assert_ne!(twin, token);
        assert!(is_accepted(&token) && !is_accepted(&twin));
    }
}

#[test]
fn tokens_of_others_are_refused() {
    let claims = r#"{"licenseId":"lic-1","tenantId":"acme","iat":1767225600,"exp":1798761599}"#;
    let url = |text: &[u8]| encode(text).replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned();
    let signature = vendor().sign(claims.as_bytes());
    let mut foreign = Vec::new();
    for algorithm in ["none", "None", "HS256", "HS512", "RS256", "ES256", "EdDSA", "Ed25519"] {
        for header in [format!(r#"{{"alg":"{algorithm}","typ":"JWT"}}"#), format!(r#"{{"alg":"{algorithm}"}}"#)] {
            let (header, body) = (url(header.as_bytes()), url(claims.as_bytes()));
            let over = format!("{header}.{body}");
            let signed = url(&vendor().sign(over.as_bytes()));
            foreign.extend([format!("{over}."), format!("{over}.{signed}"), over.clone()]);
            foreign.push(format!("{}.{}", encode(header.as_bytes()), encode(&signature)));
        }
    }
    // Signed with the public key as if it were a shared secret.
    let public = vendor().public();
    let tag = SecretKey::from_seed(public.as_bytes()).sign(claims.as_bytes());
    foreign.push(spell(claims, tag));
    foreign.push(format!("v4.public.{}", url(&[claims.as_bytes(), &signature].concat())));
    foreign.push(format!("v4.local.{}", url(claims.as_bytes())));
    foreign.push(format!("key/{}.{}", encode(claims.as_bytes()), encode(&signature)));
    foreign.push(format!("{}.{}.{}", encode(b"Ed25519"), encode(claims.as_bytes()), encode(&signature)));
    for text in foreign {
        assert!(!is_accepted(&text), "{text}");
    }
    assert!(is_accepted(&spell(claims, signature)));
}

#[test]
fn a_hostile_key_id_is_refused_for_its_form() {
    let files =
        ["/etc/passwd", "../../etc/passwd", "keys.example/vendor.pub", "./vendor", "C:\\keys", "\\\\host\\share"];
    let urls = ["https://example.com/key", "file:///etc/passwd", "data:,x", "ldap://x/y", "//example.com"];
    let words = [
        "' OR 1=1 --",
        "1; DROP TABLE keys",
        "$(id)",
        "`id`",
        "%00",
        "%2e%2e%2f",
        "${jndi:ldap://x}",
        "{{7*7}}",
        "*",
        "?",
    ];
    let shapes = [
        "",
        " ",
        "0",
        "0123456789abcde",
        "0123456789abcdef0",
        "0123456789ABCDEF",
        "0123456789abcdeg",
        " 123456789abcdef",
        "0123456789abcde ",
        "0x23456789abcdef",
        "-123456789abcdef",
        "+123456789abcdef",
        "null",
        "true",
        "none",
        "default",
    ];
    let mut kids: Vec<String> = [&files[..], &urls, &words, &shapes].concat().into_iter().map(str::to_owned).collect();
    kids.extend(
        ["\0", "\n", "\u{1b}[2J", "\u{202e}", "\u{ff10}123456789abcdef", "é".repeat(8).as_str()].map(str::to_owned),
    );
    kids.extend([16, 64, 1_024].map(|length| "../".repeat(length)));
    kids.extend([vendor().public().id().to_string(), vendor().public().to_hex(), vendor().public().to_pem()]);
    kids.push("f".repeat(1_025));
    assert!(kids.len() >= 50, "{}", kids.len());
    let keyring = keyring();
    for kid in kids {
        let kid = mintage::json::canonical(&mintage::json::Value::String(kid.into()));
        let payload =
            format!(r#"{{"exp":1798761599,"iat":1767225600,"kid":{kid},"licenseId":"lic-1","tenantId":"acme"}}"#);
        let text = Token::sign(&payload, &vendor()).to_string();
        let error = Token::parse(&text).and_then(|token| token.verify(&keyring)).unwrap_err();
        assert_eq!(error.code(), Code::Malformed, "{kid}");
    }
}

#[test]
fn nothing_that_is_mangled_panics() {
    let (keyring, context) = (keyring(), Context::at(Timestamp::from_seconds(1_782_864_000).unwrap()));
    let against = Against { keyring: &keyring, context: &context, secret: None };
    let mut dice = Dice(300);
    let pool = tokens(10);
    for _ in 0..300 {
        let mut bytes = pool[dice.below(pool.len())].clone().into_bytes();
        for _ in 0..=dice.below(5) {
            let at = dice.below(bytes.len());
            match dice.below(7) {
                0 => bytes[at] = dice.roll().to_le_bytes()[0],
                1 => bytes.truncate(at.max(1)),
                2 => drop(bytes.drain(..at.min(bytes.len() - 1))),
                3 => bytes.splice(at..at, *b"\r\n> ").for_each(drop),
                4 => bytes.splice(at..at, "\u{200b}\u{a0}\u{feff}é".bytes()).for_each(drop),
                5 => bytes.splice(at..at, *b"-----BEGIN MINTAGE LICENSE-----").for_each(drop),
                _ => bytes.extend_from_within(at..),
            }
        }
        assert!(inspect(&bytes, None, context.now).to_json().contains(r#""verified":false"#));
        let text = String::from_utf8_lossy(&bytes);
        let verification = verify::license(&text, against);
        assert!(
            !verification.verdict.is_valid() || is_accepted(text.trim()) || !verification.repairs.is_empty(),
            "{text}"
        );
        assert!(!verification.verdict.checks.is_empty());
    }
}
