//! The one who looks license keys up: gathers those that wait, and finds all of them in one transaction.

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SendError, Sender, channel};
use std::thread::JoinHandle;

use super::readers::Readers;
use super::writer::Then;
use super::{LedgerError, Row, Transaction, Value, sql};

/// As many are looked up together at most.
const MOST: usize = 512;

/// What a license key opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The token, as it was handed out last.
    pub token: String,
    /// Whether any build is approved for the license, or for every one: its machines then run no other.
    pub approves: bool,
}

/// The thread that looks up.
pub(crate) struct Finder {
    asked: Option<Sender<Asked>>,
    thread: Option<JoinHandle<()>>,
}

struct Asked {
    /// The hash of a license key.
    hash: String,
    then: Then<Option<Found>>,
}

impl Finder {
    pub(crate) fn start(readers: Arc<Readers>) -> Self {
        let (asked, waiting) = channel();
        let thread = std::thread::Builder::new().name("finder".to_owned()).spawn(move || serve(&readers, &waiting));
        // Where there is no thread nobody takes what is asked, which is told then.
        Self { asked: Some(asked), thread: thread.ok() }
    }

    /// Finds what a license key opens, by its hash; `then` is told on the finder's thread, and must not wait there.
    pub(crate) fn find(&self, hash: String, then: Then<Option<Found>>) {
        let sent = self.asked.as_ref().map(|asked| asked.send(Asked { hash, then }));
        if let Some(Err(SendError(asked))) = sent {
            (asked.then)(Err(LedgerError::abandoned()));
        }
    }
}

impl Drop for Finder {
    fn drop(&mut self) {
        self.asked = None;
        if let Some(thread) = self.thread.take() {
            // One that panicked has nothing left to finish.
            let _ = thread.join();
        }
    }
}

fn serve(readers: &Readers, waiting: &Receiver<Asked>) {
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        group.extend(waiting.try_iter().take(MOST - 1));
        let look = || readers.read(|transaction| find(transaction, group.iter().map(|asked| &asked.hash)));
        let found = catch_unwind(AssertUnwindSafe(look)).unwrap_or_else(|_| Err(LedgerError::abandoned()));
        for Asked { hash, then } in group {
            then(found.as_ref().map(|found| found.get(&hash).cloned()).map_err(Clone::clone));
        }
    }
}

/// Finds what license keys open, by their hashes.
fn find<'a>(
    transaction: &mut Transaction<'_>,
    hashes: impl Iterator<Item = &'a String>,
) -> Result<HashMap<String, Found>, LedgerError> {
    let hashes: BTreeSet<&String> = hashes.collect();
    let hashes: Vec<Value> = hashes.into_iter().map(Value::from).collect();
    let rows = transaction.query_all(sql::OPENED_BY_LICENSE_KEYS, &hashes)?;
    let read = |mut row: Row| Ok((row.text()?, Found { token: row.text()?, approves: row.maybe_text()?.is_some() }));
    rows.into_iter().map(read).collect()
}
