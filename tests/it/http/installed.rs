//! The license of an installation, as its operator reads it.

use insta::assert_snapshot;
use mintage::http::{Given, Roles};
use mintage::operation::ledger::install::Origin;

use super::{ADMIN, Server, request, roles};
use crate::harness::Bench;

fn operator(license: Option<String>) -> Server {
    let defaults = [("max_apps", 3), ("max_users", 3)].map(|(key, cap)| (key.to_owned(), cap)).into();
    let tenant = Some("acme-prod".to_owned());
    Server::new(Roles { license: license.map(given), defaults, tenant, signer: None, ..roles() })
}

pub(super) fn given(license: String) -> Given {
    Given { text: license.into_bytes(), origin: Origin::File }
}

pub(super) fn asked(server: &Server, path: &str) -> String {
    server.send(request("GET", path, &[("x-admin-api-key", ADMIN)]).body(axum::body::Body::empty()).unwrap()).shown()
}

#[test]
fn a_license_that_holds_is_told_with_its_limits() {
    let terms = [
        "--id",
        "lic-1",
        "--expires",
        "2027-02-06T00:00:00Z",
        "--max-apps",
        "25",
        "--grace-days",
        "14",
        "--label",
        "Acme",
    ];
    let license = Bench::new().mint(&[&["--tenant", "acme-prod"], &terms[..]].concat());
    let server = operator(Some(license));
    assert_snapshot!(asked(&server, "/api/v1/admin/license"), @r#"200 {"envelope":{"expiresAt":"2027-02-06T00:00:00Z","gracePeriodDays":14,"issuedAt":"2026-01-01T00:00:00Z","kid":"ec192ae06d2b6cb0","label":"Acme","licenseId":"lic-1","limits":{"max_apps":25},"tenantId":"acme-prod"},"invalidReason":null,"state":"ACTIVE"}"#);
    assert_snapshot!(asked(&server, "/api/v1/admin/license/usage"), @r#"200 {"daysRemaining":250,"expiresAt":"2027-02-06T00:00:00Z","gracePeriodDays":14,"label":"Acme","limits":[{"cap":25,"current":0,"key":"max_apps","source":"license"},{"cap":3,"current":0,"key":"max_users","source":"default"}],"message":"License active. 250 days remaining.","state":"ACTIVE","tenantId":"acme-prod"}"#);
}

#[test]
fn a_license_that_does_not_hold_says_why() {
    let bench = Bench::new();
    assert_snapshot!(asked(&operator(None), "/api/v1/admin/license/usage"), @r#"200 {"daysRemaining":null,"expiresAt":null,"gracePeriodDays":null,"label":null,"limits":[{"cap":3,"current":0,"key":"max_apps","source":"default"},{"cap":3,"current":0,"key":"max_users","source":"default"}],"message":"License absent. Default tier limits apply.","state":"ABSENT","tenantId":null}"#);
    let other = bench.mint(&["--tenant", "globex", "--expires", "2027-01-01"]);
    assert_snapshot!(asked(&operator(Some(other)), "/api/v1/admin/license"), @r#"200 {"envelope":null,"invalidReason":"License tenantId 'globex' does not match server tenant 'acme-prod'","state":"INVALID"}"#);
    let reason = |server: &Server| {
        let told = asked(server, "/api/v1/admin/license");
        told.split("\"invalidReason\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let mut damaged = bench.mint(&["--tenant", "acme-prod", "--expires", "2027-01-01"]);
    damaged.replace_range(damaged.len() - 10..damaged.len() - 9, "A");
    damaged.replace_range(damaged.len() - 9..damaged.len() - 8, "B");
    assert_eq!(reason(&operator(Some(damaged.clone()))), "License signature verification failed");
    let keyless = Server::new(Roles { license: Some(given(damaged)), keyring: mintage::Keyring::default(), ..roles() });
    assert_eq!(reason(&keyless), "license public key not configured");
    let over = bench.mint(&["--tenant", "acme-prod", "--expires", "2026-05-01"]);
    assert!(asked(&operator(Some(over)), "/api/v1/admin/license/usage").contains("License expired 30 days ago."));
}
