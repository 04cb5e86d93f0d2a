//! Many at once: nothing is sold twice, nobody is told that the ledger is busy.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use mintage::code::Code;
use mintage::ledger::release::Heartbeat;
use mintage::ledger::{self, Ledger};
use mintage::operation::ledger::{audit, heartbeat};

use super::{Place, activate, at, open, record, told_of};

const CLIENTS: u64 = 64;

/// Asks `total` times from 64 threads; returns how many got a machine, and every other answer.
fn rush(ledger: &Arc<Ledger>, license: &str, total: u64) -> (u64, BTreeSet<Code>) {
    let next = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (ledger, next, license) = (Arc::clone(ledger), Arc::clone(&next), license.to_owned());
            thread::spawn(move || {
                let (mut granted, mut refused) = (0, BTreeSet::new());
                loop {
                    let machine = next.fetch_add(1, Ordering::Relaxed);
                    if machine >= total {
                        return (granted, refused);
                    }
                    match ledger.activate(activate(&license, &format!("m{machine}"), 1)) {
                        Ok(_) => granted += 1,
                        Err(error) => drop(refused.insert(error.code())),
                    }
                }
            })
        })
        .collect();
    clients.into_iter().map(|client| client.join().unwrap()).fold((0, BTreeSet::new()), |all, (granted, refused)| {
        (all.0 + granted, all.1.into_iter().chain(refused).collect())
    })
}

#[test]
fn a_hundred_machines_are_a_hundred_whoever_asks() {
    for mut place in Place::all() {
        let ledger = Arc::new(place.open("rush"));
        for round in 0..2 {
            let license = format!("lic-{round}");
            record(&ledger, &license, Some(100));
            let (granted, refused) = rush(&ledger, &license, 2_000);
            assert_eq!((granted, refused), (100, BTreeSet::from([Code::ActivationsExhausted])));
            let shown = told_of(&ledger, &license);
            assert_eq!((shown.held.activations, shown.activations.len()), (100, 100));
        }
        assert_eq!(audit::verify(&ledger, None).unwrap().sequence, 202);
    }
}

#[test]
fn one_machine_is_one_however_often_it_asks() {
    for mut place in Place::all() {
        let ledger = Arc::new(place.open("same"));
        record(&ledger, "lic-1", Some(3));
        let askers: Vec<_> = (0..CLIENTS)
            .map(|asker| {
                let ledger = Arc::clone(&ledger);
                let ask = move |second| ledger.activate(activate("lic-1", "m1", second)).unwrap().proof_id;
                thread::spawn(move || {
                    (0..16)
                        .map(|round| ask(i64::try_from((asker * 16 + round) % 900).unwrap()))
                        .collect::<BTreeSet<_>>()
                })
            })
            .collect();
        let proofs: BTreeSet<String> = askers.into_iter().flat_map(|asker| asker.join().unwrap()).collect();
        assert_eq!(proofs.len(), 1);
        assert_eq!(told_of(&ledger, "lic-1").held.activations, 1);
    }
}

#[test]
fn several_processes_share_what_is_left() {
    for mut place in Place::all() {
        let url = place.url("shared");
        let ledgers: Vec<Arc<Ledger>> = (0..4).map(|_| Arc::new(open(&url).unwrap())).collect();
        record(&ledgers[0], "lic-1", Some(50));
        let clients: Vec<_> = (0..16_u64)
            .map(|client| {
                let ledger = Arc::clone(&ledgers[usize::try_from(client).unwrap() % 4]);
                let ask = move |round| ledger.activate(activate("lic-1", &format!("m{client}-{round}"), 1));
                thread::spawn(move || {
                    let answers: Vec<_> = (0..10).map(ask).collect();
                    let refused = |code| answers.iter().flatten().count() as u64 + code;
                    for answer in answers.iter().filter_map(|answer| answer.as_ref().err()) {
                        assert_eq!(answer.code(), Code::ActivationsExhausted, "{answer}");
                    }
                    refused(0)
                })
            })
            .collect();
        let granted: u64 = clients.into_iter().map(|client| client.join().unwrap()).sum();
        assert_eq!(granted, 50);
        audit::verify(&ledgers[0], None).unwrap();
    }
}

/// A machine that beats: it keeps the last nonce that reached it, and those before.
struct Machine {
    ledger: Arc<Ledger>,
    name: String,
    nonces: Vec<String>,
    sent: usize,
}

impl Machine {
    fn beat(&mut self, nonce: &str) -> Result<String, Code> {
        self.sent += 1;
        let beat = Heartbeat {
            proof_id: format!("proof-lic-1-{}-1", self.name),
            license_id: "lic-1".to_owned(),
            machine: ledger::machine::Machine::of_digest(&*self.name),
            nonce: nonce.to_owned(),
            fresh_nonce: format!("{}-{}", self.name, self.sent),
            grace_hours: 0,
            now: at(2),
        };
        heartbeat::heartbeat(&self.ledger, beat).map(|answer| answer.nonce).map_err(|error| error.code())
    }
}

#[test]
fn lost_answers_strand_nobody_and_replays_are_refused() {
    let beats = std::env::var("MINTAGE_TEST_BEATS").map_or(1_600, |beats| beats.parse().unwrap());
    for mut place in Place::all() {
        let ledger = Arc::new(place.open("beats"));
        record(&ledger, "lic-1", None);
        let machines = (0..16).map(|number| {
            let (ledger, name) = (Arc::clone(&ledger), format!("m{number}"));
            thread::spawn(move || {
                let first = ledger.activate(activate("lic-1", &name, 1)).unwrap().nonce;
                let mut machine = Machine { ledger, name, nonces: vec![first], sent: 0 };
                let (mut dropped, mut replayed) = (0, 0);
                for round in 0..beats / 16 {
                    let nonce = machine.nonces[machine.nonces.len() - 1].clone();
                    let mut answer = machine.beat(&nonce);
                    if (round * 7 + number) % 10 == 0 {
                        // The answer is lost, and the machine asks again with what it has.
                        dropped += 1;
                        let again = machine.beat(&nonce);
                        assert_eq!(again, answer, "the same answer until the new nonce is seen");
                        answer = again;
                    }
                    machine.nonces.push(answer.expect("no machine is stranded"));
                    if machine.nonces.len() > 3 && round % 5 == 0 {
                        replayed += 1;
                        let old = machine.nonces[machine.nonces.len() - 3].clone();
                        assert_eq!(machine.beat(&old), Err(Code::NonceMismatch));
                    }
                }
                (dropped, replayed)
            })
        });
        let machines: Vec<_> = machines.collect();
        let sums = machines.into_iter().map(|machine| machine.join().unwrap());
        let (dropped, replayed) = sums.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        assert!(dropped > 0 && replayed > 0);
        println!("{beats} heartbeats, {dropped} answers dropped: 0 stranded; {replayed} replays: 0 accepted");
    }
}

#[test]
fn who_opens_an_empty_place_at_once_finds_one_book() {
    for mut place in Place::all() {
        for round in 0..4 {
            let url = place.url(&format!("opened_{round}"));
            let together = Barrier::new(8);
            let open = || {
                together.wait();
                open(&url).map(drop)
            };
            let opened = thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
                threads.into_iter().try_for_each(|thread| thread.join().unwrap())
            });
            assert_eq!(opened, Ok(()));
        }
    }
}
