//! `mint --batch`: every row is checked before any is signed; then all are signed on all cores, in order.

mod pending;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

pub use pending::{Pending, PendingLicense};
use sha2::{Digest, Sha256};

use super::draft::Draft;
use super::mint::{self, AllUntimely, Form, MintError, Moment, Times, Untimely};
use super::ordered::in_order;
use super::plans::Plans;
use super::rows::{self, Chunk, ReadFile, Row, RowError, RowFormat, Rows};
use super::verify;
use crate::code::Code;
use crate::id::Hex;
use crate::json::{JsonError, Writer, parse};
use crate::key::{PublicKey, SecretKey};
use crate::keyring::Keyring;
use crate::seal::SealSecret;
use crate::time::Timestamp;
use crate::token::{Body, Token};

/// How long a result usually is, so that a chunk's results find room at once.
const LINE_BYTES: usize = 768;

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
    /// Verifies every token with these keys before it is handed out.
    pub verify: Option<&'a Keyring>,
    /// Threads to sign on.
    pub threads: usize,
}

/// A batch whose rows are to be checked.
pub struct Batch<'a> {
    /// The rows.
    pub text: &'a [u8],
    /// How they are written.
    pub format: RowFormat,
    /// Reads the text of a file that a row names as `@FILE`.
    pub file: ReadFile<'a>,
    /// What a row that leaves something out takes instead.
    pub base: &'a Draft,
    /// The vendor's plans.
    pub plans: Option<&'a Plans>,
    /// The form of the tokens, which must not grow too long.
    pub form: Form,
    /// Rows that were minted already; they are left out, after a check that they are still the same.
    pub done: &'a [Done],
    /// The time of issue of rows that name none.
    pub now: Timestamp,
    /// Threads to check on.
    pub threads: usize,
}

/// What came of checking a batch.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// How many rows there are.
    pub total: u64,
    /// The licenses to be signed, many at a time, in the order of their rows.
    pub pending: Vec<Pending>,
    /// Every row at fault, in order.
    pub faults: Vec<RowFault>,
    /// What verifiers would say today of the licenses to be signed.
    pub untimely: AllUntimely,
}

/// What came of checking rows that follow one another.
struct Piece {
    total: u64,
    pending: Pending,
    faults: Vec<RowFault>,
    untimely: AllUntimely,
}

impl Piece {
    fn for_rows(count: usize) -> Self {
        let (pending, untimely) = (Pending::for_rows(count), AllUntimely::new());
        Self { total: count as u64, pending, faults: Vec::new(), untimely }
    }
}

impl Batch<'_> {
    /// Completes and checks every row on all threads. Ids are drawn by `fresh_id` for rows that name none, so that what is
    /// checked is what is signed.
    ///
    /// # Errors
    /// The first error of `fresh_id`.
    pub fn check<E: Send>(&self, fresh_id: impl Fn() -> Result<String, E> + Sync) -> Result<Checked, E> {
        let done: HashMap<u64, &Done> = self.done.iter().map(|done| (done.row, done)).collect();
        let mut defaults = Sha256::new_with_prefix(format!("{:?}", self.base));
        if let Some(plans) = self.plans {
            defaults.update(format!("{plans:?}"));
        }
        let defaults = defaults.finalize();
        let Rows { head, chunks } = rows::split(self.text, self.format);
        let check = |chunk: Chunk<'_>| -> Result<Piece, E> {
            let mut piece = Piece::for_rows(chunk.len());
            for (number, row) in chunk.read(&head, self.file) {
                let done = done.get(&number).copied();
                if let Err(fault) = self.check_row(number, row, done, &defaults, &fresh_id, &mut piece)? {
                    piece.faults.push(fault);
                }
            }
            piece.pending.shrink();
            Ok(piece)
        };
        let mut checked = Checked::default();
        in_order(self.threads, chunks.map(Ok), check, |chunk: Result<Piece, E>| {
            let Piece { total, pending, faults, untimely } = chunk?;
            checked.total += total;
            checked.pending.push(pending);
            checked.faults.extend(faults);
            untimely.into_iter().for_each(|(code, more)| Untimely::add(&mut checked.untimely, code, more));
            Ok(())
        })?;
        let twice = self.twice(&checked.pending);
        let is_twice = |row: u64| twice.binary_search_by_key(&row, |fault| fault.row).is_ok();
        checked.pending.iter_mut().for_each(|pending| pending.retain(|row| !is_twice(row)));
        checked.faults.extend(twice);
        checked.faults.sort_by_key(|fault| fault.row);
        let mut gone: Vec<u64> = done.keys().copied().filter(|row| *row > checked.total).collect();
        gone.sort_unstable();
        let reason = "the row was taken away after it had been minted";
        let gone = gone.into_iter().map(|row| RowFault { row, code: Code::Malformed, message: reason.to_owned() });
        checked.faults.extend(gone);
        Ok(checked)
    }

    /// Finds the rows whose id is that of a row before them, in order.
    fn twice(&self, pending: &[Pending]) -> Vec<RowFault> {
        let count = pending.iter().map(Pending::len).sum::<usize>();
        let mut taken = HashMap::with_capacity(self.done.len() + count);
        taken.extend(self.done.iter().map(|done| (done.license_id.as_str(), done.row)));
        let mut twice = Vec::new();
        for license in pending.iter().flat_map(Pending::licenses) {
            match taken.entry(license.license_id) {
                Entry::Occupied(other) => {
                    let message = format!("row {} has the same `licenseId`", other.get());
                    twice.push(RowFault { row: license.row, code: Code::Malformed, message });
                }
                Entry::Vacant(free) => {
                    free.insert(license.row);
                }
            }
        }
        twice
    }

    /// Completes and checks one row and puts its license among those that are pending, unless it is done.
    fn check_row<E>(
        &self,
        number: u64,
        row: Result<Row, RowError>,
        done: Option<&Done>,
        defaults: &[u8],
        fresh_id: &impl Fn() -> Result<String, E>,
        piece: &mut Piece,
    ) -> Result<Result<(), RowFault>, E> {
        let fault = |code, message| Ok(Err(RowFault { row: number, code, message }));
        let row = match row {
            Ok(row) => row,
            Err(error) => return fault(error.code(), error.to_string()),
        };
        let digest = bound(&row.digest, defaults);
        if let Some(done) = done {
            if done.digest == digest {
                return Ok(Ok(()));
            }
            let reason = "the row, or a default or plan beside it, was changed after it had been minted";
            return fault(Code::Malformed, reason.to_owned());
        }
        let draft = row.draft.over(self.base);
        let fresh_id = if draft.license_id.is_none() { fresh_id()? } else { String::new() };
        let license = mint::license(draft, self.plans, &Moment { now: self.now, fresh_id });
        match license.and_then(|license| mint::check_length(&license, self.form).map(|()| license)) {
            Ok(license) => {
                for (code, time) in Times::from(&license).untimely(self.now) {
                    Untimely::add(&mut piece.untimely, code, Untimely { count: 1, first: time, last: time });
                }
                piece.pending.push(number, &digest, &license);
                Ok(Ok(()))
            }
            Err(error) => fault(in_a_row(&error), error.to_string()),
        }
    }
}

/// Digests a row together with what the command line gave beside it.
fn bound(row: &str, defaults: &[u8]) -> String {
    Hex(&Sha256::new().chain_update(row).chain_update(defaults).finalize()[..8]).to_string()
}

/// Confirms that what an interrupted batch has minted is whole, and signed, sealed and, where that is asked for, verified
/// as what comes will be.
///
/// # Errors
/// The first row whose token is another's.
pub fn confirm(done: &[Done], signing: &Signing<'_>) -> Result<(), RowFault> {
    let key = signing.key.public();
    done.iter().try_for_each(|done| {
        confirm_one(done, &key, signing).map_err(|(code, message)| RowFault { row: done.row, code, message })
    })
}

fn confirm_one(done: &Done, key: &PublicKey, signing: &Signing<'_>) -> Result<(), (Code, String)> {
    let not_ours = || (Code::BadSignature, format!("key {} did not sign the token that is there", key.id().kid()));
    let token = Token::parse(&done.token).ok().filter(|token| token.is_signed_by(key)).ok_or_else(not_ours)?;
    let differs = |how: &str| Err((Code::Malformed, format!("the token that is there {how}")));
    let license_id = match (token.unverified_body(), signing.secret) {
        (Body::Open(license), None) => license.license_id.clone(),
        (Body::Sealed(sealed), Some(secret)) => match sealed.open(secret) {
            Ok(license) => license.license_id,
            Err(_) => return differs("was sealed with another secret"),
        },
        (Body::Open(_), Some(_)) => return differs("is not sealed, and those to come would be"),
        (Body::Sealed(_), None) => return differs("is sealed, and those to come would not be"),
    };
    if license_id != done.license_id {
        return Err(not_ours());
    }
    proved(&done.token, None, signing).map_err(|error| (error.code(), error.to_string()))
}

/// Verifies a token as a customer will, where that is asked for.
fn proved(token: &str, row: Option<u64>, signing: &Signing<'_>) -> Result<(), MintError> {
    match signing.verify.and_then(|keyring| verify::minted(token, keyring, signing.secret)) {
        None => Ok(()),
        Some(refusal) => Err(MintError::Refused(row, refusal)),
    }
}

/// Signs every license and hands one result line of JSON for each to `sink`, in order, many lines at a time.
///
/// # Errors
/// The first error of `sink`, or of a license that cannot be signed or, where that is asked for, does not verify.
pub fn sign<E: From<MintError> + Send>(
    pending: Vec<Pending>,
    signing: &Signing<'_>,
    fresh_nonce: impl Fn() -> Result<[u8; 12], E> + Sync,
    mut sink: impl FnMut(String, usize) -> Result<(), E>,
) -> Result<(), E> {
    let kid = signing.key.public().id().kid();
    let work = |pending: Pending| -> Result<(String, usize), E> {
        // All payloads stand in one text, as they did before they were named.
        let (mut text, mut ends) = (String::with_capacity(pending.named_bytes()), Vec::with_capacity(pending.len()));
        for license in pending.licenses() {
            match signing.secret {
                None => license.payload.write_named(kid, &mut text),
                Some(secret) => {
                    let open = license.payload.named(kid);
                    text.push_str(&mint::sealed_payload(&open, kid, secret, &fresh_nonce()?)?);
                }
            }
            ends.push(text.len());
        }
        let starts = [0].into_iter().chain(ends.iter().copied());
        let payloads: Vec<&str> = starts.zip(&ends).map(|(start, end)| &text[start..*end]).collect();
        let mut lines = Writer::with_capacity(pending.len() * LINE_BYTES);
        for (license, token) in pending.licenses().zip(mint::tokens(&payloads, signing.key)) {
            let token = token?;
            proved(token.as_str(), Some(license.row), signing)?;
            write_line(&mut lines, &license, &token);
        }
        Ok((lines.finish(), pending.len()))
    };
    let pending = pending.into_iter().filter(|pending| !pending.is_empty());
    in_order(signing.threads, pending.map(Ok), work, |result: Result<(String, usize), E>| {
        let (lines, count) = result?;
        sink(lines, count)
    })
}

fn write_line(out: &mut Writer, license: &PendingLicense<'_>, token: &Token) {
    out.begin_object();
    out.name("digest").string(license.digest);
    out.name("expiresAt").plain(license.expires_at);
    out.name("licenseId").string(license.license_id);
    out.name("row").integer(license.row.into());
    out.name("tenantId").string(license.tenant_id);
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
