//! Seats: never more than there are, whoever asks; lent by file, and taken back.

use std::collections::BTreeSet;
use std::sync::Arc;

use insta::assert_snapshot;
use mintage::Fingerprint;
use mintage::code::Code;
use mintage::keyring::Keyring;
use mintage::ledger::activation::Activate;
use mintage::ledger::audit::AuditFilter;
use mintage::ledger::machine::Machine;
use mintage::ledger::seat::{Claim, Claimed, EndReason};
use mintage::ledger::{Ledger, LedgerError};
use mintage::operation::ledger::install::{self, Origin};
use mintage::operation::ledger::lease::{self, Drafting, Seated, Seats, Shown, Terms};
use mintage::operation::ledger::posture::Judge;
use mintage::operation::ledger::{audit, issue, release, seats};
use mintage::operation::proof::Fresh;
use mintage::policy::RevocationsContext;
use mintage::request::{LicenseReference, Nonce, Request};

use super::{Place, activate, at, by_ann, key, license, mint};
use crate::harness::{Bench, ISSUED, Outcome, example};

/// How many claim at once.
const CLAIMERS: u8 = 64;

/// Claims a seat for a machine that carries the license, for ten seconds.
fn claim(ledger: &Ledger, token: &str, machine: u8, second: i64) -> Result<String, Code> {
    seat(ledger, token, machine, second, None)
}

/// Claims a seat for a machine that carries the license, or takes it along.
fn seat(ledger: &Ledger, token: &str, machine: u8, second: i64, borrow: Option<i64>) -> Result<String, Code> {
    lent(ledger, Seats::OfIssuer, token, machine, second, borrow)
}

fn lent(
    ledger: &Ledger,
    seats: Seats<'_>,
    token: &str,
    machine: u8,
    second: i64,
    borrow: Option<i64>,
) -> Result<String, Code> {
    let request = Request {
        license: LicenseReference::Token(token.to_owned()),
        fingerprint: Fingerprint::Exact(format!("m{machine}")),
        environment: None,
        product: None,
        product_version: None,
        manifest_digest: None,
        nonce: Nonce([machine; 16]),
        instance_key: key().public(),
        created_at: at(second),
    };
    let fresh =
        Fresh { proof_id: format!("lease-{machine}-{second}"), heartbeat_nonce: Nonce([machine; 16]), now: at(second) };
    let keyring = Keyring::from(key().public());
    let shown = Shown::Request(&request);
    let borrow_until = borrow.map(at);
    let revocations = RevocationsContext::None;
    let drafting = Drafting { seats, keyring: &keyring, revocations, until: borrow_until, fresh };
    let draft = lease::draft(ledger, &shown, drafting);
    let terms = Terms { seconds: 10, borrow_until, username: None, wait: false };
    match lease::claim(ledger, &by_ann(second), draft.unwrap(), &terms) {
        Ok(Seated::Held(leased)) => {
            let end = at(borrow.unwrap_or(second + 10));
            assert_eq!((&leased.proof.proof_id, leased.proof.expires_at), (&leased.lease.lease_id, end));
            Ok(leased.lease.lease_id)
        }
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.code()),
    }
}

#[test]
fn ten_seats_are_ten_whoever_asks() {
    for mut place in Place::all() {
        let ledger = Arc::new(place.open("seats"));
        let mut ten = license("lic-1");
        ten.seats = Some(10);
        let record = mint(ten);
        let token = record.token.clone();
        issue::record(&ledger, &by_ann(0), vec![record]).unwrap();
        for round in 0..2_i64 {
            // All leases of the round before have ended.
            let second = 1 + round * 100;
            let claimers = (0..CLAIMERS).map(|machine| {
                let (ledger, token) = (Arc::clone(&ledger), token.clone());
                std::thread::spawn(move || {
                    // A crash at once: the second answer is the one that counts, and is the same.
                    let first = claim(&ledger, &token, machine, second);
                    let again = claim(&ledger, &token, machine, second);
                    if first.is_ok() {
                        assert_eq!(again, first);
                    }
                    again
                })
            });
            let claimers: Vec<_> = claimers.collect();
            let answers: Vec<_> = claimers.into_iter().map(|claimer| claimer.join().unwrap()).collect();
            let granted: BTreeSet<_> = answers.iter().flatten().collect();
            assert_eq!(granted.len(), 10, "round {round}");
            assert!(
                answers.iter().filter_map(|answer| answer.as_ref().err()).all(|code| *code == Code::SeatsExhausted)
            );
            assert_eq!(seats::holders(&ledger, "lic-1").unwrap().len(), 10);
        }
        // Each of 20 leases began, and the 10 of the first round ended.
        assert_eq!(audit::verify(&ledger, None).unwrap().sequence, 1 + 20 + 10);
    }
}

#[test]
fn whoever_stands_in_line_first_is_first() {
    for mut place in Place::all() {
        let ledger = place.open("line");
        let mut one = license("lic-1");
        one.seats = Some(1);
        issue::record(&ledger, &by_ann(0), vec![mint(one)]).unwrap();
        let ask = |holder: &str, second: i64, lasts: i64| {
            let claim = Claim {
                license_id: "lic-1".to_owned(),
                holder: holder.to_owned(),
                username: None,
                // Later ones have ids that come first.
                lease_id: format!("{}-{holder}-{second}", 9 - second),
                seconds: lasts,
                borrow_until: None,
                wait: true,
                now: at(second),
                actor: "ann".to_owned(),
            };
            match seats::claim(&ledger, claim).unwrap() {
                Claimed::Waiting(place) => Err(place),
                Claimed::Granted(lease) => Ok(lease.lease_id),
                other => panic!("{other:?}"),
            }
        };
        let held = ask("a", 1, 1_000).unwrap();
        // All in one second, and asked again.
        let names = ["z", "y", "x", "w", "v"];
        for _ in 0..2 {
            assert_eq!(names.map(|name| ask(name, 2, 600)), [Err(1), Err(2), Err(3), Err(4), Err(5)]);
        }
        seats::release(&ledger, &by_ann(3), &held, EndReason::Released).unwrap();
        // Who asks for a short lease does not shorten the time that others have.
        assert_eq!((ask("b", 100, 60), ask("y", 100, 60)), (Err(6), Err(2)));
        assert!(ask("z", 601, 60).is_ok());
        // Who has not asked again for two minutes has left.
        assert_eq!(ask("y", 123, 600), Err(1));
        assert_eq!(ask("b", 123, 600), Err(2));
    }
}

#[test]
fn an_installed_license_has_its_seats_from_the_first_claims_on() {
    for mut place in Place::all() {
        let ledgers = [Arc::new(place.open("installed")), Arc::new(place.open("installed"))];
        let mut ten = license("lic-1");
        ten.seats = Some(10);
        let token = mint(ten).token;
        let judge = Judge { keyring: Keyring::from(key().public()), ..Judge::default() };
        let installed = install::install(&ledgers[0], &by_ann(0), &judge, token.as_bytes(), Origin::Api).unwrap();
        assert!(installed.is_valid());
        let claimers = (0..CLAIMERS).map(|machine| {
            let (ledger, judge, token) = (Arc::clone(&ledgers[usize::from(machine % 2)]), judge.clone(), token.clone());
            std::thread::spawn(move || {
                let id = lease::installed::enter(&ledger, &by_ann(1), &judge, None).unwrap();
                lent(&ledger, Seats::OfInstalled(&id), &token, machine, 1, None)
            })
        });
        let claimers: Vec<_> = claimers.collect();
        let answers: Vec<_> = claimers.into_iter().map(|claimer| claimer.join().unwrap()).collect();
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 10);
        assert!(answers.iter().filter_map(|answer| answer.as_ref().err()).all(|code| *code == Code::SeatsExhausted));
        // It was installed once and entered once, and each of ten leases began.
        assert_eq!(audit::verify(&ledgers[0], None).unwrap().sequence, 1 + 1 + 10);
    }
}

#[test]
fn a_machine_that_gives_its_activation_back_gives_its_seat_back() {
    for mut place in Place::all() {
        let ledger = place.open("givenback");
        let mut two = license("lic-1");
        (two.seats, two.max_activations) = (Some(2), Some(3));
        let record = mint(two);
        let token = record.token.clone();
        issue::record(&ledger, &by_ann(0), vec![record]).unwrap();
        for machine in 1..=3_u8 {
            let name = format!("m{machine}");
            let machine = Machine::of(&Fingerprint::Exact(name.clone()));
            ledger.activate(Activate { machine, ..activate("lic-1", &name, 1) }).unwrap();
        }
        let lease = claim(&ledger, &token, 1, 2).unwrap();
        let borrowed = seat(&ledger, &token, 2, 2, Some(500)).unwrap();
        assert_eq!(claim(&ledger, &token, 3, 3), Err(Code::SeatsExhausted));
        let give_back = |machine: u8, second| {
            let id = format!("proof-lic-1-m{machine}-1");
            release::release(&ledger, &by_ann(second), &id, None, None).unwrap().unchanged
        };
        assert!(!give_back(1, 4));
        let held = |ledger: &Ledger| -> Vec<String> {
            seats::holders(ledger, "lic-1").unwrap().into_iter().map(|lease| lease.lease_id).collect()
        };
        assert_eq!(held(&ledger), [borrowed.as_str()]);
        let filter = AuditFilter { action: Some("seat.released".to_owned()), ..AuditFilter::default() };
        let mut ended = Vec::new();
        let told = audit::entries::<LedgerError>(&ledger, &filter, |chained| {
            ended.push((chained.entry.target, chained.entry.at));
            Ok(())
        });
        told.unwrap();
        assert_eq!(ended, [(Some(lease), at(4))]);
        // A second release finds nothing to end, and a seat that was taken along counts until its end.
        assert!(give_back(1, 5) && !give_back(2, 5));
        assert_eq!(held(&ledger), [borrowed.as_str()]);
        assert!(claim(&ledger, &token, 3, 6).is_ok());
        audit::verify(&ledger, None).unwrap();
    }
}

const BOOK: [&str; 2] = ["--ledger", "sqlite:book.db"];

impl Bench {
    fn lends(&self, machine: &str, arguments: &[&str]) -> Outcome {
        let (key, request) = (example("vendor.key"), format!("{machine}.request"));
        let asks = ["-q", "activate", "--license", "acme.lic", "--fingerprint", machine, "--force"];
        assert_eq!(self.run([&asks[..], &["--request-out", &request]].concat()).status, Some(0));
        let fixed = ["mint", "proof", "--allow-readable-key", "--key", &key, "--issued-at", ISSUED, "--force"];
        self.run(fixed.iter().chain(&["--request", &request, "-o", "lease.json"]).chain(arguments))
    }
}

#[test]
fn a_seat_is_lent_by_file_and_taken_back() {
    let bench = Bench::new();
    let terms = ["--tenant", "acme", "--activation", "proof", "--expires", "2099-12-31", "--seats", "1"];
    bench.write("acme.lic", bench.mint(&[&terms[..], &BOOK].concat()));
    let lend = |machine: &str, arguments: &[&str]| bench.lends(machine, &[arguments, &BOOK].concat());
    assert_snapshot!(bench.lends("node-1", &["--borrow-until", "2099-06-01"]), @r"
    ------- stderr -------
    mintage: error[usage]: only a ledger counts seats, and none was named
    mintage: hint: name one with --ledger or MINTAGE_LEDGER
    [exit status: 2]
    ");
    assert_snapshot!(lend("node-1", &["--borrow-until", "2100-06-01"]), @r"
    ------- stderr -------
    mintage: error[usage]: the proof would last until 2100-06-01T23:59:59Z, and the license ends on 2099-12-31T23:59:59Z
    mintage: hint: name an earlier end, or renew the license first
    [exit status: 2]
    ");
    assert_snapshot!(lend("node-1", &["--borrow-until", "2026-02-01"]), @r"
    ------- stderr -------
    mintage: error[usage]: 2026-02-01T23:59:59Z is over, and a seat is lent from now on
    mintage: hint: name a later time with --borrow-until
    [exit status: 2]
    ");
    assert_snapshot!(lend("node-1", &["--borrow-until", "2099-06-01", "--id", "lease-1"]), @r"
    ------- stderr -------
    mintage: lent seat lease-1 for license lic-1, until 2099-06-01T23:59:59Z
    [exit status: 0]
    ");
    let trust = example("vendor.pub");
    let lease = ["-q", "verify", "lease.json", "--trust", &trust, "--fingerprint", "node-1", "--at"];
    let verify = |at: &str| bench.run([&lease[..], &[at]].concat()).status;
    assert_eq!((verify("2099-06-01T23:59:59Z"), verify("2099-06-02T00:00:00Z")), (Some(0), Some(1)));
    // Who lost the lease gets it again, and who wants to keep it for longer has one seat still.
    assert!(
        lend("node-1", &["--borrow-until", "2099-07-01", "--id", "lease-2"]).stderr().contains("lent seat lease-1")
    );
    let shorter = lend("node-1", &["--borrow-until", "2099-05-01", "--id", "lease-3"]);
    assert!(shorter.stderr().contains("the machine had it already, for longer than was asked now"), "{shorter}");
    assert_snapshot!(lend("node-2", &["--borrow-until", "2099-06-01", "--id", "lease-3"]), @r"
    ------- stderr -------
    mintage: error[seats-exhausted]: 1 of 1 seats of license lic-1 are taken
    mintage: hint: wait for one to be released, or ask for more seats
    [exit status: 1]
    ");
    let shown = bench.run([&["ledger", "show", "lic-1"], &BOOK[..]].concat());
    let seats: Vec<_> =
        shown.stdout().lines().filter(|line| line.contains("seat ") || line.contains("seats")).collect();
    assert_snapshot!(seats.join("\n"), @r"
    seats     1 of 1
    seat      lease-1 by b845cc499bfda68a6a381be28503c826ae6ad5705bf0053f2af73b661b81935b borrowed until 2099-07-01T23:59:59Z
    ");
    assert_snapshot!(bench.run([&["ledger", "release", "lease-1", "--reason", "stolen laptop"], &BOOK[..]].concat()), @r"
    ------- stderr -------
    mintage: seat lease-1 is released
    mintage: its lease still counts offline, until 2099-07-01T23:59:59Z
    [exit status: 0]
    ");
    let audit = bench.run([&["ledger", "audit", "--action", "seat.released", "--json"], &BOOK[..]].concat());
    assert!(audit.stdout().contains(r#""reason":"forced: stolen laptop""#), "{audit}");
    assert_snapshot!(bench.run([&["ledger", "release", "lease-1"], &BOOK[..]].concat()), @r"
    ------- stderr -------
    mintage: seat lease-1 is released already
    [exit status: 0]
    ");
    assert_eq!(lend("node-2", &["--borrow-until", "2099-06-01", "--id", "lease-3"]).status, Some(0));
}
