//! The document that a body carries: alone, or in an object beside what is asked of it. What is asked must never be passed
//! over, so a body that asks in any other form is refused rather than searched for a document.

use axum::body::Bytes;

use super::call::{BODIES, Call, JSON};
use super::problem::Problem;
use super::route::MAX_BODY_BYTES;
use super::schema::Schema;
use crate::code::Code;
use crate::json::{self, Members, Value};

/// How many values an object may have that carries a document.
const MAX_VALUES: usize = 1 << 16;

const FORM: &str = "application/x-www-form-urlencoded";

const SEND: &str = "send the document alone, or a JSON object that holds it beside what is asked; see /openapi.json";

/// What an object is that names a document, and a member which the route does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strangers {
    /// The document itself, unless it is said to be JSON.
    AreDocuments,
    /// A misspelled question.
    AreRefused,
}

/// What the members of the outermost object say of a body.
#[derive(Debug, Default)]
struct Named {
    /// There is a `document` or a `token`. No document has a member of these names itself.
    holds_document: bool,
    /// It is signed, or a request.
    is_document: bool,
    /// It may be a manifest or a list of revocations.
    may_be_large: bool,
    /// There is a member that the route does not know.
    has_stranger: bool,
}

impl Named {
    fn of(text: &[u8], schema: &Schema) -> Self {
        let mut named = Self::default();
        json::names(text, |name| {
            named.holds_document |= is_document(name);
            named.may_be_large |= matches!(name, "dsseEnvelope" | "payloadType");
            named.is_document |= named.may_be_large || name == "kind";
            named.has_stranger |= schema.members.iter().all(|member| member.name != name);
        });
        named
    }
}

impl Call {
    /// Reads a request that carries a document: what is asked of it, and the document's bytes.
    ///
    /// # Errors
    /// As [`Call::object`]; `malformed` where there is no document, or two, or what is asked has another form than JSON;
    /// `too-large` for an object that is, and does not hold a document of a large kind.
    pub(super) fn document(&self, schema: &Schema, strangers: Strangers) -> Result<(Members<'_>, Bytes), Problem> {
        let content_type = self.content_type();
        let says_json = content_type.eq_ignore_ascii_case(JSON);
        let text = begin(&self.body);
        let is_enclosed = if text.starts_with(b"{") {
            let named = Named::of(text, schema);
            let is_stranger = named.has_stranger && strangers == Strangers::AreDocuments;
            if named.holds_document { says_json || !is_stranger } else { says_json && !named.is_document }
        } else {
            says_json
        };
        if is_enclosed {
            return self.enclosed(schema);
        }
        if text.is_empty() {
            return Err(Problem::new(Code::Malformed, "there is no document in the body").hint("send one"));
        }
        match asks(text, content_type, schema) {
            None => Ok((Vec::new(), self.body.clone())),
            Some(how) => {
                let message = format!("the body {how}, and what is asked in that form would be passed over");
                Err(Problem::new(Code::Malformed, message).hint(SEND))
            }
        }
    }

    fn enclosed(&self, schema: &Schema) -> Result<(Members<'_>, Bytes), Problem> {
        let mut members = schema.check(json::parse_within(&self.body, MAX_VALUES)?)?;
        let mut documents = members.extract_if(.., |(name, _)| is_document(name));
        let (Some((_, Value::String(text))), None) = (documents.next(), documents.next()) else {
            return Err(Problem::new(Code::Malformed, "the body must hold one of `document` and `token`").hint(BODIES));
        };
        drop(documents);
        if self.body.len() > MAX_BODY_BYTES && !Named::of(begin(text.as_bytes()), schema).may_be_large {
            let message = format!(
                "the body is larger than the {MAX_BODY_BYTES} bytes that are read around a document of its kind"
            );
            return Err(Problem::new(Code::TooLarge, message));
        }
        Ok((members, Bytes::from(text.into_owned())))
    }
}

fn is_document(name: &str) -> bool {
    matches!(name, "document" | "token")
}

/// Leaves out what may stand before a text.
fn begin(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii_start();
    text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text).trim_ascii_start()
}

/// Says in which form a body asks something that is no JSON object, where it does.
fn asks(text: &[u8], content_type: &str, schema: &Schema) -> Option<String> {
    if content_type.get(..10).is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/")) {
        return Some(format!("is {content_type}"));
    }
    if let [b'[', rest @ ..] = text
        && !rest.trim_ascii_start().first().is_some_and(u8::is_ascii_alphabetic)
    {
        return Some("is a JSON array".to_owned());
    }
    let named = |text: &[u8], marks: &[u8]| {
        // What lists and braces that are missing leave before and behind a name.
        let text = skip(text, b"\"'-?&");
        let mark = |name: &str| text.strip_prefix(name.as_bytes()).and_then(|rest| skip(rest, b"\"'").first());
        let member = schema.members.iter().find(|member| mark(member.name).is_some_and(|mark| marks.contains(mark)));
        member.map(|member| member.name)
    };
    let of_form = || {
        let is_form = content_type.eq_ignore_ascii_case(FORM);
        is_form.then(|| text.split(|byte| *byte == b'&').skip(1).find_map(|part| named(part, b"="))).flatten()
    };
    let name = named(text, b"=:").or_else(of_form)?;
    Some(format!("names `{name}` outside of a JSON object"))
}

/// Skips white space and some signs.
fn skip<'a>(text: &'a [u8], signs: &[u8]) -> &'a [u8] {
    let length = text.iter().take_while(|byte| byte.is_ascii_whitespace() || signs.contains(byte)).count();
    &text[length..]
}
