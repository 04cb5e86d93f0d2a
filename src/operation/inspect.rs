//! `inspect`: what a text claims, without believing any of it.

mod claims;
mod keys;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::verify::{NOT_UTF_8, read};
use crate::armor::{self, Damage};
use crate::code::Code;
use crate::json::{self, Value, Writer};
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

/// Inspects bytes as read from a file; `now` only serves to say how far away each time is.
pub fn inspect(bytes: &[u8], passphrase: Option<&Passphrase>, now: Timestamp) -> Inspection {
    if let Some(inspection) = keys::inspect(bytes, passphrase) {
        return inspection;
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Inspection::unreadable("unknown", Refusal::new(Code::DamagedText, NOT_UTF_8));
    };
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with('{') {
        return document(start);
    }
    let mut repairs = Vec::new();
    match read(text, &mut repairs) {
        Ok(token) => {
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

/// Shows what can still be read of a text that is refused: every fault by its line, and the payload if it decodes.
fn damaged(text: &str, refusal: Refusal, now: Timestamp) -> Inspection {
    let mut inspection = Inspection::unreadable("license", refusal);
    if let Err(Damage { faults, .. }) = armor::repair(text) {
        faults.iter().for_each(|fault| inspection.fact("damage", fault.to_string()));
        inspection.list("damage", faults.iter().map(ToString::to_string));
    }
    let first_half: String = text.split('.').next().unwrap_or_default().split_ascii_whitespace().collect();
    let payload = STANDARD.decode(&first_half).unwrap_or_default();
    let members = json::parse(&payload).and_then(|value| value.into_object("payload"));
    if let Some(license) = members.ok().and_then(|members| License::from_members(members).ok()) {
        inspection.fact("claims", "the payload can be read all the same:".to_owned());
        inspection.license(&license, &payload, now);
    }
    inspection
}

/// Describes a JSON document that is no license by its members.
fn document(text: &str) -> Inspection {
    let members = match json::parse(text.trim_end().as_bytes()).and_then(|value| value.into_object("document")) {
        Ok(members) => members,
        Err(error) => return Inspection::unreadable("json", Refusal::new(error.code(), error)),
    };
    let mut inspection = Inspection::new("json");
    inspection.fact("form", format!("a JSON object, {} bytes", text.trim_end().len()));
    for (name, value) in &members {
        if let Value::String(text) = value
            && matches!(name.as_ref(), "format" | "kind" | "payloadType" | "profile" | "product")
        {
            inspection.fact("member", format!("{name}: {text}"));
        }
    }
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
    inspection.fact("members", names.join(", "));
    inspection.member("document", json::canonical(&Value::Object(members.clone())));
    inspection
}

impl Inspection {
    fn new(kind: &'static str) -> Self {
        Self { kind, facts: Vec::new(), members: Vec::new(), refusal: None }
    }

    fn unreadable(kind: &'static str, refusal: Refusal) -> Self {
        let mut inspection = Self::new(kind);
        inspection.fact("refused", format!("{}: {}", refusal.code, refusal.message));
        let mut out = Writer::default();
        refusal.write(&mut out);
        inspection.member("refusal", out.finish());
        inspection.refusal = Some(refusal);
        inspection
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
