//! The routes, without a socket: one fixed moment, one fixed key, every answer in full.

mod book;
mod crowded;
mod described;
mod enclosed;
mod guarded;
mod installed;
mod installed_seats;
mod machines;
mod reports;
mod same_bytes;
mod seats;
mod told;
pub(crate) mod usage;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use axum::body::Body;
use axum::http::{Request, Response};
use http_body_util::BodyExt;
use mintage::http::{App, Hosts, Peer, Roles, Secrets, World, router};
use mintage::key::file::KeyFile;
use mintage::keyring::Keyring;
use mintage::ledger::{Birth, Ledger, LedgerUrl};
use mintage::time::Timestamp;
use tower::ServiceExt;

use crate::harness::{Bench, example};

/// The moment of every request.
pub(crate) const NOW: &str = "2026-06-01T00:00:00Z";

pub(crate) const ADMIN: &str = "b7e1c2a4d6f80913";

/// A server in this process.
pub(crate) struct Server {
    router: axum::Router,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) response: Response<()>,
    pub(crate) body: String,
}

/// What a vendor's server is given.
pub(crate) fn roles() -> Roles {
    let key = std::fs::read(example("vendor.key")).unwrap();
    let signer = KeyFile::parse(&key).unwrap().open(None).unwrap();
    Roles {
        keyring: Keyring::from(signer.public()),
        signer: Some(Arc::new(signer)),
        admin: Secrets::parse(ADMIN).unwrap(),
        hosts: Hosts::These(vec!["localhost".to_owned()]),
        ..Roles::default()
    }
}

/// The ledger of a bench: what the program calls `sqlite:book.db` there.
pub(crate) fn ledger(bench: &Bench) -> Arc<Ledger> {
    let url = LedgerUrl::parse(&format!("sqlite:{}", bench.path("book.db").display())).unwrap();
    let birth = Birth { book_id: "book".to_owned(), now: Timestamp::parse_rfc3339(NOW).unwrap() };
    Arc::new(Ledger::open(&url, &birth).unwrap())
}

impl Server {
    pub(crate) fn new(roles: Roles) -> Self {
        Self::with_clock(roles, || Timestamp::parse_rfc3339(NOW).ok())
    }

    pub(crate) fn without_clock(roles: Roles) -> Self {
        Self::with_clock(roles, || None)
    }

    fn with_clock(roles: Roles, now: fn() -> Option<Timestamp>) -> Self {
        Self::of(World { now: Box::new(now), fresh: Box::new(|| Some([7; 16])) }, roles)
    }

    /// A server whose clock is set, and whose ids count up.
    pub(crate) fn timed(roles: Roles, clock: &Arc<AtomicI64>) -> Self {
        let (clock, count) = (Arc::clone(clock), AtomicU8::new(0));
        let now = move || Timestamp::from_seconds(clock.load(Ordering::Relaxed)).ok();
        let fresh = move || Some([count.fetch_add(1, Ordering::Relaxed); 16]);
        Self::of(World { now: Box::new(now), fresh: Box::new(fresh) }, roles)
    }

    fn of(world: World, roles: Roles) -> Self {
        let app = Arc::new(App::new(world, roles));
        // As a server does before it listens.
        app.adopt().unwrap();
        Self { router: router(app) }
    }

    pub(crate) fn vendor() -> Self {
        Self::new(roles())
    }

    /// Sends a request as it is.
    pub(crate) fn send(&self, request: Request<Body>) -> Answer {
        self.send_in(request, &mut tokio::runtime::Builder::new_current_thread())
    }

    /// Sends a request while time stands still but for what is waited for.
    pub(crate) fn send_paused(&self, request: Request<Body>) -> Answer {
        self.send_in(request, tokio::runtime::Builder::new_current_thread().start_paused(true))
    }

    fn send_in(&self, mut request: Request<Body>, runtime: &mut tokio::runtime::Builder) -> Answer {
        request.extensions_mut().get_or_insert(Peer(IpAddr::from([192, 0, 2, 1])));
        runtime.enable_time().build().unwrap().block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let body = String::from_utf8(body.to_vec()).unwrap();
            Answer { status: parts.status.as_u16(), response: Response::from_parts(parts, ()), body }
        })
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path, &[]).body(Body::empty()).unwrap())
    }

    pub(crate) fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        let json = [("content-type", "application/json")];
        self.send(request("POST", path, &json).body(body.into()).unwrap())
    }

    pub(crate) fn post_as_admin(&self, path: &str, body: impl Into<Body>) -> Answer {
        let headers = [("content-type", "application/json"), ("x-admin-api-key", ADMIN)];
        self.send(request("POST", path, &headers).body(body.into()).unwrap())
    }
}

/// Starts a request as a client would.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> axum::http::request::Builder {
    let builder = Request::builder().method(method).uri(path).header("host", "localhost:7420");
    headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value))
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    /// The status and the body, as a snapshot shows them.
    pub(crate) fn shown(&self) -> String {
        format!("{} {}", self.status, self.body)
    }
}
