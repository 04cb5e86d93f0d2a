//! [`Call`]: a request once it is read and its caller is known; [`Reply`]: what a route answers.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;

use super::app::Roles;
use super::problem::Problem;
use super::schema::{Holds, Member, Schema};
use crate::code::Code;
use crate::json::{self, Members, Value};
use crate::time::Timestamp;

/// A request.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) roles: Arc<Roles>,
    pub(super) now: Timestamp,
    pub(super) peer: IpAddr,
    pub(super) headers: HeaderMap,
    /// What stands for `{id}` in the path.
    pub(super) id: String,
    /// What stands behind the `?`, decoded.
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Bytes,
}

/// The address that a connection came from.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
}

const JSON: &str = "application/json";

/// Where a caller finds what a body must hold.
pub(super) const BODIES: &str = "see the request bodies in /openapi.json";

impl Call {
    /// Reads the body as an object of a schema.
    ///
    /// # Errors
    /// As [`Schema::check`].
    pub(super) fn object(&self, schema: &Schema) -> Result<Members<'_>, Problem> {
        let value = json::parse(&self.body)?;
        Ok(schema.check(value)?)
    }

    /// Returns what was asked for behind the `?`.
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Whether the body says that it is JSON.
    pub(super) fn says_json(&self) -> bool {
        let content_type = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = content_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
        essence.eq_ignore_ascii_case(JSON)
    }

    /// Whether the body is an object that holds a document, as senders leave it that do not say what they send. No document
    /// has a member of these names itself.
    fn holds_document(&self) -> bool {
        self.body.trim_ascii_start().starts_with(b"{")
            && json::parse(&self.body).and_then(|value| value.into_object("body")).is_ok_and(|members| {
                members.iter().any(|(name, value)| is_document(name) && matches!(value, Value::String(_)))
            })
    }

    /// Reads a request that carries a document: its members, and the document's bytes. Any body that neither says it is
    /// JSON nor is an object that holds a document is the document itself.
    ///
    /// # Errors
    /// As [`Call::object`], and `malformed` where there is no document, or two.
    pub(super) fn document(&self, schema: &Schema) -> Result<(Members<'_>, Bytes), Problem> {
        if !self.says_json() && !self.holds_document() {
            let is_empty = self.body.trim_ascii().is_empty();
            let nothing = || Problem::new(Code::Malformed, "there is no document in the body").hint("send one");
            return if is_empty { Err(nothing()) } else { Ok((Vec::new(), self.body.clone())) };
        }
        let mut members = self.object(schema)?;
        let mut documents = members.extract_if(.., |(name, _)| is_document(name));
        match (documents.next(), documents.next()) {
            (Some((_, Value::String(text))), None) => {
                let text = Bytes::from(text.into_owned());
                drop(documents);
                Ok((members, text))
            }
            _ => Err(Problem::new(Code::Malformed, "the body must hold one of `document` and `token`").hint(BODIES)),
        }
    }
}

fn is_document(name: &str) -> bool {
    matches!(name, "document" | "token")
}

/// Reads what stands behind the `?`, and checks what the route knows of it.
///
/// # Errors
/// `malformed` for a value of another type, and for a name that a route with names of its own does not know: what it
/// would narrow is told whole otherwise.
pub(super) fn query(text: Option<&str>, known: &[Member]) -> Result<Vec<(String, String)>, Problem> {
    let pairs = text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let pairs: Vec<_> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect();
    for (name, value) in &pairs {
        let member = known.iter().find(|member| member.name == name);
        if member.is_none() && !known.is_empty() {
            let names = known.iter().map(|member| member.name).collect::<Vec<_>>().join("`, `");
            let message = format!("the query names `{}`, and this route knows `{names}`", name.escape_debug());
            return Err(Problem::new(Code::Malformed, message).hint("the routes are listed in /openapi.json"));
        }
        if let Some(member) = member {
            let number = value.parse::<u64>().ok().map(|number| Value::Integer(number.into()));
            let text = || Value::String(value.as_str().into());
            let value = if let Holds::Count = member.holds { number.unwrap_or_else(text) } else { text() };
            member.holds.check(name, &value)?;
        }
    }
    Ok(pairs)
}

/// Undoes the encoding of a query; what is no encoding stays as it is.
fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

impl Reply {
    /// Answers with JSON as a command prints it: the text and a line break.
    pub(super) fn json(text: String) -> Self {
        Self::of(JSON, text + "\n")
    }

    /// Answers with something of a content type.
    pub(super) fn of(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status: StatusCode::OK, content_type, headers: Vec::new(), body: body.into() }
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut reply = Self { status, ..Self::json(problem.to_json()) };
        if let Some(seconds) = problem.retry_after {
            reply.headers.push((header::RETRY_AFTER, seconds.into()));
        }
        if status == StatusCode::UNAUTHORIZED {
            reply.headers.push((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        }
        // What is left of a body that is not read would be taken for the next request.
        if status == StatusCode::PAYLOAD_TOO_LARGE || status == StatusCode::REQUEST_TIMEOUT {
            reply.headers.push((header::CONNECTION, HeaderValue::from_static("close")));
        }
        reply
    }
}
