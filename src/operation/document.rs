//! The door for every document but the license: whatever form it travelled in, its JSON comes out.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::text::{decode, joined};
use super::verify::is_bare;
use crate::armor::{self, Repair};
use crate::code::Code;
use crate::dsse::{self, Envelope, Kind};
use crate::json;
use crate::keyring::document::MAX_KEYRING_BYTES;
use crate::manifest::MAX_MANIFEST_BYTES;
use crate::request::{self, MAX_REQUEST_BYTES, Request};
use crate::revocations::MAX_REVOCATIONS_BYTES;
use crate::verdict::Refusal;

/// The label under which licenses are armored; every other label stands over base64 of JSON.
const LICENSE: &str = "LICENSE";

/// The longest text that is mended, in bytes. What mail carries is shorter, and mending holds dozens of bytes for each.
pub const MAX_MAIL_BYTES: usize = 1 << 20;

/// A document, not believed yet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Document {
    /// Signed, of this kind; `None` for one that this version does not know.
    Envelope(Envelope, Option<Kind>),
    /// What must be a license, as it was pasted.
    License(String),
    /// What a machine asks for.
    Request(Box<Request>),
}

/// A document, and what had to be mended before it could be read.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The document.
    pub document: Document,
    /// What mail had done to its text; of a license nothing has been mended yet.
    pub repairs: Vec<Repair>,
}

/// Armors the JSON of a document for mail, under its kind in upper case.
pub fn armored(kind: &str, json: &str) -> String {
    armor::wrap(kind, &STANDARD.encode(json))
}

/// Opens a document as its file or mail holds it.
///
/// # Errors
/// `DamagedText` with every line that was lost or changed, `WrongKind` for JSON that is none of ours, and what is wrong with
/// the envelope or request.
pub fn open(bytes: &[u8]) -> Result<Opened, Refusal> {
    // A file ends with the end of its line.
    let is_token = |text: &&str| is_bare(text.strip_suffix('\n').unwrap_or(text));
    if let Some(text) = std::str::from_utf8(bytes).ok().filter(is_token) {
        return Ok(Opened { document: Document::License(text.to_owned()), repairs: Vec::new() });
    }
    let (text, mended) = decode(bytes)?;
    let text = joined(&text)?;
    let (text, mut repairs) = unarmored(&text)?;
    repairs.splice(..0, mended);
    let start = text.trim_start_matches('\u{feff}').trim();
    let document =
        if start.starts_with('{') { of_json(start.as_bytes())? } else { Document::License(text.into_owned()) };
    Ok(Opened { document, repairs })
}

/// Takes the armor off a document; the armor of a license stays, since its reader knows more of what a token looks like.
pub(super) fn unarmored(text: &str) -> Result<(Cow<'_, str>, Vec<Repair>), Refusal> {
    if text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
        return Ok((Cow::Borrowed(text), Vec::new()));
    }
    if text.len() > MAX_MAIL_BYTES {
        let size = text.len();
        let message =
            format!("the text is {size} bytes long, and at most {MAX_MAIL_BYTES} are read of what is no JSON");
        return Err(Refusal::new(Code::Malformed, message));
    }
    if !armor::looks_armored(text) {
        return Ok((Cow::Borrowed(text), Vec::new()));
    }
    match armor::unwrap_armor(text) {
        Ok((label, _)) if label == LICENSE => Ok((Cow::Borrowed(text), Vec::new())),
        Ok((_, repaired)) if repaired.text.contains('.') => Ok((Cow::Borrowed(text), Vec::new())),
        Ok((label, repaired)) => {
            let json = STANDARD.decode(&repaired.text).ok().and_then(|json| String::from_utf8(json).ok());
            // What is left of a document that was cut off may still be whole groups of base64.
            let json = json.filter(|json| {
                use json::JsonError::{Syntax, Truncated};
                !matches!(json::parse(json.trim().as_bytes()), Err(Syntax(_) | Truncated(_)))
            });
            let cut = || {
                Refusal::new(Code::DamagedText, format_args!("the armor of the {} is cut off", label.to_lowercase()))
            };
            json.map(|json| (Cow::Owned(json), repaired.repairs)).ok_or_else(cut)
        }
        Err(_) if text.contains(LICENSE) => Ok((Cow::Borrowed(text), Vec::new())),
        Err(damage) => Err(Refusal::new(damage.code(), damage)),
    }
}

/// Returns how long the JSON of a signed document may be, in bytes.
pub(super) fn limit(kind: Option<Kind>) -> usize {
    match kind {
        Some(Kind::Manifest) => MAX_MANIFEST_BYTES,
        Some(Kind::Revocations) => MAX_REVOCATIONS_BYTES,
        _ => MAX_KEYRING_BYTES,
    }
}

/// Refuses a document of a kind that is longer than it may be, both in bytes.
fn within(kind: &str, size: usize, limit: usize) -> Result<(), Refusal> {
    if size <= limit {
        return Ok(());
    }
    let message = format!("the {kind} is {size} bytes long, and at most {limit} are read of its kind");
    Err(Refusal::new(Code::Malformed, message))
}

fn of_json(text: &[u8]) -> Result<Document, Refusal> {
    let malformed = |error: json::JsonError| Refusal::new(error.code(), error);
    let values = if text.len() > MAX_KEYRING_BYTES { dsse::MAX_VALUES } else { json::MAX_VALUES };
    let members = json::parse_within(text, values).map_err(malformed)?.into_object("document").map_err(malformed)?;
    let has = |name: &str| members.iter().any(|(other, _)| other == name);
    if has("payloadType") {
        let envelope = Envelope::parse(text).map_err(|error| Refusal::new(error.code(), error))?;
        let kind = Kind::of(envelope.payload_type());
        within(kind.map_or("envelope", Kind::as_str), text.len(), limit(kind))?;
        return Ok(Document::Envelope(envelope, kind));
    }
    match members.iter().find(|(name, _)| name == "kind") {
        Some((_, json::Value::String(kind))) if kind == request::KIND => {
            within("request", text.len(), MAX_REQUEST_BYTES)?;
            let request = Request::parse(text).map_err(|error| Refusal::new(error.code(), error))?;
            Ok(Document::Request(Box::new(request)))
        }
        _ => Err(Refusal::new(Code::WrongKind, "this is a JSON document, not one that mintage signs")),
    }
}

impl Document {
    /// Returns what the document is, for messages.
    pub fn name(&self) -> &str {
        match self {
            Self::Envelope(_, Some(kind)) => kind.as_str(),
            Self::Envelope(envelope, None) => envelope.payload_type(),
            Self::License(_) => "license",
            Self::Request(_) => "request",
        }
    }

    /// Takes the envelope of one kind.
    ///
    /// # Errors
    /// `WrongKind` for everything else.
    pub fn envelope(self, wanted: Kind) -> Result<Envelope, Refusal> {
        match self {
            Self::Envelope(envelope, Some(kind)) if kind == wanted => Ok(envelope),
            other => {
                let message = format!("this is a {}, and a {} is wanted", other.name(), wanted.as_str());
                Err(Refusal::new(Code::WrongKind, message))
            }
        }
    }

    /// Takes the request.
    ///
    /// # Errors
    /// `WrongKind` for everything else.
    pub fn request(self) -> Result<Request, Refusal> {
        match self {
            Self::Request(request) => Ok(*request),
            other => {
                let message = format!("this is a {}, and a request is wanted", other.name());
                Err(Refusal::new(Code::WrongKind, message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SecretKey;

    fn release() -> String {
        Envelope::sign(Kind::Release, b"{}".to_vec(), &[&SecretKey::from_seed(&[1; 32])]).to_json()
    }

    #[test]
    fn a_document_comes_out_of_armor_as_it_went_in() {
        let json = release();
        let armor = armored("release", &json);
        assert!(armor.starts_with("-----BEGIN MINTAGE RELEASE-----\n"), "{armor}");
        for text in [json.clone(), armor.clone(), armor.replace('\n', "\r\n"), armor.replace('\n', "\n> ")] {
            let opened = open(text.as_bytes()).unwrap();
            assert_eq!(opened.document.envelope(Kind::Release).unwrap().to_json(), json);
        }
        let quoted = armor.lines().map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n");
        assert!(!open(quoted.as_bytes()).unwrap().repairs.is_empty());
    }

    #[test]
    fn what_no_mail_carries_is_not_mended() {
        let text = "a b\n".repeat(1 + MAX_MAIL_BYTES / 4);
        let refusal = open(text.as_bytes()).unwrap_err();
        assert_eq!(refusal.code, Code::Malformed);
        assert!(refusal.message.contains(&format!("{} bytes long, and at most {MAX_MAIL_BYTES}", text.len())));
    }

    #[test]
    fn a_lost_line_is_named_wherever_it_was() {
        let armor = armored("release", &release());
        let lines: Vec<&str> = armor.lines().collect();
        for lost in 1..lines.len() - 1 {
            let kept: Vec<&str> =
                lines.iter().enumerate().filter(|(at, _)| *at != lost).map(|(_, line)| *line).collect();
            assert_eq!(open(kept.join("\n").as_bytes()).unwrap_err().code, Code::DamagedText, "line {lost}");
        }
    }

    #[test]
    fn what_is_no_document_is_named() {
        for (text, code) in [
            ("{\"a\":1}", Code::WrongKind),
            ("{\"kind\":\"mintage/request/v2\"}", Code::WrongKind),
            ("{\"kind\":\"mintage/request/v1\"}", Code::Malformed),
            ("{\"payloadType\":7}", Code::Malformed),
            ("{", Code::Truncated),
        ] {
            assert_eq!(open(text.as_bytes()).unwrap_err().code, code, "{text}");
        }
        assert_eq!(open(b"\xff\xfe").unwrap_err().code, Code::DamagedText);
        assert!(matches!(open(b"a.b").unwrap().document, Document::License(_)));
        let other = open(release().as_bytes()).unwrap().document.envelope(Kind::Proof).unwrap_err();
        assert_eq!(other.message, "this is a release, and a proof is wanted");
    }
}
