//! What reading a signed document costs before anybody looks into it: serde_json, base64, `verify_strict` over the bytes
//! that DSSE signs. The payload is checked and thrown away.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signature;
use serde::Deserialize;

use crate::lines::public_key;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    payload: &'a str,
    payload_type: &'a str,
    #[serde(borrow)]
    signatures: Vec<Signed<'a>>,
}

#[derive(Deserialize)]
struct Signed<'a> {
    sig: &'a str,
}

pub(crate) fn verify(file: &Path, key: &Path) {
    let key = public_key(key);
    let text = fs::read(file).expect("the file can be read");
    let envelope: Envelope<'_> = serde_json::from_slice(&text).expect("an envelope");
    let payload = STANDARD.decode(envelope.payload).expect("base64");
    let kind = envelope.payload_type;
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    let signed = [head.as_bytes(), &payload].concat();
    let signature = STANDARD.decode(envelope.signatures[0].sig).expect("base64");
    let signature = Signature::from_slice(&signature).expect("64 bytes");
    key.verify_strict(&signed, &signature).expect("the signature is good");
}
