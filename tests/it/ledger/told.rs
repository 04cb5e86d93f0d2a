//! What is asked without waiting: the answer is told when there is one, to each who asked.

use std::sync::mpsc::channel;

use mintage::code::Code;
use mintage::ledger::activation::Activate;
use mintage::ledger::approval::Assembly;
use mintage::ledger::license_key::LicenseKey;
use mintage::ledger::{Found, Ledger, LedgerError};
use mintage::operation::ledger::approve;
use mintage::operation::ledger::issue::{self, Record};

use super::{Place, activate, at, by_ann, license, mint, record, told, told_of};

const KEYS: u8 = 8;

fn license_key(number: u8) -> LicenseKey {
    LicenseKey::from_random(&[number; 15])
}

fn recorded(ledger: &Ledger) -> Vec<String> {
    let record = |number| Record { license_key: Some(license_key(number)), ..mint(license(&format!("lic-{number}"))) };
    let records: Vec<Record> = (0..KEYS).map(record).collect();
    let tokens = records.iter().map(|record| record.token.clone()).collect();
    issue::record(ledger, &by_ann(0), records).unwrap();
    tokens
}

/// Asks for keys all at once, and returns the answers in the order of the keys.
fn find(ledger: &Ledger, keys: impl Iterator<Item = u8>) -> Vec<Result<Option<Found>, LedgerError>> {
    let (tell, answers) = channel();
    for (place, number) in keys.enumerate() {
        let tell = tell.clone();
        ledger.find_then(license_key(number).hash(), move |found| tell.send((place, found)).unwrap());
    }
    drop(tell);
    let mut answers: Vec<_> = answers.iter().collect();
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, found)| found).collect()
}

#[test]
fn each_key_opens_its_own_license_however_many_are_asked_for() {
    for mut place in Place::all() {
        let ledger = place.open("keys");
        let tokens = recorded(&ledger);
        let asked = || (0..4).flat_map(|_| 0..=KEYS);
        let opened = |approved: &[u8]| -> Vec<Option<Found>> {
            let found = |number: u8| {
                let token = tokens.get(usize::from(number))?.clone();
                Some(Found { token, approves: approved.contains(&number) })
            };
            asked().map(found).collect()
        };
        let found = |ledger| find(ledger, asked()).into_iter().map(Result::unwrap).collect::<Vec<_>>();
        assert_eq!(found(&ledger), opened(&[]));
        let app = Assembly {
            name: "app".to_owned(),
            version: "1.0".to_owned(),
            sha256: "a".repeat(64),
            public_key_token: None,
        };
        approve::approve(&ledger, &by_ann(1), std::slice::from_ref(&app), &["lic-2".to_owned()], "ci").unwrap();
        assert_eq!(found(&ledger), opened(&[2]));
        approve::approve(&ledger, &by_ann(2), &[app], &[], "ci").unwrap();
        assert_eq!(found(&ledger), opened(&(0..KEYS).collect::<Vec<u8>>()));
    }
}

#[test]
fn who_does_not_wait_is_told_what_has_become_durable() {
    for mut place in Place::all() {
        let ledger = place.open("told");
        record(&ledger, "lic-1", Some(3));
        let (tell, answers) = channel();
        for machine in 0..5 {
            let tell = tell.clone();
            let then = move |activated: Result<_, LedgerError>| {
                tell.send(activated.map(drop).map_err(|error| error.code())).unwrap();
            };
            ledger.activate_then(activate("lic-1", &format!("m{machine}"), 1), then);
        }
        drop(tell);
        let answers: Vec<_> = answers.iter().collect();
        let full = Err(Code::ActivationsExhausted);
        assert_eq!(answers, [Ok(()), Ok(()), Ok(()), full, full]);
        assert_eq!(told_of(&ledger, "lic-1").held.activations, 3);
        assert_eq!(ledger.waiting(), 0);
        // Those who ask while it closes are told too.
        let (tell, answers) = channel();
        ledger.write_then(|_| Ok(at(5)), move |answer| tell.send(answer).unwrap());
        drop(ledger);
        assert_eq!(answers.recv().unwrap(), Ok(at(5)));
    }
}

#[test]
fn a_machine_that_asks_twice_at_once_is_held_as_it_asked_last() {
    for mut place in Place::all() {
        let ledger = place.open("twice");
        record(&ledger, "lic-1", Some(1));
        // Both wait for the same writer, which so takes them together.
        let (let_go, held) = channel();
        ledger.write_then(move |_| Ok(held.recv().unwrap()), |_| {});
        let (tell, answers) = channel();
        for (version, seconds) in [("1.0", 1), ("2.0", 2)] {
            let asked = Activate {
                product_version: Some(version.to_owned()),
                expires_at: at(100 + seconds),
                ..activate("lic-1", "m1", seconds)
            };
            let tell = tell.clone();
            ledger.activate_then(asked, move |activated| tell.send(activated.unwrap().repeated).unwrap());
        }
        let_go.send(at(0)).unwrap();
        assert_eq!([answers.recv().unwrap(), answers.recv().unwrap()], [false, true]);
        let held = told_of(&ledger, "lic-1").activations.remove(0);
        assert_eq!((held.product_version.as_deref(), held.expires_at, held.seen_at), (Some("2.0"), at(102), at(2)));
    }
}

#[test]
fn a_ledger_that_cannot_be_asked_says_so_to_each() {
    let folder = tempfile::TempDir::with_prefix("mintage-ledger-").unwrap();
    let path = folder.path().join("book.db");
    let ledger = super::open(&format!("sqlite:{}", path.display())).unwrap();
    recorded(&ledger);
    // The writer goes on with the file that it holds; whoever looks is the first to open it anew.
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    for answer in find(&ledger, 0..3) {
        assert!(told(answer).starts_with("error[ledger-unavailable]: the ledger is unreachable:"));
    }
}
