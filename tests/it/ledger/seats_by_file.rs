//! Seats that are lent by file, and given back by file.

use insta::assert_snapshot;
use mintage::SecretKey;
use mintage::dsse::{Envelope, Kind};
use mintage::release::Release;
use mintage::time::Timestamp;

use crate::harness::{Bench, ISSUED, Outcome, example};

const BOOK: [&str; 2] = ["--ledger", "sqlite:book.db"];

/// A license with one seat, and whoever asks for it.
struct Desk(Bench);

impl Desk {
    fn new() -> Self {
        let desk = Self(Bench::new());
        let terms = ["--tenant", "acme", "--activation", "proof", "--expires", "2099-12-31", "--seats", "1"];
        desk.0.write("acme.lic", desk.0.mint(&[&terms[..], &BOOK].concat()));
        desk
    }

    /// Has a machine ask for the seat, and take it along.
    fn lend(&self, machine: &str, lease: &str) -> Outcome {
        let (key, request) = (example("vendor.key"), format!("{machine}.request"));
        let asks = ["-q", "activate", "--license", "acme.lic", "--fingerprint", machine, "--force"];
        assert_eq!(self.0.run([&asks[..], &["--request-out", &request]].concat()).status, Some(0));
        let fixed = ["mint", "proof", "--allow-readable-key", "--key", &key, "--issued-at", ISSUED, "--force"];
        let asked = ["--request", &request, "-o", lease, "--borrow-until", "2099-06-01", "--id", lease];
        self.0.run(fixed.iter().chain(&asked).chain(&BOOK))
    }

    /// Has a machine give its seat back.
    fn give_back(&self, lease: &str) {
        let given = self.0.run(["-q", "activate", "--deactivate", "--proof", lease, "--force", "-o", "release.json"]);
        assert_eq!(given.status, Some(0), "{given}");
    }

    fn release(&self, document: &str) -> Outcome {
        self.0.run([&["ledger", "release", "--document", document], &BOOK[..]].concat())
    }
}

#[test]
fn a_seat_that_was_taken_along_is_free_once_its_holder_gives_it_back() {
    let desk = Desk::new();
    assert_eq!(desk.lend("node-1", "lease-1").status, Some(0));
    assert_eq!(desk.lend("node-2", "lease-2").status, Some(1));
    desk.give_back("lease-1");
    // Nobody gives back what another holds.
    let forged = Release {
        proof_id: "lease-1".to_owned(),
        license_id: "lic-1".to_owned(),
        reason: None,
        released_at: Timestamp::parse_rfc3339(ISSUED).unwrap(),
    };
    let forged = Envelope::sign(Kind::Release, forged.to_payload().into_bytes(), &[&SecretKey::from_seed(&[9; 32])]);
    desk.0.write("forged.json", forged.to_json());
    let refused = desk.release("forged.json");
    assert_eq!(refused.status, Some(1), "{refused}");
    assert!(refused.stderr().contains("error[bad-signature]"), "{refused}");
    assert_eq!(desk.lend("node-2", "lease-2").status, Some(1));
    assert_snapshot!(desk.release("release.json"), @r"
    ------- stderr -------
    mintage: seat lease-1 is released
    [exit status: 0]
    ");
    assert_snapshot!(desk.release("release.json"), @r"
    ------- stderr -------
    mintage: seat lease-1 is released already
    [exit status: 0]
    ");
    assert_eq!(desk.lend("node-2", "lease-2").status, Some(0));
    let ended = desk.0.run([&["ledger", "audit", "--action", "seat.released"], &BOOK[..]].concat());
    assert!(ended.stdout().contains(r#""reason":"released""#), "{ended}");
    // What the holder signed is kept.
    let exported = desk.0.run([&["ledger", "export"], &BOOK[..]].concat());
    let lease = exported.stdout().lines().find(|line| line.contains(r#""lease_id":"lease-1""#)).unwrap();
    assert!(lease.contains("application/vnd.mintage.release+json"), "{lease}");
}

#[test]
fn who_asked_again_gives_back_the_newest_lease() {
    let desk = Desk::new();
    assert_eq!(desk.lend("node-1", "lease-1").status, Some(0));
    let older = desk.0.read("lease-1");
    assert_eq!(desk.lend("node-1", "lease-1").status, Some(0));
    desk.0.write("older", older);
    desk.give_back("older");
    let refused = desk.release("release.json");
    let kid = refused.stderr().split("signed by ").nth(1).and_then(|rest| rest.get(..16)).unwrap_or_default();
    assert_snapshot!(refused.to_string().replace(kid, "KEY"), @r"
    ------- stderr -------
    mintage: error[bad-signature]: `release.json`: the release was not signed by KEY, the instance key that the ledger holds of lease lease-1
    mintage: hint: give back the newest proof of that machine, or have the issuer release it by its id
    [exit status: 1]
    ");
    desk.give_back("lease-1");
    assert_eq!(desk.release("release.json").status, Some(0));
}

/// One request may be answered twice: with the proof of the activation, and with a seat to take along.
#[test]
fn the_seat_goes_back_and_the_activation_stays() {
    let desk = Desk::new();
    assert_eq!(desk.lend("node-1", "lease-1").status, Some(0));
    assert_eq!(desk.0.answers("node-1", "p-1").status, Some(0));
    let trust = example("vendor.pub");
    for (answer, installed) in [("node-1.proof", "proof.json"), ("lease-1", "seat.json")] {
        let install = ["-q", "activate", "--install", installed, "--proof", answer, "--trust", &trust];
        let outcome = desk.0.run([&install[..], &["--fingerprint", "node-1"]].concat());
        assert_eq!(outcome.status, Some(0), "{outcome}");
    }
    desk.0.write("copy.json", desk.0.read("seat.json"));
    let verified = |proof: &str| desk.0.run(["verify", proof, "--trust", &trust, "--fingerprint", "node-1"]);
    let keys = || {
        let folder = std::fs::read_dir(desk.0.path(".local/state/mintage")).unwrap();
        folder.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "key")).count()
    };
    desk.give_back("seat.json");
    assert_eq!(desk.release("release.json").status, Some(0));
    assert!(verified("copy.json").stderr().contains("error[released]"));
    assert_eq!(verified("proof.json").status, Some(0), "the activation counts");
    assert_eq!(keys(), 1);
    desk.give_back("proof.json");
    assert_eq!(desk.release("release.json").status, Some(0));
    assert!(verified("copy.json").stderr().contains("error[released]"), "both are remembered");
    assert_eq!(keys(), 0, "nothing answers to the key any more");
}
