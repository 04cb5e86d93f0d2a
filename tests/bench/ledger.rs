//! Durable activations per second, by clients, on SQLite and, where `MINTAGE_TEST_POSTGRES` names a database, PostgreSQL:
//! `cargo bench --bench ledger`. With `-- seats`, 10,000 machines ask for 100, 64 at once, twenty times. With `-- report`,
//! `report usage` over 1,000,000 sessions beside the bare SQL that reads them, on SQLite. With `-- postgres`, PostgreSQL
//! beside pgbench, as `postgres.sh` starts it.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program that measures and prints")]

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mintage::ledger::activation::Activate;
use mintage::ledger::machine::Machine;
use mintage::ledger::session::Session;
use mintage::ledger::{Birth, Ledger, LedgerUrl};
use mintage::operation::ledger::issue::{self, Record};
use mintage::operation::ledger::{Stamp, report, sessions};
use mintage::report::{PrimaryKey, Request};
use mintage::time::Timestamp;
use mintage::{License, SecretKey, Token};

const LICENSES: u64 = 10_000;
const SPAN: Duration = Duration::from_secs(3);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_767_225_600 + seconds).unwrap()
}

fn open(url: &str) -> Arc<Ledger> {
    let birth = Birth { book_id: "bench".to_owned(), now: at(0) };
    Arc::new(Ledger::open(&LedgerUrl::parse(url).unwrap(), &birth).unwrap())
}

fn record(ledger: &Ledger, ids: impl Iterator<Item = String>, machines: Option<u64>) {
    let key = SecretKey::from_seed(&[7; 32]);
    let record = |id| {
        let mut license = License::new(id, "acme".to_owned(), at(0), Timestamp::NEVER);
        license.max_activations = machines;
        let token = Token::mint(license.clone(), &key).to_string();
        Record { license, token, key_id: key.public().id(), license_key: None }
    };
    let stamp = Stamp { actor: "bench".to_owned(), now: at(0) };
    issue::record(ledger, &stamp, ids.map(record).collect()).unwrap();
}

fn activate(license: String, machine: String) -> Activate {
    Activate {
        proof_id: format!("{license}/{machine}"),
        license_id: license,
        machine: Machine::of_digest(machine),
        nonce: "AAAAAAAAAAAAAAAAAAAAAA==".to_owned(),
        instance_key: None,
        environment: None,
        product_version: None,
        expires_at: at(1_000),
        now: at(1),
        actor: "bench".to_owned(),
    }
}

/// Activates from so many threads for a while; returns the rate and the latency that 99 of 100 stay below.
fn rate(
    ledger: &Arc<Ledger>,
    clients: u64,
    round: &str,
    license: impl Fn(u64) -> String + Copy + Send + 'static,
) -> (f64, Duration) {
    let (stop, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let began = Instant::now();
    let threads: Vec<_> = (0..clients)
        .map(|_| {
            let (ledger, stop, next, round) =
                (Arc::clone(ledger), Arc::clone(&stop), Arc::clone(&next), round.to_owned());
            std::thread::spawn(move || {
                let mut took = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let asked = Instant::now();
                    ledger.activate(activate(license(number), format!("{round}-{number}"))).unwrap();
                    took.push(asked.elapsed());
                }
                took
            })
        })
        .collect();
    std::thread::sleep(SPAN);
    stop.store(true, Ordering::Relaxed);
    let mut took: Vec<Duration> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    let elapsed = began.elapsed();
    took.sort_unstable();
    let count = u32::try_from(took.len()).unwrap();
    (f64::from(count) / elapsed.as_secs_f64(), took[took.len() * 99 / 100])
}

fn rates(name: &str, ledger: &Arc<Ledger>) {
    record(ledger, (0..LICENSES).map(|number| format!("lic-{number}")), None);
    let mut alone = 0.0;
    for clients in [1, 16, 64] {
        let (rate, p99) = rate(ledger, clients, &format!("c{clients}"), |number| format!("lic-{}", number % LICENSES));
        alone = if clients == 1 { rate } else { alone };
        println!("{name:10} {clients:2} clients  {rate:8.0}/s  {:5.1}x one  p99 {p99:?}", rate / alone);
    }
    let mut alone = 0.0;
    for clients in [1, 64] {
        let (rate, p99) = rate(ledger, clients, &format!("h{clients}"), |_| "lic-0".to_owned());
        alone = if clients == 1 { rate } else { alone };
        println!(
            "{name:10} {clients:2} clients  {rate:8.0}/s  {:5.1}x one  p99 {p99:?}, all on one license",
            rate / alone
        );
    }
}

/// Activates in turns with pgbench, which calls one function for each; prints medians and ratios.
fn beside_pgbench(ledger: &Arc<Ledger>, pgbench: &str) {
    const ROUNDS: u32 = 3;
    record(ledger, (0..LICENSES).map(|number| format!("lic-{number}")), None);
    let peer = |clients: u64, script: &str| {
        let mut words = pgbench.split(' ');
        let mut command = Command::new(words.next().unwrap());
        command.args([
            "-n",
            "-M",
            "prepared",
            "-j",
            "2",
            "-c",
            &clients.to_string(),
            "-T",
            &SPAN.as_secs().to_string(),
        ]);
        command.arg("-f").arg(format!("tests/bench/peers/postgres/{script}.sql")).args(words);
        let output = command.output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let rate = told.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse::<f64>().ok());
        rate.unwrap_or_else(|| panic!("{told}{}", String::from_utf8_lossy(&output.stderr)))
    };
    let median = |mut rates: Vec<f64>| {
        rates.sort_unstable_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    for script in ["spread", "hot"] {
        let mut alone = 0.0;
        for clients in [1, 16, 64] {
            let rounds = (0..ROUNDS).map(|round| {
                let license = |number| format!("lic-{}", number % LICENSES);
                let ours = match script {
                    "hot" => rate(ledger, clients, &format!("h{clients}-{round}"), |_| "lic-0".to_owned()),
                    _ => rate(ledger, clients, &format!("c{clients}-{round}"), license),
                };
                (ours.0, peer(clients, script))
            });
            let (ours, theirs): (Vec<f64>, Vec<f64>) = rounds.unzip();
            let (ours, theirs) = (median(ours), median(theirs));
            alone = if clients == 1 { ours } else { alone };
            println!(
                "{script:6} {clients:2} clients  {ours:8.0}/s  {:5.1}x one  pgbench {theirs:8.0}/s  ratio {:5.2}",
                ours / alone,
                ours / theirs
            );
        }
    }
}

fn seats(name: &str, ledger: &Arc<Ledger>) {
    for round in 0..20 {
        let license = format!("hot-{round}");
        record(ledger, std::iter::once(license.clone()), Some(100));
        let next = Arc::new(AtomicU64::new(0));
        let threads: Vec<_> = (0..64)
            .map(|_| {
                let (ledger, next, license) = (Arc::clone(ledger), Arc::clone(&next), license.clone());
                std::thread::spawn(move || {
                    let mut counts = [0, 0, 0];
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= 10_000 {
                            return counts;
                        }
                        match ledger.activate(activate(license.clone(), format!("m{number}"))) {
                            Ok(_) => counts[0] += 1,
                            Err(error) if error.code() == mintage::Code::ActivationsExhausted => counts[1] += 1,
                            Err(_) => counts[2] += 1,
                        }
                    }
                })
            })
            .collect();
        let [granted, refused, failed] = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .fold([0, 0, 0], |sum, counts| [sum[0] + counts[0], sum[1] + counts[1], sum[2] + counts[2]]);
        println!("{name:10} round {:2}: {granted} granted, {refused} refused, {failed} failed", round + 1);
        assert_eq!([granted, refused, failed], [100, 9_900, 0]);
    }
}

/// Reports the use of a million sessions, and reads the same rows with nothing around the engine.
fn reports(path: &std::path::Path) {
    const SESSIONS: u64 = 1_000_000;
    let ledger = open(&format!("sqlite:{}", path.display()));
    for batch in 0..SESSIONS / 10_000 {
        let sessions = (0..10_000).map(|number| {
            let number = batch * 10_000 + number;
            let started_at = at(i64::try_from(number * 30).unwrap());
            Session {
                session_id: format!("{number:032x}"),
                license_id: "lic-1".to_owned(),
                machine_id: format!("machine-{}", number * 7_919 % 10_007),
                username: Some(format!("user-{}", number % 5_003)),
                client_username: Some("ann".to_owned()),
                client_hostname: Some(format!("host-{}.example.com", number % 10_007)),
                is_ci: number % 5 == 0,
                version: Some("1.2.0".to_owned()),
                started_at,
                ended_at: Some(started_at.saturating_add(1_800)),
            }
        });
        sessions::record(&ledger, Timestamp::NEVER, sessions.collect()).unwrap();
    }
    let bare = || {
        let file = rusqlite::Connection::open(path).unwrap();
        let mut statement = file
            .prepare(
                "SELECT session_id, license_id, machine_id, username, client_username, client_hostname, is_ci, version, \
                 started_at, ended_at FROM session ORDER BY started_at, session_id",
            )
            .unwrap();
        let mut rows = statement.query([]).unwrap();
        let mut bytes = 0;
        while let Some(row) = rows.next().unwrap() {
            for column in [0, 1, 2, 3, 4, 5, 7] {
                bytes += row.get_ref(column).unwrap().as_str().unwrap().len();
            }
            bytes += usize::from(row.get_ref(8).unwrap().as_i64().unwrap() > row.get_ref(9).unwrap().as_i64().unwrap());
        }
        assert!(bytes > 0);
    };
    let request = Request { primary_key: PrimaryKey::MachineId, from: None, to: None, as_of: at(40_000_000) };
    let ours = || assert_eq!(report::usage(&ledger, request, None).unwrap().session_count(), SESSIONS);
    let best = |run: &dyn Fn()| {
        let took = (0..5).map(|_| {
            let began = Instant::now();
            run();
            began.elapsed()
        });
        took.min().unwrap()
    };
    let (bare, ours) = (best(&bare), best(&ours));
    let ratio = ours.as_secs_f64() / bare.as_secs_f64();
    println!("report usage over {SESSIONS} sessions: {ours:?}, bare SQL {bare:?}: {ratio:.2} times");
}

fn main() {
    if std::env::args().any(|argument| argument == "report") {
        let folder = tempfile::TempDir::new().unwrap();
        return reports(&folder.path().join("book.db"));
    }
    if std::env::args().any(|argument| argument == "postgres") {
        let [ledger, pgbench] =
            ["MINTAGE_TEST_POSTGRES", "MINTAGE_BENCH_PGBENCH"].map(|name| std::env::var(name).unwrap());
        return beside_pgbench(&open(&ledger), &pgbench);
    }
    let run = if std::env::args().any(|argument| argument == "seats") { seats } else { rates };
    let folder = tempfile::TempDir::new().unwrap();
    run("sqlite", &open(&format!("sqlite:{}", folder.path().join("book.db").display())));
    if let Ok(url) = std::env::var("MINTAGE_TEST_POSTGRES") {
        run("postgres", &open(&url));
    }
}
