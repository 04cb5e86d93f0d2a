//! `ledger audit`: shows the entries, proves the chain, and signs how far it has come.

use std::fmt;

use crate::code::Code;
use crate::dsse::{Envelope, EnvelopeError, Kind};
use crate::json::{self, JsonError, Writer};
use crate::key::SecretKey;
use crate::keyring::{Keyring, Purpose};
use crate::ledger::audit::{self, ACTIONS, AuditFilter, Broken, Chained, Link};
use crate::ledger::{Ledger, LedgerError, license};
use crate::operation::nearest::nearest;
use crate::time::Timestamp;

/// As many entries are asked for at once.
const PAGE: u64 = 1_000;

/// The largest checkpoint, as the text of its envelope, in bytes.
pub const MAX_CHECKPOINT_BYTES: usize = 64 << 10;

/// How far the audit of a ledger had come. Kept where nobody who can write the ledger can reach it, it shows what was cut
/// off or written anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The end of the chain then.
    pub link: Link,
    /// When it was signed.
    pub issued_at: Timestamp,
}

/// Says what is wrong with an audit, or with what it is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditError {
    /// The chain is broken.
    Broken(Broken),
    /// The checkpoint is not to be believed.
    Envelope(EnvelopeError),
    /// The checkpoint and the audit tell different stories; the number of the entry at which they do.
    Forked(u64),
    /// The checkpoint is not the JSON of one.
    Json(JsonError),
    /// The ledger could not be asked.
    Ledger(LedgerError),
    /// The checkpoint is of another ledger; both ids.
    OtherBook(String, String),
    /// The audit ends before the checkpoint; both numbers.
    RolledBack(u64, u64),
}

/// Refuses to look for what nothing could tell of: a license that the ledger has never held, a period that ends before it
/// begins, an action that is none of [`ACTIONS`] and that the book, which may have been imported, does not hold either.
///
/// # Errors
/// `Refused` with `unknown-license` and `usage`; `Unavailable`.
pub fn known(ledger: &Ledger, filter: &AuditFilter) -> Result<(), LedgerError> {
    let AuditFilter { from, to, .. } = filter;
    if from > to {
        let message = format!("the period would begin at {from} and end before that, at {to}");
        return Err(LedgerError::refused(Code::Usage, message));
    }
    if let Some(id) = &filter.license_id {
        let of_license = AuditFilter { license_id: Some(id.clone()), ..AuditFilter::default() };
        if ledger.read(|transaction| audit::page(transaction, &of_license, 1))?.is_empty() {
            return Err(license::unknown(id));
        }
    }
    let Some(action) = filter.action.as_deref() else { return Ok(()) };
    if ACTIONS.contains(&action) || ledger.read(|transaction| audit::tells_of(transaction, action))? {
        return Ok(());
    }
    let others = match nearest(action, ACTIONS.into_iter()) {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => format!("; there are {}", ACTIONS.map(|action| format!("`{action}`")).join(", ")),
    };
    Err(LedgerError::refused(Code::Usage, format_args!("no action is called `{action}`{others}")))
}

/// Reads the newest entries that pass a filter, at most so many, in the order of the chain.
///
/// # Errors
/// `Unavailable`.
pub fn newest(ledger: &Ledger, filter: &AuditFilter, most: u64) -> Result<Vec<Chained>, LedgerError> {
    // What the engines count by ends here.
    let most = most.min(i64::MAX.cast_unsigned());
    ledger.read(|transaction| audit::newest(transaction, filter, most))
}

/// Hands on entries in the order of the chain, all from one state of the ledger.
///
/// # Errors
/// What `each` answers; `Unavailable`.
pub fn entries<E: From<LedgerError>>(
    ledger: &Ledger,
    filter: &AuditFilter,
    mut each: impl FnMut(Chained) -> Result<(), E>,
) -> Result<(), E> {
    let mut stopped = Ok(());
    ledger.read(|transaction| {
        let mut filter = filter.clone();
        loop {
            let page = audit::page(transaction, &filter, PAGE)?;
            match page.last() {
                Some(last) => filter.after = last.sequence,
                None => return Ok(()),
            }
            stopped = page.into_iter().try_for_each(&mut each);
            if stopped.is_err() {
                return Ok(());
            }
        }
    })?;
    stopped
}

/// Proves the whole chain, and that it passes through a checkpoint; returns where it ends.
///
/// # Errors
/// [`AuditError`].
pub fn verify(ledger: &Ledger, checkpoint: Option<&Checkpoint>) -> Result<Link, AuditError> {
    ledger.read(|transaction| {
        let end = Link::find(transaction)?;
        let mut passed = checkpoint.is_none_or(|checkpoint| checkpoint.link.sequence == 0);
        let followed = audit::follow(transaction, &end, |link| {
            passed |= checkpoint.is_some_and(|checkpoint| checkpoint.link == *link);
        })?;
        Ok(followed.map_err(AuditError::Broken).and_then(|()| match checkpoint.map(|checkpoint| &checkpoint.link) {
            Some(link) if link.book_id != end.book_id => {
                Err(AuditError::OtherBook(link.book_id.clone(), end.book_id.clone()))
            }
            Some(link) if link.sequence > end.sequence => Err(AuditError::RolledBack(end.sequence, link.sequence)),
            Some(link) if !passed => Err(AuditError::Forked(link.sequence)),
            _ => Ok(end),
        }))
    })?
}

/// Signs how far the audit has come, after the whole chain has been proved.
///
/// # Errors
/// As [`verify`].
pub fn checkpoint(ledger: &Ledger, key: &SecretKey, now: Timestamp) -> Result<(Checkpoint, Envelope), AuditError> {
    let checkpoint = Checkpoint { link: verify(ledger, None)?, issued_at: now };
    let envelope = Envelope::sign(Kind::Checkpoint, checkpoint.to_payload().into_bytes(), &[key]);
    Ok((checkpoint, envelope))
}

impl Checkpoint {
    /// Reads a checkpoint that a trusted key signed.
    ///
    /// # Errors
    /// `Envelope`, `Json`.
    pub fn verify(envelope: &Envelope, keyring: &Keyring) -> Result<Self, AuditError> {
        let threshold = keyring.threshold(Purpose::Revocations);
        let verified = envelope.verify(Kind::Checkpoint, keyring, None, threshold).map_err(AuditError::Envelope)?;
        let checkpoint = Self::parse(verified.bytes()).map_err(AuditError::Json)?;
        // Only now is it known when the signer says it signed.
        let at = Some(checkpoint.issued_at);
        envelope.verify(Kind::Checkpoint, keyring, at, threshold).map_err(AuditError::Envelope)?;
        Ok(checkpoint)
    }

    fn parse(payload: &[u8]) -> Result<Self, JsonError> {
        let (mut book_id, mut hash, mut issued_at, mut sequence) = (None, None, None, None);
        for (name, value) in json::parse(payload)?.into_object("checkpoint")? {
            match name.as_ref() {
                "bookId" => book_id = Some(value.into_string("bookId")?.into_owned()),
                "hash" => hash = Some(value.into_string("hash")?.into_owned()),
                "issuedAt" => issued_at = Some(value.into_timestamp("issuedAt")?),
                "sequence" => sequence = Some(value.into_count("sequence")?),
                _ => {}
            }
        }
        let link = Link {
            book_id: book_id.ok_or(JsonError::Missing("bookId"))?,
            sequence: sequence.ok_or(JsonError::Missing("sequence"))?,
            hash: hash.ok_or(JsonError::Missing("hash"))?,
        };
        Ok(Self { link, issued_at: issued_at.ok_or(JsonError::Missing("issuedAt"))? })
    }

    fn to_payload(&self) -> String {
        let mut out = Writer::default();
        out.begin_object();
        out.name("bookId").string(&self.link.book_id);
        out.name("hash").string(&self.link.hash);
        out.name("issuedAt").integer(self.issued_at.seconds().into());
        out.name("sequence").integer(self.link.sequence.into());
        out.end_object();
        out.finish()
    }
}

impl AuditError {
    /// Returns the code this is reported under.
    pub fn code(&self) -> Code {
        match self {
            Self::Broken(_) => Code::AuditBroken,
            Self::Envelope(error) => error.code(),
            Self::Forked(_) => Code::Forked,
            Self::Json(error) => error.code(),
            Self::Ledger(error) => error.code(),
            Self::OtherBook(..) => Code::LicenseMismatch,
            Self::RolledBack(..) => Code::RolledBack,
        }
    }
}

impl From<LedgerError> for AuditError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl fmt::Display for AuditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(broken) => broken.fmt(f),
            Self::Envelope(error) => write!(f, "the checkpoint is not to be believed: {error}"),
            Self::Forked(sequence) => {
                write!(f, "audit entry {sequence} is not the one that the checkpoint was signed over")
            }
            Self::Json(error) => write!(f, "the checkpoint is damaged: {error}"),
            Self::Ledger(error) => error.fmt(f),
            Self::OtherBook(theirs, ours) => write!(f, "the checkpoint is of ledger {theirs}, and this is {ours}"),
            Self::RolledBack(found, expected) => {
                write!(f, "the audit ends with entry {found}, and had come to entry {expected} at the checkpoint")
            }
        }
    }
}

impl std::error::Error for AuditError {}
