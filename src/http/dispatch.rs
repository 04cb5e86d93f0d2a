//! The way of every request: named, checked, let in, read, answered, counted and logged.

use std::net::{IpAddr, Ipv4Addr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::app::App;
use super::auth::{admin_key, header_text};
use super::call::{Call, Peer, Reply, RequestId, query};
use super::problem::Problem;
use super::route::{Caller, MAX_BODY_BYTES, Route};
use crate::code::Code;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// How long a body of the largest kind may take.
const LONG_BODY_TIME: Duration = Duration::from_secs(300);

/// Bodies longer than this are worked on where they hold up nobody, in bytes.
const QUICK_BODY_BYTES: usize = 64 << 10;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every answer carries.
const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// Goes around every route, those that do not exist included.
pub(super) async fn around(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = request_id(&app, request.headers());
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let uri = request.uri().clone();
    let peer = peer(&request);
    let route = request.extensions().get::<MatchedPath>().map_or("other", |path| known(path.as_str()));
    let checked = app.roles().hosts.check(request.version(), request.headers());
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let (status, took) = (response.status(), start.elapsed());
    app.metrics.answered(route, &method, status.as_u16(), took);
    let ms = took.as_micros() / 1_000;
    if status.is_client_error() || status.is_server_error() || !method.is_safe() && is_remarkable(route) {
        tracing::info!(request_id = id, %peer, %method, path = uri.path(), status = status.as_u16(), ms, "request");
    } else {
        tracing::debug!(request_id = id, %peer, %method, path = uri.path(), status = status.as_u16(), ms, "request");
    }
    response
}

/// Runs one route.
pub(super) async fn answer(app: Arc<App>, route: &'static Route, request: Request) -> Response {
    let id = request.extensions().get::<RequestId>().map_or_else(String::new, |id| id.0.clone());
    match serve(app, route, request).await {
        Ok(reply) => reply.into_response(),
        Err(problem) => {
            if let Some(cause) = &problem.cause {
                tracing::error!(request_id = id, cause, "a request failed inside");
            }
            problem.into_response()
        }
    }
}

async fn serve(app: Arc<App>, route: &'static Route, request: Request) -> Result<Reply, Problem> {
    let peer = peer(&request);
    let (mut parts, body) = request.into_parts();
    match route.caller {
        Caller::Admin => admit(&app, peer, &parts.headers)?,
        Caller::Anyone => {}
        Caller::Program => admit_program(&app, peer, &parts.headers)?,
    }
    let body = read(body, &parts.headers, route.max_body).await?;
    let id = match RawPathParams::from_request_parts(&mut parts, &()).await {
        Ok(parameters) => parameters.iter().next().map_or_else(String::new, |(_, value)| value.to_owned()),
        Err(error) => return Err(Problem::new(Code::Malformed, error).hint("encode the path as UTF-8")),
    };
    let query = query(parts.uri.query(), route.query)?;
    let call = Call { roles: app.roles(), now: app.now()?, peer, headers: parts.headers, id, query, body };
    if !route.blocks && call.body.len() <= QUICK_BODY_BYTES {
        return run(&app, route, &call);
    }
    let work = tokio::task::spawn_blocking(move || run(&app, route, &call));
    work.await.unwrap_or_else(|error| Err(Problem::internal(error)))
}

/// Runs a route; its panic is an answer like another, and the log has its place already.
fn run(app: &App, route: &Route, call: &Call) -> Result<Reply, Problem> {
    catch_unwind(AssertUnwindSafe(|| (route.run)(app, call)))
        .unwrap_or_else(|_| Err(Problem::internal(format_args!("{} panicked", route.paths[0]))))
}

/// Lets an admin in. Who guesses has to wait before any further key is looked at, a right one included.
pub(super) fn admit(app: &App, peer: IpAddr, headers: &HeaderMap) -> Result<(), Problem> {
    let roles = app.roles();
    if roles.admin.is_empty() {
        let message = "this server was started without --admin-key-file, so it serves no admin";
        return Err(Problem::not_served(message));
    }
    app.may_guess(peer)?;
    match admin_key(headers) {
        Some(key) if roles.admin.admit(key) => Ok(()),
        Some(_) => {
            app.guessed_wrong(peer);
            Err(Problem::new(Code::Unauthorized, "the admin key is wrong"))
        }
        None => Err(Problem::new(Code::Unauthorized, "the request carries no admin key")),
    }
}

/// Lets a customer's program in: with a key of its own, or as an admin.
pub(super) fn admit_program(app: &App, peer: IpAddr, headers: &HeaderMap) -> Result<(), Problem> {
    let roles = app.roles();
    let Some(key) = header_text(headers, "x-license-key") else {
        if roles.admin.is_empty() && !roles.license_keys.is_empty() {
            let hint = "send one of --license-key-file as X-License-Key";
            return Err(Problem::new(Code::Unauthorized, "the request carries no license key").hint(hint));
        }
        return admit(app, peer, headers);
    };
    if roles.license_keys.is_empty() {
        let message = "this server was started without --license-key-file, so it knows no license key";
        return Err(Problem::not_served(message));
    }
    app.may_guess(peer)?;
    if roles.license_keys.admit(key) {
        return Ok(());
    }
    app.guessed_wrong(peer);
    let hint = "send one of --license-key-file as X-License-Key";
    Err(Problem::new(Code::Unauthorized, "the license key is wrong").hint(hint))
}

async fn read(body: Body, headers: &HeaderMap, limit: usize) -> Result<Bytes, Problem> {
    let too_large =
        || Problem::new(Code::TooLarge, format_args!("the body is larger than the {limit} bytes that are read"));
    let announced = header_text(headers, header::CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok());
    if announced.is_some_and(|length: usize| length > limit) {
        return Err(too_large());
    }
    let time = if limit > MAX_BODY_BYTES { LONG_BODY_TIME } else { BODY_TIME };
    match tokio::time::timeout(time, Limited::new(body, limit).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(Code::Malformed, "the body broke off").hint("send it whole")),
        Err(_) => Err(Problem::new(Code::TimedOut, format_args!("the body took more than {} s", time.as_secs()))),
    }
}

/// Answers where no route stands.
pub(super) async fn nowhere(request: Request) -> Response {
    let path: String = request.uri().path().chars().take(200).collect();
    Problem::new(Code::NotFound, format_args!("there is no route `{path}`"))
        .hint("the routes are listed in /openapi.json")
        .into_response()
}

/// Answers where a route stands that is called otherwise; the header `Allow` says how.
pub(super) async fn otherwise(request: Request) -> Response {
    let message = format!("this route is not called with {}", request.method());
    Problem::new(Code::WrongMethod, message).into_response()
}

/// Takes the caller's id if it is sound, so that one id goes through a whole system; else draws one.
fn request_id(app: &App, headers: &HeaderMap) -> String {
    let sound = |id: &&str| id.len() <= 128 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b));
    let given = header_text(headers, REQUEST_ID.as_str()).filter(sound);
    given.map_or_else(|| app.fresh_id().unwrap_or_default(), str::to_owned)
}

fn peer(request: &Request) -> IpAddr {
    request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0)
}

/// Returns the pattern of a route for as long as the program runs.
fn known(pattern: &str) -> &'static str {
    let patterns = super::table::TABLE.iter().flat_map(|route| route.paths);
    patterns.copied().find(|known| *known == pattern).unwrap_or("other")
}

/// Whether a call that went well belongs in the log by itself: what anybody may ask leaves no trace.
fn is_remarkable(route: &str) -> bool {
    !["/api/v1/verify", "/api/v1/inspect"].contains(&route)
}
