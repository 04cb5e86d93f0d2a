//! [`Ledger`]: the vendor's book of licenses, in SQLite or PostgreSQL.
//!
//! Every change is an act: a closure that runs inside one transaction, writes its own audit entries there, and is
//! acknowledged only when that transaction is durable. One writer gathers the acts that wait and commits them together;
//! each succeeds or is refused alone. Times, ids and random bytes are given by the caller.

pub mod activation;
pub mod approval;
pub mod audit;
mod connection;
mod error;
pub mod figures;
pub mod job;
pub mod license;
pub mod license_key;
mod migration;
#[cfg(feature = "postgres")]
mod postgres;
pub mod published;
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
mod writer;

use std::fmt;
use std::sync::Mutex;

pub use error::{Cause, LedgerError};
pub use transaction::Transaction;
pub use url::LedgerUrl;
pub use value::{Row, Value};

use crate::time::Timestamp;
use connection::{Connection, Engine, Mode};
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
    engine: Box<dyn Engine>,
    readers: Mutex<Vec<Box<dyn Connection>>>,
    writer: Writer,
}

/// As many idle connections for reading are kept.
const IDLE_READERS: usize = 32;

impl Ledger {
    /// Opens a ledger and brings its schema up to date; a SQLite file that is not there is made, as is the book inside.
    ///
    /// # Errors
    /// `Unavailable` names what stands in the way.
    pub fn open(url: &LedgerUrl, birth: &Birth) -> Result<Self, LedgerError> {
        let engine = url.engine()?;
        let mut connection = engine.connect()?;
        migration::run(connection.as_mut(), birth)?;
        let writer = Writer::start(connection, url.engine()?)?;
        Ok(Self { url: url.clone(), engine, readers: Mutex::new(Vec::new()), writer })
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

    /// Reads from one consistent state of the ledger.
    ///
    /// # Errors
    /// What the closure answers; `Unavailable`.
    pub fn read<T>(&self, look: impl FnOnce(&mut Transaction<'_>) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        let idle = self.readers.lock().ok().and_then(|mut readers| readers.pop());
        let begun = idle.and_then(|mut connection| connection.begin(Mode::Read).is_ok().then_some(connection));
        let mut connection = if let Some(connection) = begun {
            connection
        } else {
            // None was idle, or it broke while it was.
            let mut connection = self.engine.connect()?;
            connection.begin(Mode::Read)?;
            connection
        };
        let answer = look(&mut Transaction::new(connection.as_mut()));
        // What could not end its transaction is dropped, not used again.
        let ended = connection.rollback();
        if let (Ok(()), Ok(mut readers)) = (ended, self.readers.lock())
            && readers.len() < IDLE_READERS
        {
            readers.push(connection);
        }
        answer
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("url", &self.url).finish_non_exhaustive()
    }
}
