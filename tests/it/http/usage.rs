//! An operator's servers on one ledger: a license installed on one holds on all, and what is used of it is counted there.

use std::sync::Arc;

use axum::body::Body;
use insta::assert_snapshot;
use mintage::http::{App, Given, Roles, Secrets, World, router};
use mintage::ledger::Ledger;
use mintage::operation::ledger::Stamp;
use mintage::operation::ledger::install::{self, Origin};
use mintage::operation::ledger::posture::Judge;
use mintage::time::Timestamp;
use mintage::verdict::State;

use super::installed::{asked, given};
use super::{ADMIN, Answer, NOW, Server, ledger, request, roles};
use crate::harness::Bench;

const PROGRAM: &str = "4c7d0f1e9a3b5268";

/// An operator's server, once it has taken what it was given into the ledger.
fn operator(ledger: &Arc<Ledger>, license: Option<Given>) -> Server {
    let defaults = [("max_apps", 3), ("max_users", 3)].map(|(key, cap)| (key.to_owned(), cap)).into();
    let roles = Roles {
        license,
        defaults,
        tenant: Some("acme-prod".to_owned()),
        signer: None,
        ledger: Some(Arc::clone(ledger)),
        license_keys: Secrets::parse(PROGRAM).unwrap(),
        ..roles()
    };
    let world = World { now: Box::new(|| Timestamp::parse_rfc3339(NOW).ok()), fresh: Box::new(|| Some([7; 16])) };
    let app = Arc::new(App::new(world, roles));
    app.adopt().unwrap();
    app.tick();
    Server { router: router(app) }
}

/// What a server tells to be watched by, once everything that it counts has happened.
pub(crate) fn everything_told() -> String {
    let bench = Bench::new();
    let ledger = ledger(&bench);
    let server = operator(&ledger, None);
    assert_eq!(told(&server, "/api/v1/usage/claim", r#"{"limit":"max_apps","requested":4}"#).status, 403);
    let beat = r#"{"licenseId":"none","proofId":"none","machineFingerprint":"none","nonce":"none"}"#;
    assert_eq!(server.post("/api/v1/heartbeat", beat).status, 404);
    server.get("/metrics").body
}

fn minted(bench: &Bench, id: &str, apps: &str, expires: &str) -> String {
    bench.mint(&["--tenant", "acme-prod", "--id", id, "--max-apps", apps, "--expires", expires])
}

fn installed(server: &Server, token: &str) -> Answer {
    server.post_as_admin("/api/v1/admin/license", format!(r#"{{"token":"{token}"}}"#))
}

fn told(server: &Server, path: &str, body: &str) -> Answer {
    let headers = [("content-type", "application/json"), ("x-license-key", PROGRAM)];
    server.send(request("POST", path, &headers).body(Body::from(body.to_owned())).unwrap())
}

fn in_force(server: &Server) -> String {
    let answer = asked(server, "/api/v1/admin/license");
    let member = |name: &str| {
        let rest = answer.split(&format!("\"{name}\":")).nth(1).unwrap_or("null");
        rest.split([',', '}']).next().unwrap().trim_matches('"').to_owned()
    };
    format!("{} {}", member("state"), member("licenseId"))
}

fn audited(server: &Server) -> Vec<String> {
    let told = asked(server, "/api/v1/admin/audit?category=LICENSE&limit=100");
    told.split("{\"action\":\"")
        .skip(1)
        .map(|entry| {
            let action = entry.split('"').next().unwrap();
            let detail = entry.split("\"detail\":").nth(1).unwrap().split(",\"hash\"").next().unwrap();
            format!("{action} {detail}")
        })
        .collect()
}

#[test]
fn a_license_that_is_installed_holds_at_once_on_every_server() {
    let bench = Bench::new();
    let ledger = ledger(&bench);
    let (first, second) = (operator(&ledger, None), operator(&ledger, None));
    assert_eq!(in_force(&second), "ABSENT null");
    let (token, next) = (minted(&bench, "lic-1", "25", "2027-01-01"), minted(&bench, "lic-2", "50", "2028-01-01"));
    assert_snapshot!(installed(&first, &token).shown(), @r#"200 {"envelope":{"expiresAt":"2027-01-01T23:59:59Z","gracePeriodDays":0,"issuedAt":"2026-01-01T00:00:00Z","kid":"ec192ae06d2b6cb0","licenseId":"lic-1","limits":{"max_apps":25},"tenantId":"acme-prod"},"state":"ACTIVE"}"#);
    assert_eq!(in_force(&second), "ACTIVE lic-1");
    assert_eq!(installed(&second, &next).status, 200);
    assert_eq!(in_force(&first), "ACTIVE lic-2");
    assert_snapshot!(asked(&first, "/api/v1/admin/license"), @r#"200 {"envelope":{"expiresAt":"2028-01-01T23:59:59Z","gracePeriodDays":0,"issuedAt":"2026-01-01T00:00:00Z","kid":"ec192ae06d2b6cb0","licenseId":"lic-2","limits":{"max_apps":50},"tenantId":"acme-prod"},"invalidReason":null,"lastValidatedAt":"2026-06-01T00:00:00Z","state":"ACTIVE"}"#);
    // What is refused changes nothing, and says why.
    let other = bench.mint(&["--tenant", "globex", "--expires", "2027-01-01"]);
    assert_snapshot!(installed(&first, &other).shown(), @r#"400 {"code":"wrong-tenant","error":"License tenantId 'globex' does not match server tenant 'acme-prod'","hints":["use the license of this tenant"],"message":"License tenantId 'globex' does not match server tenant 'acme-prod'"}"#);
    let over = minted(&bench, "lic-3", "9", "2026-05-01");
    assert_snapshot!(installed(&first, &over).shown(), @r#"400 {"code":"expired","error":"License expired at 2026-05-01T23:59:59Z","hints":["renew the license"],"message":"License expired at 2026-05-01T23:59:59Z"}"#);
    assert_eq!(installed(&first, "eyJ...long.base64.string...").status, 400);
    assert_eq!(installed(&first, "").status, 400);
    assert_eq!(in_force(&second), "ACTIVE lic-2");
    assert_snapshot!(audited(&first).join("\n"), @r#"
    install_license {"expiresAt":"2027-01-01T23:59:59Z","installedBy":"admin","licenseId":"lic-1","source":"api"}
    replace_license {"expiresAt":"2028-01-01T23:59:59Z","installedBy":"admin","licenseId":"lic-2","previousLicenseId":"lic-1","source":"api"}
    reject_license {"reason":"License tenantId 'globex' does not match server tenant 'acme-prod'","source":"api"}
    reject_license {"reason":"License expired at 2026-05-01T23:59:59Z","source":"api"}
    reject_license {"reason":"a token has two parts with one dot between them, and this text has 4; the payload ends as base64 of its length never does, so characters are missing or changed; the text ends as base64 of its length never does, so characters are missing or changed","source":"api"}
    reject_license {"reason":"the text is empty","source":"api"}
    "#);
    let without = Server::new(Roles { ledger: None, ..roles() });
    assert_eq!(installed(&without, &token).status, 404);
    assert_eq!(first.post("/api/v1/admin/license", format!(r#"{{"token":"{token}"}}"#)).status, 401);
}

#[test]
fn a_validation_finds_what_counts() {
    let bench = Bench::new();
    let ledger = ledger(&bench);
    let judge = Judge { keyring: roles().keyring, tenant: Some("acme-prod".to_owned()), ..Judge::default() };
    let stamp = Stamp { actor: "server".to_owned(), now: Timestamp::parse_rfc3339(NOW).unwrap() };
    let install = |id: &str| {
        let token = minted(&bench, id, "9", "2027-01-01");
        assert!(install::install(&ledger, &stamp, &judge, token.as_bytes(), Origin::Api).unwrap().is_valid());
    };
    install("lic-1");
    let refused = install::adopt(&ledger, &stamp, &judge, b"nonsense", Origin::Env).unwrap();
    let validated = || {
        let verdict = install::revalidate(&ledger, &stamp, &judge, refused.clone()).unwrap();
        (verdict.state, verdict.license.map(|license| license.license_id.clone()))
    };
    assert_eq!(validated(), (State::Invalid, None));
    install("lic-2");
    assert_eq!(validated(), (State::Active, Some("lic-2".to_owned())));
}

#[test]
fn what_a_server_is_started_with_comes_before_the_ledger_and_is_never_passed_over() {
    let bench = Bench::new();
    let ledger = ledger(&bench);
    let of = |id: &str, origin| Some(Given { origin, ..given(minted(&bench, id, "25", "2027-01-01")) });
    let other = operator(&ledger, None);
    let file = operator(&ledger, of("lic-file", Origin::File));
    assert_eq!((in_force(&file), in_force(&other)), ("ACTIVE lic-file".to_owned(), "ACTIVE lic-file".to_owned()));
    // Started again with the same it has nothing to do.
    drop(file);
    let file = operator(&ledger, of("lic-file", Origin::File));
    // Nothing of what follows is lost when the ledger is all there is.
    assert_eq!(in_force(&operator(&ledger, None)), "ACTIVE lic-file");
    let broken = operator(&ledger, Some(Given { text: b"nonsense".to_vec(), origin: Origin::Env }));
    assert_eq!((in_force(&broken), in_force(&file)), ("INVALID null".to_owned(), "ACTIVE lic-file".to_owned()));
    // What a validation finds of the other changes nothing here.
    let stamp = Stamp { actor: "server".to_owned(), now: Timestamp::parse_rfc3339("2026-06-01T00:00:01Z").unwrap() };
    let judge = Judge { keyring: roles().keyring, tenant: Some("acme-prod".to_owned()), ..Judge::default() };
    assert!(install::revalidate(&ledger, &stamp, &judge, None).unwrap().is_valid());
    assert_eq!((in_force(&broken), in_force(&file)), ("INVALID null".to_owned(), "ACTIVE lic-file".to_owned()));
    let refused = told(&broken, "/api/v1/usage/claim", r#"{"limit":"max_apps","requested":4}"#);
    assert_eq!(refused.status, 403);
    // Until somebody installs another, wherever that is.
    assert_eq!(installed(&file, &minted(&bench, "lic-api", "9", "2027-01-01")).status, 200);
    assert_eq!((in_force(&broken), in_force(&file)), ("ACTIVE lic-api".to_owned(), "ACTIVE lic-api".to_owned()));
    // The same one, in the second in which a worse one was refused, is another installation.
    let broken = operator(&ledger, Some(Given { text: b"nonsense".to_vec(), origin: Origin::Env }));
    assert_eq!(in_force(&broken), "INVALID null");
    assert_eq!(installed(&broken, &minted(&bench, "lic-api", "9", "2027-01-01")).status, 200);
    assert_eq!(in_force(&broken), "ACTIVE lic-api");
    let actions: Vec<String> = audited(&file).iter().map(|entry| entry.split(' ').next().unwrap().to_owned()).collect();
    let expected =
        ["install_license", "reject_license", "cap_exceeded", "replace_license", "reject_license", "replace_license"];
    assert_eq!(actions, expected);
}

#[test]
fn what_is_used_is_counted_and_capped() {
    let bench = Bench::new();
    let ledger = ledger(&bench);
    let (first, second) = (operator(&ledger, None), operator(&ledger, None));
    let claim = |server: &Server, body: &str| told(server, "/api/v1/usage/claim", body).shown();
    assert_snapshot!(claim(&first, r#"{"limit":"max_apps"}"#), @r#"200 {"cap":3,"current":1,"limit":"max_apps","source":"default","state":"ABSENT"}"#);
    assert_snapshot!(claim(&second, r#"{"limit":"max_apps","requested":2}"#), @r#"200 {"cap":3,"current":3,"limit":"max_apps","source":"default","state":"ABSENT"}"#);
    assert_snapshot!(claim(&first, r#"{"limit":"max_apps"}"#), @r#"403 {"cap":3,"code":"limit-exceeded","current":3,"error":"license cap reached","hints":["use less, or ask for a larger license"],"limit":"max_apps","message":"License absent. Default tier limits apply. Cap reached for max_apps (3 of 3 used).","state":"ABSENT"}"#);
    assert_snapshot!(claim(&first, r#"{"limit":"max_users","current":4}"#), @r#"403 {"cap":3,"code":"limit-exceeded","current":4,"error":"license cap reached","hints":["use less, or ask for a larger license"],"limit":"max_users","message":"License absent. Default tier limits apply. Cap reached for max_users (4 of 3 used).","state":"ABSENT"}"#);
    assert_snapshot!(claim(&first, r#"{"limit":"max_pets","requested":7}"#), @r#"200 {"cap":null,"current":7,"limit":"max_pets","source":null,"state":"ABSENT"}"#);
    // No more is told than the ledger holds.
    let most = claim(&first, r#"{"limit":"max_fish","current":9223372036854775806,"requested":3565}"#);
    assert!(most.contains(r#""current":9223372036854775807,"#), "{most}");
    assert_eq!(installed(&first, &minted(&bench, "lic-1", "4", "2027-02-06T00:00:00Z")).status, 200);
    assert!(claim(&second, r#"{"limit":"max_apps"}"#).starts_with("200 "));
    assert_snapshot!(claim(&first, r#"{"limit":"max_apps"}"#), @r#"403 {"cap":4,"code":"limit-exceeded","current":4,"error":"license cap reached","hints":["use less, or ask for a larger license"],"limit":"max_apps","message":"License active. 250 days remaining. Cap reached for max_apps (4 of 4 used).","state":"ACTIVE"}"#);
    assert_snapshot!(told(&second, "/api/v1/usage/release", r#"{"limit":"max_apps","released":3}"#).shown(), @r#"200 {"current":1,"limit":"max_apps"}"#);
    assert_snapshot!(told(&second, "/api/v1/usage/report", r#"{"usage":{"max_users":2}}"#).shown(), @r#"200 {"limits":[{"cap":4,"current":1,"key":"max_apps","source":"license"},{"cap":3,"current":2,"key":"max_users","source":"default"}],"state":"ACTIVE"}"#);
    assert_snapshot!(asked(&first, "/api/v1/admin/license/usage"), @r#"200 {"daysRemaining":250,"expiresAt":"2027-02-06T00:00:00Z","gracePeriodDays":0,"label":null,"lastValidatedAt":"2026-06-01T00:00:00Z","limits":[{"cap":4,"current":1,"key":"max_apps","source":"license"},{"cap":3,"current":2,"key":"max_users","source":"default"}],"message":"License active. 250 days remaining.","state":"ACTIVE","tenantId":"acme-prod"}"#);
    let counted = first.get("/metrics").body;
    let mut counted: Vec<&str> = counted.lines().filter(|line| line.starts_with("mintage_license_cap")).collect();
    counted.sort_unstable();
    assert_eq!(
        counted,
        [
            r#"mintage_license_cap_rejections_total{limit="max_apps"} 2"#,
            r#"mintage_license_cap_rejections_total{limit="max_users"} 1"#
        ]
    );
    let capped: Vec<String> = audited(&second).into_iter().filter(|entry| entry.starts_with("cap_exceeded")).collect();
    assert_snapshot!(capped.join("\n"), @r#"
    cap_exceeded {"cap":3,"current":3,"limit":"max_apps","requested":1,"state":"ABSENT"}
    cap_exceeded {"cap":3,"current":4,"limit":"max_users","requested":1,"state":"ABSENT"}
    cap_exceeded {"cap":4,"current":4,"limit":"max_apps","requested":1,"state":"ACTIVE"}
    "#);
}

#[test]
fn only_who_may_tells_what_is_used() {
    let bench = Bench::new();
    let ledger = ledger(&bench);
    let server = operator(&ledger, None);
    let body = r#"{"limit":"max_apps"}"#;
    let status = |server: &Server, headers: &[(&str, &str)]| {
        let headers = [&[("content-type", "application/json")], headers].concat();
        server.send(request("POST", "/api/v1/usage/claim", &headers).body(Body::from(body)).unwrap()).status
    };
    assert_eq!(status(&server, &[]), 401);
    assert_eq!(status(&server, &[("x-license-key", "4c7d0f1e9a3b5269")]), 401);
    assert_eq!(status(&server, &[("x-license-key", ADMIN)]), 401);
    assert_eq!(status(&server, &[("x-license-key", PROGRAM)]), 200);
    assert_eq!(status(&server, &[("x-admin-api-key", ADMIN)]), 200);
    assert_eq!(status(&server, &[("x-admin-api-key", PROGRAM)]), 401);
    assert_eq!(status(&Server::vendor(), &[("x-license-key", PROGRAM)]), 404);
    for limit in [String::new(), "x".repeat(129), "a\\u0007b".to_owned()] {
        let answer = told(&server, "/api/v1/usage/claim", &format!(r#"{{"limit":"{limit}"}}"#));
        assert_eq!(answer.status, 400, "{limit}: {}", answer.body);
    }
}
