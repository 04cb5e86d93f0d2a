//! Seats over HTTP: each comes with a lease that verifies where there is no network.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use insta::assert_snapshot;
use mintage::SecretKey;
use mintage::dsse::{Envelope, Kind};
use mintage::http::Roles;
use mintage::json::{self, Value};
use mintage::time::Timestamp;

use super::{ADMIN, Answer, Server, ledger, request, roles};
use crate::harness::{Bench, Outcome, example, feed};
use crate::interop::forms::is_superuser;
use crate::interop::present;

pub(super) const START: &str = "2026-06-01T00:00:00Z";

/// A vendor's server, and machines that ask it.
struct Scene {
    bench: Bench,
    clock: Arc<AtomicI64>,
    server: Server,
}

pub(super) fn seconds(at: &str) -> i64 {
    Timestamp::parse_rfc3339(at).unwrap().seconds()
}

impl Scene {
    /// A license that counts on leases, minted with further terms.
    fn new(terms: &[&str]) -> Self {
        let bench = Bench::new();
        let fixed =
            ["--tenant", "acme", "--activation", "proof", "--expires", "2099-12-31", "--ledger", "sqlite:book.db"];
        bench.write("acme.lic", bench.mint(&[&fixed[..], terms].concat()));
        let clock = Arc::new(AtomicI64::new(seconds(START)));
        let server = Server::timed(Roles { ledger: Some(ledger(&bench)), ..roles() }, &clock);
        Self { bench, clock, server }
    }

    fn at(&self, moment: &str) {
        self.clock.store(seconds(moment), Ordering::Relaxed);
    }

    /// What a machine asks for a seat with.
    fn request(&self, machine: &str) -> String {
        let file = format!("{machine}.request");
        if !self.bench.path(&file).exists() {
            let asked =
                ["-q", "activate", "--license", "acme.lic", "--environment", "production", "--fingerprint", machine];
            let outcome = self.bench.run([&asked[..], &["--request-out", &file]].concat());
            assert_eq!(outcome.status, Some(0), "{outcome}");
        }
        self.bench.read(&file).trim().to_owned()
    }

    fn claim(&self, machine: &str, more: &str) -> Answer {
        self.server.post("/api/v1/seats/claim", format!(r#"{{"request":{}{more}}}"#, self.request(machine)))
    }

    fn release(&self, body: String) -> String {
        let answer = self.server.post("/api/v1/seats/release", body);
        format!("{} {}", answer.status, answer.body.trim_end())
    }

    /// Writes the lease of an answer to a file, and returns it.
    fn keep(&self, answer: &Answer, file: &str) -> String {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let members = json::parse(answer.body.trim().as_bytes()).unwrap().into_object("seat").unwrap();
        let (_, proof) = members.into_iter().find(|(name, _)| name == "proof").unwrap();
        assert!(matches!(proof, Value::Object(_)), "{}", answer.body);
        let lease = json::canonical(&proof);
        self.bench.write(file, &lease);
        lease
    }

    /// Verifies a lease where there is no network.
    fn verify(&self, lease: &str, machine: &str, at: &str) -> Outcome {
        let trust = example("vendor.pub");
        let arguments = ["-q", "verify", lease, "--trust", &trust, "--fingerprint", machine, "--at", at];
        let flags = if is_superuser() { "-n" } else { "-rn" };
        if !present("unshare", [flags, "true"]) {
            return self.bench.run(arguments);
        }
        let mut command = self.bench.command_of("unshare");
        command.arg(flags).arg(self.bench.command().get_program()).args(arguments);
        feed(command, b"")
    }
}

/// A member of the lease in an answer.
fn member(answer: &Answer, name: &str) -> String {
    let rest = answer.body.split(&format!("\"{name}\":\"")).nth(1).unwrap_or_else(|| panic!("{}", answer.body));
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn a_lease_verifies_offline_until_its_end() {
    let scene = Scene::new(&["--seats", "1"]);
    let claimed = scene.claim("node-1", r#","username":"ann""#);
    scene.keep(&claimed, "lease.json");
    let lease = claimed.body.split(",\"position\"").next().unwrap();
    assert_snapshot!(lease, @r#"{"lease":{"borrowed":false,"claimedAt":"2026-06-01T00:00:00Z","expiresAt":"2026-06-01T00:10:00Z","holder":"b845cc499bfda68a6a381be28503c826ae6ad5705bf0053f2af73b661b81935b","leaseId":"01010101-0101-4101-8101-010101010101","licenseId":"lic-1","renewedAt":"2026-06-01T00:00:00Z","username":"ann"}"#);
    assert_snapshot!(scene.verify("lease.json", "node-1", "2026-06-01T00:10:00Z"), @r"
    pass  signature    by key ec192ae06d2b6cb0
    pass  clock        issued at 2026-01-01T00:00:00Z
    pass  window       until 2099-12-31T23:59:59Z, 26876 days left
    skip  tenant       none was named
    skip  product      none was named
    pass  machine      the exact value matches
    pass  activation   proof 01010101-0101-4101-8101-010101010101 of 2026-06-01T00:00:00Z, by key ec192ae06d2b6cb0
    skip  environment  none was named
    skip  version      the proof covers every version
    skip  build        the proof covers every build
    skip  features     none were asked for
    skip  maintenance  the license covers every build
    skip  usage        none was given
    valid, ACTIVE, as of 2026-06-01T00:10:00Z
    [exit status: 0]
    ");
    let late = scene.verify("lease.json", "node-1", "2026-06-01T00:10:01Z");
    assert_eq!(late.status, Some(1), "{late}");
    assert!(late.stderr().contains("error[expired]"), "{late}");
    let elsewhere = scene.verify("lease.json", "node-2", START);
    assert!(elsewhere.stderr().contains("error[wrong-machine]"), "{elsewhere}");
}

#[test]
fn a_machine_that_crashed_gets_its_lease_again_and_renews_it() {
    let scene = Scene::new(&["--seats", "1"]);
    let first = scene.claim("node-1", "");
    let id = member(&first, "leaseId");
    scene.at("2026-06-01T00:05:00Z");
    let again = scene.claim("node-1", "");
    assert_eq!(member(&again, "leaseId"), id);
    let lease = scene.keep(&again, "lease.json");
    assert!(scene.bench.read("lease.json").contains("application/vnd.mintage.proof+json"));
    // The lease itself is what its holder renews and gives back with.
    scene.at("2026-06-01T00:14:00Z");
    let renewed = scene.server.post("/api/v1/seats/renew", format!(r#"{{"proof":{lease},"leaseSeconds":60}}"#));
    assert_eq!(
        (member(&renewed, "leaseId"), member(&renewed, "expiresAt")),
        (id.clone(), "2026-06-01T00:15:00Z".into())
    );
    let body = format!(r#"{{"proof":{}}}"#, scene.keep(&renewed, "renewed.json"));
    assert_eq!(scene.release(body.clone()), format!(r#"200 {{"leaseId":"{id}","leftLine":false,"released":true}}"#));
    assert_eq!(scene.release(body.clone()), format!(r#"200 {{"leaseId":"{id}","leftLine":false,"released":false}}"#));
    assert_snapshot!(scene.server.post("/api/v1/seats/renew", body).shown(), @r#"409 {"code":"lease-ended","error":"lease 01010101-0101-4101-8101-010101010101 has ended","hints":["claim a seat again"],"message":"lease 01010101-0101-4101-8101-010101010101 has ended"}"#);
    // Who did not renew in time has lost the seat, and may claim another.
    let lost = scene.claim("node-1", "");
    scene.at("2026-06-01T00:25:00Z");
    let request = format!(r#"{{"request":{}}}"#, scene.request("node-1"));
    assert_eq!(scene.server.post("/api/v1/seats/renew", request).status, 409);
    assert_ne!(member(&scene.claim("node-1", ""), "leaseId"), member(&lost, "leaseId"));
}

#[test]
fn what_is_approved_later_takes_a_seat_from_nobody() {
    let scene = Scene::new(&["--seats", "2"]);
    let held = scene.claim("node-1", "");
    let approval = format!(
        r#"{{"assemblyName":"App","version":"1","sha256Hash":"{}","approvalScope":"Global"}}"#,
        "ab".repeat(32)
    );
    assert_eq!(scene.server.post_as_admin("/api/v1/assembly-whitelist/approve", approval).status, 200);
    let request = format!(r#"{{"request":{}}}"#, scene.request("node-1"));
    let renewed = scene.server.post("/api/v1/seats/renew", request);
    assert_eq!(renewed.status, 200, "{}", renewed.body);
    assert_eq!(member(&scene.claim("node-1", ""), "leaseId"), member(&held, "leaseId"));
    let other = scene.claim("node-2", "");
    assert!(other.status == 403 && other.body.contains(r#""code":"build-required""#), "{}", other.body);
}

#[test]
fn seats_run_out_and_whoever_waits_is_next() {
    let scene = Scene::new(&["--seats", "1"]);
    let held = scene.claim("node-1", "");
    assert_snapshot!(scene.claim("node-2", "").shown(), @r#"409 {"code":"seats-exhausted","error":"1 of 1 seats of license lic-1 are taken","hints":["wait for one to be released, or ask for more seats"],"message":"1 of 1 seats of license lic-1 are taken"}"#);
    assert_snapshot!(scene.claim("node-2", r#","wait":true"#).shown(), @r#"200 {"lease":null,"position":1,"proof":null}"#);
    assert!(scene.claim("node-3", r#","wait":true"#).body.contains(r#""position":2"#));
    let shown = || {
        let show = request("GET", "/api/v1/keys/lic-1", &[("x-admin-api-key", ADMIN)]).body(axum::body::Body::empty());
        scene.server.send(show.unwrap()).body
    };
    let waiting = shown().split_once(r#""waiting":"#).unwrap().1.to_owned();
    assert_snapshot!(waiting, @r#"[{"holder":"61651c4ec3b54cca6b522fdb76054758b7f9bcbb134ad4e09e3f6254d67b8cde","since":"2026-06-01T00:00:00Z"},{"holder":"0225ae9e6be2197cc6f6a45a5b7ebc473f83422d6bfcadeb478659daf0474ffd","since":"2026-06-01T00:00:00Z"}]}"#);
    let taken = format!(r#"{{"leaseId":"{}"}}"#, member(&held, "leaseId"));
    assert_snapshot!(scene.release(taken.clone()), @r#"400 {"code":"malformed","error":"the body must hold `proof`, `request`, or `leaseId` and one of `licenseKey` and `heartbeatNonce`","hints":["see the request bodies in /openapi.json"],"message":"the body must hold `proof`, `request`, or `leaseId` and one of `licenseKey` and `heartbeatNonce`"}"#);
    let headers = [("content-type", "application/json"), ("x-admin-api-key", "b7e1c2a4d6f80914")];
    let wrong = request("POST", "/api/v1/seats/release", &headers).body(taken.clone().into()).unwrap();
    assert_eq!(scene.server.send(wrong).status, 401);
    let forced = scene.server.post_as_admin("/api/v1/seats/release", taken);
    assert!(forced.body.contains(r#""released":true"#), "{}", forced.body);
    assert!(scene.claim("node-3", r#","wait":true"#).body.contains(r#""position":2"#));
    assert!(scene.claim("node-2", "").body.contains(r#""position":null"#));
    let shown = shown();
    assert!(shown.trim_end().ends_with(r#""since":"2026-06-01T00:00:00Z"}]}"#), "{shown}");
    assert_eq!(shown.matches(r#""leases":[{"borrowed":false"#).count(), 1, "{shown}");
    let book = scene.bench.run(["ledger", "audit", "--ledger", "sqlite:book.db", "--action", "seat.released"]);
    assert!(book.stdout().contains(r#""reason":"forced""#) && book.stdout().contains("admin"), "{book}");
    // Who does not want to wait any more holds nobody else up.
    let leaves = format!(r#"{{"request":{}}}"#, scene.request("node-3"));
    assert_eq!(scene.release(leaves.clone()), r#"200 {"leaseId":null,"leftLine":true,"released":false}"#);
    assert!(scene.release(leaves).starts_with(r#"409 {"code":"lease-ended""#));
    assert!(scene.claim("node-4", r#","wait":true"#).body.contains(r#""position":1"#));
}

#[test]
fn a_seat_is_borrowed_until_a_stated_time() {
    let scene = Scene::new(&["--seats", "1"]);
    let lent = scene.claim("node-1", r#","borrowUntil":"2026-06-08T12:00:00Z""#);
    let lease = scene.keep(&lent, "lease.json");
    assert_eq!(scene.verify("lease.json", "node-1", "2026-06-08T12:00:00Z").status, Some(0));
    assert_eq!(scene.verify("lease.json", "node-1", "2026-06-08T12:00:01Z").status, Some(1));
    // It is counted for as long as it counts: nobody lends one seat twice.
    assert_snapshot!(scene.release(format!(r#"{{"proof":{lease}}}"#)), @r#"409 {"code":"borrowed","error":"lease 01010101-0101-4101-8101-010101010101 is borrowed until 2026-06-08T12:00:00Z","hints":["wait until then, or ask the issuer to take the seat back"],"message":"lease 01010101-0101-4101-8101-010101010101 is borrowed until 2026-06-08T12:00:00Z"}"#);
    scene.at("2026-06-08T12:00:00Z");
    assert_eq!(scene.claim("node-2", "").status, 409);
    scene.at("2026-06-08T12:00:01Z");
    assert_eq!(scene.claim("node-2", "").status, 200);
    for until in ["2026-06-01T00:00:00Z", "2026-08-01", "soon"] {
        let refused = scene.claim("node-3", &format!(r#","borrowUntil":"{until}""#));
        assert_eq!(refused.status, 400, "{until}: {}", refused.body);
    }
}

#[test]
fn a_holder_that_signs_it_gives_a_borrowed_seat_back() {
    let scene = Scene::new(&["--seats", "1"]);
    // What this machine's clock says when it signs is past here.
    scene.at("2090-01-01T00:00:00Z");
    scene.keep(&scene.claim("node-1", r#","borrowUntil":"2090-01-08T12:00:00Z""#), "lease.json");
    let given = scene.bench.run(["-q", "activate", "--deactivate", "--proof", "lease.json", "-o", "release.json"]);
    assert_eq!(given.status, Some(0), "{given}");
    let body = format!(r#"{{"release":{}}}"#, scene.bench.read("release.json").trim());
    assert_snapshot!(scene.server.post("/api/v1/deactivate", body.clone()).shown(), @r#"200 {"error":null,"licenseId":"lic-1","message":"Seat released.","proofId":"01010101-0101-4101-8101-010101010101","releasedAt":"2090-01-01T00:00:00Z","success":true}"#);
    assert!(scene.server.post("/api/v1/deactivate", body).body.contains("Seat was released before."));
    assert_eq!(scene.claim("node-2", "").status, 200);
}

#[test]
fn a_license_that_counts_machines_lends_seats_to_those_alone() {
    let scene = Scene::new(&["--seats", "2", "--max-activations", "1"]);
    assert_snapshot!(scene.claim("node-1", "").shown(), @r#"403 {"code":"proof-required","error":"license lic-1 counts machines, and this one holds no activation","hints":["activate this machine and verify the proof"],"message":"license lic-1 counts machines, and this one holds no activation"}"#);
    let key = example("vendor.key");
    let mint =
        ["-q", "mint", "proof", "--allow-readable-key", "--key", &key, "--request", "node-1.request", "--id", "p-1"];
    let proof = ["--issued-at", START, "--ledger", "sqlite:book.db", "-o", "proof.json"];
    let activated = scene.bench.run([&mint[..], &proof].concat());
    assert_eq!(activated.status, Some(0), "{activated}");
    let proof = scene.bench.read("proof.json");
    let by_proof = scene.server.post("/api/v1/seats/claim", format!(r#"{{"proof":{}}}"#, proof.trim()));
    assert_eq!(member(&by_proof, "holder"), "p-1");
    // However it says who it is, a machine has one seat.
    let quoted = proof.trim().replace('\\', "\\\\").replace('"', "\\\"");
    for again in
        [scene.server.post("/api/v1/seats/claim", format!(r#"{{"proof":"{quoted}"}}"#)), scene.claim("node-1", "")]
    {
        assert_eq!(member(&again, "leaseId"), member(&by_proof, "leaseId"));
    }
    // The nonce of the next heartbeat shows who holds the seat, a wrong one nothing.
    let inspected = scene.bench.run(["inspect", "--json", "proof.json"]);
    let nonce = inspected.stdout().split("\"heartbeatNonce\":\"").nth(1).unwrap().split('"').next().unwrap();
    let id = member(&by_proof, "leaseId");
    let wrong = format!(r#"{{"leaseId":"{id}","heartbeatNonce":"AAAAAAAAAAAAAAAAAAAAAA=="}}"#);
    assert_snapshot!(scene.release(wrong), @r#"401 {"code":"unauthorized","error":"what was shown gives no right to lease 03030303-0303-4303-8303-030303030303","hints":["show the lease, the request, the license key, or the nonce of the next heartbeat"],"message":"what was shown gives no right to lease 03030303-0303-4303-8303-030303030303"}"#);
    let right = format!(r#"{{"leaseId":"{id}","heartbeatNonce":"{nonce}"}}"#);
    assert!(scene.release(right).ends_with("\"released\":true}"));
    // A machine that gave its activation back gets no seat.
    let freed = scene.bench.run(["-q", "ledger", "release", "p-1", "--ledger", "sqlite:book.db"]);
    assert_eq!(freed.status, Some(0), "{freed}");
    let refused = scene.server.post("/api/v1/seats/claim", format!(r#"{{"proof":{}}}"#, proof.trim()));
    assert!(refused.body.contains(r#""code":"released""#), "{}", refused.body);
}

#[test]
fn whoever_shows_nothing_gets_nothing() {
    let scene = Scene::new(&["--seats", "1"]);
    let request = scene.request("node-1");
    let by_id = request.replace(&format!("\"license\":\"{}\"", scene.bench.read("acme.lic")), r#""licenseId":"lic-1""#);
    assert!(by_id.contains("licenseId"), "{by_id}");
    let claim = |body: String| {
        let answer = scene.server.post("/api/v1/seats/claim", body);
        format!("{} {}", answer.status, answer.body.split("\",").next().unwrap_or_default())
    };
    assert_snapshot!(claim(format!(r#"{{"request":{by_id}}}"#)), @r#"401 {"code":"unauthorized"#);
    assert_snapshot!(claim("{}".to_owned()), @r#"400 {"code":"malformed"#);
    assert_snapshot!(claim(format!(r#"{{"request":{request},"leaseSeconds":86400}}"#)), @r#"400 {"code":"malformed"#);
    let stranger = Envelope::sign(Kind::Proof, b"{}".to_vec(), &[&SecretKey::from_seed(&[9; 32])]).to_json();
    assert_snapshot!(claim(format!(r#"{{"proof":{stranger}}}"#)), @r#"403 {"code":"unknown-key"#);
    // Who guesses license keys has to wait.
    let guess = by_id.replace(r#""licenseId":"lic-1""#, r#""licenseKey":"MTG-00000-00000-00000-00000-00000""#);
    let guesses: Vec<_> =
        (0..12).map(|_| scene.server.post("/api/v1/seats/claim", format!(r#"{{"request":{guess}}}"#)).status).collect();
    assert_eq!((guesses[0], guesses[11]), (404, 429));
}
