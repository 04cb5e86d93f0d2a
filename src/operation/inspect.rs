//! `inspect`: what a text claims, without believing any of it.

mod activations;
mod claims;
mod documents;
mod keys;

pub use documents::MAX_DOCUMENT_BYTES;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::document::unarmored;
use super::text::{decode, joined};
use super::verify::{MAX_TEXT_BYTES, read};
use crate::armor::{self, Damage};
use crate::json::{self, Writer};
use crate::key::{Passphrase, PublicKey};
use crate::license::License;
use crate::time::Timestamp;
use crate::token::Body;
use crate::verdict::Refusal;

/// One line of what a text claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is about, in a word or two.
    pub name: &'static str,
    /// What is claimed. It may hold anything that a hostile document can hold; whoever shows it escapes it.
    pub value: String,
}

/// What a text claims. Nothing of it is verified.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// What the text is, such as `license` or `public-key`.
    pub kind: &'static str,
    /// The claims for people, in reading order.
    pub facts: Vec<Fact>,
    /// The claims for programs: members of one JSON object, each spelled canonically.
    members: Vec<(&'static str, String)>,
    /// Why the text could not be read, or not whole.
    pub refusal: Option<Refusal>,
}

/// How much of a damaged payload is shown, in bytes.
const MAX_SALVAGED_BYTES: usize = 2 << 10;

/// Inspects bytes as read from a file; `now` only serves to say how far away each time is.
pub fn inspect(bytes: &[u8], passphrase: Option<&Passphrase>, now: Timestamp) -> Inspection {
    let decoded = decode(bytes);
    let joined = match &decoded {
        Ok((text, _)) => joined(text).map_err(|refusal| Inspection::unreadable("parts", refusal)),
        Err(refusal) => Err(Inspection::unreadable("unknown", refusal.clone())),
    };
    let text = joined.as_deref();
    // A key need not be text. Armor has the frame of PEM, and is no key.
    let key = text.map_or(bytes, str::as_bytes);
    if key.len() <= MAX_TEXT_BYTES
        && !text.is_ok_and(armor::looks_armored)
        && let Some(inspection) = keys::inspect(key, passphrase)
    {
        return inspection;
    }
    let text = match joined {
        Ok(text) => text,
        Err(inspection) => return inspection,
    };
    let (text, mut mended) = match unarmored(&text) {
        Ok(unarmored) => unarmored,
        Err(refusal) => return Inspection::unreadable("unknown", refusal),
    };
    mended.splice(..0, decoded.as_ref().ok().and_then(|(_, mended)| *mended));
    let text = text.as_ref();
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if let Some(token) = enclosed(start) {
        let mut inspection = inspect(token.as_bytes(), None, now);
        inspection.fact("found", "as the member `token` of a JSON object".to_owned());
        return inspection;
    }
    if start.starts_with('{') {
        let mut inspection = documents::inspect(start, now);
        mended.iter().for_each(|repair| inspection.fact("mended", repair.to_string()));
        return inspection;
    }
    let mut repairs = Vec::new();
    match read(text, &mut repairs) {
        Ok(token) => {
            repairs.splice(..0, mended);
            let mut inspection = Inspection::new("license");
            let size = text.trim().len();
            let payload = token.unverified_payload();
            inspection
                .fact("form", format!("a token, {size} bytes; payload {} bytes, signature 64 bytes", payload.len()));
            repairs.iter().for_each(|repair| inspection.fact("mended", repair.to_string()));
            match token.unverified_body() {
                Body::Open(license) => inspection.license(license, payload, now),
                Body::Sealed(sealed) => {
                    inspection.kind = "sealed-license";
                    inspection.fact(
                        "sealed",
                        format!("{} bytes under A256GCM; --unseal of `verify` opens it", sealed.sealed_bytes()),
                    );
                    inspection.signer(sealed.kid.map(|kid| kid.to_string()));
                    inspection.payload(payload);
                }
            }
            inspection.list("repairs", repairs.iter().map(ToString::to_string));
            inspection
        }
        Err(refusal) => damaged(text, refusal, now),
    }
}

/// Finds the token of a line that `mint --batch` has written or `verify --batch` reads.
fn enclosed(text: &str) -> Option<String> {
    let members = json::parse(text.as_bytes()).ok().filter(|_| text.starts_with('{'))?.into_object("line").ok()?;
    let has = |wanted: &str| members.iter().any(|(name, _)| name == wanted);
    if has("kind") || has("payloadType") {
        return None;
    }
    members.into_iter().find_map(|(name, value)| match value {
        json::Value::String(token) if name == "token" && !token.trim_start().starts_with('{') => {
            Some(token.into_owned())
        }
        _ => None,
    })
}

/// Shows what can still be read of a text that is refused: every fault by its line, and the payload if it decodes.
fn damaged(text: &str, refusal: Refusal, now: Timestamp) -> Inspection {
    let mut inspection = Inspection::unreadable("license", refusal);
    if text.len() > MAX_TEXT_BYTES {
        return inspection;
    }
    if let Err(Damage { faults, .. }) = armor::repair(text) {
        if faults.len() > 1 {
            faults.iter().for_each(|fault| inspection.fact("damage", fault.to_string()));
        }
        inspection.list("damage", faults.iter().map(ToString::to_string));
    }
    let payload = salvage(text);
    let members = json::parse(&payload).and_then(|value| value.into_object("payload"));
    match members.ok().and_then(|members| License::from_members(members).ok()) {
        Some(license) => {
            inspection.fact("claims", "the payload can be read all the same:".to_owned());
            inspection.license(&license, &payload, now);
        }
        None if payload.starts_with(b"{") => {
            let readable = String::from_utf8_lossy(&payload[..payload.len().min(MAX_SALVAGED_BYTES)]);
            inspection.fact("reads", readable.into_owned());
        }
        None => {}
    }
    inspection
}

/// Decodes what of the payload has come through: of each line its first word, quotes and frame left aside.
fn salvage(text: &str) -> Vec<u8> {
    let is_frame = |line: &&str| line.contains("MINTAGE");
    let lines = text.lines().filter(|line| !is_frame(line));
    let words = lines.filter_map(|line| line.trim_start_matches(['>', ' ']).split_ascii_whitespace().next());
    let whole = words.collect::<String>();
    let first_half = whole.split('.').next().unwrap_or_default();
    let digits: Vec<u8> =
        first_half.bytes().filter(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte)).collect();
    // A last group that is not whole cannot be decoded.
    let groups = digits.len() - digits.len() % 4;
    let mut payload = STANDARD.decode(&digits[..groups]).unwrap_or_default();
    payload.extend(STANDARD_NO_PAD.decode(&digits[groups..]).unwrap_or_default());
    payload
}

impl Inspection {
    fn new(kind: &'static str) -> Self {
        Self { kind, facts: Vec::new(), members: Vec::new(), refusal: None }
    }

    /// Says why a text cannot be read.
    pub fn unreadable(kind: &'static str, refusal: Refusal) -> Self {
        let mut inspection = Self::new(kind);
        inspection.refuse(refusal);
        inspection
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.fact("refused", format!("{}: {}", refusal.code, refusal.message));
        let mut out = Writer::default();
        refusal.write(&mut out);
        self.member("refusal", out.finish());
        self.refusal = Some(refusal);
    }

    fn fact(&mut self, name: &'static str, value: String) {
        self.facts.push(Fact { name, value });
    }

    fn member(&mut self, name: &'static str, json: String) {
        self.members.push((name, json));
    }

    fn text_member(&mut self, name: &'static str, text: &str) {
        let mut out = Writer::default();
        out.string(text);
        self.member(name, out.finish());
    }

    fn list(&mut self, name: &'static str, texts: impl Iterator<Item = String>) {
        let mut out = Writer::default();
        out.begin_array();
        texts.for_each(|text| out.string(&text));
        out.end_array();
        self.member(name, out.finish());
    }

    /// Returns the inspection as canonical JSON; `verified` is always false.
    pub fn to_json(&self) -> String {
        let mut members = self.members.clone();
        members.push(("kind", format!("\"{}\"", self.kind)));
        members.push(("verified", "false".to_owned()));
        members.sort();
        let mut out = Writer::default();
        out.begin_object();
        for (name, json) in members {
            out.name(name).raw(&json);
        }
        out.end_object();
        out.finish()
    }
}

/// Returns the public key that a file or text holds, whatever its form; `None` when it holds none.
fn public_key(bytes: &[u8]) -> Option<PublicKey> {
    PublicKey::from_file_bytes(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_a_line_of_a_batch() {
        let kind = |text: &str| inspect(text.as_bytes(), None, Timestamp::EPOCH).kind;
        let token =
            format!("{}.{}==", STANDARD.encode(br#"{"exp":1,"iat":0,"licenseId":"l","tenantId":"t"}"#), "A".repeat(86));
        assert_eq!(kind(&format!(r#"{{"row":1,"token":"{token}"}}"#)), "license");
        // What says itself what it is, and what has no end, is shown as it is.
        assert_eq!(kind(&format!(r#"{{"kind":"acme","token":"{token}"}}"#)), "json");
        assert_eq!(kind(r#"{"token":"{}"}"#), "json");
    }
}
