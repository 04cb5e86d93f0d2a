//! What a request costs `mintage serve` beside a bare axum route that makes the same call, both processes in one run, in
//! turns: `cargo bench --bench serve`. Processor time is that of the server alone; who asks runs on the same cores.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program that measures and prints")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post as post_to;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use mintage::dsse::{Envelope, Kind};
use mintage::json::{self, Value};
use mintage::keyring::Keyring;
use mintage::ledger::activation::Activate;
use mintage::ledger::license_key::LicenseKey;
use mintage::ledger::machine::Machine;
use mintage::ledger::release::Heartbeat;
use mintage::ledger::{Birth, Ledger, LedgerUrl};
use mintage::operation::ledger::Stamp;
use mintage::operation::ledger::heartbeat::heartbeat;
use mintage::operation::ledger::issue::{self, Record};
use mintage::operation::verify::{Against, license_bytes};
use mintage::policy::Context;
use mintage::time::Timestamp;
use mintage::{License, SecretKey, Token};
use tokio::net::TcpListener;
use tower_service::Service;

/// How long a round lasts, and how many there are of each server. Two processes of one program differ by a tenth, so each
/// round has a new one.
const SPAN: Duration = Duration::from_secs(5);
const ROUNDS: usize = 5;

/// Licenses that machines are activated for.
const LICENSES: u64 = 1_000;

/// In the environment of this program when it is to be the bare server: which route.
const BARE: &str = "MINTAGE_BENCH_BARE";

fn main() {
    match std::env::var(BARE) {
        Ok(route) => bare(&route),
        Err(_) if cfg!(target_os = "linux") => measure(),
        Err(_) => println!("processor time is read from /proc, which this system has not"),
    }
}

/// Derived once, as a server does at its start.
static KEY: LazyLock<SecretKey> = LazyLock::new(|| SecretKey::from_seed(&[7; 32]));

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_767_225_600 + seconds).unwrap()
}

fn open(file: &Path) -> Ledger {
    let birth = Birth { book_id: "bench".to_owned(), now: at(0) };
    Ledger::open(&LedgerUrl::parse(&format!("sqlite:{}", file.display())).unwrap(), &birth).unwrap()
}

fn license(number: u64) -> License {
    License::new(format!("lic-{number}"), "acme".to_owned(), at(0), Timestamp::NEVER)
}

fn license_key(number: u64) -> LicenseKey {
    let mut random = [0; 15];
    random[..8].copy_from_slice(&number.to_le_bytes());
    LicenseKey::from_random(&random)
}

fn record(ledger: &Ledger) {
    let record = |number| {
        let license = license(number);
        let token = Token::mint(license.clone(), &KEY).to_string();
        Record { license, token, key_id: KEY.public().id(), license_key: Some(license_key(number)) }
    };
    issue::record(ledger, &Stamp { actor: "bench".to_owned(), now: at(0) }, (0..LICENSES).map(record).collect())
        .unwrap();
}

/// A server under way, and what it has cost so far.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.by_ref().map(Result::unwrap).find_map(|line| {
            let from = line.find("127.0.0.1:")?;
            Some(line[from..].split(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':')).next()?.to_owned())
        });
        // What it goes on to log is read, so that it never waits for a reader.
        thread::spawn(move || lines.for_each(drop));
        Self { child, address: address.unwrap() }
    }

    fn connect(&self) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        BufReader::new(stream)
    }

    /// Processor time so far, in hundredths of a second.
    fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// Memory held now, in KiB.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a round has shown.
#[derive(Clone, Copy, Debug)]
struct Round {
    per_second: f64,
    micros_per_request: f64,
    p99: Duration,
}

/// Asks from so many connections for a while; every answer must be a 200 and no "no". Each connection has a client, which
/// makes its next body from the answer before, where there is one.
fn ask<C: FnMut(Option<&str>) -> String>(
    server: &Server,
    connections: u64,
    path: &str,
    client: impl Fn() -> C + Sync,
) -> Round {
    let stop = AtomicBool::new(false);
    let (ticks, began) = (server.ticks(), Instant::now());
    let mut took: Vec<Duration> = thread::scope(|scope| {
        let work = || {
            let (mut body, mut stream) = (client(), server.connect());
            let (mut took, mut before) = (Vec::new(), None);
            while !stop.load(Ordering::Relaxed) {
                let body = body(before.as_deref());
                let asked = Instant::now();
                before = Some(post(&mut stream, path, &body));
                took.push(asked.elapsed());
            }
            took
        };
        let clients: Vec<_> = (0..connections).map(|_| scope.spawn(work)).collect();
        thread::sleep(SPAN);
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let count = f64::from(u32::try_from(took.len()).unwrap());
    let spent = f64::from(u32::try_from(server.ticks() - ticks).unwrap());
    took.sort_unstable();
    Round {
        per_second: count / began.elapsed().as_secs_f64(),
        micros_per_request: spent * 10_000.0 / count,
        p99: took[took.len() * 99 / 100],
    }
}

/// Sends one request, and returns the body of its answer.
fn post(stream: &mut BufReader<TcpStream>, path: &str, body: &str) -> String {
    let head = format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.get_mut().write_all((head + body).as_bytes()).unwrap();
    let (status, answer) = read_answer(stream);
    assert!(status.contains(" 200 ") && !answer.contains(r#""success":false"#), "{status} {answer}");
    answer
}

/// Finds a text in an answer.
fn member(answer: &str, name: &str) -> String {
    let value = answer.split_once(&format!(r#""{name}":""#)).unwrap().1;
    value.split('"').next().unwrap().to_owned()
}

fn read_answer(reader: &mut impl BufRead) -> (String, String) {
    let (mut status, mut length) = (String::new(), 0);
    reader.read_line(&mut status).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (status, String::from_utf8(body).unwrap())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs rounds of both servers in turn, and prints their medians and the ratios.
fn compare(name: &str, ours: impl Fn() -> Server, bare: impl Fn() -> Server, mut round: impl FnMut(&Server) -> Round) {
    let mut rounds = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        rounds[0].push(round(&ours()));
        rounds[1].push(round(&bare()));
    }
    let [ours, bare] = rounds.map(|rounds| {
        let of = |value: fn(&Round) -> f64| median(rounds.iter().map(value).collect());
        [of(|round| round.per_second), of(|round| round.micros_per_request), of(|round| round.p99.as_secs_f64() * 1e3)]
    });
    for (whose, [rate, cost, p99]) in [("mintage serve", ours), ("bare axum", bare)] {
        println!("{name:9} {whose:14} {rate:8.0}/s  {cost:7.1} us of processor time each  p99 {p99:6.2} ms");
    }
    println!("{name:9} ratios: rate {:.2}, processor time {:.2}", ours[0] / bare[0], ours[1] / bare[1]);
}

fn measure() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("key"), KEY.to_pem().unwrap().as_bytes()).unwrap();
    std::fs::write(file("admin"), "an-admin-key-for-this-bench-alone").unwrap();
    record(&open(&file("ours.db")));
    record(&open(&file("bare.db")));
    let ours = || {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_mintage"));
        serve.args(["serve", "--listen", "127.0.0.1:0", "--allow-readable-key", "--key"]);
        serve.arg(file("key")).arg("--admin-key-file").arg(file("admin"));
        serve.arg("--ledger").arg(format!("sqlite:{}", file("ours.db").display()));
        Server::start(serve)
    };
    let bare = |route: &str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(BARE, route).current_dir(folder.path());
        Server::start(command)
    };

    let token = Token::mint(license(0), &KEY).to_string();
    let next = AtomicU64::new(0);
    let number = || next.fetch_add(1, Ordering::Relaxed);
    let verify = |server: &Server| {
        ask(server, 32, "/api/v1/verify", || {
            |_: Option<&str>| {
                number();
                token.clone()
            }
        })
    };
    compare("verify", ours, || bare("verify"), verify);
    // The first round is what connections take; from then on nothing may come to it.
    let lasting = ours();
    verify(&lasting);
    let (memory, before) = (lasting.memory(), next.load(Ordering::Relaxed));
    let since = || next.load(Ordering::Relaxed) - before;
    while since() < 1_000_000 {
        verify(&lasting);
    }
    println!(
        "verify    memory of mintage serve: {memory} KiB, {} KiB after {} requests more",
        lasting.memory(),
        since()
    );
    drop(lasting);
    let activation = |number: u64| {
        let key = license_key(number % LICENSES);
        format!(r#"{{"licenseKey":"{}","machineFingerprint":"m{number}"}}"#, *key.reveal())
    };
    compare(
        "activate",
        ours,
        || bare("ledger"),
        |server| ask(server, 64, "/api/v1/activate", || |_: Option<&str>| activation(number())),
    );
    compare(
        "heartbeat",
        ours,
        || bare("ledger"),
        |server| {
            // Every connection is a machine, and shows the nonce that it was handed last.
            ask(server, 64, "/api/v1/heartbeat", || {
                let number = number();
                let activated = post(&mut server.connect(), "/api/v1/activate", &activation(number));
                let [license, proof] = ["licenseId", "proofId"].map(|name| member(&activated, name));
                let mut nonce = member(&activated, "heartbeatNonce");
                move |before: Option<&str>| {
                    nonce = before.map_or_else(|| nonce.clone(), |answer| member(answer, "newNonce"));
                    format!(
                        r#"{{"licenseId":"{license}","proofId":"{proof}","machineFingerprint":"m{number}","nonce":"{nonce}"}}"#
                    )
                }
            })
        },
    );
}

/// Serves one route as a user of axum would write it, and tells where.
fn bare(route: &str) {
    let router = match route {
        "verify" => Router::new()
            .route("/api/v1/verify", post_to(bare_verify))
            .with_state(Arc::new(Keyring::from(KEY.public()))),
        _ => Router::new()
            .route("/api/v1/activate", post_to(bare_activate))
            .route("/api/v1/heartbeat", post_to(bare_heartbeat))
            .with_state(Arc::new(open(Path::new("bare.db")))),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let router = router.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request: Request<Incoming>| router.clone().call(request));
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
}

async fn bare_verify(State(keyring): State<Arc<Keyring>>, body: Bytes) -> String {
    let context = Context::at(at(1));
    license_bytes(&body, Against { keyring: &keyring, context: &context, secret: None }).to_json()
}

/// Takes a text of a request, or none.
fn take(asked: &mut json::Members<'_>, name: &str) -> String {
    let value =
        asked.iter_mut().find(|(found, _)| found == name).map(|(_, value)| std::mem::replace(value, Value::Null));
    value.and_then(|value| value.into_string("member").ok()).unwrap_or_default().into_owned()
}

fn fresh() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    STANDARD.encode(bytes)
}

/// Seats the machine durably, and signs that it did. It looks no license up and verifies none: the machine's name tells it.
async fn bare_activate(State(ledger): State<Arc<Ledger>>, body: Bytes) -> String {
    let mut asked = json::parse(&body).unwrap().into_object("request").unwrap();
    let machine = take(&mut asked, "machineFingerprint");
    let number: u64 = machine[1..].parse().unwrap();
    let license_id = format!("lic-{}", number % LICENSES);
    let activate = Activate {
        license_id: license_id.clone(),
        proof_id: uuid::Uuid::new_v4().to_string(),
        machine: Machine::of_digest(machine),
        nonce: fresh(),
        instance_key: None,
        environment: None,
        product_version: None,
        expires_at: Timestamp::NEVER,
        now: at(1),
        actor: "bench".to_owned(),
    };
    let activated = tokio::task::spawn_blocking(move || ledger.activate(activate)).await.unwrap().unwrap();
    let (id, nonce) = (&activated.proof_id, &activated.nonce);
    let proof = format!(r#"{{"heartbeatNonce":"{nonce}","licenseId":"{license_id}","proofId":"{id}"}}"#);
    let envelope = Envelope::sign(Kind::Proof, proof.clone().into_bytes(), &[&KEY]).to_json();
    format!(r#"{{"envelope":{envelope},"proof":{proof}}}"#)
}

/// Judges and rotates the nonce durably.
async fn bare_heartbeat(State(ledger): State<Arc<Ledger>>, body: Bytes) -> String {
    let mut asked = json::parse(&body).unwrap().into_object("request").unwrap();
    let beat = Heartbeat {
        proof_id: take(&mut asked, "proofId"),
        license_id: take(&mut asked, "licenseId"),
        machine: Machine::of_digest(take(&mut asked, "machineFingerprint")),
        nonce: take(&mut asked, "nonce"),
        fresh_nonce: fresh(),
        grace_hours: 0,
        now: at(1),
    };
    let beat = tokio::task::spawn_blocking(move || heartbeat(&ledger, beat)).await.unwrap().unwrap();
    format!(r#"{{"newNonce":"{}","revoked":{}}}"#, beat.nonce, beat.revoked)
}
