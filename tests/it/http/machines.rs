//! Machines over HTTP, on a SQLite ledger: bound, heard of, given back, and who may do so.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use insta::assert_snapshot;
use mintage::dsse::{Envelope, Kind};
use mintage::fingerprint::Fingerprint;
use mintage::http::{Roles, World};
use mintage::key::SecretKey;
use mintage::proof::Proof;
use mintage::release::Release;
use mintage::request::{LicenseReference, Nonce, Request};
use mintage::time::Timestamp;

use super::{Answer, NOW, Server, ledger, roles};
use crate::harness::Bench;

/// A vendor's server whose clock is turned by hand, and a license for two machines.
struct Scene {
    server: Server,
    clock: Arc<AtomicI64>,
    license: String,
    key: String,
    _bench: Bench,
}

fn scene() -> Scene {
    let bench = Bench::new();
    let now = Timestamp::parse_rfc3339(NOW).unwrap();
    let (clock, count) = (Arc::new(AtomicI64::new(now.seconds())), AtomicU64::new(1));
    let turned = Arc::clone(&clock);
    let world = World {
        now: Box::new(move || Timestamp::from_seconds(turned.load(Ordering::Relaxed)).ok()),
        fresh: Box::new(move || {
            let next = u128::from(count.fetch_add(1, Ordering::Relaxed));
            Some(next.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes())
        }),
    };
    let server = Server::of(world, Roles { ledger: Some(ledger(&bench)), grace_hours: 24, ..roles() });
    let terms = r#"{"organizationId":"acme","tier":"Licensed","validDays":365,"maxActivations":2}"#;
    let issued = server.post_as_admin("/api/v1/keys/generate", terms);
    let (license, key) = (member(&issued, "licenseId"), member(&issued, "licenseKey"));
    Scene { server, clock, license, key, _bench: bench }
}

fn member(answer: &Answer, name: &str) -> String {
    let rest = answer.body.split(&format!("\"{name}\":\"")).nth(1).unwrap_or_else(|| panic!("{}", answer.body));
    rest.split('"').next().unwrap().to_owned()
}

impl Scene {
    /// Activates as a client of the field does.
    fn activate(&self, machine: &str, manifest: &str) -> Answer {
        let key = &self.key;
        let body = format!(
            r#"{{"LicenseKey":"{key}","MachineFingerprint":"{machine}","ProductVersion":"1.2.0","Environment":"production","AssemblyManifest":[{manifest}]}}"#
        );
        self.server.post("/api/v1/activate", body)
    }

    fn heartbeat(&self, proof: &str, machine: &str, nonce: &str) -> Answer {
        let license = &self.license;
        let body = format!(
            r#"{{"LicenseId":"{license}","ProofId":"{proof}","MachineFingerprint":"{machine}","Nonce":"{nonce}"}}"#
        );
        self.server.post("/api/v1/heartbeat", body)
    }

    fn deactivate(&self, body: &str) -> Answer {
        let body = body.replace("KEY", &self.key).replace("LICENSE", &self.license);
        self.server.post("/api/v1/deactivate", body)
    }

    fn change(&self, what: &str) {
        let body = format!(r#"{{"licenseId":"{}","reason":"not paid"}}"#, self.license);
        assert_eq!(self.server.post_as_admin(&format!("/api/v1/keys/{what}"), body).status, 200);
    }

    fn wait(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    fn held(&self) -> String {
        let path = format!("/api/v1/keys/{}", self.license);
        let admin = [("x-admin-api-key", super::ADMIN)];
        let shown = self.server.send(super::request("GET", &path, &admin).body(axum::body::Body::empty()).unwrap());
        shown.body.split(r#""license":{"activations":"#).nth(1).unwrap().split(',').next().unwrap().to_owned()
    }

    /// Asks with a request of our own, signed for by `instance`.
    fn ask(&self, instance: &SecretKey, license: LicenseReference) -> Answer {
        let request = Request {
            license,
            fingerprint: Fingerprint::Exact("node-1".to_owned()),
            environment: None,
            product: None,
            product_version: None,
            manifest_digest: None,
            nonce: Nonce([9; 16]),
            instance_key: instance.public(),
            created_at: Timestamp::EPOCH,
        };
        self.server.post("/api/v1/activate", format!(r#"{{"request":{}}}"#, request.to_json()))
    }
}

/// Reads the proof out of an answer, as a client saves it.
fn proof(answer: &Answer) -> Proof {
    let saved = STANDARD.decode(member(answer, "activationProof")).unwrap();
    let envelope = Envelope::parse(&saved).unwrap();
    Proof::verify(&envelope, &roles().keyring).unwrap().proof
}

#[test]
fn a_machine_gets_its_seat_back_and_a_third_one_gets_none() {
    let scene = scene();
    let first = scene.activate("node-1", "");
    let again = scene.activate("node-1", "");
    assert_eq!((member(&first, "proofId"), first.status), (member(&again, "proofId"), 200));
    assert_eq!(proof(&first).fingerprint, Fingerprint::Exact("node-1".to_owned()));
    assert_eq!(scene.activate("node-2", "").status, 200);
    assert_snapshot!(scene.activate("node-3", "").shown().replace(&scene.license, "LICENSE"), @r#"409 {"code":"activations-exhausted","error":"2 of 2 activations of license LICENSE are in use","hints":["release a machine that no longer runs the product, or ask for more activations"],"message":"2 of 2 activations of license LICENSE are in use"}"#);
    assert_eq!(scene.held(), "2");
}

#[test]
fn whoever_has_no_license_key_is_turned_away_and_has_to_wait() {
    let scene = scene();
    let body = r#"{"licenseKey":"MTG-00000-00000-00000-00000-00000","machineFingerprint":"m"}"#;
    let answers: Vec<_> = (0..12).map(|_| scene.server.post("/api/v1/activate", body)).collect();
    assert_snapshot!(answers[0].shown(), @r#"404 {"code":"unknown-license","error":"License key not found.","hints":["ask the issuer for the license key"],"message":"License key not found."}"#);
    assert_eq!((answers[9].status, answers[10].status), (404, 429));
    // Not even the right one is looked at now.
    assert_eq!(scene.activate("node-1", "").status, 429);
    assert_eq!(scene.heartbeat("p", "m", "n").status, 429);
}

#[test]
fn what_is_asked_for_must_be_whole() {
    let scene = scene();
    let said = |body: &str| {
        let answer = scene.server.post("/api/v1/activate", body.replace("KEY", &scene.key));
        assert_eq!(answer.status, 400, "{}", answer.body);
        member(&answer, "message")
    };
    assert_eq!(said("{}"), "License key is required.");
    assert_eq!(said(r#"{"licenseKey":""}"#), "License key is required.");
    assert_eq!(said(r#"{"licenseKey":"KEY"}"#), "Machine fingerprint is required.");
    let entry = r#"{"assemblyName":"a","version":"1","sha256Hash":"abc"}"#;
    assert_snapshot!(said(&format!(r#"{{"licenseKey":"KEY","machineFingerprint":"m","assemblyManifest":[{entry}]}}"#)), @"sha256Hash must be the 32 bytes of SHA-256, hex or base64");
    for body in [
        r#"{"licenseKey":"KEY","machineFingerprint":" m"}"#,
        r#"{"licenseKey":"KEY","machineFingerprint":7}"#,
        r#"{"licenseKey":"KEY","machineFingerprint":"m","environment":"a\u0007b"}"#,
        r#"{"licenseKey":"KEY","LicenseKey":"KEY","machineFingerprint":"m"}"#,
        r#"{"licenseKey":"KEY","request":{}}"#,
        r#"{"request":{}}"#,
    ] {
        said(body);
    }
    assert_eq!(scene.held(), "0");
}

#[test]
fn a_license_that_does_not_count_activates_nothing() {
    let scene = scene();
    let refused = |scene: &Scene| {
        let answer = scene.activate("node-1", "");
        (answer.status, member(&answer, "error"))
    };
    scene.change("suspend");
    assert_eq!(refused(&scene), (403, "License key is suspended.".to_owned()));
    scene.change("reinstate");
    assert_eq!(scene.activate("node-1", "").status, 200);
    scene.change("revoke");
    assert_eq!(refused(&scene), (403, "License key is revoked.".to_owned()));
    let late = self::scene();
    late.wait(366 * 86_400);
    assert_eq!(refused(&late), (403, "License key is expired.".to_owned()));
}

#[test]
fn assemblies_must_be_approved_once_any_is() {
    let scene = scene();
    let entry =
        |name: &str, hash: &str| format!(r#"{{"assemblyName":"{name}","version":"1.2.0","sha256Hash":"{hash}"}}"#);
    let (good, bad) = ("ab".repeat(32), "cd".repeat(32));
    // Whichever way it was spelled, it comes back as clients of the field spell it.
    let in_base64 = STANDARD.encode([0xab; 32]);
    assert_eq!(scene.activate("node-1", &entry("Muonroi.Core", &bad)).status, 200);
    let approve = |entry: String, scope: &str| {
        let body = format!("{},{scope}}}", entry.trim_end_matches('}'));
        assert_eq!(scene.server.post_as_admin("/api/v1/assembly-whitelist/approve", body).status, 200);
    };
    approve(entry("Muonroi.Core", &good), r#""approvalScope":"Global""#);
    // No build would help a license that may not be used.
    scene.change("suspend");
    assert_eq!(member(&scene.activate("node-1", &entry("Muonroi.Core", &bad)), "code"), "suspended");
    scene.change("reinstate");
    assert_eq!(member(&scene.activate("node-1", &entry("Muonroi.Core", &bad)), "code"), "manifest-mismatch");
    let both = format!("{},{}", entry("Muonroi.Core", &bad), entry("Muonroi.Fork", &good));
    assert_snapshot!(scene.activate("node-1", &both).shown(), @r#"403 {"code":"manifest-mismatch","error":"unapproved versions: Muonroi.Core@1.2.0: hash mismatch, Muonroi.Fork@1.2.0: not approved","hints":["run versions that the issuer approved, or have these approved"],"message":"unapproved versions: Muonroi.Core@1.2.0: hash mismatch, Muonroi.Fork@1.2.0: not approved"}"#);
    approve(entry("Muonroi.Fork", &good), &format!(r#""approvalScope":"License","licenseId":"{}""#, scene.license));
    let answer =
        scene.activate("node-1", &format!("{},{}", entry("Muonroi.Core", &good), entry("Muonroi.Fork", &good)));
    assert!(
        answer
            .body
            .contains(&format!(r#"[{{"assemblyName":"Muonroi.Core","publicKeyToken":null,"sha256Hash":"{in_base64}"#))
    );
    // An empty list says that none of them runs there; no list says nothing.
    assert_eq!(scene.activate("node-1", "").status, 200);
    let silent = format!(r#"{{"licenseKey":"{}","machineFingerprint":"node-1"}}"#, scene.key);
    let silent = scene.server.post("/api/v1/activate", silent);
    assert_eq!(silent.status, 403, "{}", silent.body);
    assert!(silent.body.contains(r#""code":"build-required""#), "{}", silent.body);
    assert_eq!(scene.held(), "1");
}

#[test]
fn a_heartbeat_is_answered_once_and_again_if_its_answer_was_lost() {
    let scene = scene();
    let activated = scene.activate("node-1", "");
    let (proof, first) = (member(&activated, "proofId"), member(&activated, "heartbeatNonce"));
    let answer = scene.heartbeat(&proof, "node-1", &first);
    assert_eq!(scene.heartbeat(&proof, "node-1", &first).body, answer.body);
    let second = member(&answer, "newNonce");
    let third = member(&scene.heartbeat(&proof, "node-1", &second), "newNonce");
    assert_snapshot!(scene.heartbeat(&proof, "node-1", &first).shown().replace(&proof, "PROOF"), @r#"200 {"checkedAtUtc":"2026-06-01T00:00:00Z","code":"nonce-mismatch","error":"the nonce for activation PROOF is not the one handed out","graceUntilUtc":null,"isRevoked":false,"newNonce":null,"success":false}"#);
    for (proof, machine, code) in [(proof.as_str(), "node-2", "wrong-machine"), (&proof, "node-1", "")] {
        let answer = scene.heartbeat(proof, machine, &third);
        assert_eq!(answer.status, 200);
        assert!(code.is_empty() || member(&answer, "code") == code, "{}", answer.body);
    }
    assert_snapshot!(scene.heartbeat("none", "node-1", &third).shown(), @r#"404 {"code":"unknown-license","error":"Activation not found.","hints":["activate this machine again"],"message":"Activation not found."}"#);
    let other = r#"{"licenseId":"other","proofId":"PROOF","machineFingerprint":"node-1","nonce":"n"}"#;
    let answer = scene.server.post("/api/v1/heartbeat", other.replace("PROOF", &proof));
    assert_eq!(member(&answer, "code"), "license-mismatch");
    assert_eq!(scene.server.post("/api/v1/heartbeat", "{}").status, 400);
    let told = scene.server.get("/metrics").body;
    let mut counted: Vec<&str> = told.lines().filter(|line| line.starts_with("mintage_heartbeats_total")).collect();
    counted.sort_unstable();
    assert_snapshot!(counted.join("\n"), @r#"
    mintage_heartbeats_total{outcome="counts"} 4
    mintage_heartbeats_total{outcome="license-mismatch"} 1
    mintage_heartbeats_total{outcome="nonce-mismatch"} 1
    mintage_heartbeats_total{outcome="unknown-license"} 1
    mintage_heartbeats_total{outcome="wrong-machine"} 1
    "#);
}

#[test]
fn a_withdrawn_license_says_so_until_when_it_counts() {
    let scene = scene();
    let activated = scene.activate("node-1", "");
    let (proof, nonce) = (member(&activated, "proofId"), member(&activated, "heartbeatNonce"));
    scene.change("suspend");
    assert_eq!(member(&scene.heartbeat(&proof, "node-1", &nonce), "code"), "suspended");
    scene.change("reinstate");
    let answered = scene.heartbeat(&proof, "node-1", &nonce);
    // Who never moves on to the next nonce learns of it all the same, and is handed out no other.
    scene.change("suspend");
    assert_eq!(member(&scene.heartbeat(&proof, "node-1", &nonce), "code"), "suspended");
    scene.change("revoke");
    let again = scene.heartbeat(&proof, "node-1", &nonce);
    assert_eq!(member(&again, "newNonce"), member(&answered, "newNonce"));
    let nonce = member(&answered, "newNonce");
    assert!(again.body.contains(r#""graceUntilUtc":"2026-06-02T00:00:00Z","isRevoked":true"#), "{}", again.body);
    scene.wait(3_600);
    assert_snapshot!(scene.heartbeat(&proof, "node-1", &nonce).shown(), @r#"200 {"checkedAtUtc":"2026-06-01T01:00:00Z","code":null,"error":null,"graceUntilUtc":"2026-06-02T00:00:00Z","isRevoked":true,"newNonce":"CNEua3bITR1e9cTkuBMqsQ==","success":true}"#);
}

#[test]
fn a_license_may_be_withdrawn_at_once() {
    let scene = scene();
    let activated = scene.activate("node-1", "");
    let (proof, nonce) = (member(&activated, "proofId"), member(&activated, "heartbeatNonce"));
    let revoke = |hours: &str| {
        let body = format!(r#"{{"licenseId":"{}","graceHours":{hours}}}"#, scene.license);
        scene.server.post_as_admin("/api/v1/keys/revoke", body)
    };
    let beyond = revoke("9223372036854775808");
    assert_eq!((beyond.status, member(&beyond, "code").as_str()), (400, "malformed"));
    assert_eq!(revoke("0").status, 200);
    assert_eq!(member(&scene.heartbeat(&proof, "node-1", &nonce), "graceUntilUtc"), "2026-06-01T00:00:00Z");
}

#[test]
fn what_a_proof_would_not_hold_is_refused() {
    let scene = scene();
    let long = "e".repeat(1_025);
    for name in ["environment", "productVersion"] {
        let body = format!(r#"{{"licenseKey":"{}","machineFingerprint":"node-1","{name}":"{long}"}}"#, scene.key);
        let answer = scene.server.post("/api/v1/activate", body);
        assert_eq!((answer.status, member(&answer, "code").as_str()), (400, "malformed"), "{name}");
    }
}

#[test]
fn an_activation_is_given_back_by_who_may() {
    let scene = scene();
    let activated = scene.activate("node-1", "");
    let (proof, nonce) = (member(&activated, "proofId"), member(&activated, "heartbeatNonce"));
    for (body, status) in [
        (r#"{"licenseId":"LICENSE","fingerprint":"node-1"}"#.to_owned(), 400),
        (r#"{"licenseKey":"KEY"}"#.to_owned(), 400),
        (r#"{"licenseKey":"KEY","fingerprint":"node-2"}"#.to_owned(), 404),
        (r#"{"licenseKey":"KEY","fingerprint":"node-1","licenseId":"other"}"#.to_owned(), 403),
        (r#"{"licenseKey":"KEY","fingerprint":"node-1","machineFingerprint":"node-2"}"#.to_owned(), 400),
        (r#"{"licenseKey":"KEY","machineFingerprint":"node-2"}"#.to_owned(), 404),
        (r#"{"licenseKey":"MTG-0","fingerprint":"node-1"}"#.to_owned(), 404),
        (format!(r#"{{"proofId":"{proof}","nonce":"AAAA"}}"#), 409),
        (format!(r#"{{"proofId":"{proof}","nonce":"{nonce}","fingerprint":"node-2"}}"#), 403),
        (format!(r#"{{"proofId":"none","nonce":"{nonce}"}}"#), 404),
        (r#"{"release":"MTG"}"#.to_owned(), 400),
        (
            r#"{"release":{"payload":"","payloadType":"application/vnd.mintage.proof+json","signatures":[]}}"#
                .to_owned(),
            400,
        ),
    ] {
        assert_eq!(scene.deactivate(&body).status, status, "{body}");
    }
    assert_eq!(scene.held(), "1");
    let by_key = r#"{"LicenseId":"LICENSE","Fingerprint":"node-1","LicenseKey":"KEY","Reason":"moved"}"#;
    assert_snapshot!(scene.deactivate(by_key).shown().replace(&scene.license, "LICENSE").replace(&proof, "PROOF"), @r#"200 {"error":null,"licenseId":"LICENSE","message":"License deactivated.","proofId":"PROOF","releasedAt":"2026-06-01T00:00:00Z","success":true}"#);
    // Whoever never got that answer asks again.
    assert_eq!(member(&scene.deactivate(by_key), "message"), "License was deactivated before.");
    let as_activated = by_key.replace("Fingerprint", "MachineFingerprint");
    assert_eq!(member(&scene.deactivate(&as_activated), "message"), "License was deactivated before.");
    assert_eq!(member(&scene.heartbeat(&proof, "node-1", &nonce), "code"), "released");
    assert_eq!(scene.held(), "0");
    let anew = scene.activate("node-1", "");
    assert_ne!(member(&anew, "proofId"), proof);
    let by_nonce =
        format!(r#"{{"proofId":"{}","nonce":"{}"}}"#, member(&anew, "proofId"), member(&anew, "heartbeatNonce"));
    assert_eq!((scene.deactivate(&by_nonce).status, scene.held()), (200, "0".to_owned()));
}

#[test]
fn a_client_of_ours_keeps_its_key_and_signs_its_release() {
    let scene = scene();
    let instance = SecretKey::from_seed(&[3; 32]);
    let by_key = || LicenseReference::Key(scene.key.clone());
    let answer = scene.ask(&instance, by_key());
    let said = proof(&answer);
    assert_eq!((said.nonce, said.instance_key.clone()), (Nonce([9; 16]), instance.public()));
    // The license does as well as its key; its id alone is no secret.
    assert_eq!(proof(&scene.ask(&instance, LicenseReference::Token(said.license.clone()))).proof_id, said.proof_id);
    assert_eq!(scene.ask(&instance, LicenseReference::Id(scene.license.clone())).status, 400);
    assert_eq!(scene.ask(&instance, LicenseReference::Token(said.license.replace('.', "A."))).status, 400);
    // A client of the field on that machine has no key, and takes none away.
    assert_eq!(scene.activate("node-1", "").status, 200);
    let release = Release::of(&said, None, Timestamp::EPOCH).to_payload().into_bytes();
    let signed = |key: &SecretKey| Envelope::sign(Kind::Release, release.clone(), &[key]).to_json();
    let forged = scene.deactivate(&format!(r#"{{"release":{}}}"#, signed(&SecretKey::from_seed(&[4; 32]))));
    assert_eq!((forged.status, member(&forged, "code")), (403, "bad-signature".to_owned()));
    for _ in 0..2 {
        assert_eq!(scene.deactivate(&format!(r#"{{"release":{}}}"#, signed(&instance))).status, 200);
    }
    assert_eq!(scene.held(), "0");
}
