//! The one who looks license keys up: gathers those that wait, and finds all of them in one transaction.

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use super::caller::{Then, tell};
use super::readers::Readers;
use super::value::Cell;
use super::worker::Worker;
use super::{LedgerError, Row, Transaction, sql};

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

/// The thread that looks up; none where none could be begun.
pub(crate) struct Finder(Option<Worker<Asked>>);

struct Asked {
    /// The hash of a license key.
    hash: String,
    then: Then<Option<Found>>,
}

impl Finder {
    pub(crate) fn start(readers: Arc<Readers>) -> Self {
        Self(Worker::start("finder", move |waiting| serve(&readers, waiting)).ok())
    }

    /// Finds what a license key opens, by its hash; `then` is told on the finder's thread, and must not wait there.
    pub(crate) fn find(&self, hash: String, then: Then<Option<Found>>) {
        let asked = Asked { hash, then };
        let given = match &self.0 {
            Some(worker) => worker.give(asked),
            None => Err(asked),
        };
        if let Err(asked) = given {
            (asked.then)(Err(LedgerError::abandoned()));
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
            tell(then, found.as_ref().map(|found| found.get(&hash).cloned()).map_err(Clone::clone));
        }
    }
}

/// Finds what license keys open, by their hashes.
fn find<'a>(
    transaction: &mut Transaction<'_>,
    hashes: impl Iterator<Item = &'a String>,
) -> Result<HashMap<String, Found>, LedgerError> {
    let hashes: BTreeSet<&String> = hashes.collect();
    let hashes: Vec<Cell<'_>> = hashes.into_iter().map(Cell::from).collect();
    let mut found = HashMap::with_capacity(hashes.len());
    transaction.each_of_all(sql::OPENED_BY_LICENSE_KEYS, &hashes, &mut |cells| {
        let mut row = Row::kept(cells);
        found.insert(row.text()?, Found { token: row.text()?, approves: row.maybe_text()?.is_some() });
        Ok(())
    })?;
    Ok(found)
}
