//! One operation, three doors: `--json` of a command and the body of its route are the same bytes.

use super::{NOW, Server, roles};
use crate::activate::customer;
use crate::harness::{Bench, ISSUED, example};

#[test]
fn verify_and_its_route_answer_the_same_bytes() {
    let bench = Bench::new();
    let token = bench.mint(&["--tenant", "acme", "--expires", "90d", "--max-apps", "25", "--product", "editor"]);
    let (public, server) = (example("vendor.pub"), Server::vendor());
    for (flags, members) in [
        (vec![], ""),
        (vec!["--tenant", "acme"], r#","tenant":"acme""#),
        (vec!["--tenant", "globex", "--product", "viewer"], r#","tenant":"globex","product":"viewer""#),
        (vec!["--usage", "max_apps=26"], r#","usage":{"max_apps":26}"#),
        (vec!["--feature", "reports"], r#","features":["reports"]"#),
    ] {
        let arguments = [&["verify", "--json", "--trust", &public, "--at", NOW, &token][..], &flags].concat();
        let answer = server.post("/api/v1/verify", format!(r#"{{"token":"{token}"{members}}}"#));
        assert_eq!((answer.status, answer.body.as_str()), (200, bench.run(arguments).stdout()), "{members}");
    }
}

#[test]
fn a_proof_and_its_route_answer_the_same_bytes() {
    let bench = customer();
    bench.activated();
    let (server, quoted) = (Server::vendor(), |text: String| text.trim().replace('\\', "\\\\").replace('"', "\\\""));
    let (license, proof) = (bench.read("acme.lic"), quoted(bench.read("installed.json")));
    let machine = r#""fingerprint":"node-1","environment":"production","productVersion":"1.2.0""#;
    let running = ["--environment", "production", "--product-version", "1.2.0", "--json"];
    for (told, body) in [
        (bench.verify_proof("installed.json", &running), format!(r#"{{"document":"{proof}",{machine}}}"#)),
        (
            bench.verify_proof("installed.json", &["--environment", "staging", "--json"]),
            format!(r#"{{"document":"{proof}","fingerprint":"node-1","environment":"staging"}}"#),
        ),
        (
            bench.verify_proof("acme.lic", &[&["--proof", "installed.json"], &running[..]].concat()),
            format!(r#"{{"token":"{}","proof":"{proof}",{machine}}}"#, license.trim()),
        ),
    ] {
        let answer = server.post("/api/v1/verify", body);
        assert_eq!((answer.status, answer.body.as_str()), (200, told.stdout()));
    }
}

#[test]
fn inspect_and_its_route_answer_the_same_bytes() {
    let bench = Bench::new();
    let token = bench.mint(&["--tenant", "acme", "--expires", "90d", "--tier", "Free"]);
    let public = std::fs::read_to_string(example("vendor.pub")).unwrap();
    for document in [token.as_str(), &public, &token[..80], "{\"payloadType\":1}"] {
        let file = bench.write("document", document);
        let told = bench.run(["inspect", "--json", "--at", NOW, file.to_str().unwrap()]);
        let request = super::request("POST", "/api/v1/inspect", &[("content-type", "text/plain")]);
        let answer = Server::vendor().send(request.body(document.to_owned().into()).unwrap());
        assert_eq!((answer.status, answer.body.as_str()), (200, told.stdout()), "{document}");
    }
}

#[test]
fn mint_and_its_route_answer_the_same_bytes() {
    let bench = Bench::new();
    let key = example("vendor.key");
    let minted = bench.run([
        "mint",
        "--json",
        "--allow-readable-key",
        "--key",
        &key,
        "--id",
        "lic-1",
        "--tenant",
        "acme",
        "--expires",
        "90d",
        "--issued-at",
        ISSUED,
        "--seats",
        "5",
        "--meta",
        "order=A-1",
        "--tier",
        "Licensed",
    ]);
    let body = format!(
        r#"{{"licenseId":"lic-1","tenantId":"acme","exp":"90d","iat":"{ISSUED}","seats":5,"meta":{{"order":"A-1"}},"tier":"Licensed"}}"#
    );
    let answer = Server::vendor().post_as_admin("/api/v1/mint", body);
    assert_eq!((answer.status, answer.body.as_str()), (200, minted.stdout()));
}

#[test]
fn a_failure_and_a_problem_are_the_same_bytes() {
    let bench = Bench::new();
    let key = example("vendor.key");
    let failed = bench.run([
        "mint",
        "--json",
        "--allow-readable-key",
        "--key",
        &key,
        "--tenant",
        "acme",
        "--expires",
        "90d",
        "--label",
        "a\u{7}b",
    ]);
    let answer =
        Server::new(roles()).post_as_admin("/api/v1/mint", r#"{"tenantId":"acme","exp":"90d","label":"a\u0007b"}"#);
    assert_eq!((answer.status, answer.body.as_str()), (400, failed.stdout()));
}
