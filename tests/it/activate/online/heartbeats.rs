//! `activate --heartbeat`: nonces that are kept, answers that are lost, licenses that are withdrawn.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use insta::assert_snapshot;

use super::{BOOK, Between, Scene};

impl Scene {
    fn beat(&self, arguments: &[&str]) -> super::Outcome {
        self.at(&self.url(), "--heartbeat", &[&["--once"], arguments].concat())
    }

    /// Where the nonce of the next heartbeat is kept.
    fn nonce(&self) -> PathBuf {
        let folder = std::fs::read_dir(self.bench.path(".local/state/mintage")).unwrap();
        let mut paths = folder.map(|entry| entry.unwrap().path());
        paths.find(|path| path.extension().unwrap() == "heartbeat").unwrap()
    }

    fn change(&self, arguments: &[&str]) {
        let outcome = self.bench.run([&["-q", "ledger"], arguments, &BOOK].concat());
        assert_eq!(outcome.status, Some(0), "{outcome}");
    }
}

#[test]
fn every_heartbeat_carries_the_nonce_of_the_answer_before() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::activated();
    assert_snapshot!(scene.shown(&scene.beat(&[])), @r"
    ------- stderr -------
    mintage: the activation [proof] counts
    [exit status: 0]
    ");
    let first = std::fs::read(scene.nonce()).unwrap();
    assert_eq!(std::fs::metadata(scene.nonce()).unwrap().permissions().mode() & 0o777, 0o600);
    let told = scene.beat(&["--json", "-q"]);
    assert!(told.stdout().contains(r#""isRevoked":false"#) && told.status == Some(0), "{told}");
    let second = std::fs::read(scene.nonce()).unwrap();
    assert_ne!(first, second);
    // Who was cut short before the nonce was kept asks with the one before, and goes on.
    std::fs::write(scene.nonce(), &first).unwrap();
    assert_eq!(scene.beat(&["-q"]).status, Some(0));
    assert_eq!(scene.beat(&["-q"]).status, Some(0));
    // Anything older is a replay.
    std::fs::write(scene.nonce(), &first).unwrap();
    assert_snapshot!(scene.shown(&scene.beat(&[])), @r"
    ------- stderr -------
    mintage: error[nonce-mismatch]: the nonce for activation [proof] is not the one handed out
    mintage: hint: activate this machine again
    [exit status: 1]
    ");
    std::fs::write(scene.nonce(), "{}").unwrap();
    assert_eq!(scene.beat(&["-q"]).status, Some(3));
    // Another activation brings another key and what the server holds now.
    assert_eq!(scene.activate(&["--force", "-q"]).status, Some(0));
    assert_eq!(scene.beat(&["-q"]).status, Some(0));
}

#[test]
fn a_copy_on_another_machine_is_no_activation() {
    let scene = Scene::activated();
    let beat = |arguments: &[&str]| {
        let fixed = ["activate", "--heartbeat", "--once", "--proof", "proof.json", "--server"];
        scene.shown(&scene.bench.run([&fixed[..], &[&scene.url()], arguments].concat()))
    };
    assert_snapshot!(beat(&["--fingerprint", "node-2"]), @r"
    ------- stderr -------
    mintage: error[wrong-machine]: bound to `node-1`, this machine is `node-2`
    mintage: hint: run `mintage fingerprint` there and send the result to the issuer
    [exit status: 1]
    ");
    assert_snapshot!(beat(&[]), @r"
    ------- stderr -------
    mintage: error[machine-unreadable]: bound to `node-1`, and no value was supplied for this machine
    mintage: hint: run with the rights to read it, or supply the value with --fingerprint
    [exit status: 3]
    ");
    // Nobody asked the server: it holds the nonce of the proof still.
    assert_eq!(scene.kept("heartbeat"), 0);
    assert_eq!(scene.beat(&["-q"]).status, Some(0));
}

#[test]
fn lost_answers_strand_nobody() {
    let scene = Scene::activated();
    for lost in [1, 2, 0, 1] {
        let between = Between::losing(&scene.server.address, lost);
        let outcome = scene.at(&between.url(), "--heartbeat", &["--once", "-q"]);
        assert_eq!((outcome.status, between.connections()), (Some(0), lost + 1), "{outcome}");
    }
    let between = Between::losing(&scene.server.address, 9);
    let outcome = scene.at(&between.url(), "--heartbeat", &["--once", "--retries", "0", "-q"]);
    assert_eq!(outcome.status, Some(3), "{outcome}");
    assert_eq!(scene.beat(&["-q"]).status, Some(0));
}

#[test]
fn a_license_that_was_withdrawn_ends_the_heartbeat() {
    let scene = Scene::activated();
    scene.change(&["suspend", "lic-1", "--reason", "not paid"]);
    assert_snapshot!(scene.shown(&scene.beat(&[])), @r"
    ------- stderr -------
    mintage: error[suspended]: license lic-1 is suspended, for: not paid
    mintage: hint: ask the issuer why
    [exit status: 1]
    ");
    scene.change(&["revoke", "lic-1", "--grace-hours", "0"]);
    let outcome = scene.beat(&[]);
    assert_eq!(outcome.status, Some(1), "{outcome}");
    let told = outcome.stderr().lines().next().unwrap();
    assert!(told.starts_with("mintage: error[revoked]: license lic-1 was withdrawn, and counts until "), "{told}");
}

#[test]
fn an_activation_that_was_given_back_beats_no_more() {
    let scene = Scene::activated();
    std::fs::copy(scene.bench.path("proof.json"), scene.bench.path("copy.json")).unwrap();
    assert_eq!(scene.at(&scene.url(), "--deactivate", &["-q"]).status, Some(0));
    std::fs::rename(scene.bench.path("copy.json"), scene.bench.path("proof.json")).unwrap();
    let outcome = scene.beat(&[]);
    assert!(outcome.stderr().contains("error[released]") && outcome.status == Some(1), "{outcome}");
}

#[test]
fn it_goes_on_until_the_answer_is_no() {
    let scene = Scene::activated();
    // The first answer is lost for good, which ends nothing.
    let between = Between::losing(&scene.server.address, 1);
    let mut command = scene.bench.command();
    let often = ["--first-after", "0", "--every", "1", "--retries", "0"];
    command.args(["activate", "--heartbeat", "--proof", "proof.json", "--server", &between.url()]);
    command.args(["--fingerprint", "node-1"]).args(often);
    let mut looping = Looping(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(looping.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("warning: "));
    for _ in 0..2 {
        let line = lines.next().unwrap();
        assert!(line.ends_with("counts; asking again in 1 s"), "{line}");
    }
    scene.change(&["revoke", "lic-1"]);
    let last = lines.find(|line| line.contains("error[")).unwrap();
    assert!(last.contains("error[revoked]"), "{last}");
    assert_eq!(looping.0.wait().unwrap().code(), Some(1));
}

/// A program that ends with its test.
struct Looping(Child);

impl Drop for Looping {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
