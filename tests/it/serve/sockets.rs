//! What only a socket shows.

use std::io::{Read, Write};
use std::process::Command;

use insta::assert_snapshot;
use mintage::json::{self, Value, steers};

use super::running::Running;
use crate::harness::{Bench, example};

fn vendor(bench: &Bench) -> Running {
    bench.write("admin", "b7e1c2a4d6f80913\n");
    let key = example("vendor.key");
    Running::start(bench, &["--key", &key, "--allow-readable-key", "--admin-key-file", "admin", "--log-level", "debug"])
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or(answer)
}

#[test]
fn malformed_requests_are_refused() {
    let bench = Bench::new();
    let server = vendor(&bench);
    let close = "Connection: close\r\n\r\n";
    let chunked = "POST /api/v1/inspect HTTP/1.1\r\nHost: localhost\r\n";
    for (request, expected) in [
        (format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{close}"), "200"),
        (format!("GET /healthz HTTP/1.1\r\n{close}"), "400"),
        (format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n{close}"), "400"),
        (format!("GET /healthz HTTP/1.1\r\nHost: localhost\nX: y\r\n{close}"), "400"),
        (format!("GET /healthz HTTP/1.1\nHost: localhost\r\n{close}"), "400"),
        ("GET /healthz HTTP/1.1\nHost: localhost\n\n".to_owned(), "400"),
        (format!("GET /healthz HTTP/1.1\r\nHost : localhost\r\n{close}"), "400"),
        (format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n{close}"), "400"),
        (format!("GET /health\u{0}z HTTP/1.1\r\nHost: localhost\r\n{close}"), "400"),
        (format!("GET /healthz HTTP/3.0\r\nHost: localhost\r\n{close}"), "400"),
        (format!("GET http://other.example/healthz HTTP/1.1\r\nHost: rebound.example\r\n{close}"), "421"),
        (format!("GET http://other.example/healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n{close}"), "421"),
        (format!("GET http://localhost/healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n{close}"), "200"),
        (
            format!(
                "POST /api/v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n{close}ab"
            ),
            "400",
        ),
        (format!("POST /api/v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n{close}"), "400"),
        (
            format!(
                "POST /api/v1/verify HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n{close}"
            ),
            "400",
        ),
        (format!("{chunked}Transfer-Encoding: chunked\r\n{close}1\r\na\r\n0\r\n\r\n"), "200"),
        // These would be left open for the next request, had the server not refused them.
        (format!("{chunked}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "400"),
        (format!("{chunked}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"), "400"),
        (format!("{chunked}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"), "400"),
        (format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n{close}", "x".repeat(40_000)), "431"),
        (format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{}{close}", "A: b\r\n".repeat(100)), "431"),
    ] {
        let answer = server.raw(request.as_bytes());
        assert_eq!(status(&answer), expected, "{:?} -> {answer:?}", &request[..request.len().min(120)]);
    }
}

#[test]
fn a_head_that_cannot_be_read_is_counted_and_logged() {
    let bench = Bench::new();
    let mut server = vendor(&bench);
    assert_eq!(status(&server.raw(b"NONSENSE\r\n\r\n")), "400");
    server.wait_for("a request could not be read");
    let large = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(64 << 10));
    assert_eq!(status(&server.raw(large.as_bytes())), "431");
    server.wait_for("a request could not be read");
    assert!(server.lines.last().unwrap().contains("INFO"), "{:?}", server.lines);
    let metrics = server.raw(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    for status in ["400", "431"] {
        let line = format!("mintage_requests_total{{route=\"other\",method=\"other\",status=\"{status}\"}} 1");
        assert!(metrics.contains(&line), "{metrics}");
    }
}

#[test]
fn requests_one_after_the_other_on_one_connection_are_each_checked() {
    let bench = Bench::new();
    let server = vendor(&bench);
    let mut stream = server.connect();
    let post = "POST /api/v1/inspect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\na\nb";
    let get = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for request in [post, get, post] {
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        let mut rest = vec![0; 65_536];
        while !rest.ends_with(b"}\n") {
            rest.resize(65_536, 0);
            let length = stream.read(&mut rest).unwrap();
            rest.truncate(length);
        }
    }
    stream.write_all(b"GET /healthz HTTP/1.1\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
}

#[test]
fn what_is_sent_at_once_behind_a_body_is_checked_too() {
    let bench = Bench::new();
    let server = vendor(&bench);
    let statuses = |sent: String| -> String {
        let mut stream = server.connect();
        stream.write_all(sent.as_bytes()).unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        assert!(answers.contains("connection: close"), "{answers}");
        answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..4]).collect()
    };
    let bare = "GET /healthz HTTP/1.1\nHost: localhost\r\n\r\n";
    let post = "POST /api/v1/inspect HTTP/1.1\r\nHost: localhost\r\n";
    assert_eq!(
        statuses(format!("{post}Content-Length: 3\r\n\r\na\nb{post}Content-Length: 1\r\n\r\na{bare}")),
        "200 200 400 "
    );
    // What stands behind a body in chunks is not looked at, and not answered.
    let chunked = format!("{post}Transfer-Encoding: chunked\r\n\r\n3\r\na\nb\r\n0\r\n\r\n");
    assert_eq!(statuses(format!("{chunked}{bare}")), "200 ");
}

#[test]
fn a_request_under_way_ends_before_the_server_does() {
    let bench = Bench::new();
    let mut server = vendor(&bench);
    let mut stream = server.connect();
    let head = "POST /api/v1/inspect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    // The server asks for the body, so the request is under way.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).unwrap();
    assert!(asked.starts_with(b"HTTP/1.1 100"));
    server.signal("TERM");
    stream.write_all(b"text").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(status(&answer), "200");
    assert_eq!(server.status(), Some(0));
    assert!(server.lines.last().unwrap().contains("\"message\":\"stopped\""), "{:?}", server.lines);
}

#[test]
fn every_record_of_the_log_is_one_object_on_one_line() {
    let bench = Bench::new();
    let mut server = vendor(&bench);
    let hostile = [
        "%0a%0dINFO",
        "%1b]52;c;eA==%07",
        "\u{202e}\u{200b}",
        "a\"b\\c",
        "{\"level\":\"ERROR\"}",
        "'; DROP TABLE",
        "\u{9b}2J",
    ];
    for text in hostile {
        let request = format!(
            "GET /{text} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: {text}\r\nX-Admin-Api-Key: {text}\r\nConnection: close\r\n\r\n"
        );
        drop(server.raw(request.as_bytes()));
    }
    server.signal("TERM");
    assert_eq!(server.status(), Some(0));
    assert!(server.lines.len() > hostile.len());
    for line in &server.lines {
        assert!(!line.chars().any(steers), "{line:?}");
        let members = json::parse(line.as_bytes()).unwrap().into_object("record").unwrap();
        let names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
        assert_eq!(names, ["fields", "level", "timestamp"], "{line}");
        assert!(matches!(&members[0].1, Value::Object(fields) if fields.iter().any(|(name, _)| name == "message")));
    }
}

#[test]
fn a_server_says_what_it_serves_and_what_not() {
    let bench = Bench::new();
    let mut server = vendor(&bench);
    server.signal("INT");
    assert_eq!(server.status(), Some(0));
    let told: Vec<&str> =
        server.lines.iter().filter_map(|line| line.split("\"fields\":").nth(1)?.split(",\"level\"").next()).collect();
    insta::assert_snapshot!(told[1..told.len() - 1].join("\n"), @r#"
    {"message":"serves","what":"inspect"}
    {"message":"serves","what":"verify"}
    {"message":"serves","what":"mint, as the vendor"}
    {"message":"does not serve","what":"the book, as the vendor","why":"there is no --ledger"}
    {"message":"does not serve","what":"activations, as the vendor","why":"there is no --ledger"}
    {"message":"does not serve","what":"seats, as the vendor","why":"there is no --ledger"}
    {"message":"does not serve","what":"use of the limits of the license of this installation","why":"there is no --ledger"}
    {"message":"does not serve","what":"sessions and reports of use","why":"there is no --ledger"}
    {"message":"serves","what":"the public key"}
    {"message":"does not serve","what":"the keyring","why":"there is no --keyring"}
    {"message":"does not serve","what":"revocations","why":"there is neither --revocations nor a --ledger with --key"}
    {"message":"does not serve","what":"the license of this installation, as its operator","why":"there is neither --license nor --ledger"}
    {"message":"does not serve","what":"installing another license, as its operator","why":"there is no --ledger"}
    "#);
}

#[test]
fn a_key_that_is_replaced_is_read_again_when_asked() {
    let bench = Bench::new();
    let mut server = vendor(&bench);
    let mint = |key: &str, server: &Running| {
        let body = r#"{"tenantId":"acme","exp":"90d"}"#;
        let head =
            format!("Host: localhost\r\nX-Admin-Api-Key: {key}\r\nContent-Length: {}\r\nConnection: close", body.len());
        status(&server.raw(format!("POST /api/v1/mint HTTP/1.1\r\n{head}\r\n\r\n{body}").as_bytes())).to_owned()
    };
    assert_eq!(mint("b7e1c2a4d6f80913", &server), "200");
    bench.write("admin", "c8f2d3b5e7a91024");
    server.signal("HUP");
    server.wait_for("\"message\":\"read everything again\"");
    assert_eq!((mint("b7e1c2a4d6f80913", &server), mint("c8f2d3b5e7a91024", &server)), ("401".into(), "200".into()));
    // What cannot be used changes nothing.
    bench.write("admin", "short");
    server.signal("HUP");
    server.wait_for("what changed cannot be used");
    assert_eq!(mint("c8f2d3b5e7a91024", &server), "200");
}

#[test]
fn the_file_of_settings_is_read_again_when_asked() {
    let bench = Bench::new();
    let public = example("vendor.pub");
    let write = |more: &str| bench.write("serve.toml", format!("trust = [{public:?}]\n{more}"));
    write("");
    let mut server = Running::start(&bench, &["--config", "serve.toml"]);
    let asked = |server: &Running, host: &str| {
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        status(&server.raw(request.as_bytes())).to_owned()
    };
    assert_eq!(asked(&server, "licenses.example"), "421");
    write("host = [\"licenses.example\"]\nmax-connections = 7\nlisten = \"127.0.0.1:1\"\n");
    server.signal("HUP");
    let said = server.wait_for("\"setting\":");
    assert!(said.contains("\"setting\":\"max-connections\"") && said.contains("from the next start on"), "{said}");
    server.wait_for("\"message\":\"read everything again\"");
    // A flag still comes before the file.
    assert_eq!(server.lines.iter().filter(|line| line.contains("\"setting\":")).count(), 1);
    assert_eq!(asked(&server, "licenses.example"), "200");
    // What cannot be used changes nothing.
    write("hosts = []\n");
    server.signal("HUP");
    let said = server.wait_for("what changed cannot be used");
    assert!(said.contains("there is no setting `hosts`"), "{said}");
    assert_eq!(asked(&server, "licenses.example"), "200");
}

#[test]
fn a_certificate_is_presented_and_one_may_be_demanded() {
    let bench = Bench::new();
    let certificate = |name: &str, extensions: &[&str]| {
        let mut openssl = Command::new("openssl");
        openssl.current_dir(bench.path("")).args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ]);
        openssl.args(["-nodes", "-days", "2", "-subj", &format!("/CN={name}"), "-addext"]).args(extensions);
        openssl.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]);
        assert!(openssl.output().unwrap().status.success());
    };
    certificate("server", &["subjectAltName=IP:127.0.0.1"]);
    certificate("authority", &["keyUsage=keyCertSign"]);
    certificate("client", &["basicConstraints=CA:FALSE", "-CA", "authority.pem", "-CAkey", "authority.key"]);
    let public = example("vendor.pub");
    let tls = ["--trust", &public, "--tls-cert", "server.pem", "--tls-key", "server.key"];
    let curl = |server: &Running, arguments: &[&str]| {
        let mut curl = Command::new("curl");
        curl.current_dir(bench.path("")).args(["-sS", "--max-time", "20"]).args(arguments);
        let output = curl.arg(format!("https://{}/healthz", server.address)).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let server = Running::start(&bench, &tls);
    let answer = "{\"status\":\"ok\"}\n";
    assert_eq!(curl(&server, &["--cacert", "server.pem"]), answer);
    assert_eq!(curl(&server, &["--cacert", "authority.pem"]), "");
    drop(server);
    bench.write("empty.pem", "");
    let empty =
        bench.run([&["serve", "--listen", "127.0.0.1:0"], &tls[..], &["--tls-client-ca", "empty.pem"]].concat());
    assert_snapshot!(empty, @r"
    ------- stderr -------
    mintage: error[bad-key]: no client can be let in by `empty.pem`: there is no certificate
    mintage: hint: give the certificates of authorities, PEM
    [exit status: 3]
    ");
    let server = Running::start(&bench, &[&tls[..], &["--tls-client-ca", "authority.pem"]].concat());
    assert_eq!(curl(&server, &["--cacert", "server.pem"]), "");
    let with_client = ["--cacert", "server.pem", "--cert", "client.pem", "--key", "client.key"];
    assert_eq!(curl(&server, &with_client), answer);
}
