//! Moves what was committed from the log into the file while the writer goes on: it waits for the disk, and nobody who asked
//! for something should wait with it.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// The log is this many pages long at most; then the writer moves them itself, so that the log can begin anew.
pub(super) const LONGEST_LOG: u32 = 8_000;

/// How many rows change from one time to the next. Each is about a page of the log, or two.
const ROWS: u64 = 1_000;

/// The thread that moves pages, begun when there is enough to do.
pub(super) struct Checkpoints {
    path: PathBuf,
    moved_at: u64,
    thread: Option<(SyncSender<()>, JoinHandle<()>)>,
}

impl Checkpoints {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, moved_at: 0, thread: None }
    }

    /// Tells of a commit: how many rows have changed on this connection so far.
    pub(super) fn committed(&mut self, changed: u64) {
        if changed.saturating_sub(self.moved_at) < ROWS {
            return;
        }
        self.moved_at = changed;
        if self.thread.is_none() {
            let (sender, asked) = sync_channel(1);
            let path = self.path.clone();
            let begun = std::thread::Builder::new().name("checkpoint".to_owned()).spawn(move || serve(&path, &asked));
            self.thread = begun.ok().map(|thread| (sender, thread));
        }
        if let Some((sender, _)) = &self.thread {
            // One that is still at it finds what was added in the meantime.
            let _ = sender.try_send(());
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.thread.take() {
            drop(sender);
            // What it did not move, the one who closes the file last does.
            let _ = thread.join();
        }
    }
}

/// A fault here loses nothing: the log holds what was committed, and the writer tells when it cannot go on.
fn serve(path: &Path, asked: &Receiver<()>) {
    let Ok(connection) = rusqlite::Connection::open_with_flags(path, super::FLAGS) else { return };
    while asked.recv().is_ok() {
        let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    }
}
