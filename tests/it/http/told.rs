//! What a server tells of itself.

use insta::assert_snapshot;

use super::installed::given;
use super::{Server, roles};
use crate::harness::{Bench, example};
use mintage::http::Roles;

#[test]
fn the_public_key_is_the_one_that_signs() {
    let answer = Server::vendor().get("/api/v1/signing-key/public");
    assert_eq!(answer.body, std::fs::read_to_string(example("vendor.pub")).unwrap());
    assert_eq!(answer.header("content-type"), Some("application/x-pem-file"));
}

#[test]
fn what_a_server_was_not_given_it_does_not_serve() {
    let server = Server::new(Roles { admin: roles().admin, hosts: roles().hosts, ..Roles::default() });
    assert_snapshot!(server.get("/api/v1/signing-key/public").shown(), @r#"404 {"code":"not-served","error":"this server was started without --key, so it signs nothing","hints":["ask its operator, or a server that was"],"message":"this server was started without --key, so it signs nothing"}"#);
    for path in ["/api/v1/keyring", "/api/v1/revocations"] {
        assert_eq!(server.get(path).status, 404);
    }
    assert_eq!(server.post_as_admin("/api/v1/mint", r#"{"tenantId":"acme","exp":"90d"}"#).status, 404);
    assert_snapshot!(server.post("/api/v1/verify", r#"{"token":"a.b"}"#).shown(), @r#"503 {"code":"no-trusted-key","error":"this server was given no trusted public key","hints":["name one with --trust or MINTAGE_TRUST"],"message":"this server was given no trusted public key"}"#);
}

#[test]
fn documents_are_handed_out_as_they_were_signed() {
    let bench = Bench::new();
    let key = example("vendor.key");
    let list = ["-q", "mint", "revocations", "--allow-readable-key", "--key", &key, "--revoke", "lic-1", "-o", "list"];
    assert_eq!(bench.run(list).status, Some(0));
    let document = bench.read("list");
    let server = Server::new(Roles { revocations_document: Some(document.clone()), ..roles() });
    assert_eq!(server.get("/api/v1/revocations").body, document);
}

#[test]
fn the_license_of_the_installation_is_measured() {
    let bench = Bench::new();
    let license = |expires: &str| {
        let license = bench.mint(&["--tenant", "acme", "--expires", expires, "--grace-days", "14"]);
        let server = Server::new(Roles { license: Some(given(license)), ..roles() });
        let told = server.get("/metrics").body;
        let of_license = told.lines().filter(|line| line.starts_with("mintage_license"));
        of_license.filter(|line| !line.ends_with(" 0")).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(license("2027-01-01"), @r#"
    mintage_license_state{state="ACTIVE"} 1
    mintage_license_days_remaining 214
    "#);
    assert_snapshot!(license("2026-05-30"), @r#"
    mintage_license_state{state="GRACE"} 1
    mintage_license_days_remaining -2
    "#);
    assert_snapshot!(license("2026-03-01"), @r#"
    mintage_license_state{state="EXPIRED"} 1
    mintage_license_days_remaining -92
    "#);
    let told = Server::vendor().get("/api/v1/prometheus");
    assert!(told.body.contains("mintage_license_state{state=\"ABSENT\"} 1\n"), "{}", told.body);
    assert!(told.body.contains("mintage_license_days_remaining -1\n"));
}

#[test]
fn requests_are_counted_by_route_and_never_by_what_a_caller_invents() {
    let server = Server::vendor();
    let token = Bench::new().mint(&["--tenant", "acme", "--expires", "2027-01-01", "--max-apps", "3"]);
    assert_eq!(
        server.post("/api/v1/verify", format!(r#"{{"token":"{token}","usage":{{"max_apps":4,"other":9}}}}"#)).status,
        200
    );
    for path in ["/a", "/b", "/healthz", "/health"] {
        let _ = server.get(path);
    }
    let told = server.get("/metrics").body;
    let counted = |line: &&str| line.starts_with("mintage_requests_total") || line.starts_with("mintage_license_cap");
    let mut counted: Vec<&str> = told.lines().filter(counted).collect();
    counted.sort_unstable();
    assert_snapshot!(counted.join("\n"), @r#"
    mintage_license_cap_rejections_total{limit="max_apps"} 1
    mintage_requests_total{route="/api/v1/verify",method="POST",status="200"} 1
    mintage_requests_total{route="/health",method="GET",status="200"} 1
    mintage_requests_total{route="/healthz",method="GET",status="200"} 1
    mintage_requests_total{route="other",method="GET",status="404"} 2
    "#);
}
