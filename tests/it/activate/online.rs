//! `activate --server`: the program against a server of its own, with nothing in between, and with what goes wrong there.

mod between;
mod heartbeats;
mod secured;

use insta::assert_snapshot;

use self::between::Between;
use super::{Bench, Outcome, example};
use crate::harness::ISSUED;
use crate::serve::running::Running;

const BOOK: [&str; 2] = ["--ledger", "sqlite:book.db"];

/// A vendor's server with a license for one machine, and that machine in the same folder.
struct Scene {
    bench: Bench,
    server: Running,
    /// What differs from run to run, and what a snapshot shows in its place.
    masks: Vec<(String, &'static str)>,
}

impl Scene {
    fn new() -> Self {
        Self::with(&[])
    }

    /// Starts the server with more settings.
    fn with(settings: &[&str]) -> Self {
        let (bench, key) = (Bench::new(), example("vendor.key"));
        let terms = ["--tenant", "acme", "--activation", "proof", "--expires", "2099-12-31", "--max-activations", "1"];
        let signer = ["--key", &key, "--allow-readable-key"];
        let fixed = ["-q", "mint", "--id", "lic-1", "--issued-at", ISSUED, "--license-key", "-o", "acme.lic"];
        let minted = bench.run([&fixed[..], &terms, &signer, &BOOK].concat());
        assert_eq!(minted.status, Some(0), "{minted}");
        let key = minted.stderr().split_whitespace().find(|word| word.starts_with("MTG-")).unwrap();
        bench.write("license-key", key.trim_end_matches(','));
        let server = Running::start(&bench, &[&signer[..], &BOOK, settings].concat());
        let address = server.address.clone();
        Self { bench, server, masks: vec![(address, "[address]")] }
    }

    fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Asks at `url` for an activation of machine `node-1`.
    fn activate_at(&self, url: &str, arguments: &[&str]) -> Outcome {
        let trust = example("vendor.pub");
        let fixed = ["activate", "--server", url, "--trust", &trust, "--fingerprint", "node-1", "-o", "proof.json"];
        let named: &[&str] = if arguments.contains(&"--license") { &[] } else { &["--key", "@license-key"] };
        self.bench.run([&fixed[..], named, arguments].concat())
    }

    fn activate(&self, arguments: &[&str]) -> Outcome {
        self.activate_at(&self.url(), arguments)
    }

    /// An activated machine.
    fn activated() -> Self {
        let scene = Self::new();
        let outcome = scene.activate(&["-q"]);
        assert_eq!(outcome.status, Some(0), "{outcome}");
        scene
    }

    fn at(&self, url: &str, step: &str, arguments: &[&str]) -> Outcome {
        let fixed = ["activate", step, "--proof", "proof.json", "--fingerprint", "node-1", "--server", url];
        self.bench.run([&fixed[..], arguments].concat())
    }

    fn book(&self, arguments: &[&str]) -> String {
        let outcome = self.bench.run([&["ledger"], arguments, &BOOK].concat());
        assert_eq!(outcome.status, Some(0), "{outcome}");
        outcome.stdout().to_owned()
    }

    /// How often the book says that something was done.
    fn count(&self, action: &str) -> usize {
        self.book(&["audit", "--action", action]).lines().count()
    }

    /// What is kept of this machine's activations, by ending.
    fn kept(&self, ending: &str) -> usize {
        let folder = std::fs::read_dir(self.bench.path(".local/state/mintage")).into_iter().flatten();
        folder.filter(|entry| entry.as_ref().unwrap().path().extension().unwrap() == ending).count()
    }

    /// An outcome without what differs from run to run.
    fn shown(&self, outcome: &Outcome) -> String {
        let proof = self.book(&["audit", "--action", "activated"]);
        let proof = proof.lines().next().and_then(|line| line.split_whitespace().find(|word| word.len() == 36));
        let masks = self.masks.iter().map(|(text, mask)| (text.as_str(), *mask)).chain(proof.map(|id| (id, "[proof]")));
        masks.fold(outcome.to_string(), |text, (from, to)| text.replace(from, to))
    }
}

#[test]
fn a_license_key_becomes_a_proof_that_counts_here() {
    let scene = Scene::new();
    let running = ["--environment", "production", "--product-version", "1.2.0"];
    assert_snapshot!(scene.shown(&scene.activate(&running)), @r"
    ------- stderr -------
    mintage: license lic-1 is activated on this machine until 2099-12-31T23:59:59Z, by proof [proof]
    [exit status: 0]
    ");
    let trust = example("vendor.pub");
    let verify = ["verify", "proof.json", "--trust", &trust, "--fingerprint", "node-1", "-q"];
    assert_eq!(scene.bench.run(verify.iter().chain(&running)).status, Some(0));
    assert_eq!(scene.bench.run(verify.iter().chain(&["--environment", "test"])).status, Some(1));
    // The machine keeps its key, and nowhere the license key.
    assert_eq!((scene.kept("key"), scene.kept("request")), (1, 0));
    let license_key = scene.bench.read("license-key");
    assert!(!scene.bench.read("proof.json").contains(&license_key));
    // Asked again, the machine has its seat still, and a fresh key.
    let again = scene.activate(&["--force", "--environment", "production"]);
    assert_eq!((again.status, scene.count("activated")), (Some(0), 1), "{again}");
    assert_eq!(scene.kept("key"), 1);
    let anew = scene.bench.run(["activate", "--deactivate", "--proof", "proof.json", "--server", &scene.url()]);
    assert_eq!((anew.status, scene.count("deactivated")), (Some(0), 1), "{anew}");
}

#[test]
fn the_license_key_may_come_from_the_environment_and_a_license_in_its_place() {
    let scene = Scene::new();
    let (trust, url) = (example("vendor.pub"), scene.url());
    let fixed = ["-q", "activate", "--server", &url, "--trust", &trust, "--fingerprint", "node-1", "-o", "proof.json"];
    let key = scene.bench.read("license-key").to_lowercase();
    let by_variable = scene.bench.run_in([("MINTAGE_LICENSE_KEY", &key)], &fixed);
    assert_eq!(by_variable.status, Some(0), "{by_variable}");
    let by_license = scene.activate(&["--license", "acme.lic", "--force", "-q"]);
    assert_eq!((by_license.status, scene.count("activated")), (Some(0), 1), "{by_license}");
    assert_snapshot!(scene.bench.run(fixed[..8].iter().chain(&["-o", "other.json"])), @r"
    ------- stderr -------
    mintage: error[usage]: nothing says which license is to be activated
    mintage: hint: give its license key with --key @FILE or MINTAGE_LICENSE_KEY, or its file with --license
    [exit status: 2]
    ");
}

#[test]
fn a_machine_read_by_its_components_keeps_its_seat() {
    let scene = Scene::new();
    scene.bench.write("root/etc/machine-id", "b08dfa6083e7567a1921a715000001fb\n");
    let (trust, url) = (example("vendor.pub"), scene.url());
    let here = ["--sysroot", "root", "--allow-weak"];
    for _ in 0..2 {
        let fixed = ["-q", "activate", "--server", &url, "--trust", &trust, "--key", "@license-key", "--force"];
        let outcome = scene.bench.run([&fixed[..], &["-o", "proof.json"], &here].concat());
        assert_eq!(outcome.status, Some(0), "{outcome}");
    }
    assert_eq!(scene.count("activated"), 1);
    let beat = |here: &[&str]| scene.at(&url, "--heartbeat", &[&["--once", "-q"], here].concat()).status;
    assert_eq!((beat(&here[..2]), scene.count("activated")), (Some(0), 1));
    // Another machine, which has no such component.
    scene.bench.write("other/etc/machine-id", "b08dfa6083e7567a1921a715000001fc\n");
    assert_eq!(beat(&["--sysroot", "other"]), Some(1));
}

#[test]
fn a_no_of_the_server_is_told_in_its_words() {
    let scene = Scene::activated();
    let other = |arguments: &[&str]| {
        let (trust, url) = (example("vendor.pub"), scene.url());
        let fixed = ["activate", "--server", &url, "--trust", &trust, "-o", "other.json", "-q"];
        scene.bench.run([&fixed[..], arguments].concat())
    };
    assert_snapshot!(other(&["--fingerprint", "node-2", "--key", "@license-key"]), @r"
    ------- stderr -------
    mintage: error[activations-exhausted]: 1 of 1 activations of license lic-1 are in use
    mintage: hint: release a machine that no longer runs the product, or ask for more activations
    [exit status: 1]
    ");
    let unknown = other(&["--fingerprint", "node-2", "--key", "MTG-00000-00000-00000-00000-00000"]);
    assert_snapshot!(unknown, @r"
    ------- stderr -------
    mintage: error[unknown-license]: License key not found.
    mintage: hint: ask the issuer for the license key
    [exit status: 1]
    ");
    let suspended = scene.bench.run([&["ledger", "suspend", "lic-1", "-q"], &BOOK[..]].concat());
    assert_eq!(suspended.status, Some(0), "{suspended}");
    assert_snapshot!(other(&["--fingerprint", "node-1", "--key", "@license-key", "--json"]), @r#"
    {"code":"suspended","error":"License key is suspended.","hints":["ask the issuer why"],"message":"License key is suspended."}
    ------- stderr -------
    mintage: error[suspended]: License key is suspended.
    mintage: hint: ask the issuer why
    [exit status: 1]
    "#);
    assert!(!scene.bench.path("other.json").exists());
    // What was refused leaves no key behind.
    assert_eq!(scene.kept("key"), 1);
}

#[test]
fn a_proof_of_a_stranger_is_not_installed() {
    let scene = Scene::new();
    let (stranger, url) = (example("ci.pub"), scene.url());
    let fixed = ["activate", "--server", &url, "--trust", &stranger, "--fingerprint", "node-1", "-q"];
    let outcome = scene.bench.run([&fixed[..], &["-o", "proof.json", "--key", "@license-key"]].concat());
    assert_eq!(outcome.status, Some(1), "{outcome}");
    assert!(outcome.stderr().contains("error[unknown-key]"), "{outcome}");
    assert_eq!((scene.bench.path("proof.json").exists(), scene.kept("key")), (false, 0));
}

#[test]
fn a_proof_that_could_not_be_written_is_not_asked_for() {
    let scene = Scene::new();
    let (trust, url) = (example("vendor.pub"), scene.url());
    let fixed = ["activate", "--server", &url, "--trust", &trust, "--fingerprint", "node-1", "--key", "@license-key"];
    scene.bench.write("there.json", "{}");
    for (target, code) in [
        ("no-such-folder/proof.json", "file-unwritable"),
        ("there.json/proof.json", "file-unwritable"),
        (".", "file-unwritable"),
        ("there.json", "file-exists"),
    ] {
        let outcome = scene.bench.run([&fixed[..], &["-o", target]].concat());
        assert_eq!(outcome.status, Some(3), "{outcome}");
        assert!(outcome.stderr().contains(&format!("error[{code}]")), "{outcome}");
    }
    assert_eq!((scene.count("activated"), scene.kept("key")), (0, 0));
    // A no leaves nothing of the file that was begun.
    let unknown = ["--key", "MTG-00000-00000-00000-00000-00000", "-o", "proof.json"];
    assert_eq!(scene.bench.run([&fixed[..7], &unknown].concat()).status, Some(1));
    let names = std::fs::read_dir(scene.bench.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.filter(|name| name.to_string_lossy().contains("proof.json")).count(), 0);
}

#[test]
fn a_server_that_is_not_there_is_no_no() {
    let scene = Scene::new();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let outcome = scene.activate_at(&format!("http://{nobody}"), &["--retries", "1"]);
    assert_snapshot!(outcome.to_string().replace(&nobody.to_string(), "[address]"), @r"
    ------- stderr -------
    mintage: http://[address]: Connection refused (os error 111); trying again in 0.25 s
    mintage: error[server-unreachable]: http://[address]: Connection refused (os error 111)
    mintage: hint: check its address, the network, the proxy and the authorities that are trusted, and try again
    [exit status: 3]
    ");
    assert_eq!((scene.bench.path("proof.json").exists(), scene.kept("key")), (false, 0));
}

#[test]
fn answers_that_are_lost_cost_no_seat() {
    let scene = Scene::new();
    let between = Between::losing(&scene.server.address, 2);
    let outcome = scene.activate_at(&between.url(), &[]);
    assert_eq!(outcome.status, Some(0), "{outcome}");
    assert_eq!(outcome.stderr().matches("trying again in").count(), 2, "{outcome}");
    assert_eq!((scene.count("activated"), between.connections()), (1, 3));
    let between = Between::losing(&scene.server.address, 1);
    let back = scene.at(&between.url(), "--deactivate", &["--reason", "moved"]);
    assert_eq!((back.status, scene.count("deactivated")), (Some(0), 1), "{back}");
    assert!(!scene.bench.path("proof.json").exists());
    assert_eq!((scene.kept("key"), scene.kept("released")), (0, 1));
}

#[test]
fn an_activation_is_not_given_back_here_before_it_is_there() {
    let scene = Scene::activated();
    let between = Between::losing(&scene.server.address, 1);
    let lost = scene.at(&between.url(), "--deactivate", &["--retries", "0"]);
    assert_eq!(lost.status, Some(3), "{lost}");
    assert!(scene.bench.path("proof.json").exists());
    // It was given back there; saying so again is a yes.
    let back = scene.at(&scene.url(), "--deactivate", &[]);
    assert_snapshot!(scene.shown(&back), @r"
    ------- stderr -------
    mintage: proof [proof] is given back
    [exit status: 0]
    ");
    assert_eq!(scene.count("deactivated"), 1);
}

#[test]
fn what_no_license_server_says_is_not_taken_for_an_answer() {
    let scene = Scene::new();
    let said = |answer: &'static str| {
        let between = Between::saying(answer);
        let outcome = scene.activate_at(&between.url(), &["--retries", "1", "-q"]);
        assert_eq!(outcome.status, Some(3), "{outcome}");
        (outcome.stderr().replace(&between.url(), "[url]").lines().next().unwrap().to_owned(), between.connections())
    };
    for (answer, expected, connections) in [
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>",
            "it answered 404, and not as a license server does",
            1,
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://b\r\nContent-Length: 0\r\n\r\n",
            "it sends elsewhere, to `http://b`, which is not followed",
            1,
        ),
        ("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "it answered 503", 2),
        ("HTTP/1.1 500 No\r\nContent-Length: 35\r\n\r\n{\"code\":\"internal\",\"message\":\"why\"}", "why", 2),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            "the server says that it activated, and hands out no proof",
            1,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>",
            "it answered 200, and not as a license server does",
            1,
        ),
    ] {
        let (told, count) = said(answer);
        assert!(told.starts_with("mintage: error[server-unreachable]: ") && told.ends_with(expected), "{told}");
        assert_eq!(count, connections, "{answer}");
    }
    let between = Between::saying("HTTP/1.1 429 Slow\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n");
    let slow = scene.activate_at(&between.url(), &["-q"]);
    assert_eq!((slow.status, between.connections()), (Some(3), 1), "{slow}");
    assert!(
        slow.stderr().contains("error[too-many-requests]") && slow.stderr().contains("ask again in 3600 s"),
        "{slow}"
    );
    // The address of its routes is that of the server.
    let routes = scene.activate_at(&format!("{}/api/v1/", scene.url()), &["-q", "--force"]);
    assert_eq!(routes.status, Some(0), "{routes}");
}

#[test]
fn a_portal_in_between_activates_nothing_and_gives_nothing_back() {
    let scene = Scene::activated();
    let portal = Between::saying("HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>");
    let shown = |outcome: &Outcome| outcome.to_string().replace(&portal.url(), "[url]");
    assert_snapshot!(shown(&scene.activate_at(&portal.url(), &["--force"])), @r"
    ------- stderr -------
    mintage: error[server-unreachable]: [url]: it answered 200, and not as a license server does
    mintage: hint: is the address right? a proxy or a portal in between may have answered in the server's place
    [exit status: 3]
    ");
    for step in [&["--deactivate"][..], &["--heartbeat", "--once"]] {
        let outcome = scene.at(&portal.url(), step[0], &step[1..]);
        assert!(outcome.status == Some(3) && outcome.stderr().contains("not as a license server does"), "{outcome}");
    }
    let empty = Between::saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    let outcome = scene.at(&empty.url(), "--deactivate", &[]);
    assert_eq!(outcome.status, Some(3), "{outcome}");
    assert!(scene.bench.path("proof.json").exists());
    assert_eq!((scene.kept("key"), scene.kept("released")), (1, 0));
}
