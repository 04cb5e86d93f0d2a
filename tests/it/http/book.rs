//! The vendor's book over HTTP, on a SQLite ledger: bodies member for member as clients of the field send and read them.

use insta::assert_snapshot;
use mintage::http::Roles;
use mintage::json::{self, Value};

use super::installed::asked;
use super::{ADMIN, Answer, NOW, Server, ledger, request, roles};
use crate::harness::{Bench, example};

const GENERATE: &str =
    r#"{"organizationId":"acme","organizationName":"Acme Corp","tier":"Licensed","validDays":365,"maxActivations":5}"#;

/// A vendor's server with an empty book.
fn vendor(bench: &Bench) -> Server {
    Server::new(Roles { ledger: Some(ledger(bench)), ..roles() })
}

fn member(answer: &Answer, name: &str) -> String {
    let rest = answer.body.split(&format!("\"{name}\":\"")).nth(1).unwrap_or_else(|| panic!("{}", answer.body));
    rest.split('"').next().unwrap().to_owned()
}

impl Server {
    fn admin(&self, path: &str) -> Answer {
        self.send(request("GET", path, &[("x-admin-api-key", ADMIN)]).body(axum::body::Body::empty()).unwrap())
    }
}

#[test]
fn a_license_is_issued_with_a_key() {
    let bench = Bench::new();
    let server = vendor(&bench);
    let issued = server.post_as_admin("/api/v1/keys/generate", GENERATE);
    assert_snapshot!(issued.shown(), @r#"200 {"expiresAt":"2027-06-01T00:00:00Z","licenseId":"07070707-0707-4707-8707-070707070707","licenseKey":"MTG-0W3GE-1R70W-3GE1R-70W3G-E1R7N","signedPayload":"eyJhY3RpdmF0aW9uIjoicHJvb2YiLCJleHAiOjE4MTE4MDgwMDAsImZlYXR1cmVzIjpbInZzaXgucHVibGlzaCIsInZzaXgud2F0Y2giLCJ2c2l4LmV4cGxvcmVyIiwiYXBpLnZhbGlkYXRlIiwiY3AucHVibGlzaCJdLCJncmFjZVBlcmlvZERheXMiOjAsImlhdCI6MTc4MDI3MjAwMCwia2lkIjoiZWMxOTJhZTA2ZDJiNmNiMCIsImxhYmVsIjoiQWNtZSBDb3JwIiwibGljZW5zZUlkIjoiMDcwNzA3MDctMDcwNy00NzA3LTg3MDctMDcwNzA3MDcwNzA3IiwibGltaXRzIjp7fSwibWF4QWN0aXZhdGlvbnMiOjUsInRlbmFudElkIjoiYWNtZSIsInRpZXIiOiJMaWNlbnNlZCJ9.pnJP7YA+rTw9rRJ/j2zdimi4FW48Z4kbX0fm7vu0z74rFOuP7dwEZB+M2ZEyaC10JIaYLC1qDbuQURy8OZb/Ag==","signingKeyId":"ec192ae06d2b6cb0f3df6376c53396f1f25328452d03d08fb4f51fdf07ccf70e"}"#);
    // The token is one that any verifier takes, together with a proof.
    let body = format!(r#"{{"token":"{}"}}"#, member(&issued, "signedPayload"));
    assert!(server.post("/api/v1/verify", body).body.contains("\"code\":\"proof-required\""));
    for (body, status) in [
        (r#"{"organizationId":"acme","tier":"Gold","validDays":1}"#, 400),
        (r#"{"organizationId":"acme","tier":"Free"}"#, 400),
        (r#"{"tier":"Free","validDays":1}"#, 400),
        (r#"{"organizationId":"acme","tier":"Free","validDays":0}"#, 400),
        (r#"{"organizationId":"","tier":"Free","validDays":1}"#, 400),
    ] {
        assert_eq!(server.post_as_admin("/api/v1/keys/generate", body).status, status, "{body}");
    }
    assert_eq!(server.post("/api/v1/keys/generate", GENERATE).status, 401);
    let unnamed =
        server.post_as_admin("/api/v1/keys/generate", r#"{"organizationId":"a\u0001","tier":"Free","validDays":1}"#);
    assert!(unnamed.body.contains(r#""hints":["write it as plain text of 1 to 1,024 bytes"]"#), "{}", unnamed.body);
    assert_snapshot!(server.post_as_admin("/api/v1/keys/generate", r#"{"organizationId":"acme","tier":"Gold","validDays":1}"#).shown(), @r#"400 {"code":"unknown-name","error":"Unsupported tier 'Gold'","hints":["choose Free, Licensed or Enterprise"],"message":"Unsupported tier 'Gold'"}"#);
}

#[test]
fn every_example_of_the_description_is_taken() {
    let described: &'static str = Server::vendor().get("/openapi.json").body.leak();
    let described = json::parse(described.trim().as_bytes()).unwrap();
    let member = |value: &Value<'static>, name: &str| {
        let members = value.clone().into_object(name).unwrap();
        members.into_iter().find(|(found, _)| found == name).map(|(_, value)| value)
    };
    let mut taken = 0;
    for (path, operations) in member(&described, "paths").unwrap().into_object("paths").unwrap() {
        let body = ["post", "requestBody", "content", "application/json", "example"];
        let Some(example) = body.iter().try_fold(operations, |value, name| member(&value, name)) else { continue };
        let bench = Bench::new();
        let server = vendor(&bench);
        for id in ["lic-1", "lic-2"] {
            let body = format!(r#"{{"tenantId":"acme","licenseId":"{id}","exp":"365d"}}"#);
            assert_eq!(server.post_as_admin("/api/v1/mint", body).status, 200, "{id}");
        }
        let answer = server.post_as_admin(&path.replace("{id}", "lic-1"), json::canonical(&example));
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        taken += 1;
    }
    assert!(taken >= 9, "{taken}");
}

#[test]
fn a_license_is_asked_about() {
    let bench = Bench::new();
    let server = vendor(&bench);
    let key = member(&server.post_as_admin("/api/v1/keys/generate", GENERATE), "licenseKey");
    let validate = |key: &str, action: &str| {
        let body = format!(r#"{{"licenseKey":"{key}","machineFingerprint":"prod-node-01","actionType":"{action}"}}"#);
        server.post("/api/v1/validate", body).shown()
    };
    assert_snapshot!(validate(&key, "cp.publish"), @r#"200 {"allowedFeatures":["vsix.publish","vsix.watch","vsix.explorer","api.validate","cp.publish"],"error":"License is not activated on this machine.","expiresAt":"2027-06-01T00:00:00Z","isValid":false,"tier":"Licensed"}"#);
    assert_snapshot!(validate("MTG-00000-00000-00000-00000-00000", "cp.publish"), @r#"200 {"allowedFeatures":[],"error":"License key not found.","expiresAt":null,"isValid":false,"tier":null}"#);
    assert_snapshot!(server.post("/api/v1/validate", r#"{"licenseKey":""}"#).shown(), @r#"400 {"code":"malformed","error":"License key is required.","hints":["see the request bodies in /openapi.json"],"message":"License key is required."}"#);
    let guesses: Vec<_> =
        (0..20).map(|_| server.post("/api/v1/validate", r#"{"licenseKey":"MRR-x"}"#).status).collect();
    assert_eq!((guesses[0], guesses[19]), (200, 429));
}

#[test]
fn a_license_is_stopped_let_go_and_withdrawn() {
    let bench = Bench::new();
    let server = vendor(&bench);
    let key = member(&server.post_as_admin("/api/v1/keys/generate", GENERATE), "licenseKey");
    let change = |what: &str, key: &str| {
        let body = format!(r#"{{"licenseKey":"{key}","reason":"contract expired"}}"#);
        server.post_as_admin(&format!("/api/v1/keys/{what}"), body)
    };
    let validated = || member(&server.post("/api/v1/validate", format!(r#"{{"licenseKey":"{key}"}}"#)), "error");
    assert_eq!(member(&change("suspend", &key), "state"), "suspended");
    assert_eq!(validated(), "License key is suspended.");
    assert_eq!(member(&change("reinstate", &key), "state"), "active");
    assert_eq!(validated(), "License is not activated on this machine.");
    assert_eq!(member(&change("revoke", &key), "state"), "revoked");
    assert_eq!(validated(), "License key is revoked.");
    assert_snapshot!(change("suspend", &key).shown(), @r#"409 {"code":"revoked","error":"license 07070707-0707-4707-8707-070707070707 was withdrawn for good","hints":["ask the issuer why, and for a new one"],"message":"license 07070707-0707-4707-8707-070707070707 was withdrawn for good"}"#);
    assert_snapshot!(change("revoke", "MTG-00000-00000-00000-00000-00000").shown(), @r#"404 {"code":"unknown-license","error":"License key not found.","hints":["check the id or license key; `mintage ledger list` shows the licenses of the ledger"],"message":"License key not found."}"#);
    assert_snapshot!(server.get("/api/v1/revocation/list").shown(), @r#"200 {"entries":[{"licenseId":"07070707-0707-4707-8707-070707070707","reason":"contract expired","revokedAt":"2026-06-01T00:00:00Z"}],"generatedAt":"2026-06-01T00:00:00Z"}"#);
    let audit = server.admin("/api/v1/audit?category=LICENSE&limit=3").body;
    let actions: Vec<_> = audit.split("\"action\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(actions, ["suspended", "reinstated", "revoked"]);
    let told = bench.run(["ledger", "audit", "--ledger", "sqlite:book.db", "--json", "--limit", "3"]);
    assert_eq!(format!("{audit}\n").trim_end(), told.stdout().trim_end());
    assert_eq!(server.admin("/api/v1/audit?limit=many").status, 400);
    assert_snapshot!(server.admin("/api/v1/audit?action=suspend").shown(), @r#"400 {"code":"usage","error":"no action is called `suspend`; did you mean `suspended`?","hints":["leave `action` out for all of them"],"message":"no action is called `suspend`; did you mean `suspended`?"}"#);
}

#[test]
fn a_license_is_renewed_and_given_other_features() {
    let bench = Bench::new();
    let server = vendor(&bench);
    let key = member(&server.post_as_admin("/api/v1/keys/generate", GENERATE), "licenseKey");
    let renewed = server.post_as_admin("/api/v1/keys/renew", format!(r#"{{"licenseKey":"{key}","validDays":400}}"#));
    assert_eq!(member(&renewed, "expiresAt"), "2027-07-06T00:00:00Z");
    let features = format!("/api/v1/keys/{key}/features");
    let changed = server.post_as_admin(&features, r#"{"add":["pdf.designer"],"remove":["VSIX.watch"]}"#);
    assert_snapshot!(changed.body.replace(&key, "KEY"), @r#"{"allowedFeatures":["vsix.publish","vsix.explorer","api.validate","cp.publish","pdf.designer"],"licenseKey":"KEY"}"#);
    assert_eq!(server.post_as_admin(&features, "{}").status, 400);
    assert_eq!(server.post_as_admin("/api/v1/keys/none/features", r#"{"add":["a"]}"#).status, 404);
}

#[test]
fn an_assembly_is_approved_for_all_or_for_one() {
    let bench = Bench::new();
    let server = vendor(&bench);
    let license = member(&server.post_as_admin("/api/v1/keys/generate", GENERATE), "licenseId");
    let approve = |hash: &str, scope: &str, license: &str| {
        let body = format!(
            r#"{{"assemblyName":"Muonroi.Governance.Enterprise","version":"1.2.0","sha256Hash":"{hash}","publicKeyToken":null,"approvalScope":"{scope}","licenseId":{license},"source":"ci"}}"#
        );
        server.post_as_admin("/api/v1/assembly-whitelist/approve", body)
    };
    let hash = "ab".repeat(32);
    assert_eq!(approve(&hash, "Global", "null").body, "{\"approved\":true,\"isNew\":true,\"success\":true}\n");
    assert!(approve(&hash, "Global", "null").body.contains("\"isNew\":false"));
    let in_base64 = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=";
    assert!(approve(in_base64, "Global", "null").body.contains("\"isNew\":false"));
    assert_eq!(approve(&hash, "License", &format!("\"{license}\"")).status, 200);
    for (hash, scope, license, status) in [
        ("abc123", "Global", "null", 400),
        (hash.as_str(), "License", "null", 400),
        (&hash, "Global", "\"lic-1\"", 400),
        (&hash, "License", "\"none\"", 404),
    ] {
        assert_eq!(approve(hash, scope, license).status, status, "{hash} {scope} {license}");
    }
}

#[test]
fn the_book_and_its_routes_answer_the_same_bytes() {
    let bench = Bench::new();
    let server = vendor(&bench);
    for tenant in ["acme", "globex"] {
        let body = format!(r#"{{"licenseId":"lic-{tenant}","tenantId":"{tenant}","exp":"90d","seats":5}}"#);
        assert_eq!(server.post_as_admin("/api/v1/mint", body).status, 200);
    }
    let ledger = format!("sqlite:{}", bench.path("book.db").display());
    for (command, path) in [
        (vec!["list"], "/api/v1/keys"),
        (vec!["list", "--tenant", "acme"], "/api/v1/keys?tenant=acme"),
        (vec!["show", "lic-acme"], "/api/v1/keys/lic-acme"),
    ] {
        let told = bench.run([&["ledger"], &command[..], &["--json", "--ledger", &ledger]].concat());
        let answer = server.admin(path);
        // The program's clock is not the server's: what was due by then is swept by the command alone.
        assert_eq!((answer.status, answer.body.as_str()), (200, told.stdout()), "{path}");
    }
}

/// What the command and the route make anew each time is left out: the key is random, the clock of the program its own.
fn without_what_is_new(body: &str) -> (String, String) {
    let value = |name: &str| body.split(&format!("\"{name}\":\"")).nth(1).unwrap().split('"').next().unwrap();
    let key = value("licenseKey");
    (body.replace(key, "KEY").replace(&format!(r#""changedAt":"{}""#, value("changedAt")), "CHANGED"), key.to_owned())
}

#[test]
fn another_license_key_is_made_by_command_and_by_route() {
    let vendors = [Bench::new(), Bench::new()].map(|bench| (vendor(&bench), bench));
    let keys = vendors.each_ref().map(|(server, _)| {
        let body = r#"{"licenseId":"lic-1","tenantId":"acme","exp":"90d"}"#;
        assert_eq!(server.post_as_admin("/api/v1/mint", body).status, 200);
        // Its key alone, with which it can be named from then on; then a new token besides.
        let rekeyed = server.post_as_admin("/api/v1/keys/renew", r#"{"licenseId":"lic-1","newLicenseKey":true}"#);
        assert_eq!(rekeyed.status, 200, "{}", rekeyed.body);
        member(&rekeyed, "licenseKey")
    });
    let [(server, _), (_, bench)] = &vendors;
    let renew = |more: &[&str]| {
        let (ledger, key) = (format!("sqlite:{}", bench.path("book.db").display()), example("vendor.key"));
        let fixed = ["-q", "ledger", "renew", "lic-1", "--json", "--license-key", "--ledger", &ledger];
        let told = bench.run([&fixed[..], &["--allow-readable-key", "--key", &key], more].concat());
        assert_eq!(told.status, Some(0), "{told}");
        told.stdout().to_owned()
    };
    let body = format!(r#"{{"licenseKey":"{}","newLicenseKey":true}}"#, keys[0]);
    let answer = server.post_as_admin("/api/v1/keys/renew", body);
    let (told, by_command) = without_what_is_new(&renew(&[]));
    let (answered, by_route) = without_what_is_new(&answer.body);
    assert_eq!(told, answered);
    assert_ne!(by_command, by_route);
    let renewed = r#"{"licenseId":"lic-1","seats":7,"newLicenseKey":true}"#;
    let renewed = server.post_as_admin("/api/v1/keys/renew", renewed).body;
    assert!(renewed.contains(r#""seats":7"#), "{renewed}");
    let told = renew(&["--seats", "7", "--issued-at", NOW, "-o", "renewed.lic"]);
    assert_eq!(without_what_is_new(&told).0, without_what_is_new(&renewed).0);
    // The keys from before stand for nothing any more.
    let gone = format!("/api/v1/keys/{by_command}");
    assert_eq!(vendors[1].0.admin(&gone).status, 404);
}

#[test]
fn what_a_query_misspells_is_not_told_whole() {
    let bench = Bench::new();
    let server = vendor(&bench);
    assert_snapshot!(asked(&server, "/api/v1/keys?stat=suspended"), @r#"400 {"code":"malformed","error":"the query names `stat`, and this route knows `tenant`, `state`, `keyId`, `expiringWithin`","hints":["the routes are listed in /openapi.json"],"message":"the query names `stat`, and this route knows `tenant`, `state`, `keyId`, `expiringWithin`"}"#);
    assert_snapshot!(asked(&server, "/api/v1/keys?state=stopped"), @r#"400 {"code":"malformed","error":"the parameter `state` must be one of `active`, `expired`, `revoked`, `suspended`, and is the string `stopped`","hints":["the routes are listed in /openapi.json"],"message":"the parameter `state` must be one of `active`, `expired`, `revoked`, `suspended`, and is the string `stopped`"}"#);
    assert!(asked(&server, "/api/v1/keys?state=suspended&tenant=acme").starts_with("200"));
    assert_snapshot!(asked(&server, "/api/v1/keys?tenant=acme&tenant=globex"), @r#"400 {"code":"malformed","error":"the query names `tenant` twice","hints":["ask for one value at a time"],"message":"the query names `tenant` twice"}"#);
    assert_snapshot!(asked(&server, "/api/v1/audit?from=2026-01-01T00:00:00+02:00"), @r#"400 {"code":"malformed","error":"the parameter `from` must be a time: 2027-01-31, 2027-01-31T12:00:00Z, 90d or never, and is the string `2026-01-01T00:00:00 02:00`","hints":["a `+` stands for a blank there; write it as %2B"],"message":"the parameter `from` must be a time: 2027-01-31, 2027-01-31T12:00:00Z, 90d or never, and is the string `2026-01-01T00:00:00 02:00`"}"#);
    assert!(asked(&server, "/api/v1/audit?from=2026-01-01T00:00:00%2B02:00").starts_with("200"));
    // A form that is not filled in asks for nothing.
    assert!(asked(&server, "/api/v1/audit?from=&to=&licenseId=&limit=&action=").starts_with("200"));
    assert_snapshot!(asked(&server, "/api/v1/seats?tenant=acme"), @r#"400 {"code":"malformed","error":"the query names `tenant`, and this route knows none","hints":["the routes are listed in /openapi.json"],"message":"the query names `tenant`, and this route knows none"}"#);
    assert_eq!(server.post("/api/v1/verify?tenant=globex", "a.b").status, 400);
    // What anybody may look at is looked at by monitors, which add names.
    for path in ["/healthz?probe=1", "/metrics?a=1&a=2", "/api/v1/revocation/list?t=1"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
}

#[test]
fn without_a_book_there_is_none() {
    let server = Server::vendor();
    assert_snapshot!(server.admin("/api/v1/keys").shown(), @r#"404 {"code":"not-served","error":"this server was started without --ledger, so it keeps no book","hints":["ask its operator, or a server that was"],"message":"this server was started without --ledger, so it keeps no book"}"#);
    assert_eq!(server.post_as_admin("/api/v1/keys/generate", GENERATE).status, 404);
    assert_eq!(server.get("/api/v1/revocation/list").status, 404);
}
