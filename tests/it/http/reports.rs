//! Sessions that programs tell of, and the reports that are made of them.

use axum::body::Body;
use insta::assert_snapshot;
use mintage::http::{Roles, Secrets};

use super::{Answer, Server, ledger, request, roles};
use crate::harness::Bench;

/// What the operator of an installation gives to its programs.
const PROGRAM: &str = "5d0c7e2f9b1a4836";

/// The server of a customer's operator, which signs nothing.
fn operator(bench: &Bench) -> Server {
    let license_keys = Secrets::parse(PROGRAM).unwrap();
    Server::new(Roles { ledger: Some(ledger(bench)), license_keys, signer: None, session_log: true, ..roles() })
}

impl Server {
    fn tell(&self, sessions: &str) -> Answer {
        let headers = [("content-type", "application/json"), ("x-license-key", PROGRAM)];
        let body = format!(r#"{{"sessions":[{sessions}]}}"#);
        self.send(request("POST", "/api/v1/sessions", &headers).body(body.into()).unwrap())
    }

    fn report(&self, query: &str, key: &str) -> Answer {
        let path = format!("/api/v1/reports/usage{query}");
        self.send(request("GET", &path, &[("x-license-key", key)]).body(Body::empty()).unwrap())
    }
}

const BEGAN: &str = r#"{"sessionId":"s-1","machineId":"m-1","username":"minikube-user","clientUsername":"Ann","startedAt":"2026-05-30T08:00:00Z"}"#;

#[test]
fn sessions_begin_and_end_and_are_reported() {
    let bench = Bench::new();
    let server = operator(&bench);
    let other = r#"{"sessionId":"s-2","machineId":"m-2","isCi":true,"startedAt":"2026-05-31T08:00:00Z","endedAt":"2026-05-31T09:00:00Z"}"#;
    assert_snapshot!(server.tell(&format!("{BEGAN},{other}")).shown(), @r#"200 {"ended":1,"recorded":2}"#);
    let end = r#"{"sessionId":"s-1","machineId":"m-1","endedAt":"2026-05-30T10:30:00Z"}"#;
    assert_snapshot!(server.tell(end).shown(), @r#"200 {"ended":1,"recorded":1}"#);
    // A message that comes twice, or late, changes nothing.
    assert_snapshot!(server.tell(&format!("{end},{BEGAN},{other}")).shown(), @r#"200 {"ended":0,"recorded":3}"#);
    assert_snapshot!(server.report("?format=csv", PROGRAM).shown(), @r"
    200 machine_id,first_active,last_seen,total_session_time_in_days,total_session_count,average_session_duration_in_days,average_daily_sessions
    m-1,2026-05-30T08:00:00Z,2026-05-30T10:30:00Z,0.104167,1,0.104167,0.600
    m-2,2026-05-31T08:00:00Z,2026-05-31T09:00:00Z,0.041667,1,0.041667,0.600
    ");
    let since = server.report("?format=csv&from=2026-05-31T00:00:00Z&primary_key=username", PROGRAM);
    assert_snapshot!(since.shown(), @r"
    200 username,first_active,last_seen,total_session_time_in_days,total_session_count,average_session_duration_in_days,average_daily_sessions
    ,2026-05-31T08:00:00Z,2026-05-31T09:00:00Z,0.041667,1,0.041667,1.000
    ");
    let sheet = ["content-type", "content-disposition"].map(|name| since.header(name).unwrap().to_owned());
    assert_snapshot!(sheet.join("\n"), @r#"
    text/csv; charset=utf-8; header=present
    attachment; filename="usage.csv"
    "#);
    let page = server.report("?format=html", PROGRAM);
    assert!(page.body.starts_with("<!doctype html>") && page.header("content-disposition").is_none(), "{}", page.body);
    assert_snapshot!(page.header("content-security-policy").unwrap(), @"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    assert!(since.header("content-security-policy").is_none() && !page.body.contains("<script"));
}

#[test]
fn sessions_are_those_of_their_sender() {
    let bench = Bench::new();
    let server = operator(&bench);
    let minted = [
        "mint",
        "--json",
        "--tenant",
        "acme",
        "--expires",
        "2099-12-31",
        "--license-key",
        "--ledger",
        "sqlite:book.db",
    ];
    let key = crate::harness::example("vendor.key");
    let minted = bench.run([&minted[..], &["--id", "lic-1", "--allow-readable-key", "--key", &key]].concat());
    let key = minted.stdout().split("\"licenseKey\":\"").nth(1).unwrap().split('"').next().unwrap();
    let tell = |key: &str, session: &str| {
        let answer = server.post("/api/v1/sessions", format!(r#"{{"licenseKey":"{key}","sessions":[{session}]}}"#));
        format!("{} {}", answer.status, answer.body.split("\",\"error").next().unwrap().trim_end())
    };
    assert_snapshot!(tell(key, BEGAN), @r#"200 {"ended":0,"recorded":1}"#);
    let named = BEGAN.replace(r#""sessionId""#, r#""licenseId":"lic-2","sessionId""#);
    assert_snapshot!(tell(key, &named), @r#"403 {"code":"license-mismatch"#);
    // The operator's program names another license under the same id.
    assert_eq!(server.tell(&named).status, 403);
    assert_snapshot!(tell("MTG-00000-00000-00000-00000-00000", BEGAN), @r#"404 {"code":"unknown-license"#);
    let nameless = server.post("/api/v1/sessions", format!(r#"{{"sessions":[{BEGAN}]}}"#));
    assert_eq!(nameless.status, 401, "{}", nameless.body);
    for wrong in [
        BEGAN.replace("m-1", "m\\u001b"),
        BEGAN.replace("m-1", ""),
        BEGAN.replace("2026-05-30T08:00:00Z", "yesterday"),
        BEGAN.replace("\"startedAt\"", "\"endedAt\":\"2026-05-29T08:00:00Z\",\"startedAt\""),
        BEGAN.replace("\"sessionId\"", "\"session\""),
    ] {
        assert_eq!(server.tell(&wrong.replace("s-1", "s-9")).status, 400, "{wrong}");
    }
}

#[test]
fn reports_are_for_the_admin_and_for_programs_of_the_installation() {
    let bench = Bench::new();
    let server = operator(&bench);
    assert_eq!(server.tell(BEGAN).status, 200);
    let by_admin = request("GET", "/api/v1/reports/usage?format=json", &[("x-admin-api-key", super::ADMIN)]);
    let by_admin = server.send(by_admin.body(Body::empty()).unwrap());
    assert_eq!((by_admin.status, &by_admin.body), (200, &server.report("?format=json", PROGRAM).body));
    assert_snapshot!(server.report("", PROGRAM).shown(), @r#"400 {"code":"malformed","error":"the query must hold `format`: one of csv, html, json, xlsx","hints":["ask as ?format=xlsx"],"message":"the query must hold `format`: one of csv, html, json, xlsx"}"#);
    for query in ["?format=debug", "?format=csv&from=soon", "?format=csv&primary_key=shoe_size"] {
        assert_eq!(server.report(query, PROGRAM).status, 400, "{query}");
    }
    let backwards = server.report("?format=csv&from=2026-05-31T00:00:00Z&to=2026-05-01T00:00:00Z", PROGRAM);
    assert_snapshot!(backwards.shown(), @r#"400 {"code":"malformed","error":"the period would begin at 2026-05-31T00:00:00Z and end before that, at 2026-05-01T00:00:00Z","hints":["exchange `from` and `to`"],"message":"the period would begin at 2026-05-31T00:00:00Z and end before that, at 2026-05-01T00:00:00Z"}"#);
    assert_eq!(server.get("/api/v1/reports/usage?format=csv").status, 401);
    let guesses: Vec<_> = (0..12).map(|_| server.report("?format=csv", "5d0c7e2f9b1a4837").status).collect();
    assert_eq!((guesses[0], guesses[11]), (401, 429));
    // The right key has to wait too.
    assert_eq!(server.report("?format=csv", PROGRAM).status, 429);
}

#[test]
fn a_report_and_its_route_are_the_same_bytes() {
    let bench = Bench::new();
    let server = operator(&bench);
    assert_eq!(server.tell(BEGAN).status, 200);
    let period = ["--from", "2026-05-01T00:00:00Z", "--to", "2026-05-31T00:00:00Z"];
    let query = "&from=2026-05-01T00:00:00Z&to=2026-05-31T00:00:00Z";
    let fixed = ["ledger", "report", "usage", "--ledger", "sqlite:book.db", "--format"];
    // A session that runs lasts until now, which for the command is another day.
    let end = BEGAN.replace("\"startedAt\"", "\"endedAt\":\"2026-05-30T10:30:00Z\",\"startedAt\"");
    assert!(server.tell(&end).body.contains(r#""ended":1"#));
    let told = bench.run([&fixed[..], &["csv"], &period].concat());
    assert_eq!(server.report(&format!("?format=csv{query}"), PROGRAM).body, told.stdout());
}
