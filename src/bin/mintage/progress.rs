//! How far long work has come: one line on standard error, written over as it goes on, for who looks on.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::render::Terminal;

/// How long a line stands before the next, in milliseconds.
const PACE: u64 = 100;

/// Room for the longest line, so that a shorter one covers it.
const WIDTH: usize = 72;

/// Counts what is done; any thread may count. Dropped, it takes its line away.
#[derive(Debug)]
pub(crate) struct Progress {
    /// What is done to what, such as `minting` and `licenses`.
    words: (&'static str, &'static str),
    shown: bool,
    start: Instant,
    total: AtomicU64,
    done: AtomicU64,
    bytes: AtomicU64,
    /// When the next line is due, in milliseconds after the start.
    due: AtomicU64,
}

impl Progress {
    pub(crate) fn new(words: (&'static str, &'static str), terminal: &Terminal) -> Self {
        let [total, done, bytes, due] = [0, 0, 0, PACE].map(AtomicU64::new);
        Self { words, shown: terminal.shows_progress(), start: Instant::now(), total, done, bytes, due }
    }

    /// Learns how much there is to do.
    pub(crate) fn expect(&self, total: usize) {
        self.total.store(total as u64, Ordering::Relaxed);
    }

    pub(crate) fn advance(&self, done: usize) {
        self.done.fetch_add(done as u64, Ordering::Relaxed);
        self.show();
    }

    pub(crate) fn read(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.show();
    }

    fn show(&self) {
        if !self.shown {
            return;
        }
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let due = self.due.load(Ordering::Relaxed);
        // Of several threads only the one that sets the next time writes.
        let next = now.saturating_add(PACE);
        if now < due || self.due.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let [total, done, bytes] = [&self.total, &self.done, &self.bytes].map(|count| count.load(Ordering::Relaxed));
        let (verb, noun) = self.words;
        let left = match now.saturating_mul(total.saturating_sub(done)).checked_div(done) {
            Some(left) => format!(", {} s left", left / 1000),
            None => String::new(),
        };
        let read = if bytes > 0 { format!(", {} MiB", bytes >> 20) } else { String::new() };
        let line = format!("{verb} {done} of {total} {noun}{read}{left}");
        // A closed standard error leaves nobody to tell.
        let _ = write!(std::io::stderr().lock(), "\r{line:WIDTH$}");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if *self.due.get_mut() > PACE {
            let _ = write!(std::io::stderr().lock(), "\r{:WIDTH$}\r", "");
        }
    }
}
