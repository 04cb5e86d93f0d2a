//! `GET /`: one page for people, whole in itself. It asks the other routes and decides nothing.

#![expect(clippy::unnecessary_wraps, reason = "routes are all of one type")]

use std::sync::LazyLock;

use axum::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::http::app::App;
use crate::http::call::{Call, Reply};
use crate::http::problem::Problem;

pub(super) const HTML: &str = "text/html; charset=utf-8";

const PAGE: &str = include_str!("page.html");

/// Lets in the page's own script and style by their hashes, and nothing else.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |name: &str| {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let inside = PAGE.split(open.as_str()).nth(1).and_then(|rest| rest.split(close.as_str()).next());
        STANDARD.encode(Sha256::digest(inside.unwrap_or_default()))
    };
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash("script"),
        hash("style")
    )
});

pub(super) fn run(_: &App, _: &Call) -> Result<Reply, Problem> {
    let mut reply = Reply::of(HTML, PAGE);
    if let Ok(policy) = HeaderValue::from_str(&POLICY) {
        reply.headers.push((CONTENT_SECURITY_POLICY, policy));
    }
    Ok(reply)
}
