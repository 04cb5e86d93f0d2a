//! Verification beside ed25519-dalek, and what surrounds it: `cargo bench --bench verify`.
#![expect(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, counts little, and has failed when it cannot set up its scene"
)]
#![allow(missing_docs)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group};
use ed25519_dalek::{Signature, VerifyingKey};
use mintage::json;
use mintage::key::{Claim, PublicKey, SecretKey, verify_many};
use mintage::keyring::Keyring;
use mintage::license::License;
use mintage::policy::{Context, judge};
use mintage::time::{DAY, Timestamp};
use mintage::token::{Token, VerifiedToken};

/// How many signatures a batch shares its inversion among.
const BATCH: usize = 256;

/// A signature and what it signs, as mintage and as its peer take them.
struct Signed {
    key: PublicKey,
    peer: VerifyingKey,
    payload: String,
    signature: [u8; 64],
}

fn main() {
    let signed = Signed::new();
    print_ratio("PublicKey::verify, first uses", &signed, || {
        // A key just read has made no table yet.
        let key = PublicKey::from_bytes(signed.key.as_bytes()).unwrap();
        (0..ROUND).map(|_| timed(|| key.verify(signed.payload.as_bytes(), &signed.signature).unwrap())).sum()
    });
    for _ in 0..1_000 {
        signed.key.verify(signed.payload.as_bytes(), &signed.signature).unwrap();
    }
    print_ratio("PublicKey::verify", &signed, || {
        timed(|| {
            (0..ROUND)
                .for_each(|_| signed.key.verify(black_box(signed.payload.as_bytes()), &signed.signature).unwrap());
        })
    });
    let claims = vec![signed.claim(); BATCH];
    print_ratio("verify_many", &signed, || timed(|| verify_many(black_box(&claims))) * ROUND / BATCH as u32);
    groups();
    Criterion::default().configure_from_args().final_summary();
}

criterion_group!(groups, signatures, tokens);

fn signatures(criterion: &mut Criterion) {
    let signed = Signed::new();
    let mut group = criterion.benchmark_group("signature");
    group.bench_function("verify", |bencher| {
        bencher.iter(|| signed.key.verify(black_box(signed.payload.as_bytes()), &signed.signature).unwrap());
    });
    group.bench_function("dalek verify_strict", |bencher| bencher.iter(|| signed.verify_by_peer()));
    group.throughput(Throughput::Elements(BATCH as u64));
    let claims = vec![signed.claim(); BATCH];
    group.bench_function("verify_many", |bencher| bencher.iter(|| verify_many(black_box(&claims))));
}

fn tokens(criterion: &mut Criterion) {
    let key = SecretKey::from_seed(&[7; 32]);
    let token = Token::mint(license(), &key);
    let keyring = Keyring::from(key.public());
    let context = Context::at(license().issued_at);
    let verified: VerifiedToken = Token::parse(token.as_str()).unwrap().verify(&keyring).unwrap();
    let verdict = judge(&verified, &context);
    let payload = license().to_payload();
    let mut group = criterion.benchmark_group("token");
    group.bench_function("parse", |bencher| bencher.iter(|| Token::parse(black_box(token.as_str())).unwrap()));
    group.bench_function("judge", |bencher| bencher.iter(|| judge(black_box(&verified), &context)));
    group.bench_function("verdict JSON", |bencher| bencher.iter(|| black_box(&verdict).to_json(&[] as &[&str])));
    group.bench_function("license JSON read", |bencher| {
        bencher.iter(|| {
            let members = json::parse(black_box(payload.as_bytes())).unwrap().into_object("payload").unwrap();
            License::from_members(members).unwrap()
        });
    });
}

impl Signed {
    fn new() -> Self {
        let secret = SecretKey::from_seed(&[7; 32]);
        let payload = license().to_payload();
        let (key, signature) = (secret.public(), secret.sign(payload.as_bytes()));
        let peer = VerifyingKey::from_bytes(key.as_bytes()).unwrap();
        Self { key, peer, payload, signature }
    }

    fn claim(&self) -> Claim<'_> {
        Claim { key: &self.key, message: self.payload.as_bytes(), signature: &self.signature }
    }

    fn verify_by_peer(&self) {
        let signature = Signature::from_bytes(black_box(&self.signature));
        self.peer.verify_strict(black_box(self.payload.as_bytes()), &signature).unwrap();
    }
}

fn license() -> License {
    let now = Timestamp::from_seconds(1_777_197_600).unwrap();
    let id = "fd3a8f2a-1c44-4eac-aa07-1a5d1ce9c4a4".to_owned();
    let mut license = License::new(id, "acme-prod".to_owned(), now, now.saturating_add(365 * DAY));
    license.label = Some("Acme Production".to_owned());
    license.product = Some("suite".to_owned());
    license.limits = [("max_apps".to_owned(), 25), ("max_environments".to_owned(), 3)].into();
    license.features = Some(["reports", "audit", "export"].map(str::to_owned).to_vec());
    license
}

/// How many signatures are timed at once, before the other side has its turn.
const ROUND: u32 = 64;

/// Prints the time of `ROUND` signatures over that of dalek's `verify_strict`: the median of many turns, since the
/// machine's own speed drifts by more than what is measured.
fn print_ratio(name: &str, signed: &Signed, ours: impl Fn() -> Duration) {
    let peer = || timed(|| (0..ROUND).for_each(|_| signed.verify_by_peer()));
    let mut ratios: Vec<f64> = (0..101).map(|_| ours().as_secs_f64() / peer().as_secs_f64()).collect();
    ratios.sort_by(f64::total_cmp);
    println!("ratio {:.3} {name} / verify_strict", ratios[ratios.len() / 2]);
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}
