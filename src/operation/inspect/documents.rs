//! JSON documents: envelopes with what they hold, and any other object by its members.

use super::Inspection;
use crate::code::Code;
use crate::dsse::{self, Envelope, Kind};
use crate::json::{self, Members, Value, Writer};
use crate::keyring::document::{KeyringDocument, MAX_KEYRING_BYTES};
use crate::manifest::{FileEntry, MAX_MANIFEST_BYTES, Manifest, Scope};
use crate::operation::document::limit;
use crate::request::{Request, RequestError};
use crate::revocations::{MAX_REVOCATIONS_BYTES, Revocations};
use crate::time::Timestamp;
use crate::verdict::Refusal;

/// How many files of a manifest are shown.
const SHOWN_FILES: usize = 5;

/// The largest document of any kind that begins as JSON does, in bytes.
pub const MAX_DOCUMENT_BYTES: usize =
    if MAX_MANIFEST_BYTES > MAX_REVOCATIONS_BYTES { MAX_MANIFEST_BYTES } else { MAX_REVOCATIONS_BYTES };

/// Refuses a document that no reader of its kind would read.
fn too_large(kind: &'static str, size: usize, limit: usize) -> Option<Inspection> {
    let message = format!("the {kind} is {size} bytes long, and at most {limit} are read of its kind");
    (size > limit).then(|| Inspection::unreadable(kind, Refusal::new(Code::Malformed, message)))
}

/// Describes a JSON document that is no license.
pub(super) fn inspect(text: &str, now: Timestamp) -> Inspection {
    let text = text.trim_end();
    // A bundle holds as little beside its envelope as that does beside its payload.
    let values = if text.len() > MAX_KEYRING_BYTES { dsse::MAX_VALUES } else { json::MAX_VALUES };
    let members = match json::parse_within(text.as_bytes(), values).and_then(|value| value.into_object("document")) {
        Ok(members) => members,
        Err(error) => return Inspection::unreadable("json", Refusal::new(error.code(), error)),
    };
    if members.iter().any(|(name, _)| name == "payloadType") {
        return match Envelope::parse(text.as_bytes()) {
            Ok(envelope) => match too_large("envelope", text.len(), limit(Kind::of(envelope.payload_type()))) {
                Some(refused) => refused,
                None => of_envelope(&envelope, text.len(), now),
            },
            Err(error) => Inspection::unreadable("envelope", Refusal::new(error.code(), error)),
        };
    }
    if let Some(envelope) = bundled(&members) {
        return of_envelope(&envelope, text.len(), now);
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
    match Request::parse(text.as_bytes()) {
        Ok(request) => inspection.request(&request, now),
        Err(RequestError::Kind(_)) => {
            let names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
            inspection.fact("members", names.join(", "));
        }
        Err(error) => {
            inspection.kind = "request";
            inspection.refuse(Refusal::new(error.code(), error));
        }
    }
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
    } else if envelope.payload_type() == Kind::Manifest.payload_type() {
        inspection.kind = "manifest";
        match Manifest::parse(payload) {
            Ok(manifest) => inspection.manifest(&manifest, now),
            Err(error) => inspection.refuse(Refusal::new(error.code(), error)),
        }
    } else {
        inspection.activation(Kind::of(envelope.payload_type()), payload, now);
    }
    inspection
}

/// The envelope in a Sigstore bundle, if the document is one.
fn bundled(members: &Members<'_>) -> Option<Envelope> {
    let (_, envelope) = members.iter().find(|(name, _)| name == "dsseEnvelope")?;
    Envelope::parse(json::canonical(envelope).as_bytes()).ok()
}

impl Inspection {
    fn manifest(&mut self, manifest: &Manifest, now: Timestamp) {
        self.fact("product", manifest.product.clone());
        self.fact("version", manifest.version.clone());
        self.moment("made", manifest.created_at, now);
        self.fact(
            "scope",
            match &manifest.scope {
                Scope::Global => "global: every license".to_owned(),
                Scope::Licenses(ids) => format!("license {}", ids.join(", ")),
            },
        );
        let source = &manifest.source;
        let told = [&source.provider, &source.repository, &source.commit, &source.run_url];
        let told: Vec<&str> = told.into_iter().flatten().map(String::as_str).collect();
        self.fact("source", if told.is_empty() { "made by hand".to_owned() } else { told.join(" ") });
        for pattern in &manifest.walk.excludes {
            self.fact("excludes", pattern.clone());
        }
        let bytes = manifest.files.iter().fold(0_u64, |sum, file| sum.saturating_add(file.facts.size));
        self.fact("files", format!("{}, {bytes} bytes", manifest.files.len()));
        for FileEntry { path, facts } in manifest.files.iter().take(SHOWN_FILES) {
            let identity = facts.identity.as_ref().map(|identity| format!(", {identity}")).unwrap_or_default();
            self.fact("file", format!("{} {path}, {} bytes{identity}", facts.sha256, facts.size));
        }
        if manifest.files.len() > SHOWN_FILES {
            self.fact("file", format!("and {} more", manifest.files.len() - SHOWN_FILES));
        }
        if !manifest.links.is_empty() {
            self.fact("links", manifest.links.len().to_string());
        }
        let mut out = Writer::default();
        manifest.write_summary(&mut out);
        self.member("manifest", out.finish());
    }

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
