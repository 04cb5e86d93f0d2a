//! One request that fails, one caller that panics, one lock that somebody holds: what becomes of the others.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use mintage::ledger::approval::{Approval, Assembly, approve};
use mintage::ledger::release::{Heartbeat, heartbeat};
use mintage::ledger::session::{self, Session};
use mintage::ledger::{self, Cause, LedgerError};
use mintage::operation::ledger::audit;

use super::{Cluster, Place, activate, at, open, record, told_of};

fn beat(license: &str, machine: &str, nonce: &str, fresh: &str) -> Heartbeat {
    Heartbeat {
        proof_id: format!("proof-{license}-{machine}-1"),
        license_id: license.to_owned(),
        machine: ledger::machine::Machine::of_digest(machine),
        nonce: nonce.to_owned(),
        fresh_nonce: fresh.to_owned(),
        grace_hours: 0,
        now: at(2),
    }
}

fn approval(name: &str) -> Approval {
    let assembly =
        Assembly { name: name.to_owned(), version: "1".to_owned(), sha256: "ab".repeat(32), public_key_token: None };
    Approval { assembly, license_id: None, source: "manual".to_owned(), now: at(3), actor: "ann".to_owned() }
}

fn a_session(id: &str) -> Session {
    Session {
        session_id: id.to_owned(),
        license_id: "lic-1".to_owned(),
        machine_id: "m".to_owned(),
        username: None,
        client_username: None,
        client_hostname: None,
        is_ci: false,
        version: None,
        started_at: at(1),
        ended_at: Some(at(2)),
    }
}

fn hold(url: &str, license: &str) -> postgres::Client {
    let mut other = postgres::Client::connect(url, postgres::NoTls).unwrap();
    other.batch_execute(&format!("BEGIN; SELECT * FROM license WHERE license_id = '{license}' FOR UPDATE")).unwrap();
    other
}

/// Confirms that of three who are told, the innocent one is told that it was done.
fn assert_innocent_of_three(told: &Receiver<(&str, Result<(), LedgerError>)>) {
    let answers: Vec<_> = (0..3).map(|_| told.recv().unwrap()).collect();
    let innocent = answers.iter().find(|(name, _)| *name == "innocent").unwrap();
    assert_eq!(innocent.1, Ok(()), "{answers:?}");
}

/// Waits until so many wait for a lock in this database.
pub(super) fn wait_for_waiting(other: &mut postgres::Client, count: i64) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mintage' AND datname = current_database() \
               AND wait_event_type = 'Lock'";
    while other.query_one(sql, &[]).unwrap().get::<_, i64>(0) < count {
        thread::yield_now();
    }
}

#[test]
fn a_caller_that_panics_when_it_is_told_takes_the_writer_from_nobody() {
    for mut place in Place::all() {
        let ledger = place.open("told");
        record(&ledger, "lic-1", None);
        let (sender, told) = channel::<()>();
        let panics = move |_| {
            let _dropped_by_the_panic = sender;
            panic!("who is told panics, as this test asks for");
        };
        ledger.write_then(|_| Ok(()), panics);
        assert!(told.recv().is_err());
        assert_eq!(ledger.write(|_| Ok(5)), Ok(5));
    }
}

#[test]
fn a_server_that_takes_a_connection_and_says_nothing_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, opened) = channel();
    thread::spawn(move || {
        sender.send(open(&format!("postgres://ann@127.0.0.1:{port}/book?connect_timeout=2")).map(drop))
    });
    let _kept = listener.accept().unwrap();
    let answer = opened.recv_timeout(Duration::from_secs(25));
    assert!(matches!(answer, Ok(Err(LedgerError::Unavailable(..)))), "{answer:?}");
}

#[test]
fn what_the_server_takes_of_nobody_spoils_nothing_for_the_others() {
    let Some(mut cluster) = Cluster::start() else { return };
    let url = cluster.database("spoilt_act");
    let ledger = Arc::new(open(&url).unwrap());
    record(&ledger, "lic-1", None);
    record(&ledger, "lic-2", None);
    let nonce = ledger.activate(activate("lic-1", "m1", 1)).unwrap().nonce;
    let other_nonce = ledger.activate(activate("lic-2", "m1", 1)).unwrap().nonce;
    let mut other = hold(&url, "lic-1");
    let (sender, told) = channel();
    let ask = |name: &'static str, heartbeat_of: Heartbeat| {
        let sender = sender.clone();
        ledger.write_then(
            move |transaction| heartbeat(transaction, &heartbeat_of),
            move |answer| {
                sender.send((name, answer.map(drop))).unwrap();
            },
        );
    };
    ask("first", beat("lic-1", "m1", &nonce, "fresh-1"));
    let mut watcher = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    wait_for_waiting(&mut watcher, 1);
    // These are one group.
    ask("innocent", beat("lic-2", "m1", &other_nonce, "fresh-2"));
    let spoilt = sender.clone();
    ledger.write_then(
        |transaction| approve(transaction, &approval("a\0b")).map(drop),
        move |answer| {
            spoilt.send(("spoilt", answer)).unwrap();
        },
    );
    other.batch_execute("ROLLBACK").unwrap();
    assert_innocent_of_three(&told);
}

#[test]
fn an_activation_that_the_server_takes_of_nobody_spoils_nothing_for_the_others() {
    let Some(mut cluster) = Cluster::start() else { return };
    let url = cluster.database("spoilt_activation");
    let ledger = Arc::new(open(&url).unwrap());
    record(&ledger, "lic-1", None);
    let mut other = hold(&url, "lic-1");
    let (sender, told) = channel();
    for (name, environment) in [("first", "production"), ("innocent", "production"), ("spoilt", "a\0b")] {
        let mut one = activate("lic-1", name, 1);
        one.environment = Some(environment.to_owned());
        let sender = sender.clone();
        ledger.activate_then(one, move |answer| sender.send((name, answer.map(drop))).unwrap());
        if name == "first" {
            let mut watcher = postgres::Client::connect(&url, postgres::NoTls).unwrap();
            wait_for_waiting(&mut watcher, 1);
        }
    }
    other.batch_execute("ROLLBACK").unwrap();
    assert_innocent_of_three(&told);
}

#[test]
fn a_license_that_is_locked_locks_no_other() {
    let Some(mut cluster) = Cluster::start() else { return };
    let url = format!("{}&options=-c%20lock_timeout%3D500", cluster.database("spoilt_lock"));
    let ledger = Arc::new(open(&url).unwrap());
    // Of so many, some go to the same writer.
    (1..20).for_each(|number| record(&ledger, &format!("lic-{number}"), None));
    let mut other = hold(&url, "lic-1");
    let (sender, told) = channel();
    let ask = |license: String, machine: &str| {
        let sender = sender.clone();
        ledger.activate_then(activate(&license, machine, 1), move |answer| {
            sender.send((license, answer.map(drop))).unwrap();
        });
    };
    ask("lic-1".to_owned(), "m1");
    let mut watcher = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    wait_for_waiting(&mut watcher, 1);
    ask("lic-1".to_owned(), "m2");
    (2..20).for_each(|number| ask(format!("lic-{number}"), "m1"));
    let answers: Vec<_> = (0..20).map(|_| told.recv().unwrap()).collect();
    other.batch_execute("ROLLBACK").unwrap();
    let spoilt: Vec<_> = answers.iter().filter(|(id, answer)| id != "lic-1" && answer.is_err()).collect();
    assert!(spoilt.is_empty(), "{} innocents were told: {:?}", spoilt.len(), spoilt.first());
}

#[test]
fn heartbeats_of_a_license_that_is_locked_hold_up_no_other() {
    let Some(mut cluster) = Cluster::start() else { return };
    let url = format!("{}&options=-c%20lock_timeout%3D500", cluster.database("spoilt_heartbeats"));
    let ledger = Arc::new(open(&url).unwrap());
    let nonces: Vec<_> = (1..3)
        .map(|number| {
            let license = format!("lic-{number}");
            record(&ledger, &license, None);
            ledger.activate(activate(&license, "m1", 1)).unwrap().nonce
        })
        .collect();
    let mut other = hold(&url, "lic-1");
    let mut watcher = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    let (sender, told) = channel();
    let ask = |license: usize, fresh: &str| {
        let (sender, beat) = (sender.clone(), beat(&format!("lic-{license}"), "m1", &nonces[license - 1], fresh));
        ledger.write_then(
            move |transaction| heartbeat(transaction, &beat),
            move |answer| sender.send((license, answer.map(drop))).unwrap(),
        );
    };
    ask(1, "fresh-0");
    wait_for_waiting(&mut watcher, 1);
    // These are one group.
    (1..8).for_each(|number| ask(1, &format!("fresh-{number}")));
    ask(2, "fresh-8");
    let answers: Vec<_> = (0..9).map(|_| told.recv().unwrap()).collect();
    other.batch_execute("ROLLBACK").unwrap();
    for (license, answer) in answers {
        match license {
            1 => assert!(matches!(answer, Err(LedgerError::Unavailable(Cause::Locked, _))), "{answer:?}"),
            _ => assert_eq!(answer, Ok(())),
        }
    }
}

#[test]
fn heartbeats_of_two_programs_never_deadlock() {
    let Some(mut cluster) = Cluster::start() else { return };
    let url = cluster.database("heartbeats");
    let ledgers = [open(&url).unwrap(), open(&url).unwrap()];
    (0..16).for_each(|number| record(&ledgers[0], &format!("lic-{number}"), None));
    thread::scope(|scope| {
        for client in 0..64_usize {
            // Each license is asked for by both.
            let (ledger, license, machine) =
                (&ledgers[client / 16 % 2], format!("lic-{}", client % 16), format!("m{client}"));
            scope.spawn(move || {
                let mut nonce = ledger.activate(activate(&license, &machine, 1)).unwrap().nonce;
                for round in 0..20 {
                    let asked = beat(&license, &machine, &nonce, &format!("{machine}-{round}"));
                    nonce = ledger.write(move |transaction| heartbeat(transaction, &asked)).unwrap().nonce;
                }
            });
        }
    });
    // What a connection has seen is counted when it ends.
    drop(ledgers);
    let mut other = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    let connected = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mintage'";
    while other.query_one(connected, &[]).unwrap().get::<_, i64>(0) > 0 {
        thread::yield_now();
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(other.query_one(deadlocks, &[]).unwrap().get::<_, i64>(0), 0);
}

#[test]
fn an_id_that_cannot_be_is_refused() {
    for mut place in Place::all() {
        let ledger = place.open("spoilt_id");
        record(&ledger, "lic-1", None);
        let mut asked = beat("lic-1", "m1", "nonce", "fresh");
        asked.proof_id = "a\0b".to_owned();
        let answer = ledger.write(move |transaction| heartbeat(transaction, &asked));
        assert!(matches!(answer, Err(LedgerError::Refused(_))), "{answer:?}");
    }
}

#[test]
fn what_a_failed_statement_undid_is_not_acknowledged() {
    for mut place in Place::all() {
        let url = place.url("spoilt_statement");
        let ledger = open(&url).unwrap();
        record(&ledger, "lic-1", None);
        let answer = ledger.write(|transaction| {
            session::record(transaction, &[a_session("s1")], at(3))?;
            // Whatever became of this one, which is too long for an index.
            let mut state = 1_u64;
            let next = |_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                format!("{state:x}")
            };
            let long: String = (0..2_000).map(next).collect();
            let _ = session::record(transaction, &[a_session(&long)], at(3));
            Ok(())
        });
        let mut found = BTreeSet::new();
        ledger
            .read(|transaction| {
                session::between(transaction, at(0), at(9), |one| found.extend([one.session_id.clone()]))
            })
            .unwrap();
        assert!(answer.is_err() || found.contains("s1"), "{url}: {answer:?}, and {found:?} stand");
    }
}

#[test]
fn another_default_isolation_is_no_lock() {
    let Some(mut cluster) = Cluster::start() else { return };
    let plain = cluster.database("spoilt_isolation");
    let url = format!("{plain}&options=-c%20default_transaction_isolation%3Dserializable");
    let ledgers: Vec<_> = (0..3).map(|_| Arc::new(open(&url).unwrap())).collect();
    record(&ledgers[0], "lic-1", Some(300));
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for client in 0..24 {
            let (ledger, failed) = (Arc::clone(&ledgers[client % 3]), &failed);
            scope.spawn(move || {
                for round in 0..20 {
                    if let Err(error) = ledger.activate(activate("lic-1", &format!("m{client}-{round}"), 1))
                        && !matches!(error, LedgerError::Refused(_))
                    {
                        failed.lock().unwrap().push(error);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    let shown = told_of(&ledgers[0], "lic-1");
    audit::verify(&ledgers[0], None).unwrap();
    assert_eq!((failed.len(), shown.held.activations), (0, 300), "{:?}", failed.first());
}
