//! [`Call`]: a request once it is read and its caller is known; [`Reply`]: what a route answers.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;

use super::app::Roles;
use super::problem::Problem;
use super::room::Share;
use super::route::{Caller, Method, Route};
use super::schema::{Holds, Schema};
use crate::code::Code;
use crate::json::{self, JsonError, Members, Value};
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
    /// What the body has taken of the room, until nobody works on it: also where the caller has gone meanwhile.
    pub(super) _share: Share,
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

pub(super) const JSON: &str = "application/json";

/// Where a caller finds what a body must hold.
pub(super) const BODIES: &str = "see the request bodies in /openapi.json";

/// Where a caller finds what there is.
pub(super) const ROUTES: &str = "the routes are listed in /openapi.json";

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

    /// Returns what the body is said to be, without parameters.
    pub(super) fn content_type(&self) -> &str {
        let content_type = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        content_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim()
    }
}

/// Reads what stands behind the `?`, and checks it against what the route knows. An empty value, as a form leaves it, is none.
///
/// # Errors
/// `malformed` for a value of another type, a name that stands twice, and one that the route does not know: what it would
/// narrow is told whole otherwise. What anybody may look at is looked at under any names, as monitors and caches add them.
pub(super) fn query(text: Option<&str>, route: &Route) -> Result<Vec<(String, String)>, Problem> {
    let known = route.query;
    let is_open = known.is_empty() && route.method == Method::Get && route.caller == Caller::Anyone;
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty() && !is_open) {
        let (name, spelled) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name), decoded(spelled));
        let Some(member) = known.iter().find(|member| member.name == name) else {
            let names = known.iter().map(|member| format!("`{}`", member.name)).collect::<Vec<_>>().join(", ");
            let names = if names.is_empty() { "none" } else { &names };
            let message = format!("the query names `{}`, and this route knows {names}", name.escape_debug());
            return Err(Problem::new(Code::Malformed, message).hint(ROUTES));
        };
        if value.is_empty() {
            continue;
        }
        if pairs.iter().any(|(other, _)| *other == name) {
            let message = format!("the query names `{name}` twice");
            return Err(Problem::new(Code::Malformed, message).hint("ask for one value at a time"));
        }
        let number = value.parse::<u64>().ok().map(|number| Value::Integer(number.into()));
        let text = || Value::String(value.as_str().into());
        let held = if let Holds::Count = member.holds { number.unwrap_or_else(text) } else { text() };
        member.holds.check(&name, &held).map_err(|error| unfit(error, spelled))?;
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// Says what is wrong with a value of a query.
fn unfit(error: JsonError, spelled: &str) -> Problem {
    let message = match error {
        JsonError::Value { member, expected, found } => {
            format!("the parameter `{member}` must be {expected}, and is {found}")
        }
        error => error.to_string(),
    };
    let hint = if spelled.contains('+') { "a `+` stands for a blank there; write it as %2B" } else { ROUTES };
    Problem::new(Code::Malformed, message).hint(hint)
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
