//! Seats at a customer's operator, whose server holds no key: they are those of the license that is installed, and count
//! as long as they are renewed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use insta::assert_snapshot;
use mintage::http::{Given, Roles};

use super::installed::{asked, given};
use super::seats::{START, seconds};
use super::{Server, ledger, roles};
use crate::harness::{Bench, example};

/// An operator's server, and what machines of his ask it with.
struct Scene {
    bench: Bench,
    clock: Arc<AtomicI64>,
    server: Server,
}

impl Scene {
    fn new() -> Self {
        Self::started_with(Bench::new(), None)
    }

    /// A server that was started with a license.
    fn started_with(bench: Bench, license: Option<Given>) -> Self {
        let ledger = Some(ledger(&bench));
        let clock = Arc::new(AtomicI64::new(seconds(START)));
        let server = Server::timed(Roles { ledger, license, signer: None, ..roles() }, &clock);
        Self { bench, clock, server }
    }

    /// Mints a license of acme's, in a file that is called like its id.
    fn mint(&self, id: &str, terms: &[&str]) -> String {
        let fixed = ["--tenant", "acme", "--id", id, "--expires", "2026-12-31"];
        let token = self.bench.mint(&[&fixed[..], terms].concat());
        self.bench.write(id, &token);
        token
    }

    fn install(&self, token: &str) {
        let body = format!(r#"{{"token":"{}"}}"#, token.trim());
        let answer = self.server.post_as_admin("/api/v1/admin/license", body);
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// What a machine asks for a seat of a license with.
    fn request(&self, license: &str, machine: &str) -> String {
        let file = format!("{license}.{machine}.request");
        if !self.bench.path(&file).exists() {
            let asked = ["-q", "activate", "--license", license, "--fingerprint", machine, "--request-out", &file];
            let outcome = self.bench.run(asked);
            assert_eq!(outcome.status, Some(0), "{outcome}");
        }
        self.bench.read(&file).trim().to_owned()
    }

    /// Asks for something to do with seats, and shows the answer.
    fn ask(&self, what: &str, body: String) -> String {
        self.server.post(&format!("/api/v1/seats/{what}"), body).shown()
    }
}

#[test]
fn seats_are_counted_without_a_key() {
    let scene = Scene::new();
    let one = scene.mint("lic-1", &["--seats", "1"]);
    let (first, second) = (scene.request("lic-1", "node-1"), scene.request("lic-1", "node-2"));
    let by = |request: &str| format!(r#"{{"request":{request}}}"#);
    assert_snapshot!(scene.ask("claim", by(&first)), @r#"403 {"code":"no-license","error":"License absent. Default tier limits apply.","hints":["have the operator install a license that holds, at /api/v1/admin/license"],"message":"License absent. Default tier limits apply."}"#);
    scene.install(&one);
    assert_snapshot!(scene.ask("claim", by(&first)), @r#"200 {"lease":{"borrowed":false,"claimedAt":"2026-06-01T00:00:00Z","expiresAt":"2026-06-01T00:10:00Z","holder":"b845cc499bfda68a6a381be28503c826ae6ad5705bf0053f2af73b661b81935b","leaseId":"01010101-0101-4101-8101-010101010101","licenseId":"lic-1","renewedAt":"2026-06-01T00:00:00Z","username":null},"position":null,"proof":null}"#);
    assert_snapshot!(scene.ask("claim", by(&second)), @r#"409 {"code":"seats-exhausted","error":"1 of 1 seats of license lic-1 are taken","hints":["wait for one to be released, or ask for more seats"],"message":"1 of 1 seats of license lic-1 are taken"}"#);
    // A machine that crashed gets its seat back, and holds it as long as it renews it.
    assert_snapshot!(scene.ask("claim", by(&first)), @r#"200 {"lease":{"borrowed":false,"claimedAt":"2026-06-01T00:00:00Z","expiresAt":"2026-06-01T00:10:00Z","holder":"b845cc499bfda68a6a381be28503c826ae6ad5705bf0053f2af73b661b81935b","leaseId":"01010101-0101-4101-8101-010101010101","licenseId":"lic-1","renewedAt":"2026-06-01T00:00:00Z","username":null},"position":null,"proof":null}"#);
    scene.clock.store(seconds("2026-06-01T00:08:00Z"), Ordering::Relaxed);
    assert_snapshot!(scene.ask("renew", by(&first)), @r#"200 {"lease":{"borrowed":false,"claimedAt":"2026-06-01T00:00:00Z","expiresAt":"2026-06-01T00:18:00Z","holder":"b845cc499bfda68a6a381be28503c826ae6ad5705bf0053f2af73b661b81935b","leaseId":"01010101-0101-4101-8101-010101010101","licenseId":"lic-1","renewedAt":"2026-06-01T00:08:00Z","username":null},"position":null,"proof":null}"#);
    // Another machine gives nothing back, the one that holds it does.
    assert_snapshot!(scene.ask("release", by(&second)), @r#"409 {"code":"lease-ended","error":"61651c4ec3b54cca6b522fdb76054758b7f9bcbb134ad4e09e3f6254d67b8cde holds no seat of license lic-1","hints":["claim a seat again"],"message":"61651c4ec3b54cca6b522fdb76054758b7f9bcbb134ad4e09e3f6254d67b8cde holds no seat of license lic-1"}"#);
    let lease = r#""leaseId":"01010101-0101-4101-8101-010101010101""#;
    assert_snapshot!(scene.ask("release", format!(r#"{{"request":{second},{lease}}}"#)), @r#"401 {"code":"unauthorized","error":"what was shown gives no right to lease 01010101-0101-4101-8101-010101010101","hints":["show the lease, the request, the license key, or the nonce of the next heartbeat"],"message":"what was shown gives no right to lease 01010101-0101-4101-8101-010101010101"}"#);
    assert_snapshot!(scene.ask("release", by(&first)), @r#"200 {"leaseId":"01010101-0101-4101-8101-010101010101","leftLine":false,"released":true}"#);
    assert_snapshot!(scene.ask("release", by(&first)), @r#"200 {"leaseId":"01010101-0101-4101-8101-010101010101","leftLine":false,"released":false}"#);
    assert!(scene.ask("claim", by(&second)).starts_with("200"));
    // Nobody could verify a lease that nobody signed.
    assert_snapshot!(scene.ask("claim", format!(r#"{{"request":{first},"borrowUntil":"2026-06-08"}}"#)), @r#"404 {"code":"not-served","error":"this server was started without --key, so it signs nothing","hints":["claim the seat without `borrowUntil`, and renew it in time"],"message":"this server was started without --key, so it signs nothing"}"#);
    // The operator sees who holds what.
    assert_snapshot!(asked(&scene.server, "/api/v1/seats"), @r#"200 {"seats":[{"borrowed":false,"claimedAt":"2026-06-01T00:08:00Z","expiresAt":"2026-06-01T00:18:00Z","holder":"61651c4ec3b54cca6b522fdb76054758b7f9bcbb134ad4e09e3f6254d67b8cde","leaseId":"09090909-0909-4909-8909-090909090909","licenseId":"lic-1","renewedAt":"2026-06-01T00:08:00Z","username":null}]}"#);
    let shown = asked(&scene.server, "/api/v1/keys/lic-1");
    assert!(shown.contains(r#""seats":1"#) && shown.contains(r#""leases":[{"borrowed":false"#), "{shown}");
}

#[test]
fn the_license_that_is_installed_is_the_one_that_counts() {
    let scene = Scene::new();
    scene.install(&scene.mint("lic-1", &["--seats", "1"]));
    let claim = |license: &str, machine: &str| {
        scene.ask("claim", format!(r#"{{"request":{}}}"#, scene.request(license, machine)))
    };
    assert!(claim("lic-1", "node-1").starts_with("200"));
    assert!(claim("lic-1", "node-2").starts_with("409"));
    // Renewed with more seats, it has more as soon as it is installed.
    let key = example("vendor.key");
    let mint =
        ["-q", "mint", "--allow-readable-key", "--key", &key, "--tenant", "acme", "--id", "lic-1", "--seats", "2"];
    let later = ["--issued-at", "2026-05-01T00:00:00Z", "--expires", "2026-12-31"];
    let renewed = scene.bench.run([&mint[..], &later].concat());
    scene.install(renewed.stdout());
    assert!(claim("lic-1", "node-2").starts_with("200"));
    assert!(claim("lic-1", "node-3").starts_with("409"));
    // Another license, also one that is older, takes its place as a whole.
    scene.install(&scene.mint("lic-2", &["--seats", "1"]));
    assert_snapshot!(claim("lic-1", "node-1"), @r#"403 {"code":"license-mismatch","error":"what was shown is of license `lic-1`, and license `lic-2` is installed here","hints":["use the documents that belong together"],"message":"what was shown is of license `lic-1`, and license `lic-2` is installed here"}"#);
    assert!(claim("lic-2", "node-1").starts_with("200"));
    // What stands in the book of the one before counts no more, but what was claimed of it can be given back.
    let book = asked(&scene.server, "/api/v1/keys");
    assert_eq!(book.matches(r#""state":"active""#).count(), 1, "{book}");
    let given_back = scene.ask("release", format!(r#"{{"request":{}}}"#, scene.request("lic-1", "node-1")));
    assert!(given_back.ends_with("\"released\":true}\n"), "{given_back}");
    scene.clock.store(seconds("2027-01-01T00:00:00Z"), Ordering::Relaxed);
    assert_snapshot!(claim("lic-2", "node-1"), @r#"403 {"code":"expired","error":"License key is expired.","hints":["have the operator install a license that holds, at /api/v1/admin/license"],"message":"License key is expired."}"#);
    let audit = scene.bench.run(["ledger", "audit", "--ledger", "sqlite:book.db", "-q"]);
    let told: Vec<&str> = audit
        .stdout()
        .lines()
        .filter(|line| ["created", "renewed", "suspended"].iter().any(|action| line.contains(action)))
        .map(str::trim_end)
        .collect();
    assert_snapshot!(told.join("\n"), @r#"
    2   2026-06-01T00:00:00Z  server   created          SUCCESS  lic-1                                       {"expiresAt":"2026-12-31T23:59:59Z","keyId":"ec192ae06d2b6cb0f3df6376c53396f1f25328452d03d08fb4f51fdf07ccf70e","tenantId":"acme"}
    5   2026-06-01T00:00:00Z  server   renewed          SUCCESS  lic-1                                       {"changed":["issuedAt","seats"],"expiresAt":"2026-12-31T23:59:59Z","keyId":"ec192ae06d2b6cb0f3df6376c53396f1f25328452d03d08fb4f51fdf07ccf70e"}
    8   2026-06-01T00:00:00Z  server   created          SUCCESS  lic-2                                       {"expiresAt":"2026-12-31T23:59:59Z","keyId":"ec192ae06d2b6cb0f3df6376c53396f1f25328452d03d08fb4f51fdf07ccf70e","tenantId":"acme"}
    9   2026-06-01T00:00:00Z  server   suspended        SUCCESS  lic-1                                       {"reason":"another license is installed here"}
    "#);
    // The one before comes back as it went, and the audit tells of both.
    scene.clock.store(seconds("2026-07-01T00:00:00Z"), Ordering::Relaxed);
    scene.install(renewed.stdout());
    assert!(claim("lic-1", "node-2").starts_with("200"));
    let of = |license: &str| {
        let audit =
            scene.bench.run(["ledger", "audit", "--ledger", "sqlite:book.db", "-q", "--license", license, "--json"]);
        let changes = audit.stdout().split(r#"{"action":""#).filter_map(|entry| entry.split_once('"'));
        let changes = changes.filter(|(action, _)| ["suspended", "reinstated"].contains(action));
        changes
            .map(|(action, entry)| {
                format!("{action} {}", entry.split("\"detail\":").nth(1).unwrap().split(",\"hash").next().unwrap())
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(of("lic-1"), [r#"suspended {"reason":"another license is installed here"}"#, "reinstated {}"]);
    assert_eq!(of("lic-2"), [r#"suspended {"reason":"another license is installed here"}"#]);
}

#[test]
fn what_the_operator_has_suspended_himself_is_his_to_reinstate() {
    let scene = Scene::new();
    let claim = |license: &str| scene.ask("claim", format!(r#"{{"request":{}}}"#, scene.request(license, "node-1")));
    let [first, second] = ["lic-1", "lic-2"].map(|id| scene.mint(id, &["--seats", "1"]));
    scene.install(&first);
    assert!(claim("lic-1").starts_with("200"));
    let change = |what: &str, id: &str| {
        let outcome = scene.bench.run(["-q", "ledger", what, id, "--ledger", "sqlite:book.db"]);
        assert_eq!(outcome.status, Some(0), "{outcome}");
    };
    let active = || {
        let listed =
            scene.bench.run(["-q", "ledger", "list", "--ledger", "sqlite:book.db", "--state", "active", "--json"]);
        ["lic-1", "lic-2"].map(|id| listed.stdout().contains(&format!(r#""licenseId":"{id}""#)))
    };
    // What he has stopped stays so, however often it is asked for or installed.
    change("suspend", "lic-1");
    assert!(claim("lic-1").starts_with("403"));
    scene.install(&second);
    assert!(claim("lic-2").starts_with("200"));
    scene.install(&first);
    assert!(claim("lic-1").starts_with("403"));
    change("reinstate", "lic-1");
    assert!(claim("lic-1").starts_with("200"));
    // It is still known as one that was installed here, and goes when another takes its place.
    scene.install(&second);
    assert!(claim("lic-2").starts_with("200"));
    assert_eq!(active(), [false, true]);
    scene.install(&first);
    assert!(claim("lic-1").starts_with("200"));
    assert_eq!(active(), [true, false]);
}

#[test]
fn machines_that_are_counted_show_the_proof_of_their_issuer() {
    let scene = Scene::new();
    scene.install(&scene.mint("lic-1", &["--seats", "1", "--max-activations", "2"]));
    let request = scene.request("lic-1", "node-1");
    assert_snapshot!(scene.ask("claim", format!(r#"{{"request":{request}}}"#)), @r#"403 {"code":"proof-required","error":"license lic-1 is for activated machines, and no proof was shown","hints":["activate this machine and verify the proof"],"message":"license lic-1 is for activated machines, and no proof was shown"}"#);
    let key = example("vendor.key");
    let mint = ["-q", "mint", "proof", "--allow-readable-key", "--key", &key, "--request", "lic-1.node-1.request"];
    let proof = ["--license", "lic-1", "--id", "p-1", "--issued-at", START, "-o", "proof.json"];
    let minted = scene.bench.run([&mint[..], &proof].concat());
    assert_eq!(minted.status, Some(0), "{minted}");
    let proof = format!(r#"{{"proof":{}}}"#, scene.bench.read("proof.json").trim());
    assert_snapshot!(scene.ask("claim", proof.clone()), @r#"200 {"lease":{"borrowed":false,"claimedAt":"2026-06-01T00:00:00Z","expiresAt":"2026-06-01T00:10:00Z","holder":"b845cc499bfda68a6a381be28503c826ae6ad5705bf0053f2af73b661b81935b","leaseId":"03030303-0303-4303-8303-030303030303","licenseId":"lic-1","renewedAt":"2026-06-01T00:00:00Z","username":null},"position":null,"proof":null}"#);
    assert!(scene.ask("renew", proof.clone()).starts_with("200"));
    assert_snapshot!(scene.ask("release", proof.clone()), @r#"200 {"leaseId":"03030303-0303-4303-8303-030303030303","leftLine":false,"released":true}"#);
    // Who lost the answer is told the same.
    assert_snapshot!(scene.ask("release", proof), @r#"200 {"leaseId":"03030303-0303-4303-8303-030303030303","leftLine":false,"released":false}"#);
}

#[test]
fn a_license_for_activated_machines_lends_its_seats_to_those() {
    let bench = Bench::new();
    let terms = ["--tenant", "acme", "--expires", "2026-12-31", "--activation", "proof", "--seats", "1"];
    let license = bench.mint(&terms);
    bench.write("lic-1", &license);
    let scene = Scene::started_with(bench, Some(given(license)));
    // It is of no use to the server itself, which holds no proof of its own.
    assert!(asked(&scene.server, "/api/v1/admin/license").contains(r#""state":"INVALID""#));
    let request = scene.request("lic-1", "node-1");
    assert_snapshot!(scene.ask("claim", format!(r#"{{"request":{request}}}"#)), @r#"403 {"code":"proof-required","error":"license lic-1 is for activated machines, and no proof was shown","hints":["activate this machine and verify the proof"],"message":"license lic-1 is for activated machines, and no proof was shown"}"#);
    let key = example("vendor.key");
    let mint = ["-q", "mint", "proof", "--allow-readable-key", "--key", &key, "--request", "lic-1.node-1.request"];
    let minted = scene.bench.run([&mint[..], &["--id", "p-1", "--issued-at", START, "-o", "proof.json"]].concat());
    assert_eq!(minted.status, Some(0), "{minted}");
    let proof = format!(r#"{{"proof":{}}}"#, scene.bench.read("proof.json").trim());
    assert!(scene.ask("claim", proof).starts_with(r#"200 {"lease":{"borrowed":false"#));
}

#[test]
fn a_license_key_is_nothing_to_guess_where_none_is_known() {
    let scene = Scene::new();
    let token = scene.mint("lic-1", &["--seats", "1"]);
    scene.install(&token);
    let request = scene.request("lic-1", "node-1");
    let by_key =
        request.replace(&format!(r#""license":"{token}""#), r#""licenseKey":"MTG-00000-00000-00000-00000-00000""#);
    assert!(by_key.contains("licenseKey"), "{by_key}");
    let claim = format!(r#"{{"request":{by_key}}}"#);
    assert_snapshot!(scene.ask("claim", claim.clone()), @r#"400 {"code":"unsupported","error":"the request names its license by a license key, which only its issuer can look up","hints":["send a request that carries the license, or the proof"],"message":"the request names its license by a license key, which only its issuer can look up"}"#);
    assert!((0..20).all(|_| scene.ask("claim", claim.clone()).starts_with("400")));
    assert!(scene.ask("claim", format!(r#"{{"request":{request}}}"#)).starts_with("200"));
}
