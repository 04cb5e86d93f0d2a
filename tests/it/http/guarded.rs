//! Who gets in, and what is turned away before anything is read.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;
use insta::assert_snapshot;

use super::{ADMIN, Server, request, roles};
use crate::harness::Bench;
use mintage::http::{Allowance, Peer, Proxies, Roles, Secrets};

const MINT: &str = "/api/v1/mint";

fn mint_with(server: &Server, headers: &[(&str, &str)]) -> super::Answer {
    let body = r#"{"tenantId":"acme","exp":"90d"}"#;
    server.send(request("POST", MINT, headers).body(Body::from(body)).unwrap())
}

#[test]
fn only_the_admin_key_opens_what_is_the_admins() {
    let server = Server::vendor();
    for (headers, status) in [
        (vec![("x-admin-api-key", ADMIN)], 200),
        (vec![("X-ADMIN-API-KEY", ADMIN)], 200),
        (vec![("authorization", "Bearer b7e1c2a4d6f80913")], 200),
        (vec![("authorization", "bearer b7e1c2a4d6f80913")], 200),
        (vec![], 401),
        (vec![("x-admin-api-key", "")], 401),
        (vec![("x-admin-api-key", "B7E1C2A4D6F80913")], 401),
        (vec![("x-admin-api-key", "b7e1c2a4d6f8091")], 401),
        (vec![("x-license-key", ADMIN)], 401),
        (vec![("authorization", "Basic b7e1c2a4d6f80913")], 401),
        (vec![("x-admin-api-key", ADMIN), ("x-admin-api-key", ADMIN)], 401),
    ] {
        assert_eq!(mint_with(&server, &headers).status, status, "{headers:?}");
    }
    let answer = mint_with(&server, &[]);
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    assert_snapshot!(answer.shown(), @r#"401 {"code":"unauthorized","error":"the request carries no admin key","hints":["send the admin key as X-Admin-Api-Key, or as Authorization: Bearer"],"message":"the request carries no admin key"}"#);
}

#[test]
fn without_a_key_of_the_admin_nobody_is_one() {
    let server = Server::new(Roles { admin: Secrets::default(), ..roles() });
    for headers in [vec![], vec![("x-admin-api-key", "")], vec![("authorization", "Bearer ")]] {
        assert_eq!(mint_with(&server, &headers).status, 404);
    }
    assert_snapshot!(mint_with(&server, &[]).shown(), @r#"404 {"code":"not-served","error":"this server was started without --admin-key-file, so it serves no admin","hints":["ask its operator, or a server that was"],"message":"this server was started without --admin-key-file, so it serves no admin"}"#);
}

#[test]
fn who_guesses_has_to_wait() {
    let server = Server::vendor();
    let statuses: Vec<u16> = (0..1_000)
        .map(|guess| mint_with(&server, &[("x-admin-api-key", &format!("guess-{guess:016}"))]).status)
        .collect();
    assert!(statuses.iter().take(10).all(|status| *status == 401));
    assert!(statuses.iter().skip(10).all(|status| *status == 429), "{statuses:?}");
    let answer = mint_with(&server, &[("x-admin-api-key", ADMIN)]);
    assert!(answer.header("retry-after").is_some());
    assert_snapshot!(answer.shown(), @r#"429 {"code":"too-many-requests","error":"too many wrong keys came from this address","hints":["wait as long as the header Retry-After says"],"message":"too many wrong keys came from this address"}"#);
}

#[test]
fn who_serves_many_behind_one_address_may_allow_more_guesses() {
    let wrong_keys = Allowance::a_minute(60.try_into().unwrap());
    let server = Server::new(Roles { wrong_keys, ..roles() });
    let statuses: Vec<u16> =
        (0..70).map(|guess| mint_with(&server, &[("x-admin-api-key", &format!("guess-{guess:016}"))]).status).collect();
    // One more is forgiven each second that this takes.
    assert!(statuses.iter().take(60).all(|status| *status == 401), "{statuses:?}");
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[test]
fn who_guesses_behind_a_proxy_waits_alone() {
    let proxies = Proxies::parse(&["192.0.2.0/24".to_owned()]).unwrap();
    let server = Server::new(Roles { proxies, ..roles() });
    let ask = |peer: &str, caller: &str, key: &str| {
        let headers = [("x-admin-api-key", key), ("x-forwarded-for", caller), ("content-type", "application/json")];
        let mut request = request("POST", MINT, &headers).body(Body::from("{}")).unwrap();
        request.extensions_mut().insert(Peer(peer.parse().unwrap()));
        server.send(request).status
    };
    let guesses: Vec<u16> = (0..11).map(|_| ask("192.0.2.1", "203.0.113.1", "guess-0123456789")).collect();
    assert_eq!((guesses[9], guesses[10]), (401, 429));
    assert_eq!(ask("192.0.2.1", "203.0.113.2", ADMIN), 400);
    // Who is no proxy speaks for nobody else.
    let spread: Vec<u16> =
        (0..11).map(|at| ask("198.51.100.1", &format!("203.0.113.{at}"), "guess-0123456789")).collect();
    assert_eq!((spread[9], spread[10]), (401, 429));
}

#[test]
fn a_request_names_the_host_that_it_reached() {
    let server = Server::vendor();
    let health = |hosts: &[&str]| {
        let builder = axum::http::Request::builder().uri("/healthz");
        let builder = hosts.iter().fold(builder, |builder, host| builder.header("host", *host));
        server.send(builder.body(Body::empty()).unwrap())
    };
    for (hosts, status) in [
        (&["localhost"][..], 200),
        (&["127.0.0.1:7420"], 200),
        (&["[::1]:7420"], 200),
        (&[], 400),
        (&["localhost", "localhost"], 400),
        (&["rebound.example"], 421),
    ] {
        assert_eq!(health(hosts).status, status, "{hosts:?}");
    }
    assert_snapshot!(health(&["rebound.example"]).shown(), @r#"421 {"code":"misdirected","error":"this server does not answer to the name `rebound.example`","hints":["use the server's own name, or let it answer to this one with --host"],"message":"this server does not answer to the name `rebound.example`"}"#);
    assert_snapshot!(health(&[]).shown(), @r#"400 {"code":"malformed","error":"the request must name its host once, as NAME or NAME:PORT","hints":["send one header Host"],"message":"the request must name its host once, as NAME or NAME:PORT"}"#);
}

#[test]
fn bodies_end_at_their_limit() {
    let server = Server::vendor();
    let large = "x".repeat((1 << 20) + 1);
    let answer = server.post_as_admin(MINT, large.clone());
    assert_eq!(answer.header("connection"), Some("close"));
    assert_snapshot!(answer.shown(), @r#"413 {"code":"too-large","error":"the body is larger than the 1048576 bytes that are read","hints":["send less"],"message":"the body is larger than the 1048576 bytes that are read"}"#);
    // Nobody who is not let in has anything read.
    assert_eq!(server.post(MINT, large.clone()).status, 401);
    // What may be a manifest may be larger.
    let manifest = format!(r#"{{"payload":"{large}","payloadType":"a","signatures":[]}}"#);
    assert_eq!(server.post("/api/v1/inspect", manifest).status, 200);
    let length = [("content-length", "67108865"), ("content-type", "text/plain")];
    let announced = server.send(request("POST", "/api/v1/inspect", &length).body(Body::from("x")).unwrap());
    assert_eq!(announced.status, 413);
}

#[test]
fn there_is_no_route_but_those_of_the_table() {
    let server = Server::vendor();
    assert_snapshot!(server.get("/api/v1/nothing").shown(), @r#"404 {"code":"not-found","error":"there is no route `/api/v1/nothing`","hints":["the routes are listed in /openapi.json"],"message":"there is no route `/api/v1/nothing`"}"#);
    let answer = server.get("/api/v1/verify");
    assert_eq!(answer.header("allow"), Some("POST"));
    assert_snapshot!(answer.shown(), @r#"405 {"code":"wrong-method","error":"this route is not called with GET","hints":["see the header Allow"],"message":"this route is not called with GET"}"#);
    assert_eq!(server.send(request("HEAD", "/healthz", &[]).body(Body::empty()).unwrap()).status, 200);
    assert_eq!(server.send(request("OPTIONS", "/api/v1/verify", &[]).body(Body::empty()).unwrap()).status, 405);
}

#[test]
fn a_body_is_what_the_route_takes() {
    let server = Server::vendor();
    for (path, body) in [
        ("/api/v1/verify", ""),
        ("/api/v1/verify", "[]"),
        ("/api/v1/verify", "{}"),
        ("/api/v1/verify", r#"{"document":"a","token":"b"}"#),
        ("/api/v1/verify", r#"{"document":"a","tennant":"b"}"#),
        ("/api/v1/verify", r#"{"document":"a","usage":{"apps":-1}}"#),
        ("/api/v1/verify", r#"{"document":"a","at":"soon"}"#),
        ("/api/v1/verify", r#"{"document":"a","document":"b"}"#),
        ("/api/v1/inspect", r#"{"document":5}"#),
    ] {
        let answer = server.post(path, body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
    }
    let empty = server.send(request("POST", "/api/v1/verify", &[]).body(Body::from(" \n")).unwrap());
    assert_snapshot!(empty.shown(), @r#"400 {"code":"malformed","error":"there is no document in the body","hints":["send one"],"message":"there is no document in the body"}"#);
    assert_snapshot!(server.post_as_admin(MINT, r#"{"tenantId":"acme"}"#).shown(), @r#"400 {"code":"usage","error":"the license needs `exp`","hints":["see the request bodies in /openapi.json"],"message":"the license needs `exp`"}"#);
    assert_snapshot!(server.post_as_admin(MINT, r#"{"tenantId":"acme","exp":"90d","seat":1}"#).shown(), @r#"400 {"code":"malformed","error":"the member `seat` must be left out: this route does not know it, and is 1","hints":["see the request bodies in /openapi.json"],"message":"the member `seat` must be left out: this route does not know it, and is 1"}"#);
}

#[test]
fn a_document_in_an_object_is_found_whatever_the_sender_calls_it() {
    let server = Server::vendor();
    let license = Bench::new().mint(&["--tenant", "acme", "--expires", "2099-12-31"]);
    let send = |content_type: &str, body: String| {
        let request = request("POST", "/api/v1/verify", &[("content-type", content_type)]);
        server.send(request.body(Body::from(body)).unwrap()).shown()
    };
    let told = send("application/json", format!(r#"{{"document":"{license}","at":"2026-06-01T00:00:00Z"}}"#));
    assert!(told.starts_with(r#"200 {"asOf":"2026-06-01T00:00:00Z""#), "{told}");
    // What curl says of `-d`, and what it says of a file.
    for content_type in ["application/x-www-form-urlencoded", "text/plain"] {
        let body = format!(" {{\"token\":\"{license}\",\"at\":\"2026-06-01T00:00:00Z\"}}");
        assert_eq!(send(content_type, body), told, "{content_type}");
        assert!(send(content_type, license.clone()).starts_with("200 "), "{content_type}");
        assert!(send(content_type, r#"{"token":5}"#.to_owned()).starts_with("400 "), "{content_type}");
    }
}

#[test]
fn a_body_that_comes_too_slowly_is_given_up() {
    let server = Server::vendor();
    let send = |body| server.send_paused(request("POST", "/api/v1/verify", &[]).body(body).unwrap());
    let answer = send(Body::new(Endless));
    assert_eq!(answer.header("connection"), Some("close"));
    assert_snapshot!(answer.shown(), @r#"408 {"code":"timed-out","error":"less than 65536 bytes of the body came in 10 s, and not its end","hints":["try again"],"message":"less than 65536 bytes of the body came in 10 s, and not its end"}"#);
    // Bytes now and then do not help, not even up to the end, and whatever came before them.
    for first in [0, 60 << 20] {
        let drip = send(Body::new(Steady { first, piece: 1, every: 3, pieces: 5, next: None }));
        assert_eq!((drip.status, drip.body), (408, answer.body.clone()), "{first}");
    }
    let small = |pieces| Steady { first: 0, piece: 1, every: 3, pieces, next: None };
    assert_eq!(send(Body::new(small(3))).status, 200);
}

#[test]
fn a_slow_line_may_send_a_whole_body() {
    let server = Server::vendor();
    let steady = |pieces| Body::new(Steady { first: 0, piece: 64 << 10, every: 9, pieces, next: None });
    let admin = request("POST", MINT, &[("x-admin-api-key", ADMIN)]);
    // It is all there, and no JSON.
    assert_eq!(server.send_paused(admin.body(steady(16)).unwrap()).status, 400);
    let answer = server.send_paused(request("POST", "/api/v1/verify", &[]).body(steady(u32::MAX)).unwrap());
    assert_snapshot!(answer.shown(), @r#"408 {"code":"timed-out","error":"the body took more than 300 s","hints":["try again"],"message":"the body took more than 300 s"}"#);
}

/// A body that begins with so many bytes, and then comes in pieces with some seconds before each.
struct Steady {
    first: usize,
    piece: usize,
    every: u64,
    pieces: u32,
    next: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl HttpBody for Steady {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let of = |length| Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'a'; length])))));
        match (std::mem::take(&mut self.first), self.pieces) {
            (0, 0) => return Poll::Ready(None),
            (0, _) => {}
            (first, _) => return of(first),
        }
        let every = Duration::from_secs(self.every);
        ready!(self.next.get_or_insert_with(|| Box::pin(tokio::time::sleep(every))).as_mut().poll(context));
        (self.next, self.pieces) = (None, self.pieces - 1);
        of(self.piece)
    }
}

/// A body whose next part never comes.
struct Endless;

impl HttpBody for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[test]
fn what_goes_wrong_inside_stays_inside() {
    let server = Server::without_clock(roles());
    assert_snapshot!(server.post("/api/v1/verify", r#"{"token":"a.b"}"#).shown(), @r#"500 {"code":"internal","error":"something went wrong inside; the log knows it by the request id","hints":["report it with the log's lines of the same request id"],"message":"something went wrong inside; the log knows it by the request id"}"#);
}

#[test]
fn every_answer_carries_its_request_id_and_opens_nothing_to_other_pages() {
    let server = Server::vendor();
    let with = |id: &str| server.send(request("GET", "/healthz", &[("x-request-id", id)]).body(Body::empty()).unwrap());
    assert_eq!(with("order-7:a.b_c").header("x-request-id"), Some("order-7:a.b_c"));
    for (unsound, given) in [("", 1), ("a b", 2), ("a\u{e9}", 3), (&"a".repeat(129), 4)] {
        assert_eq!(with(unsound).header("x-request-id"), Some(&*format!("0707070707070707-{given}")), "{unsound}");
    }
    for answer in [with("a"), server.get("/nothing"), server.post("/api/v1/verify", "")] {
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.response.headers().keys().all(|name| !name.as_str().starts_with("access-control")));
    }
}
