//! Keyrings, signed by the vendor's key and judged under it. All start from one keyring and differ in one key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mintage::dsse::{Envelope, Kind};
use mintage::id::{KeyId, decode_hex};

use super::{Scene, scene, vendor};

/// The public key of RFC 8032's first test.
const SECOND: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

/// A keyring of the vendor's key and one more, whose 32 bytes are given in hex.
fn keyring(sequence: u64, second: &str) -> String {
    let second: [u8; 32] = decode_hex(second).unwrap();
    let entry = |public: &[u8; 32], purpose: &str| {
        format!(
            "{{\"keyid\":\"{}\",\"notBefore\":0,\"public\":\"{}\",\"purposes\":[\"{purpose}\"],\"status\":\"active\"}}",
            KeyId::of_public_key(public),
            STANDARD.encode(public)
        )
    };
    let keys = [entry(vendor().public().as_bytes(), "keyring"), entry(&second, "license")].join(",");
    let payload = format!("{{\"issuedAt\":1767225600,\"keys\":[{keys}],\"sequence\":{sequence}}}");
    Envelope::sign(Kind::Keyring, payload.into_bytes(), &[&vendor()]).to_json()
}

pub(super) fn scenes() -> Vec<Scene> {
    let ring = |folder, state, name, comment: &str, second: &str| {
        scene(folder, state, name, comment, keyring(1, second)).with("kind", "keyring")
    };
    let weak = |name, comment: &str, second: &str| ring("weak-key", "INVALID", name, comment, second);
    let ahead = |more: u64| keyring(1_767_225_600 + (1 << 30) + more, SECOND);
    vec![
        ring("valid", "ACTIVE", "keyring", "a keyring of two keys, signed by the first", SECOND),
        scene("valid", "ACTIVE", "keyring-as-far-ahead-as-may-be", "issued at 1767225600, and 2^30 more", ahead(0))
            .with("kind", "keyring"),
        scene(
            "fast-forwarded",
            "INVALID",
            "keyring-one-further",
            "no room would be left for those that follow",
            ahead(1),
        )
        .with("kind", "keyring"),
        weak(
            "keyring-of-the-neutral-point",
            "whoever signed it, anybody could sign under the second key",
            "0100000000000000000000000000000000000000000000000000000000000000",
        ),
        weak(
            "keyring-of-a-key-not-canonical",
            "y = p + 3: no small order, and a second spelling of one key",
            "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ),
        weak(
            "keyring-of-a-key-not-a-point",
            "y = 2 is not on the curve",
            "0200000000000000000000000000000000000000000000000000000000000000",
        ),
    ]
}
