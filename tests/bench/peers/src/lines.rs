//! The loop that a user of ed25519-dalek would write for a file of tokens: serde_json, base64, `verify_strict`, on two
//! threads, each with one half of the file.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::Deserialize;

const BUFFER: usize = 1 << 20;

#[derive(Deserialize)]
struct Line<'a> {
    token: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed as by a program that goes on to use it")]
struct Claims {
    license_id: String,
    tenant_id: String,
    iat: i64,
    exp: i64,
    #[serde(default)]
    grace_period_days: u16,
    label: Option<String>,
    product: Option<String>,
    tier: Option<String>,
    #[serde(default)]
    limits: BTreeMap<String, u64>,
    features: Option<Vec<String>>,
    kid: Option<String>,
}

pub(crate) fn verify(file: &Path, key: &Path, output: &Path) {
    let key = public_key(key);
    let length = fs::metadata(file).expect("the file exists").len();
    let [first, second] = thread::scope(|scope| {
        let halves = [(0, length / 2), (length / 2, length)];
        halves.map(|(from, to)| scope.spawn(move || verify_part(file, from, to, &key))).map(|half| half.join().unwrap())
    });
    fs::write(output, [first, second].concat()).expect("the output can be written");
}

/// Verifies the lines that begin in `from..to`.
fn verify_part(file: &Path, from: u64, to: u64, key: &VerifyingKey) -> Vec<u8> {
    let mut input = File::open(file).expect("the file can be read");
    let (mut at, mut line, mut answers) = (from.saturating_sub(1), Vec::new(), Vec::new());
    input.seek(SeekFrom::Start(at)).expect("the file can be read");
    let mut input = BufReader::with_capacity(BUFFER, input);
    if from > 0 {
        at += input.skip_until(b'\n').expect("the file can be read") as u64;
    }
    while at < to {
        line.clear();
        at += input.read_until(b'\n', &mut line).expect("the file can be read") as u64;
        let answer: &[u8] = if verify_line(&line, key).is_some() { b"valid\n" } else { b"refused\n" };
        answers.extend_from_slice(answer);
    }
    answers
}

fn verify_line(line: &[u8], key: &VerifyingKey) -> Option<Claims> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let (payload, signature) = line.token.split_once('.')?;
    let payload = STANDARD.decode(payload).ok()?;
    let signature = STANDARD.decode(signature).ok()?;
    key.verify_strict(&payload, &Signature::from_slice(&signature).ok()?).ok()?;
    serde_json::from_slice(&payload).ok()
}

pub(crate) fn public_key(path: &Path) -> VerifyingKey {
    let text = fs::read_to_string(path).expect("the key can be read");
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(body).expect("the key is PEM");
    VerifyingKey::from_bytes(der.last_chunk().expect("the key is an Ed25519 key")).expect("the key is a point")
}
