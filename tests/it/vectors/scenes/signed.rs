//! What a signature or a key gets wrong.

use super::super::crafted::{Apart, domain, join, plus_order, seed, small_order, token as spell};
use super::valid::sealed;
use super::{Scene, payload, scene, sign, token};

fn bad(name: &'static str, comment: &str, text: String) -> Scene {
    scene("bad-signature", "INVALID", name, comment, text)
}

pub(super) fn scenes() -> Vec<Scene> {
    [signatures(), keys(), weak()].into_iter().flatten().collect()
}

fn signatures() -> Vec<Scene> {
    use sha2::{Digest, Sha512};
    let payload = payload(&[]);
    let bytes = payload.as_bytes();
    let vendor = Apart::new(&seed("vendor"));
    let honest = vendor.sign(b"", bytes);
    let half = |range: std::ops::Range<usize>| -> [u8; 32] { honest[range].try_into().unwrap() };
    let flipped = |at: usize| {
        let mut signature = honest;
        signature[at] ^= 1;
        signature
    };
    let changed = payload.replace("1798761599", "1798761598");
    let encoded = spell(&payload, honest).split('.').next().unwrap().to_owned();
    let pae = format!("DSSEv1 36 application/vnd.mintage.license+json {} {payload}", payload.len());
    let mut not_canonical = [0xff; 32];
    (not_canonical[0], not_canonical[31]) = (0xee, 0x7f);
    vec![
        bad("payload-changed", "exp is one second earlier than what was signed", spell(changed, honest)),
        bad("r-changed", "one bit of R", spell(&payload, flipped(0))),
        bad("s-changed", "one bit of S", spell(&payload, flipped(32))),
        bad("halves-exchanged", "S before R", spell(&payload, join(&half(32..64), &half(0..32)))),
        bad("all-zero", "64 zero bytes", spell(&payload, [0; 64])),
        bad(
            "of-another-license",
            "the signature of lic-2",
            spell(&payload, vendor.sign(b"", payload.replace("lic-1", "lic-2").as_bytes())),
        ),
        bad(
            "over-the-base64-text",
            "the payload's bytes are signed, not their base64",
            spell(&payload, vendor.sign(b"", encoded.as_bytes())),
        ),
        bad("over-a-dsse-encoding", "a license is no DSSE document", spell(&payload, vendor.sign(b"", pae.as_bytes()))),
        bad(
            "over-the-payload-with-a-line-end",
            "one LF too many was signed",
            spell(&payload, vendor.sign(b"", [bytes, b"\n"].concat().as_slice())),
        ),
        bad(
            "ed25519ph",
            "the prehashed variant is another algorithm",
            spell(&payload, vendor.sign(&domain(1, b""), &Sha512::digest(bytes))),
        ),
        bad(
            "ed25519ctx",
            "the variant with context is another algorithm",
            spell(&payload, vendor.sign(&domain(0, b"mintage"), bytes)),
        ),
        bad(
            "s-plus-the-order",
            "S is not below L: one signature would have two spellings",
            spell(&payload, plus_order(&honest)),
        ),
        bad(
            "r-of-small-order",
            "R is the neutral point, which verify_strict refuses",
            spell(&payload, vendor.sign_with_r(bytes, &small_order(0))),
        ),
        bad(
            "r-not-canonical",
            "R is the neutral point spelled as y = p + 1",
            spell(&payload, vendor.sign_with_r(bytes, &not_canonical)),
        ),
        bad(
            "r-with-torsion",
            "holds only for verifiers that multiply by the cofactor",
            spell(&payload, vendor.sign_with_torsion(bytes, 1)),
        ),
        bad("by-another-key-without-kid", "ci signed, vendor is trusted, and the license names no key", by_ci("")),
        bad("by-another-key-under-a-trusted-kid", "ci signed and says vendor did", by_ci(&vendor_kid())),
    ]
}

fn keys() -> Vec<Scene> {
    let retired = |name, comment, not_before: Option<&str>, not_after: Option<&str>| {
        let mut scene = scene("key-retired", "INVALID", name, comment, token(&[]));
        for (header, bound) in [("key-not-before", not_before), ("key-not-after", not_after)] {
            if let Some(bound) = bound {
                scene = scene.with(header, bound);
            }
        }
        scene
    };
    vec![
        scene(
            "unknown-key",
            "INVALID",
            "signed-by-a-stranger",
            "ci signed and says so, vendor is trusted",
            by_ci(&ci_kid()),
        ),
        scene("unknown-key", "INVALID", "trusted-key-is-another", "vendor signed, retired is trusted", token(&[]))
            .under("retired"),
        retired("issued-after-its-last-second", "one second late", None, Some("2025-12-31T23:59:59Z"))
            .with("key-status", "retired"),
        retired("issued-before-its-first-second", "one second early", Some("2026-01-01T00:00:01Z"), None),
        retired("retired-without-a-last-second", "a key whose last moment nobody wrote down has no window", None, None)
            .with("key-status", "retired"),
        scene(
            "key-revoked",
            "INVALID",
            "key-was-revoked",
            "nothing that it signed counts, whenever that was",
            token(&[]),
        )
        .with("key-status", "revoked"),
        scene("key-revoked", "INVALID", "sealed-under-a-revoked-key", "also while the claims are sealed", sealed())
            .with("key-status", "revoked"),
        scene("wrong-purpose", "INVALID", "key-for-manifests", "it may sign manifests and no licenses", token(&[]))
            .with("key-purpose", "manifest"),
    ]
}

/// Keys under which anybody could sign, or which have two spellings. They are refused when they are loaded.
fn weak() -> Vec<Scene> {
    let forged = |hex: &str| {
        let message = payload(&[("kid", "")]);
        let nought = join(&small_order(0), &[0; 32]);
        (spell(message, nought), hex.to_owned())
    };
    let weak = |name, comment, hex: &str| {
        let (text, key) = forged(hex);
        scene("weak-key", "INVALID", name, comment, text).under(&key)
    };
    vec![
        weak(
            "neutral-point",
            "this text would pass: 0 B = R + h A for every h",
            "0100000000000000000000000000000000000000000000000000000000000000",
        ),
        weak(
            "order-2",
            "order 2: this text would pass for one in two",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ),
        weak("order-4", "order 4", "0000000000000000000000000000000000000000000000000000000000000000"),
        weak("order-8", "order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        weak(
            "neutral-point-not-canonical",
            "y = p + 1",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ),
        weak(
            "not-canonical",
            "y = p + 3: no small order, and a second spelling of one key",
            "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ),
        weak(
            "not-a-point",
            "y = 2 is not on the curve",
            "0200000000000000000000000000000000000000000000000000000000000000",
        ),
    ]
}

fn by_ci(kid: &str) -> String {
    let kid = if kid.is_empty() { String::new() } else { format!("\"{kid}\"") };
    let payload = payload(&[("kid", &kid)]);
    let signature = Apart::new(&seed("ci")).sign(b"", payload.as_bytes());
    spell(payload, signature)
}

fn ci_kid() -> String {
    mintage::key::SecretKey::from_seed(&seed("ci")).public().id().kid().to_string()
}

fn vendor_kid() -> String {
    super::super::crafted::vendor().public().id().kid().to_string()
}

#[test]
fn a_forgery_under_the_neutral_point_would_pass_a_lax_verifier() {
    use ed25519_dalek::{Signature, Verifier, VerifyingKey};
    let scenes = weak();
    let text = &scenes[0].text;
    let unsigned = sign("{}");
    assert_ne!(text, &unsigned);
    let key = VerifyingKey::from_bytes(&small_order(0)).unwrap();
    let nought = Signature::from_bytes(&join(&small_order(0), &[0; 32]));
    assert!(key.verify(payload(&[("kid", "")]).as_bytes(), &nought).is_ok());
}
