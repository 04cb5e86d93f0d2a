//! `mint --batch`: every row is checked before any is signed; then all are signed on all cores, in order.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::draft::Draft;
use super::mint::{self, Form, MintError, Moment};
use super::ordered::in_order;
use super::plans::Plans;
use super::rows::{Row, RowError};
use crate::code::Code;
use crate::id::Hex;
use crate::json::{JsonError, Writer, parse};
use crate::key::{PublicKey, SecretKey};
use crate::license::License;
use crate::seal::SealSecret;
use crate::token::{Body, Token};

/// How many licenses a thread signs before it hands them on.
const CHUNK: usize = 256;

/// How long a result usually is, so that a chunk's results find room at once.
const LINE_BYTES: usize = 768;

/// A license that has been checked and waits for its signature.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The row's number, counted from 1, the head of a CSV file left out.
    pub row: u64,
    /// The digest of the row's text and of the defaults beside it.
    pub digest: String,
    /// What will be signed.
    pub license: License,
}

/// A row that cannot be minted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFault {
    /// The row's number.
    pub row: u64,
    /// The reason's code.
    pub code: Code,
    /// The reason.
    pub message: String,
}

/// A row that an interrupted batch has minted already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The row's number.
    pub row: u64,
    /// The digest of the row's text then.
    pub digest: String,
    /// The id it was given.
    pub license_id: String,
    /// The token that was minted.
    pub token: String,
}

/// How licenses are signed.
#[derive(Debug)]
pub struct Signing<'a> {
    /// The key.
    pub key: &'a SecretKey,
    /// Seals every license; the nonces are drawn by `fresh_nonce`.
    pub secret: Option<&'a SealSecret>,
    /// Threads to sign on.
    pub threads: usize,
}

/// Completes and checks every row; `done` rows are left out, after a check that they are still the same.
///
/// # Errors
/// Every row at fault.
pub fn check(
    rows: Vec<Result<Row, RowError>>,
    base: &Draft,
    plans: Option<&Plans>,
    form: Form,
    done: &[Done],
    mut moment: impl FnMut() -> Moment,
) -> Result<Vec<Pending>, Vec<RowFault>> {
    let done: HashMap<u64, &Done> = done.iter().map(|done| (done.row, done)).collect();
    let mut taken: HashMap<String, u64> = HashMap::with_capacity(rows.len());
    taken.extend(done.values().map(|done| (done.license_id.clone(), done.row)));
    let (mut pending, mut faults) = (Vec::with_capacity(rows.len()), Vec::new());
    let total = rows.len() as u64;
    let defaults = Sha256::digest(format!("{base:?}"));
    for (row, number) in rows.into_iter().zip(1..) {
        let mut fault = |code, message: String| faults.push(RowFault { row: number, code, message });
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                fault(error.code(), error.to_string());
                continue;
            }
        };
        if let Some(done) = done.get(&number) {
            if done.digest != bound(&row.digest, &defaults) {
                let reason = "the row, or a default beside it, was changed after it had been minted";
                fault(Code::Malformed, reason.to_owned());
            }
            continue;
        }
        let license = mint::license(row.draft.over(base), plans, &moment());
        match license.and_then(|license| mint::check_length(&license, form).map(|()| license)) {
            Err(error) => fault(in_a_row(&error), error.to_string()),
            Ok(license) => match taken.insert(license.license_id.clone(), number) {
                Some(other) => fault(Code::Malformed, format!("row {other} has the same `licenseId`")),
                None => pending.push(Pending { row: number, digest: bound(&row.digest, &defaults), license }),
            },
        }
    }
    let mut gone: Vec<u64> = done.keys().copied().filter(|row| *row > total).collect();
    gone.sort_unstable();
    let reason = "the row was taken away after it had been minted";
    faults.extend(gone.into_iter().map(|row| RowFault { row, code: Code::Malformed, message: reason.to_owned() }));
    if faults.is_empty() { Ok(pending) } else { Err(faults) }
}

/// Digests a row together with what the command line gave beside it.
fn bound(row: &str, defaults: &[u8]) -> String {
    Hex(&Sha256::new().chain_update(row).chain_update(defaults).finalize()[..8]).to_string()
}

/// Confirms that what an interrupted batch has minted is whole, and signed by the key that goes on.
///
/// # Errors
/// The first row whose token is another's.
pub fn confirm(done: &[Done], key: &PublicKey) -> Result<(), RowFault> {
    let is_ours = |done: &&Done| match Token::parse(&done.token) {
        Ok(token) if token.is_signed_by(key) => match token.unverified_body() {
            Body::Open(license) => license.license_id == done.license_id,
            Body::Sealed(_) => true,
        },
        _ => false,
    };
    match done.iter().find(|done| !is_ours(done)) {
        None => Ok(()),
        Some(done) => {
            let message = format!("key {} did not sign the token that is there", key.id().kid());
            Err(RowFault { row: done.row, code: Code::BadSignature, message })
        }
    }
}

/// Signs every license and hands one result line of JSON for each to `sink`, in order, many lines at a time.
///
/// # Errors
/// The first error of `sink`, or of a license that cannot be signed.
pub fn sign<E: From<MintError> + Send>(
    pending: &[Pending],
    signing: &Signing<'_>,
    fresh_nonce: impl Fn() -> Result<[u8; 12], E> + Sync,
    mut sink: impl FnMut(String, usize) -> Result<(), E>,
) -> Result<(), E> {
    let work = |chunk: &[Pending]| -> Result<(String, usize), E> {
        let mut lines = Writer::with_capacity(chunk.len() * LINE_BYTES);
        for pending in chunk {
            let license = pending.license.clone();
            let token = match signing.secret {
                None => mint::token(license, signing.key)?,
                Some(secret) => mint::sealed_token(license, signing.key, secret, &fresh_nonce()?)?,
            };
            write_line(&mut lines, pending, &token);
        }
        Ok((lines.finish(), chunk.len()))
    };
    in_order(signing.threads, pending.chunks(CHUNK).map(Ok), work, |result: Result<(String, usize), E>| {
        let (lines, count) = result?;
        sink(lines, count)
    })
}

fn write_line(out: &mut Writer, pending: &Pending, token: &Token) {
    out.begin_object();
    out.name("digest").string(&pending.digest);
    out.name("expiresAt").plain(pending.license.expires_at);
    out.name("licenseId").string(&pending.license.license_id);
    out.name("row").integer(pending.row.into());
    out.name("tenantId").string(&pending.license.tenant_id);
    out.name("token").plain(token);
    out.end_object();
    out.end_line();
}

/// Reads a result line of an interrupted batch.
///
/// # Errors
/// [`JsonError`] when it is not one.
pub fn read_done(line: &[u8]) -> Result<Done, JsonError> {
    let mut done = Done { row: 0, digest: String::new(), license_id: String::new(), token: String::new() };
    for (name, value) in parse(line)?.into_object("line")? {
        match (name.as_ref(), value) {
            ("row", value) => done.row = value.into_count("row")?,
            ("digest", value) => done.digest = value.into_string("digest")?.into_owned(),
            ("licenseId", value) => done.license_id = value.into_string("licenseId")?.into_owned(),
            ("token", value) => done.token = value.into_text("token")?.into_owned(),
            _ => {}
        }
    }
    if !done.token.is_empty() && done.row > 0 { Ok(done) } else { Err(JsonError::Missing("token")) }
}

/// In a file a fault is the file's, not the command line's.
fn in_a_row(error: &MintError) -> Code {
    match error.code() {
        Code::Usage => Code::Malformed,
        code => code,
    }
}
