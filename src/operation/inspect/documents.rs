//! JSON documents: envelopes with what they hold, and any other object by its members.

use super::Inspection;
use crate::code::Code;
use crate::dsse::{Envelope, Kind};
use crate::json::{self, Value};
use crate::keyring::document::{KeyringDocument, MAX_KEYRING_BYTES};
use crate::manifest::MAX_MANIFEST_BYTES;
use crate::revocations::{MAX_REVOCATIONS_BYTES, Revocations};
use crate::time::Timestamp;
use crate::verdict::Refusal;

/// The largest document of any kind that begins as JSON does, in bytes.
pub const MAX_DOCUMENT_BYTES: usize =
    if MAX_MANIFEST_BYTES > MAX_REVOCATIONS_BYTES { MAX_MANIFEST_BYTES } else { MAX_REVOCATIONS_BYTES };

/// Returns the largest size that a kind of envelope may have, in bytes.
fn limit(payload_type: &str) -> usize {
    if payload_type == Kind::Manifest.payload_type() {
        MAX_MANIFEST_BYTES
    } else if payload_type == Kind::Revocations.payload_type() {
        MAX_REVOCATIONS_BYTES
    } else {
        MAX_KEYRING_BYTES
    }
}

/// Refuses a document that no reader of its kind would read.
fn too_large(kind: &'static str, size: usize, limit: usize) -> Option<Inspection> {
    let message = format!("the {kind} is {size} bytes long, and at most {limit} are read of its kind");
    (size > limit).then(|| Inspection::unreadable(kind, Refusal::new(Code::Malformed, message)))
}

/// Describes a JSON document that is no license.
pub(super) fn inspect(text: &str, now: Timestamp) -> Inspection {
    let text = text.trim_end();
    let members = match json::parse(text.as_bytes()).and_then(|value| value.into_object("document")) {
        Ok(members) => members,
        Err(error) => return Inspection::unreadable("json", Refusal::new(error.code(), error)),
    };
    if members.iter().any(|(name, _)| name == "payloadType") {
        return match Envelope::parse(text.as_bytes()) {
            Ok(envelope) => match too_large("envelope", text.len(), limit(envelope.payload_type())) {
                Some(refused) => refused,
                None => of_envelope(&envelope, text.len(), now),
            },
            Err(error) => Inspection::unreadable("envelope", Refusal::new(error.code(), error)),
        };
    }
    // A request is the largest of what is not signed.
    if let Some(refused) = too_large("json", text.len(), MAX_KEYRING_BYTES) {
        return refused;
    }
    let mut inspection = Inspection::new("json");
    inspection.fact("form", format!("a JSON object, {} bytes", text.len()));
    for (name, value) in &members {
        if let Value::String(text) = value
            && matches!(name.as_ref(), "format" | "kind" | "profile" | "product")
        {
            inspection.fact("member", format!("{name}: {text}"));
        }
    }
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
    inspection.fact("members", names.join(", "));
    inspection.member("document", json::canonical(&Value::Object(members.clone())));
    inspection
}

fn of_envelope(envelope: &Envelope, size: usize, now: Timestamp) -> Inspection {
    let mut inspection = Inspection::new("envelope");
    let payload = envelope.unverified_payload();
    inspection.fact("form", format!("a DSSE envelope, {size} bytes; payload {} bytes", payload.len()));
    inspection.fact("type", envelope.payload_type().to_owned());
    inspection.text_member("payloadType", envelope.payload_type());
    envelope.unverified_key_ids().for_each(|id| inspection.fact("signer", format!("says key {id}")));
    inspection.list("keyIds", envelope.unverified_key_ids().map(str::to_owned));
    inspection.payload(payload);
    if envelope.payload_type() == Kind::Keyring.payload_type() {
        inspection.kind = "keyring";
        match KeyringDocument::parse(payload) {
            Ok(document) => inspection.keyring(&document, now),
            Err(error) => inspection.refuse(Refusal::new(error.code(), error)),
        }
    } else if envelope.payload_type() == Kind::Revocations.payload_type() {
        inspection.kind = "revocations";
        match Revocations::parse(payload) {
            Ok(list) => inspection.revocations(&list, now),
            Err(error) => inspection.refuse(Refusal::new(error.code(), error)),
        }
    }
    inspection
}

impl Inspection {
    fn keyring(&mut self, document: &KeyringDocument, now: Timestamp) {
        self.fact("sequence", document.sequence.to_string());
        self.moment("issued", document.issued_at, now);
        for entry in &document.keys {
            let purposes: Vec<&str> = entry.purposes.iter().map(|purpose| purpose.as_str()).collect();
            let end = entry.not_after.map(|last| format!(" to {last}")).unwrap_or_default();
            let (kid, status) = (entry.key.id().kid(), entry.status.as_str());
            self.fact("key", format!("{kid} {status}, for {}, from {}{end}", purposes.join(", "), entry.not_before));
        }
        for (purpose, count) in &document.thresholds {
            self.fact("threshold", format!("{count} keys for {}", purpose.as_str()));
        }
    }

    fn revocations(&mut self, list: &Revocations, now: Timestamp) {
        self.fact("sequence", list.sequence.to_string());
        self.moment("issued", list.issued_at, now);
        self.moment("next due", list.next_update, now);
        self.fact("entries", format!("{}, by the hash of the license id", list.entries().len()));
    }
}
