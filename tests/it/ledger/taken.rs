//! Ids that are taken: of licenses, of activations and of seats.

use std::sync::mpsc;
use std::time::Duration;

use insta::assert_snapshot;
use mintage::ledger::activation::Activate;
use mintage::ledger::seat::{self, Claim};
use mintage::ledger::{Ledger, LedgerError};

use super::{Place, activate, at, record, told};
use crate::harness::{Bench, ISSUED, Outcome, example};

const BOOK: [&str; 2] = ["--ledger", "sqlite:book.db"];

/// A machine that asks under an id that somebody chose.
fn under(proof_id: &str, license_id: &str, machine: &str) -> Activate {
    Activate { proof_id: proof_id.to_owned(), ..activate(license_id, machine, 10) }
}

/// Takes a seat under an id that somebody chose.
fn seated(ledger: &Ledger, lease_id: &str, license_id: &str, holder: &str) -> Result<seat::Claimed, LedgerError> {
    let claim = Claim {
        license_id: license_id.to_owned(),
        holder: holder.to_owned(),
        username: None,
        lease_id: lease_id.to_owned(),
        seconds: 600,
        borrow_until: None,
        wait: false,
        now: at(10),
        actor: "ann".to_owned(),
    };
    ledger.write(move |transaction| seat::claim(transaction, &claim))
}

#[test]
fn an_id_stands_for_one_machine_or_seat_on_every_engine() {
    for mut place in Place::all() {
        let ledger = place.open("taken");
        record(&ledger, "lic-1", Some(3));
        record(&ledger, "lic-2", None);
        ledger.activate(under("p-1", "lic-1", "m1")).unwrap();
        seated(&ledger, "s-1", "lic-2", "m1").unwrap();
        let refused = |id: &str, of: &str, asked: &str| {
            format!(
                "error[id-taken]: id {id} stands in the ledger already, for license {of}, and was asked for anew, \
                 for license {asked}"
            )
        };
        assert_eq!(told(ledger.activate(under("p-1", "lic-1", "m2"))), refused("p-1", "lic-1", "lic-1"));
        assert_eq!(told(ledger.activate(under("p-1", "lic-2", "m1"))), refused("p-1", "lic-1", "lic-2"));
        assert_eq!(told(ledger.activate(under("s-1", "lic-1", "m2"))), refused("s-1", "lic-2", "lic-1"));
        assert_eq!(told(seated(&ledger, "s-1", "lic-2", "m2")), refused("s-1", "lic-2", "lic-2"));
        assert_eq!(told(seated(&ledger, "p-1", "lic-2", "m2")), refused("p-1", "lic-1", "lic-2"));
        // Who holds it asks again, and needs no id of its own.
        assert!(ledger.activate(under("p-1", "lic-1", "m1")).unwrap().repeated);
        assert!(ledger.activate(under("s-1", "lic-1", "m1")).unwrap().repeated);
        assert!(seated(&ledger, "s-1", "lic-2", "m1").is_ok());
    }
}

#[test]
fn a_taken_id_fails_alone_among_those_that_are_committed_together() {
    for mut place in Place::all() {
        let ledger = place.open("together");
        record(&ledger, "lic-1", Some(9));
        ledger.activate(under("p-1", "lic-1", "m1")).unwrap();
        // While the writer is busy the others gather.
        let (go_on, busy) = mpsc::channel::<()>();
        ledger.write_then(move |_| busy.recv_timeout(Duration::from_secs(60)).map_err(|_| unreachable!()), |_| {});
        let (tell, answers) = mpsc::channel();
        let asked = [("p-2", "m2"), ("p-1", "m3"), ("p-4", "m4"), ("p-4", "m5"), ("p-6", "m6")];
        for (id, machine) in asked {
            let tell = tell.clone();
            ledger.activate_then(under(id, "lic-1", machine), move |answer| {
                tell.send((machine, answer.map(|activated| activated.proof_id).map_err(|error| error.code()))).unwrap();
            });
        }
        go_on.send(()).unwrap();
        let mut answers: Vec<_> = answers.iter().take(asked.len()).collect();
        answers.sort();
        let told: Vec<String> = answers
            .into_iter()
            .map(|(machine, answer)| {
                let answer = answer.unwrap_or_else(|code| code.to_string());
                format!("{machine} {answer}")
            })
            .collect();
        assert_eq!(told, ["m2 p-2", "m3 id-taken", "m4 p-4", "m5 id-taken", "m6 p-6"]);
    }
}

#[test]
fn commands_refuse_an_id_that_is_taken() {
    let bench = Bench::new();
    let terms = ["--tenant", "acme", "--activation", "proof", "--expires", "2099-12-31"];
    bench.write("acme.lic", bench.mint(&[&terms[..], &BOOK].concat()));
    let key = example("vendor.key");
    let again = [&["mint", "--allow-readable-key", "--key", &key, "--id", "lic-1", "--issued-at", ISSUED][..], &terms];
    let again = bench.run([&again.concat()[..], &BOOK].concat());
    assert_snapshot!(again, @"
    ------- stderr -------
    mintage: expires 2099-12-31T23:59:59Z, 27027 days after issue
    mintage: issued 2026-01-01T00:00:00Z
    mintage: error[license-exists]: the ledger already holds a license lic-1
    mintage: hint: choose another id, or renew the license that is there
    [exit status: 1]
    ");
    let asks = |machine: &str, id: &str, more: &[&str]| -> Outcome {
        let request = format!("{machine}.request");
        let asks = ["-q", "activate", "--license", "acme.lic", "--fingerprint", machine, "--force", "--request-out"];
        assert_eq!(bench.run([&asks[..], &[&request]].concat()).status, Some(0));
        let fixed = ["-q", "mint", "proof", "--allow-readable-key", "--key", &key, "--issued-at", ISSUED];
        bench.run([&fixed[..], &["--request", &request, "--id", id], more, &BOOK].concat())
    };
    assert_eq!(asks("node-1", "p-1", &[]).status, Some(0));
    assert_snapshot!(asks("node-2", "p-1", &[]), @"
    ------- stderr -------
    mintage: error[id-taken]: id p-1 stands in the ledger already, for license lic-1, and was asked for anew, for license lic-1
    mintage: hint: choose another id, or leave it out for a random one
    [exit status: 1]
    ");
    let lend = ["--borrow-until", "2099-06-01"];
    assert_eq!(asks("node-3", "lease-1", &lend).status, Some(0));
    assert_snapshot!(asks("node-4", "lease-1", &lend), @"
    ------- stderr -------
    mintage: error[id-taken]: id lease-1 stands in the ledger already, for license lic-1, and was asked for anew, for license lic-1
    mintage: hint: choose another id, or leave it out for a random one
    [exit status: 1]
    ");
}
