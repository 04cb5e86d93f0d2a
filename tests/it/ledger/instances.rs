//! Two servers on one PostgreSQL, of which one is killed while machines ask both: what was acknowledged stays.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mintage::operation::ledger::audit;

use super::{Cluster, open, told_of};
use crate::harness::{Bench, ISSUED, example};
use crate::serve::running::Running;

const CLIENTS: usize = 16;

/// Machines that ask, and those that the license is for.
const MACHINES: usize = 400;
const SEATS: usize = 100;

/// Heartbeats of each activated machine.
const BEATS: usize = 6;

/// Two servers, the first of which is killed once so many answers were given.
struct Pair {
    servers: [Running; 2],
    answers: AtomicUsize,
    fatal: usize,
    /// Requests that the killed server left unanswered.
    lost: AtomicUsize,
}

/// A machine that was activated: its proof, and every nonce that it was handed.
struct Machine {
    name: String,
    proof: String,
    nonces: Vec<String>,
}

impl Pair {
    fn start(bench: &Bench, arguments: &[&str], fatal: usize) -> Self {
        let start = || {
            let mut server = Running::start(bench, arguments);
            server.leave_log();
            server
        };
        Self { servers: [start(), start()], answers: AtomicUsize::new(0), fatal, lost: AtomicUsize::new(0) }
    }

    /// Asks one server, and the other when that one has nothing to say any more: the same request, word for word.
    fn post(&self, path: &str, body: &str, first: usize) -> (u16, String) {
        for which in (first..).take(20) {
            match post(&self.servers[which % 2].address, path, body) {
                Ok(answer) => {
                    if self.answers.fetch_add(1, Ordering::SeqCst) + 1 == self.fatal {
                        self.servers[0].signal("KILL");
                    }
                    return answer;
                }
                Err(_) => drop(self.lost.fetch_add(1, Ordering::SeqCst)),
            }
        }
        panic!("neither server answers");
    }

    fn activate(&self, key: &str, number: usize) -> Option<Machine> {
        let name = format!("node-{number}");
        let body = format!(r#"{{"licenseKey":"{key}","machineFingerprint":"{name}"}}"#);
        match self.post("activate", &body, number) {
            (200, answer) => Some(Machine {
                name,
                proof: member(&answer, "proofId"),
                nonces: vec![member(&answer, "heartbeatNonce")],
            }),
            (409, answer) => {
                assert_eq!(member(&answer, "code"), "activations-exhausted");
                None
            }
            other => panic!("{other:?}"),
        }
    }

    fn beat(&self, machine: &Machine, nonce: &str, first: usize) -> String {
        let body = format!(
            r#"{{"licenseId":"lic-1","proofId":"{}","machineFingerprint":"{}","nonce":"{nonce}"}}"#,
            machine.proof, machine.name
        );
        let (status, answer) = self.post("heartbeat", &body, first);
        assert_eq!(status, 200, "{answer}");
        answer
    }
}

/// Sends a request on a connection of its own; an answer that is not whole is none.
fn post(address: &str, path: &str, body: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let head = format!("POST /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}", body.len());
    stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n{body}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let whole = answer.split_once("\r\n\r\n").filter(|(_, body)| body.ends_with("}\n"));
    let (head, body) = whole.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?;
    Ok((head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned()))
}

fn member(answer: &str, name: &str) -> String {
    let rest = answer.split(&format!("\"{name}\":\"")).nth(1).unwrap_or_else(|| panic!("{answer}"));
    rest.split('"').next().unwrap().to_owned()
}

/// Does something with every number from as many threads as there are clients.
fn rush(count: usize, act: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= count {
                        return;
                    }
                    act(number);
                }
            });
        }
    });
}

#[test]
fn nothing_that_was_acknowledged_is_lost_with_a_server() {
    let Some(mut cluster) = Cluster::start() else { return };
    let (bench, url, signer) = (Bench::new(), cluster.database("instances"), example("vendor.key"));
    let given = ["--key", &signer, "--allow-readable-key", "--ledger", &url];
    let terms = ["--tenant", "acme", "--activation", "proof", "--expires", "2099-12-31", "--max-activations", "100"];
    let fixed = ["-q", "mint", "--id", "lic-1", "--issued-at", ISSUED, "--license-key", "-o", "acme.lic"];
    let minted = bench.run([&fixed[..], &terms, &given].concat());
    let key = minted.stderr().split_whitespace().find(|word| word.starts_with("MTG-")).unwrap().trim_end_matches(',');

    let pair = Pair::start(&bench, &given, MACHINES / 8);
    let activated = Mutex::new(Vec::new());
    rush(MACHINES, |number| activated.lock().unwrap().extend(pair.activate(key, number)));
    let mut machines = activated.into_inner().unwrap();
    assert_eq!(machines.len(), SEATS);
    assert!(pair.lost.load(Ordering::SeqCst) > 0, "the server was killed after the last request");
    drop(pair);

    let ledger = open(&url).unwrap();
    let held = |ledger| {
        let shown = told_of(ledger, "lic-1");
        let all = shown.activations.into_iter().map(|one| (one.proof_id, one.nonce));
        (shown.held.activations, all.collect::<BTreeMap<_, _>>())
    };
    let (count, rows) = held(&ledger);
    assert_eq!((count, rows.len()), (100, SEATS));
    for machine in &machines {
        assert_eq!(rows.get(&machine.proof), machine.nonces.first(), "{} was acknowledged", machine.name);
    }

    // Two new servers, and the activated machines say that they are there; again one is killed.
    let pair = Pair::start(&bench, &given, SEATS * BEATS / 3);
    let slots: Vec<Mutex<&mut Machine>> = machines.iter_mut().map(Mutex::new).collect();
    rush(SEATS, |number| {
        let mut machine = slots[number].lock().unwrap();
        for beat in 0..BEATS {
            let nonce = machine.nonces.last().unwrap().clone();
            let answer = pair.beat(&machine, &nonce, number + beat);
            machine.nonces.push(member(&answer, "newNonce"));
        }
    });
    drop(slots);
    assert!(pair.lost.load(Ordering::SeqCst) > 0, "the server was killed after the last heartbeat");
    rush(SEATS, |number| {
        let machine = &machines[number];
        let old = &machine.nonces[..machine.nonces.len() - 2];
        for nonce in old {
            assert_eq!(member(&pair.beat(machine, nonce, 1), "code"), "nonce-mismatch", "{}", machine.name);
        }
    });
    let (_, rows) = held(&ledger);
    machines.iter().for_each(|machine| assert_eq!(rows.get(&machine.proof), machine.nonces.last()));
    // One entry for the license, and one for each machine, in one chain.
    assert_eq!(audit::verify(&ledger, None).unwrap().sequence, 1 + SEATS as u64);
}
