//! Documents that a body carries, alone or beside what is asked of them, in every form a sender gives it.

use axum::body::Body;
use insta::assert_snapshot;
use mintage::armor;
use mintage::operation::document::armored;

use super::{Answer, NOW, Server, request};
use crate::harness::{Bench, ISSUED, example};

const FORM: &str = "application/x-www-form-urlencoded";

fn send(server: &Server, route: &str, content_type: &str, body: impl Into<Body>) -> Answer {
    let request = request("POST", &format!("/api/v1/{route}"), &[("content-type", content_type)]);
    server.send(request.body(body.into()).unwrap())
}

#[test]
fn what_is_asked_in_another_form_than_json_is_not_passed_over() {
    let server = Server::vendor();
    let token = Bench::new().mint(&["--tenant", "acme", "--expires", "2099-12-31"]);
    let part =
        |name: &str, value: &str| format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let parts = format!("{}{}--x--\r\n", part("token", &token), part("tenant", "globex"));
    for (content_type, body) in [
        (FORM, format!("token={token}&tenant=globex")),
        (FORM, format!("tenant=globex&token={token}")),
        (FORM, format!("id=1&token={token}&tenant=globex")),
        (FORM, format!("{token}&at=2100-01-01")),
        ("text/plain", format!("token={token}&at=2100-01-01")),
        ("text/plain", format!("[{{\"token\":\"{token}\",\"tenant\":\"globex\"}}]")),
        ("text/plain", format!("[ \"{token}\", \"globex\" ]")),
        ("text/plain", format!("token: {token}\ntenant: globex")),
        ("text/plain", format!("\u{feff}tenant : globex\ntoken: {token}\n")),
        ("text/plain", format!("- token: {token}\n  tenant: globex\n")),
        ("text/plain", format!("\"token\": \"{token}\", \"tenant\": \"globex\"")),
        ("multipart/form-data; boundary=x", parts),
        ("text/plain", format!("\u{feff}{{\"token\":\"{token}\",\"tenant\":\"globex\"}}")),
        ("text/plain", format!("{{\"token\":\"{token}\",\"tenant\":\"globex\",}}")),
        ("text/plain", format!("{{\"token\":\"{token}\",\"tenant\":\"acme\",\"tenant\":\"globex\"}}")),
        ("text/plain", format!("{{\"token\":\"{token}\",\"tenant\":\"globex\"}} and so on")),
        ("text/plain", format!("{{\"tennant\":\"globex\",\"token\":\"{token}\"}}")),
    ] {
        let answer = send(&server, "verify", content_type, body.clone());
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
        assert!(!answer.body.contains("not a license"), "{body}: {}", answer.body);
    }
    assert_snapshot!(send(&server, "verify", FORM, format!("token={token}&tenant=globex")).shown(), @r#"400 {"code":"malformed","error":"the body names `token` outside of a JSON object, and what is asked in that form would be passed over","hints":["send the document alone, or a JSON object that holds it beside what is asked; see /openapi.json"],"message":"the body names `token` outside of a JSON object, and what is asked in that form would be passed over"}"#);
    assert_snapshot!(send(&server, "verify", "multipart/form-data", "--x").shown(), @r#"400 {"code":"malformed","error":"the body is multipart/form-data, and what is asked in that form would be passed over","hints":["send the document alone, or a JSON object that holds it beside what is asked; see /openapi.json"],"message":"the body is multipart/form-data, and what is asked in that form would be passed over"}"#);
    assert_snapshot!(send(&server, "verify", "text/plain", "{\"token\":\"a.b\",}").shown(), @r#"400 {"code":"malformed","error":"the text is not JSON: trailing comma at line 1 column 16","hints":["see the request bodies in /openapi.json"],"message":"the text is not JSON: trailing comma at line 1 column 16"}"#);
}

#[test]
fn a_document_is_found_in_the_mail_that_brought_it() {
    let server = Server::vendor();
    let token = Bench::new().mint(&["--tenant", "acme", "--expires", "2099-12-31"]);
    let mailed = armor::wrap("LICENSE", &token);
    for text in [
        token.clone(),
        format!("\u{feff}{token}\r\n"),
        mailed.clone(),
        format!("Dear customer,\n\nhere is your token:\n\n{mailed}\nYours, acme\n"),
        format!("[EXTERNAL] Your license\n\n> {}", mailed.replace('\n', "\n> ")),
        format!("Here is your license:\n\n{token}\n"),
    ] {
        for content_type in [FORM, "text/plain", "message/rfc822"] {
            let answer = send(&server, "verify", content_type, text.clone());
            assert!(answer.body.contains("\"state\":\"ACTIVE\""), "{content_type} {text}: {}", answer.body);
        }
    }
}

#[test]
fn other_documents_and_their_route_answer_the_same_bytes() {
    let (bench, server, trust) = (Bench::new(), Server::vendor(), example("vendor.pub"));
    let key = example("vendor.key");
    bench.write("app/tool", "tool");
    let signer = ["--allow-readable-key", "--key", &key, "--issued-at", ISSUED];
    let of = |name: &'static str, more: &[&'static str]| [&["-q", "mint"], more, &signer, &["-o", name]].concat();
    for command in [
        of("list.json", &["revocations", "--revoke", "lic-1"]),
        of("manifest.json", &["manifest", "app", "--product", "suite", "--version", "1.2"]),
    ] {
        let outcome = bench.run(&command);
        assert_eq!(outcome.status, Some(0), "{outcome}");
    }
    bench.write("list.asc", armored("revocations", &bench.read("list.json")));
    let quoted = |text: &str| text.trim().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    for name in ["list.json", "list.asc"] {
        let told = bench.run(["verify", "--json", name, "--trust", &trust, "--at", NOW]);
        let document = bench.read(name);
        for (content_type, body) in [
            ("text/plain", document.clone()),
            ("application/json", format!("{{\"document\":\"{}\"}}", quoted(&document))),
            (if name == "list.json" { "application/json" } else { FORM }, document.clone()),
        ] {
            let answer = send(&server, "verify", content_type, body.clone());
            assert_eq!((answer.status, answer.body.as_str()), (200, told.stdout()), "{content_type} {body}");
        }
        let later = format!("{{\"document\":\"{}\",\"at\":\"2027-06-01T00:00:00Z\"}}", quoted(&document));
        assert!(send(&server, "verify", "application/json", later).body.contains("\"code\":\"stale\""));
    }
    assert_snapshot!(send(&server, "verify", "text/plain", bench.read("manifest.json")).shown(), @r#"400 {"code":"usage","error":"this is a manifest, and no folder was named","hints":["verify it where the files are: `mintage verify --dir`"],"message":"this is a manifest, and no folder was named"}"#);
}

#[test]
fn a_document_is_one_also_when_it_is_said_to_be_json() {
    let bench = crate::activate::customer();
    bench.activated();
    let (server, proof, asked) = (Server::vendor(), bench.read("proof.json"), bench.read("request.json"));
    for (route, document) in [("verify", &proof), ("inspect", &proof), ("inspect", &asked), ("verify", &asked)] {
        let told = send(&server, route, "text/plain", document.clone()).shown();
        assert_eq!(send(&server, route, "application/json", document.clone()).shown(), told, "{route}");
    }
    assert_snapshot!(send(&server, "verify", "text/plain", asked).shown(), @r#"400 {"code":"wrong-kind","error":"this is a request, which nobody signs","hints":["see what it says with `mintage inspect`"],"message":"this is a request, which nobody signs"}"#);
    // What is none of ours, and has a member of a name that ours never have.
    let other = r#"{"token":"abc","refresh":"x"}"#;
    let file = bench.write("other.json", other);
    let told = bench.run(["inspect", "--json", "--at", NOW, file.to_str().unwrap()]);
    let answer = send(&server, "inspect", "text/plain", other);
    assert_eq!((answer.status, answer.body.as_str()), (200, told.stdout()));
    assert_eq!(send(&server, "inspect", "application/json", other).status, 400);
}

#[test]
fn what_is_read_of_a_stranger_stays_of_its_size() {
    let server = Server::vendor();
    let array = format!("[{}0]", "0,".repeat(200_000));
    let values = format!("{{\"a\":[{}{array}]}}", format!("{array},").repeat(5));
    assert!(values.len() > 1 << 20);
    for route in ["verify", "inspect"] {
        let answer = send(&server, route, "text/plain", values.clone());
        assert!(answer.body.contains("more values than are read"), "{route}: {:.300}", answer.body);
    }
    // Around a document there is as much room as in any request, unless it is of a kind that is large.
    let around = |document: &str| format!(r#"{{"document":"{document}{}"}}"#, "x".repeat(1 << 20));
    for route in ["verify", "inspect"] {
        assert_eq!(send(&server, route, "application/json", around("")).status, 413, "{route}");
        let large = send(&server, route, "application/json", around(r#"{\"payloadType\":\""#));
        assert_ne!(large.status, 413, "{route}: {:.300}", large.body);
    }
    assert_snapshot!(send(&server, "inspect", "application/json", around("")).shown(), @r#"413 {"code":"too-large","error":"the body is larger than the 1048576 bytes that are read around a document of its kind","hints":["send less"],"message":"the body is larger than the 1048576 bytes that are read around a document of its kind"}"#);
    let listed = format!(r#"{{"token":"a.b","features":[{}0]}}"#, "0,".repeat(100_000));
    assert_eq!(send(&server, "verify", "application/json", listed).status, 400);
}
