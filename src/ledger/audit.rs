//! The audit: what was done, by whom and when, each entry chained to the one before it. Entries are written in the
//! transaction of the act that they tell of, and hold no secret.

use std::fmt;

use sha2::{Digest, Sha256};

use super::value::{Cell, values};
use super::{LedgerError, Transaction, sql};
use crate::id::Hex;
use crate::json::{self, Writer};
use crate::time::Timestamp;

/// What an entry is spelled in seldom takes more bytes than this.
const ROOM: usize = 512;

/// What is done, by the words that entries have for it. A book that was imported may hold others.
pub const ACTIONS: [&str; 20] = [
    "activated",
    "approved",
    "cap_exceeded",
    "created",
    "deactivated",
    "expired",
    "install_license",
    "reinstated",
    "reject_license",
    "rekeyed",
    "renewed",
    "replace_license",
    "revalidate_license",
    "revoked",
    "seat.borrowed",
    "seat.claimed",
    "seat.expired",
    "seat.released",
    "suspended",
    "usage.imported",
];

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub actor: String,
    /// What was done: a word such as `activated`.
    pub action: String,
    /// The license it was done to.
    pub license_id: Option<String>,
    /// What else it was done to: a machine, a limit, a file.
    pub target: Option<String>,
    /// Whether it was done or refused.
    pub result: Outcome,
    /// A JSON object with the particulars.
    pub detail: String,
}

/// Whether what an entry tells of was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was refused.
    Failure,
    /// It was done.
    Success,
}

/// An entry in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chained {
    /// Its number; the first is 1.
    pub sequence: u64,
    /// What happened.
    pub entry: Entry,
    /// The hash of the entry before; of the first, nothing.
    pub previous: String,
    /// The hash of this one: SHA-256 in hex.
    pub hash: String,
}

/// The end of a chain: what the next entry is chained to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The ledger that the chain is of.
    pub book_id: String,
    /// The number of the last entry; 0 of an empty chain.
    pub sequence: u64,
    /// The hash of the last entry; of an empty chain, nothing.
    pub hash: String,
}

/// Says where a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Broken {
    /// An entry was changed, or its link was: its number.
    Changed(u64),
    /// An entry stands where this other number should.
    Missing(u64),
    /// The chain ends elsewhere than the book says; both numbers.
    Head(u64, u64),
    /// An entry stands before the first: its number.
    Stray(i64),
}

/// Which entries are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFilter {
    /// Those after this number.
    pub after: u64,
    /// Those of this license.
    pub license_id: Option<String>,
    /// Those of this action.
    pub action: Option<String>,
    /// The first second.
    pub from: Timestamp,
    /// The last second.
    pub to: Timestamp,
}

impl Default for AuditFilter {
    fn default() -> Self {
        Self { after: 0, license_id: None, action: None, from: Timestamp::EPOCH, to: Timestamp::NEVER }
    }
}

impl Entry {
    /// Starts an entry of something that was done to a license.
    pub fn new(at: Timestamp, actor: &str, action: &str, license_id: &str) -> Self {
        Self {
            at,
            actor: actor.to_owned(),
            action: action.to_owned(),
            license_id: Some(license_id.to_owned()),
            target: None,
            result: Outcome::Success,
            detail: "{}".to_owned(),
        }
    }

    /// Adds what else it was done to.
    #[must_use]
    pub fn target(mut self, target: &str) -> Self {
        self.target = Some(target.to_owned());
        self
    }

    /// Adds the particulars; members in bytewise order.
    #[must_use]
    pub fn detail(mut self, write: impl FnOnce(&mut Writer)) -> Self {
        let mut out = Writer::with_capacity(ROOM);
        out.begin_object();
        write(&mut out);
        out.end_object();
        self.detail = out.finish();
        self
    }
}

impl Chained {
    /// Hashes everything but the hash itself, in one canonical spelling.
    fn digest(&self, book_id: &str) -> String {
        let mut out = Writer::with_capacity(ROOM);
        out.begin_object();
        out.name("action").string(&self.entry.action);
        out.name("actor").string(&self.entry.actor);
        out.name("at").integer(self.entry.at.seconds().into());
        out.name("book").string(book_id);
        out.name("detail").string(&self.entry.detail);
        maybe(out.name("licenseId"), self.entry.license_id.as_deref());
        out.name("previous").string(&self.previous);
        out.name("result").string(self.entry.result.as_str());
        out.name("sequence").integer(self.sequence.into());
        maybe(out.name("target"), self.entry.target.as_deref());
        out.end_object();
        Hex(&Sha256::digest(out.finish())).to_string()
    }

    pub(crate) fn values(&self) -> [Cell<'_>; 10] {
        let entry = &self.entry;
        values![
            self.sequence,
            entry.at,
            &entry.actor,
            &entry.action,
            &entry.license_id,
            &entry.target,
            entry.result.as_str(),
            &entry.detail,
            &self.previous,
            &self.hash,
        ]
    }

    /// Writes the entry for people who read JSON: times as RFC 3339.
    pub fn write(&self, out: &mut Writer) {
        out.begin_object();
        out.name("action").string(&self.entry.action);
        out.name("actor").string(&self.entry.actor);
        out.name("at").plain(self.entry.at);
        // What somebody tampered with may be no JSON.
        match json::parse(self.entry.detail.as_bytes()) {
            Ok(detail) => out.name("detail").value(&detail),
            Err(_) => out.name("detail").string(&self.entry.detail),
        }
        out.name("hash").plain(&self.hash);
        maybe(out.name("licenseId"), self.entry.license_id.as_deref());
        out.name("result").plain(self.entry.result.as_str());
        out.name("sequence").integer(self.sequence.into());
        maybe(out.name("target"), self.entry.target.as_deref());
        out.end_object();
    }
}

fn maybe(out: &mut Writer, text: Option<&str>) {
    match text {
        Some(text) => out.string(text),
        None => out.null(),
    }
}

impl Link {
    /// Reads the end of the chain, and keeps everybody else from adding to it.
    pub(crate) fn lock(transaction: &mut Transaction<'_>) -> Result<Self, LedgerError> {
        Self::read(transaction, sql::LOCK_BOOK)
    }

    /// Reads the end of the chain.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn find(transaction: &mut Transaction<'_>) -> Result<Self, LedgerError> {
        Self::read(transaction, sql::BOOK)
    }

    fn read(transaction: &mut Transaction<'_>, sql: &str) -> Result<Self, LedgerError> {
        let row = transaction.find(sql, &[])?;
        let mut row = row.ok_or_else(|| LedgerError::corrupted("its table `book` is empty"))?;
        Ok(Self { book_id: row.text()?, sequence: row.count()?, hash: row.text()? })
    }

    pub(crate) fn save(&self, transaction: &mut Transaction<'_>) -> Result<(), LedgerError> {
        transaction.send_all(sql::SET_AUDIT_HEAD, &values![self.sequence, &self.hash])
    }

    /// Gives an entry the next place.
    pub fn chain(&mut self, entry: Entry) -> Chained {
        self.sequence += 1;
        let mut chained = Chained { sequence: self.sequence, entry, previous: self.hash.clone(), hash: String::new() };
        chained.hash = chained.digest(&self.book_id);
        self.hash.clone_from(&chained.hash);
        chained
    }

    /// Follows the chain by one entry.
    ///
    /// # Errors
    /// [`Broken`], when the entry does not belong here.
    pub fn follow(&mut self, chained: &Chained) -> Result<(), Broken> {
        let expected = self.sequence + 1;
        if chained.sequence != expected {
            return Err(Broken::Missing(expected));
        }
        if chained.previous != self.hash || chained.hash != chained.digest(&self.book_id) {
            return Err(Broken::Changed(chained.sequence));
        }
        self.sequence = expected;
        self.hash.clone_from(&chained.hash);
        Ok(())
    }
}

/// Reads up to `most` entries in the order of the chain.
///
/// # Errors
/// `Unavailable`.
pub fn page(transaction: &mut Transaction<'_>, filter: &AuditFilter, most: u64) -> Result<Vec<Chained>, LedgerError> {
    matching(transaction, sql::AUDIT_PAGE, filter, most)
}

/// Reads up to `most` entries, the last of the chain, in its order.
///
/// # Errors
/// `Unavailable`.
pub fn newest(transaction: &mut Transaction<'_>, filter: &AuditFilter, most: u64) -> Result<Vec<Chained>, LedgerError> {
    let mut entries = matching(transaction, sql::AUDIT_NEWEST, filter, most)?;
    entries.reverse();
    Ok(entries)
}

fn matching(
    transaction: &mut Transaction<'_>,
    sql: &str,
    filter: &AuditFilter,
    most: u64,
) -> Result<Vec<Chained>, LedgerError> {
    let AuditFilter { after, license_id, action, from, to } = filter;
    let parameters = values![*after, license_id, action, *from, *to, most];
    let rows = transaction.query(sql, &parameters)?;
    rows.into_iter()
        .map(|mut row| {
            let sequence = row.count()?;
            let (at, actor, action) = (row.time()?, row.text()?, row.text()?);
            let (license_id, target, result) = (row.maybe_text()?, row.maybe_text()?, row.text()?);
            let result = Outcome::parse(&result).ok_or_else(|| {
                LedgerError::corrupted(format_args!("audit entry {sequence} has the result `{result}`"))
            })?;
            let entry = Entry { at, actor, action, license_id, target, result, detail: row.text()? };
            Ok(Chained { sequence, entry, previous: row.text()?, hash: row.text()? })
        })
        .collect()
}

/// Whether any entry tells of an action.
///
/// # Errors
/// `Unavailable`.
pub fn tells_of(transaction: &mut Transaction<'_>, action: &str) -> Result<bool, LedgerError> {
    Ok(transaction.find(sql::ENTRY_OF, &values![action])?.is_some())
}

/// As many entries are read at once.
const PAGE: u64 = 1_000;

/// Follows the whole chain to the end that the book names, and shows each link that holds.
///
/// # Errors
/// `Unavailable`; inside, where the chain is broken.
pub fn follow(
    transaction: &mut Transaction<'_>,
    end: &Link,
    mut each: impl FnMut(&Link),
) -> Result<Result<(), Broken>, LedgerError> {
    if let Some(mut row) = transaction.find(sql::STRAY_ENTRY, &[])? {
        return Ok(Err(Broken::Stray(row.integer()?)));
    }
    let mut link = Link { book_id: end.book_id.clone(), sequence: 0, hash: String::new() };
    loop {
        let filter = AuditFilter { after: link.sequence, ..AuditFilter::default() };
        let entries = page(transaction, &filter, PAGE)?;
        if entries.is_empty() {
            break;
        }
        for chained in &entries {
            if let Err(broken) = link.follow(chained) {
                return Ok(Err(broken));
            }
            each(&link);
        }
    }
    Ok(if link == *end { Ok(()) } else { Err(Broken::Head(link.sequence, end.sequence)) })
}

impl Outcome {
    /// Returns the word that the seeds write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failure => "FAILURE",
            Self::Success => "SUCCESS",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Failure, Self::Success].into_iter().find(|outcome| outcome.as_str() == word)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(sequence) => write!(f, "audit entry {sequence} was changed"),
            Self::Missing(sequence) => write!(f, "audit entry {sequence} is missing"),
            Self::Head(found, expected) => {
                write!(f, "the audit ends with entry {found}, and should end with entry {expected}")
            }
            Self::Stray(number) => write!(f, "audit entry {number} is none: the first is 1"),
        }
    }
}
