//! The examples of the field's administration guide, walked with `curl` as they are printed there: the address is another, a
//! license key and a hash are real ones.

use std::process::Command;

use insta::assert_snapshot;

use super::running::Running;
use crate::harness::{Bench, example};

const ADMIN: &str = "b7e1c2a4d6f80913";

/// A vendor's server with a book, and what it answers.
pub(super) struct Vendor<'a> {
    bench: &'a Bench,
    server: Running,
}

impl<'a> Vendor<'a> {
    pub(super) fn start(bench: &'a Bench) -> Self {
        bench.write("admin", ADMIN);
        let key = example("vendor.key");
        let key = ["--key", &key, "--allow-readable-key", "--admin-key-file", "admin", "--ledger", "sqlite:book.db"];
        Self { bench, server: Running::start(bench, &key) }
    }

    /// Calls a route as the guide does; the answer ends with its status.
    fn curl(&self, request: &str, body: &str) -> String {
        let (method, path) = request.split_once(' ').unwrap();
        let mut curl = Command::new("curl");
        curl.current_dir(self.bench.path("")).args(["-sS", "--max-time", "20", "-w", "%{http_code}", "-X", method]);
        if path.contains("/keys/") || path.contains("/assembly-whitelist/") {
            curl.args(["-H", &format!("X-Admin-Api-Key: {ADMIN}")]);
        }
        if !body.is_empty() {
            curl.args(["-H", "Content-Type: application/json", "-d", body]);
        }
        let output = curl.arg(format!("http://{}{path}", self.server.address)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// As [`Self::curl`], with what differs from run to run taken out.
    fn shown(&self, request: &str, body: &str) -> String {
        masked(&self.curl(request, body))
    }
}

/// Takes out times, random ids, nonces and documents.
fn masked(answer: &str) -> String {
    let random =
        ["licenseKey", "licenseId", "proofId", "signedPayload", "activationProof", "heartbeatNonce", "newNonce"];
    let times = ["activatedAt", "checkedAtUtc", "expiresAt", "generatedAt", "graceUntilUtc", "revokedAt"];
    random.iter().chain(&times).fold(answer.to_owned(), |text, name| {
        let start = format!("\"{name}\":\"");
        let mut parts = text.split(&start);
        let head = parts.next().unwrap().to_owned();
        parts.fold(head, |text, rest| format!("{text}{start}[{name}]{}", &rest[rest.find('"').unwrap()..]))
    })
}

fn member(answer: &str, name: &str) -> String {
    let rest = answer.split(&format!("\"{name}\":\"")).nth(1).unwrap_or_else(|| panic!("{answer}"));
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn the_administration_guide_is_walked_with_curl() {
    let bench = Bench::new();
    let vendor = Vendor::start(&bench);
    let generate = r#"{
  "organizationId": "acme",
  "organizationName": "Acme Corp",
  "tier": "Licensed",
  "validDays": 365,
  "maxActivations": 5
}"#;
    let issued = vendor.curl("POST /api/v1/keys/generate", generate);
    assert_snapshot!(masked(&issued), @r#"
    {"expiresAt":"[expiresAt]","licenseId":"[licenseId]","licenseKey":"[licenseKey]","signedPayload":"[signedPayload]","signingKeyId":"ec192ae06d2b6cb0f3df6376c53396f1f25328452d03d08fb4f51fdf07ccf70e"}
    200
    "#);
    let key = member(&issued, "licenseKey");
    let activate = r#"{
  "licenseKey": "MRR-...",
  "machineFingerprint": "prod-node-01",
  "productVersion": "1.2.0",
  "environment": "production",
  "assemblyManifest": []
}"#
    .replace("MRR-...", &key);
    let activated = vendor.curl("POST /api/v1/activate", &activate);
    assert_snapshot!(masked(&activated), @r#"
    {"activationJwt":null,"activationProof":"[activationProof]","error":null,"message":"License activated.","proof":{"activatedAt":"[activatedAt]","activatedEnvironment":"production","allowedAssemblyHashes":[],"expiresAt":"[expiresAt]","features":["vsix.publish","vsix.watch","vsix.explorer","api.validate","cp.publish"],"heartbeatNonce":"[heartbeatNonce]","licenseId":"[licenseId]","machineFingerprint":"prod-node-01","maxSeats":5,"organizationName":"Acme Corp","productVersion":"1.2.0","proofId":"[proofId]","signingKeyId":"ec192ae06d2b6cb0f3df6376c53396f1f25328452d03d08fb4f51fdf07ccf70e","tier":"Licensed"},"success":true}
    200
    "#);
    // What a client saves is what an offline machine verifies.
    let mut decode = Command::new("base64");
    bench.write("encoded", member(&activated, "activationProof"));
    let decoded = decode.args(["-d", "encoded"]).current_dir(bench.path("")).output().unwrap();
    bench.write("activation_proof.json", decoded.stdout);
    let trust = example("vendor.pub");
    let verify = ["verify", "activation_proof.json", "--trust", &trust, "--fingerprint", "prod-node-01", "-q"];
    let there = ["--environment", "production", "--product-version", "1.2.0"];
    let verdict = bench.run(verify.iter().chain(&there));
    assert_eq!(verdict.status, Some(0), "{verdict}");
    assert_eq!(bench.run(verify.iter().chain(&["--environment", "test"])).status, Some(1));
    let validate = r#"{
  "licenseKey": "MRR-...",
  "machineFingerprint": "prod-node-01",
  "actionType": "cp.publish"
}"#
    .replace("MRR-...", &key);
    assert_snapshot!(vendor.shown("POST /api/v1/validate", &validate), @r#"
    {"allowedFeatures":["vsix.publish","vsix.watch","vsix.explorer","api.validate","cp.publish"],"error":null,"expiresAt":"[expiresAt]","isValid":true,"tier":"Licensed"}
    200
    "#);
    let approve = r#"{
  "assemblyName": "Muonroi.Governance.Enterprise",
  "version": "1.2.0",
  "sha256Hash": "abc123...",
  "publicKeyToken": null,
  "approvalScope": "Global",
  "licenseId": null,
  "source": "ci"
}"#
    .replace("abc123...", &"ab".repeat(32));
    assert_snapshot!(vendor.shown("POST /api/v1/assembly-whitelist/approve", &approve), @r#"
    {"approved":true,"isNew":true,"success":true}
    200
    "#);
    let heartbeat = |nonce: &str| {
        format!(
            r#"{{"licenseId":"{}","proofId":"{}","machineFingerprint":"prod-node-01","nonce":"{nonce}"}}"#,
            member(&activated, "licenseId"),
            member(&activated, "proofId")
        )
    };
    let beaten = vendor.curl("POST /api/v1/heartbeat", &heartbeat(&member(&activated, "heartbeatNonce")));
    assert_snapshot!(masked(&beaten), @r#"
    {"checkedAtUtc":"[checkedAtUtc]","code":null,"error":null,"graceUntilUtc":null,"isRevoked":false,"newNonce":"[newNonce]","success":true}
    200
    "#);
    let revoke = r#"{
  "licenseKey": "MRR-...",
  "reason": "contract expired"
}"#
    .replace("MRR-...", &key);
    assert!(vendor.curl("POST /api/v1/keys/revoke", &revoke).ends_with("200"));
    assert_snapshot!(vendor.shown("GET /api/v1/revocation/list", ""), @r#"
    {"entries":[{"licenseId":"[licenseId]","reason":"contract expired","revokedAt":"[revokedAt]"}],"generatedAt":"[generatedAt]"}
    200
    "#);
    assert_snapshot!(vendor.shown("POST /api/v1/heartbeat", &heartbeat(&member(&beaten, "newNonce"))), @r#"
    {"checkedAtUtc":"[checkedAtUtc]","code":null,"error":null,"graceUntilUtc":"[graceUntilUtc]","isRevoked":true,"newNonce":"[newNonce]","success":true}
    200
    "#);
    assert_snapshot!(vendor.shown("POST /api/v1/validate", &validate), @r#"
    {"allowedFeatures":["vsix.publish","vsix.watch","vsix.explorer","api.validate","cp.publish"],"error":"License key is revoked.","expiresAt":"[expiresAt]","isValid":false,"tier":"Licensed"}
    200
    "#);
    assert_snapshot!(vendor.shown("POST /api/v1/activate", &activate), @r#"
    {"code":"revoked","error":"License key is revoked.","hints":["ask the issuer why, and for a new one"],"message":"License key is revoked."}
    403
    "#);
}
