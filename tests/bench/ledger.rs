//! Durable activations per second, by clients, on SQLite and, where `MINTAGE_TEST_POSTGRES` names a database, PostgreSQL:
//! `cargo bench --bench ledger`. With `-- seats`, 10,000 machines ask for 100, 64 at once, twenty times.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program that measures and prints")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mintage::ledger::activation::Activate;
use mintage::ledger::{Birth, Ledger, LedgerUrl};
use mintage::operation::ledger::Stamp;
use mintage::operation::ledger::issue::{self, Record};
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
        fingerprint: machine,
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

fn main() {
    let run = if std::env::args().any(|argument| argument == "seats") { seats } else { rates };
    let folder = tempfile::TempDir::new().unwrap();
    run("sqlite", &open(&format!("sqlite:{}", folder.path().join("book.db").display())));
    if let Ok(url) = std::env::var("MINTAGE_TEST_POSTGRES") {
        run("postgres", &open(&url));
    }
}
