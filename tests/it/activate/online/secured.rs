//! TLS, authorities and proxies.

use std::process::Command;

use insta::assert_snapshot;

use super::{Bench, Between, Scene, example};

/// A server behind a certificate of its own authority.
fn secured() -> Scene {
    secured_with(false)
}

/// A server behind a certificate of its own authority, which may demand one of its clients too.
fn secured_with(demands: bool) -> Scene {
    let certificate = Bench::new();
    let make = |name: &str, more: &[&str]| {
        let mut openssl = Command::new("openssl");
        openssl.current_dir(certificate.path("")).args(["req", "-x509", "-newkey", "ec", "-pkeyopt"]);
        openssl.args(["ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", &format!("/CN={name}")]).args(more);
        openssl.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]);
        assert!(openssl.output().unwrap().status.success());
    };
    make("authority", &["-addext", "keyUsage=keyCertSign"]);
    let of_authority = ["-CA", "authority.pem", "-CAkey", "authority.key", "-addext", "basicConstraints=CA:FALSE"];
    make("server", &[&of_authority[..], &["-addext", "subjectAltName=IP:127.0.0.1"]].concat());
    make("client", &of_authority);
    make("stranger", &["-addext", "basicConstraints=CA:FALSE"]);
    let path = |name: &str| certificate.path(name).to_str().unwrap().to_owned();
    let (chain, key, authority) = (path("server.pem"), path("server.key"), path("authority.pem"));
    let mut tls = vec!["--tls-cert", &chain, "--tls-key", &key];
    if demands {
        tls.extend(["--tls-client-ca", &authority]);
    }
    let scene = Scene::with(&tls);
    scene.bench.write("ca.pem", certificate.read("authority.pem"));
    for name in ["client.pem", "client.key", "server.key", "stranger.pem", "stranger.key"] {
        scene.bench.write(name, certificate.read(name));
    }
    scene
}

#[test]
fn only_a_server_that_a_known_authority_vouches_for_is_spoken_to() {
    let scene = secured();
    let url = format!("https://{}/", scene.server.address);
    assert_snapshot!(scene.shown(&scene.activate_at(&url, &[])), @r"
    ------- stderr -------
    mintage: error[server-unreachable]: https://[address]: invalid peer certificate: UnknownIssuer
    mintage: hint: check its address, the network, the proxy and the authorities that are trusted, and try again
    [exit status: 3]
    ");
    let outcome = scene.activate_at(&url, &["--ca", "ca.pem", "-q"]);
    assert_eq!(outcome.status, Some(0), "{outcome}");
    scene.bench.write("empty.pem", "nothing");
    let empty = scene.activate_at(&url, &["--ca", "empty.pem", "--force"]);
    assert!(empty.stderr().contains("error[file-unreadable]") && empty.status == Some(3), "{empty}");
}

#[test]
fn a_server_that_demands_a_certificate_is_shown_one() {
    let scene = secured_with(true);
    let url = format!("https://{}/", scene.server.address);
    let activate = |more: &[&str]| scene.activate_at(&url, &[&["-q", "--ca", "ca.pem", "--force"], more].concat());
    // In which words the connection ends depends on who is faster.
    let refused = activate(&["--retries", "0"]);
    assert_eq!(refused.status, Some(3), "{refused}");
    let hint = "mintage: hint: if the server demands a certificate of its clients, show one with --client-cert\n";
    assert!(refused.stderr().contains("error[server-unreachable]") && refused.stderr().ends_with(hint), "{refused}");
    let outcome = activate(&["--client-cert", "client.pem", "--client-key", "client.key"]);
    assert_eq!(outcome.status, Some(0), "{outcome}");
    assert_snapshot!(scene.shown(&activate(&["--client-cert", "client.pem", "--client-key", "server.key"])), @r"
    ------- stderr -------
    mintage: error[file-unreadable]: the private key in `server.key` cannot be used: keys may not be consistent: KeyMismatch
    mintage: hint: give PEM, and a key that belongs to its certificate
    [exit status: 3]
    ");
    assert_eq!(activate(&["--client-cert", "client.pem"]).status, Some(2));
    // It is the server that refuses.
    let stranger = ["--client-cert", "stranger.pem", "--client-key", "stranger.key", "--retries", "0"];
    let refused = activate(&stranger);
    let hint = "mintage: hint: if the server does not accept the certificate of --client-cert, show one that it does\n";
    assert!(refused.status == Some(3) && refused.stderr().ends_with(hint), "{refused}");
    assert!(!refused.stderr().contains("received fatal alert"), "{refused}");
    let encrypt = ["pkcs8", "-topk8", "-in", "client.key", "-out", "closed.key", "-passout", "pass:secret"];
    assert!(Command::new("openssl").current_dir(scene.bench.path("")).args(encrypt).output().unwrap().status.success());
    assert_snapshot!(scene.shown(&activate(&["--client-cert", "client.pem", "--client-key", "closed.key"])), @r"
    ------- stderr -------
    mintage: error[file-unreadable]: the private key in `closed.key` is encrypted
    mintage: hint: decrypt it into a file that only you can read: `openssl pkey -in FILE -out FILE`
    [exit status: 3]
    ");
    for unusable in [["client.key", "client.key"], ["client.pem", "client.pem"]] {
        let outcome = activate(&["--client-cert", unusable[0], "--client-key", unusable[1]]);
        assert!(outcome.stderr().contains("error[file-unreadable]") && outcome.status == Some(3), "{outcome}");
    }
}

#[test]
fn a_certificate_of_an_authority_is_not_that_of_a_server() {
    let certificate = Bench::new();
    let mut openssl = Command::new("openssl");
    openssl.current_dir(certificate.path("")).args(["req", "-x509", "-newkey", "ec", "-pkeyopt"]);
    openssl.args(["ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=server"]);
    openssl.args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "server.key", "-out", "server.pem"]);
    assert!(openssl.output().unwrap().status.success());
    let path = |name: &str| certificate.path(name).to_str().unwrap().to_owned();
    let (chain, key) = (path("server.pem"), path("server.key"));
    let scene = Scene::with(&["--tls-cert", &chain, "--tls-key", &key]);
    let url = format!("https://{}", scene.server.address);
    assert_snapshot!(scene.shown(&scene.activate_at(&url, &["-q", "--ca", &chain])), @r"
    ------- stderr -------
    mintage: error[server-unreachable]: https://[address]: its certificate is marked as that of an authority, and no server may show such a one
    mintage: hint: let the server show a certificate with basicConstraints=CA:FALSE, and name its signer with --ca
    [exit status: 3]
    ");
}

#[test]
fn what_is_said_of_a_server_is_refused_where_none_is_named() {
    let bench = Bench::new();
    let activate = |more: &[&str]| bench.run([&["activate", "--license", "acme.lic"], more].concat());
    assert_snapshot!(activate(&["--request-out", "r.json", "--ca", "ca.pem"]), @r"
    ------- stderr -------
    mintage: error[usage]: --ca is said of a server, and none was named
    mintage: hint: name one with --server, or leave it out
    [exit status: 2]
    ");
    for more in [&["--client-cert", "a", "--client-key", "b"][..], &["--retries", "5"], &["--insecure-http"]] {
        for step in [&["--request-out", "r.json"][..], &["--install", "p.json", "--proof", "a.json"]] {
            let refused = activate(&[step, more].concat());
            assert!(refused.status == Some(2) && refused.stderr().contains("none was named"), "{refused}");
        }
    }
}

#[test]
fn the_proxy_of_the_environment_is_used() {
    let scene = secured();
    let (between, trust) = (Between::proxy(), example("vendor.pub"));
    let url = format!("https://{}", scene.server.address);
    let fixed = ["-q", "activate", "--server", &url, "--ca", "ca.pem", "--trust", &trust, "--fingerprint", "node-1"];
    let arguments = [&fixed[..], &["--key", "@license-key", "-o", "proof.json", "--force", "--retries", "0"]].concat();
    let proxy = between.url();
    let through = scene.bench.run_in([("HTTPS_PROXY", &proxy)], &arguments);
    assert_eq!((through.status, between.connections()), (Some(0), 1), "{through}");
    let past = scene.bench.run_in([("HTTPS_PROXY", &proxy), ("NO_PROXY", "127.0.0.1")], &arguments);
    assert_eq!((past.status, between.connections()), (Some(0), 1), "{past}");
    for unusable in ["socks5://127.0.0.1:1", "://"] {
        let outcome = scene.bench.run_in([("https_proxy", unusable)], &arguments);
        assert!(outcome.stderr().contains("error[usage]") && outcome.status == Some(2), "{outcome}");
    }
    // One that is not there is named, and not its password.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = scene.bench.run_in([("https_proxy", &format!("http://ann:SECRETPW@{nobody}"))], &arguments);
    let shown = refused.to_string().replace(&nobody.to_string(), "[proxy]").replace(&scene.server.address, "[address]");
    assert_snapshot!(shown, @r"
    ------- stderr -------
    mintage: error[server-unreachable]: https://[address]: through the proxy http://[proxy]: Connection refused (os error 111)
    mintage: hint: check its address, the network, the proxy and the authorities that are trusted, and try again
    [exit status: 3]
    ");
    // What does not leave this machine goes through none.
    let plain = Scene::new();
    let url = plain.url();
    let heartbeat = [
        "-q",
        "activate",
        "--heartbeat",
        "--once",
        "--proof",
        "proof.json",
        "--fingerprint",
        "node-1",
        "--server",
        &url,
    ];
    assert_eq!(plain.activate(&["-q"]).status, Some(0));
    assert_eq!(plain.bench.run_in([("ALL_PROXY", &proxy)], &heartbeat).status, Some(0));
    assert_eq!(between.connections(), 1);
}

#[test]
fn a_license_key_does_not_leave_this_machine_in_the_clear() {
    let scene = Scene::new();
    assert_snapshot!(scene.activate_at("http://licenses.example", &[]), @r"
    ------- stderr -------
    mintage: error[usage]: `http://licenses.example` would be spoken to without TLS, and whoever listens would read the license key
    mintage: hint: write https://, or say --insecure-http where something else encrypts
    [exit status: 2]
    ");
    assert_snapshot!(scene.activate_at("licenses.example", &[]), @r"
    ------- stderr -------
    mintage: error[usage]: `licenses.example` is no address of a server: it begins neither with https:// nor with http://
    mintage: hint: write https://NAME or https://NAME:PORT
    [exit status: 2]
    ");
    assert_eq!(scene.kept("key"), 0);
    // Any address of this machine, which is not known for one of its own.
    let url = scene.url().replace("127.0.0.1", "0.0.0.0");
    assert_eq!(scene.activate_at(&url, &[]).status, Some(2));
    let outcome = scene.activate_at(&url, &["--insecure-http"]);
    assert_eq!(outcome.status, Some(0), "{outcome}");
}
