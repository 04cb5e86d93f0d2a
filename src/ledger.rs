//! [`Ledger`]: the vendor's book of licenses, in SQLite or PostgreSQL.
//!
//! Every change is an act: a closure that runs inside one transaction, writes its own audit entries there, and is
//! acknowledged only when that transaction is durable. One writer gathers the acts that wait and commits them together;
//! each succeeds or is refused alone. Times, ids and random bytes are given by the caller.

mod act;
pub mod activation;
pub mod approval;
pub mod audit;
mod caller;
mod connection;
mod desk;
pub mod earlier;
mod error;
pub mod figures;
mod finder;
pub mod job;
pub mod license;
pub mod license_key;
pub mod machine;
mod migration;
#[cfg(feature = "postgres")]
mod postgres;
pub mod published;
mod readers;
pub mod release;
pub mod reported;
pub mod seat;
pub mod session;
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
pub mod tenant;
mod transaction;
pub mod transfer;
pub mod url;
mod value;
pub mod withdrawn;
mod worker;
mod writer;

use std::fmt;
use std::sync::{Arc, OnceLock};

pub use error::{Cause, LedgerError};
pub use finder::Found;
pub use transaction::Transaction;
pub use url::LedgerUrl;
pub use value::{Row, Value};

use crate::time::Timestamp;
use connection::Engine;
use finder::Finder;
use readers::Readers;
use writer::Writer;

/// What a ledger is given when it is made, and keeps for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Birth {
    /// A fresh random id.
    pub book_id: String,
    /// The time.
    pub now: Timestamp,
}

/// An open ledger. Many threads may share it; every call blocks until its answer is durable.
pub struct Ledger {
    url: LedgerUrl,
    readers: Arc<Readers>,
    finder: OnceLock<Finder>,
    writer: Writer,
}

impl Ledger {
    /// Opens a ledger and brings its schema up to date; a SQLite file that is not there is made, as is the book inside.
    ///
    /// # Errors
    /// `Unavailable` names what stands in the way.
    pub fn open(url: &LedgerUrl, birth: &Birth) -> Result<Self, LedgerError> {
        Self::open_at(url, Some(birth))
    }

    /// As [`Ledger::open`], and makes nothing: who asks what stands in a book, or takes something out of it, has misspelled
    /// its name where there is none.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_existing(url: &LedgerUrl) -> Result<Self, LedgerError> {
        url.engine()?.find()?;
        Self::open_at(url, None)
    }

    fn open_at(url: &LedgerUrl, birth: Option<&Birth>) -> Result<Self, LedgerError> {
        let engine: Arc<dyn Engine> = url.engine()?.into();
        let mut connection = engine.connect()?;
        migration::run(connection.as_mut(), birth)?;
        let writer = Writer::start(connection, Arc::clone(&engine))?;
        Ok(Self { url: url.clone(), readers: Arc::new(Readers::new(engine)), finder: OnceLock::new(), writer })
    }

    /// Returns the address that it was opened with; its password never shows.
    pub fn url(&self) -> &LedgerUrl {
        &self.url
    }

    /// Returns how many acts wait to be made durable.
    pub fn waiting(&self) -> u64 {
        self.writer.waiting()
    }

    /// Runs an act in a transaction, and returns once that is durable. An act may be run again after a conflict with
    /// another process, so it must do nothing but use the transaction.
    ///
    /// # Errors
    /// What the act answers; `Unavailable` when the transaction could not be made durable.
    pub fn write<T, F>(&self, act: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> Result<T, LedgerError> + Send + 'static,
    {
        self.writer.write(act)
    }

    /// As [`Ledger::write`], and waits for nothing: `then` is handed the answer once that is durable, on the one thread that
    /// writes, where it must not wait either.
    pub fn write_then<T, F>(&self, act: F, then: impl FnOnce(Result<T, LedgerError>) + Send + 'static)
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> Result<T, LedgerError> + Send + 'static,
    {
        self.writer.write_then(act, Box::new(then));
    }

    /// Reads from one consistent state of the ledger.
    ///
    /// # Errors
    /// What the closure answers; `Unavailable`.
    pub fn read<T>(&self, look: impl FnOnce(&mut Transaction<'_>) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        self.readers.read(look)
    }

    /// Finds what a license key opens, by its hash, together with all others that are asked for, and waits for nothing:
    /// `then` is handed the answer, `None` where nobody has that key, on the one thread that looks keys up, where it must not
    /// wait either.
    pub fn find_then(&self, hash: String, then: impl FnOnce(Result<Option<Found>, LedgerError>) + Send + 'static) {
        self.finder.get_or_init(|| Finder::start(Arc::clone(&self.readers))).find(hash, Box::new(then));
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("url", &self.url).finish_non_exhaustive()
    }
}
