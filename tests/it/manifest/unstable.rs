//! A file that changes while it is read has the digest of bytes that it once held, or none.

use std::collections::HashSet;
use std::io::{Seek, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use mintage::id::Hex;
use sha2::{Digest, Sha256};

use super::*;

/// The length of the file: long enough that a read and a write meet.
const LENGTH: usize = 1 << 20;

/// Writes the file anew in place, every byte the same number, for as long as asked, with a pause after each time.
struct Writer {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    fn start(path: PathBuf, pause: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
            for number in (0..=u8::MAX).cycle() {
                if seen.load(Ordering::Relaxed) {
                    return;
                }
                file.rewind().unwrap();
                file.write_all(&vec![number; LENGTH]).unwrap();
                thread::sleep(pause);
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(thread::JoinHandle::join);
    }
}

#[test]
fn a_digest_is_exact_or_it_is_not_given() {
    let digest = |number: u8| format!("{}  big", Hex(&Sha256::digest(vec![number; LENGTH])));
    let honest: HashSet<String> = (0..=u8::MAX).map(digest).collect();
    let (mut exact, mut unstable) = (0, 0);
    for pause in [0, 1, 5, 30, 60] {
        let bench = Bench::new();
        let path = bench.write("app/big", vec![0; LENGTH]);
        let _writer = Writer::start(path, Duration::from_millis(pause));
        for _ in 0..20 {
            let outcome = bench.manifest(&["-q", "--format", "sha256sum"]);
            if outcome.status == Some(0) {
                assert!(honest.contains(outcome.stdout().trim_end()), "{outcome}");
                exact += 1;
            } else {
                assert_eq!(outcome.status, Some(3), "{outcome}");
                assert!(outcome.stderr().starts_with("mintage: error[unstable-file]: `big` changed"), "{outcome}");
                unstable += 1;
            }
        }
    }
    assert_eq!(exact + unstable, 100);
    assert!(unstable > 0, "no file was ever caught changing");
}

#[test]
fn a_file_that_keeps_changing_cannot_be_judged() {
    let bench = scene();
    let path = bench.write("app/big", vec![0; LENGTH]);
    bench.minted(&[]);
    let _writer = Writer::start(path, Duration::ZERO);
    // A writer that a busy machine lets wait leaves the file alone for a while, and it can be judged.
    let verified = (0..50).map(|_| bench.verified(&[])).find(|verified| codes(verified) == ["unstable-file"]).unwrap();
    assert_eq!(verified.status, Some(3), "{verified}");
    assert!(verified.stdout().contains("UNREADABLE  `big` changed each of the three times it was read"), "{verified}");
}

#[test]
fn a_file_that_grows_as_fast_as_it_is_read_ends_the_run_all_the_same() {
    let bench = Bench::new();
    let path = bench.write("app/big", vec![0; LENGTH]);
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    let grows = thread::spawn(move || {
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        // No more than a test may leave behind should it be killed.
        for _ in 0..1 << 16 {
            if seen.load(Ordering::Relaxed) {
                return;
            }
            file.write_all(&[0; 4_096]).unwrap();
        }
    });
    let outcome = bench.manifest(&["-q", "--format", "sha256sum"]);
    stop.store(true, Ordering::Relaxed);
    grows.join().unwrap();
    assert!(outcome.status == Some(0) || codes(&outcome) == ["unstable-file"], "{outcome}");
}
