//! The way of every request: named, checked, let in, read, answered, counted and logged.

mod body;
mod paced;

use std::net::{IpAddr, Ipv4Addr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::http::HeaderMap;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::response::Response;
use tokio::task::spawn_blocking;

use super::app::{App, Roles};
use super::auth::{admin_key, header_text};
use super::call::{Call, Peer, ROUTES, Reply, query};
use super::metrics::Tally;
use super::problem::Problem;
use super::route::{Caller, Route, Run};
use super::steps::{self, Next};
use crate::code::Code;

/// Bodies longer than this are worked on where they hold up nobody, in bytes.
const QUICK_BODY_BYTES: usize = 64 << 10;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every answer carries.
const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// Which way a request goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// To a route.
    Route(&'static Route),
    /// To a path where no route stands.
    Nowhere,
    /// To a path where a route stands that is called otherwise; the header `Allow` says how.
    Otherwise,
}

/// Answers a request, whichever way it goes.
pub(super) async fn answer(app: Arc<App>, way: Way, tally: Arc<Tally>, request: Request) -> Response {
    let start = Instant::now();
    let peer = peer(&request);
    let (mut parts, body) = request.into_parts();
    let id = request_id(&app, &parts.headers);
    let roles = app.roles();
    let peer = roles.proxies.caller(peer, &parts.headers);
    let given = match roles.hosts.check(parts.version, &parts.uri, &parts.headers) {
        Ok(()) => run_way(&app, roles, way, &mut parts, body, peer).await,
        Err(problem) => Err(problem),
    };
    let reply = given.unwrap_or_else(|problem| {
        if let Some(cause) = &problem.cause {
            tracing::error!(request_id = id, cause, "a request failed inside");
        }
        problem.into()
    });
    let (status, took) = (reply.status, start.elapsed());
    app.metrics.answered(&tally, &parts.method, status.as_u16(), took);
    let ms = took.as_micros() / 1_000;
    let (method, path) = (&parts.method, parts.uri.path());
    if status.is_client_error() || status.is_server_error() || !method.is_safe() && is_remarkable(tally.path) {
        tracing::info!(request_id = id, %peer, %method, path, status = status.as_u16(), ms, "request");
    } else {
        tracing::debug!(request_id = id, %peer, %method, path, status = status.as_u16(), ms, "request");
    }
    respond(reply, id)
}

/// Makes a response of a reply: what every answer carries stands beside what the route gave, which goes before it.
fn respond(reply: Reply, id: String) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.reserve(HEADERS.len() + reply.headers.len() + 3);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    headers.extend(reply.headers);
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(value);
    }
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

async fn run_way(
    app: &Arc<App>,
    roles: Arc<Roles>,
    way: Way,
    parts: &mut Parts,
    body: Body,
    peer: IpAddr,
) -> Result<Reply, Problem> {
    let route = match way {
        Way::Route(route) => route,
        Way::Nowhere => {
            let path: String = parts.uri.path().chars().take(200).collect();
            return Err(Problem::new(Code::NotFound, format_args!("there is no route `{path}`")).hint(ROUTES));
        }
        Way::Otherwise => {
            let message = format!("this route is not called with {}", parts.method);
            return Err(Problem::new(Code::WrongMethod, message));
        }
    };
    match route.caller {
        Caller::Admin => admit(app, peer, &parts.headers)?,
        Caller::Anyone => {}
        Caller::Program => admit_program(app, peer, &parts.headers)?,
    }
    let (body, share) = body::read(&app.room, body, &parts.headers, route.max_body).await?;
    let id = if route.paths[0].contains('{') { parameter(parts).await? } else { String::new() };
    let query = query(parts.uri.query(), route)?;
    let headers = std::mem::take(&mut parts.headers);
    let call = Call { roles, now: app.now()?, peer, headers, id, query, body, _share: share };
    let is_quick = call.body.len() <= QUICK_BODY_BYTES;
    match route.run {
        Run::Whole(run) if is_quick && !route.blocks => caught(route, || run(app, &call)),
        Run::Whole(run) => aside(route, app, &Arc::new(call), run).await,
        Run::Steps(first) => {
            let call = Arc::new(call);
            let mut next =
                if is_quick { caught(route, || first(app, &call)) } else { aside(route, app, &call, first).await }?;
            loop {
                next = match next {
                    Next::Answer(reply) => return Ok(reply),
                    Next::Ask(ask) => {
                        let (teller, told) = steps::teller();
                        ask(teller);
                        let step = told.step().await?;
                        caught(route, || step(app, &call))?
                    }
                    Next::Wait(step) => aside(route, app, &call, step).await?,
                };
            }
        }
    }
}

/// Runs a part of a route where it holds up nobody.
async fn aside<T: Send + 'static>(
    route: &'static Route,
    app: &Arc<App>,
    call: &Arc<Call>,
    run: impl FnOnce(&App, &Call) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let (app, call) = (Arc::clone(app), Arc::clone(call));
    let work = spawn_blocking(move || caught(route, || run(&app, &call)));
    work.await.unwrap_or_else(|error| Err(Problem::internal(error)))
}

/// Returns what stands for `{id}` in the path.
async fn parameter(parts: &mut Parts) -> Result<String, Problem> {
    match RawPathParams::from_request_parts(parts, &()).await {
        Ok(parameters) => Ok(parameters.iter().next().map_or_else(String::new, |(_, value)| value.to_owned())),
        Err(error) => Err(Problem::new(Code::Malformed, error).hint("encode the path as UTF-8")),
    }
}

/// Runs a route, or a part of one; its panic is an answer like another, and the log has its place already.
fn caught<T>(route: &Route, run: impl FnOnce() -> Result<T, Problem>) -> Result<T, Problem> {
    catch_unwind(AssertUnwindSafe(run))
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
        return admit(app, peer, headers).map_err(|problem| match admin_key(headers) {
            None if !roles.license_keys.is_empty() && problem.code == Code::Unauthorized => {
                let hint = "send one of --license-key-file as X-License-Key, or the admin key as X-Admin-Api-Key";
                Problem::new(Code::Unauthorized, "the request carries neither a license key nor an admin key")
                    .hint(hint)
            }
            _ => problem,
        });
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

/// Takes the caller's id if it is sound, so that one id goes through a whole system; else gives one.
fn request_id(app: &App, headers: &HeaderMap) -> String {
    let sound = |id: &&str| id.len() <= 128 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b));
    let given = header_text(headers, REQUEST_ID.as_str()).filter(sound);
    given.map_or_else(|| app.ids.next(&app.world), str::to_owned)
}

fn peer(request: &Request) -> IpAddr {
    request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0)
}

/// Whether a call that went well belongs in the log by itself: what anybody may ask leaves no trace, and heartbeats, which
/// come in crowds, are counted.
fn is_remarkable(route: &str) -> bool {
    !["/api/v1/heartbeat", "/api/v1/inspect", "/api/v1/verify"].contains(&route)
}
