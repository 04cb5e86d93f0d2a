//! Hashes files on all cores. A digest is that of bytes which the file held at one moment, or it is not given.

use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::folder::{Folder, Stamp};
use super::shelf::Shelf;
use super::{Progress, Reading, TreeFault};
use crate::artifact;
use crate::manifest::{FileDigest, FileFacts, Identity, TreePath};

/// How often a file that changes is read.
const TRIES: usize = 3;

/// How much is read at a time. Mapping small files into memory instead would cost half as much again.
const BUFFER_BYTES: usize = 64 << 10;

/// A file at least this long is read ahead where a core has nothing else to do.
const LONG: u64 = 16 << 20;

/// How many pieces of what length are under way when a file is read ahead.
const PIECES: usize = 4;
const PIECE_BYTES: usize = 256 << 10;

/// Longer than the clock of any file system here takes to tick; one on another machine may tick to its own clock. And longer
/// than a busy system leaves a writer waiting in the middle of a write, of which a stamp tells the beginning alone.
const TICK: Duration = Duration::from_millis(100);

/// How many files a thread takes at a time, at most; they mostly lie in one folder.
const CHUNK: usize = 4;

/// Whether a file is read on a thread of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ahead {
    No,
    Yes,
}

/// Says why a file has no digest.
#[derive(Debug)]
pub(super) enum HashFault {
    Io(io::Error),
    NotAFile,
    Unstable,
}

/// Hashes files of a tree; the results stand in the order of the paths.
pub(super) fn read_all(root: &Folder, paths: &[TreePath], reading: Reading<'_>) -> Vec<Result<FileFacts, HashFault>> {
    (reading.progress)(Progress::Found(paths.len()));
    let threads = reading.threads.clamp(1, paths.len().max(1));
    let chunk = (paths.len() / threads).clamp(1, CHUNK);
    let next = AtomicUsize::new(0);
    let work = || {
        let way = Way { root, folders: Vec::new() };
        let idle = paths.len() < reading.threads;
        let mut hasher = Hasher { way, buffer: vec![0; BUFFER_BYTES], shelf: Shelf::new(threads), idle, reading };
        let mut done = Vec::new();
        loop {
            let start = next.fetch_add(chunk, Ordering::Relaxed).min(paths.len());
            let end = (start + chunk).min(paths.len());
            for (at, path) in paths.iter().enumerate().take(end).skip(start) {
                if let Some(result) = hasher.read(at, path).transpose() {
                    done.push((at, result));
                }
                if hasher.shelf.is_full() {
                    hasher.clear_shelf(&mut done);
                }
                (reading.progress)(Progress::Done);
            }
            if start == end {
                hasher.clear_shelf(&mut done);
                return done;
            }
        }
    };
    let mut results: Vec<_> = (0..paths.len()).map(|_| Err(HashFault::Unstable)).collect();
    thread::scope(|scope| {
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut gather = |done: Vec<(usize, _)>| done.into_iter().for_each(|(at, result)| results[at] = result);
        gather(work());
        for worker in workers {
            match worker.join() {
                Ok(done) => gather(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    results
}

struct Hasher<'a> {
    way: Way<'a>,
    buffer: Vec<u8>,
    shelf: Shelf<Shelved>,
    /// Whether there are more cores than files.
    idle: bool,
    reading: Reading<'a>,
}

/// A file that waits for its digest: its place among the paths, and what it says it is.
struct Shelved {
    at: usize,
    identity: Option<Identity>,
}

impl Hasher<'_> {
    /// Reads a file; `None` when it waits on the shelf.
    fn read(&mut self, at: usize, path: &TreePath) -> Result<Option<FileFacts>, HashFault> {
        let (folder, name) = path.split();
        let folder = self.way.enter(folder)?;
        for _ in 0..TRIES {
            let file = folder.file(name)?;
            let before = Stamp::of(&file)?.ok_or(HashFault::NotAFile)?;
            let clock = self.reading.clock;
            if before.is_fresh(clock.now(), TICK) {
                clock.wait(TICK);
                if Stamp::of(&file)? != Some(before) {
                    continue;
                }
            }
            let is_same = |size: u64| Ok::<_, io::Error>(Stamp::of(&file)? == Some(before) && size == before.size);
            if self.shelf.takes(before.size) {
                let content = self.shelf.read(before.size, |place| read_full(&file, place))?;
                let (length, identity) = (content.len(), artifact::identify(content, &file));
                (self.reading.progress)(Progress::Read(length as u64));
                if is_same(length as u64)? {
                    self.shelf.keep(length, Shelved { at, identity });
                    return Ok(None);
                }
            } else {
                let ahead = if self.idle && before.size >= LONG { Ahead::Yes } else { Ahead::No };
                let facts = hash(&file, before.size, &mut self.buffer, ahead, self.reading)?;
                if is_same(facts.size)? {
                    return Ok(Some(facts));
                }
            }
        }
        Err(HashFault::Unstable)
    }

    /// Hashes what waits.
    fn clear_shelf(&mut self, done: &mut Vec<(usize, Result<FileFacts, HashFault>)>) {
        self.shelf
            .clear(|Shelved { at, identity }, size, sha256| done.push((at, Ok(FileFacts { size, sha256, identity }))));
    }
}

/// Hashes a file as it is now, and no more than one byte of what has been added since its length was `length`: a file may
/// grow as fast as it is read.
fn hash(file: &File, length: u64, buffer: &mut [u8], ahead: Ahead, reading: Reading<'_>) -> io::Result<FileFacts> {
    let (mut hasher, mut size, mut head) = (Sha256::new(), 0, None);
    let source = file.take(length.saturating_add(1));
    let take = |piece: &[u8]| {
        head = head.or_else(|| piece.first_chunk::<4>().copied());
        hasher.update(piece);
        size += piece.len() as u64;
        (reading.progress)(Progress::Read(piece.len() as u64));
    };
    match ahead {
        Ahead::Yes => read_ahead(source, take)?,
        Ahead::No => read_through(source, buffer, take)?,
    }
    let identity = head.and_then(|head| artifact::identify(&head, file));
    Ok(FileFacts { size, sha256: FileDigest(hasher.finalize().into()), identity })
}

fn read_through(mut source: impl Read, buffer: &mut [u8], mut take: impl FnMut(&[u8])) -> io::Result<()> {
    loop {
        match read(&mut source, buffer)? {
            0 => return Ok(()),
            length => take(&buffer[..length]),
        }
    }
}

/// Reads on one thread what the other hashes: one long file is done sooner, and many would not be.
fn read_ahead(mut source: impl Read + Send, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let (filled, to_take) = sync_channel::<io::Result<(Vec<u8>, usize)>>(PIECES);
    let (emptied, to_fill) = sync_channel(PIECES);
    for _ in 0..PIECES {
        // The channel has room for all of them.
        let _ = emptied.send(vec![0; PIECE_BYTES]);
    }
    thread::scope(|scope| {
        scope.spawn(move || {
            while let Ok(mut piece) = to_fill.recv() {
                let read = read(&mut source, &mut piece);
                let ends = !matches!(read, Ok(1..));
                // Nobody listens once the other side is done.
                if filled.send(read.map(|length| (piece, length))).is_err() || ends {
                    return;
                }
            }
        });
        // Owned here, so that every way out drops it and the reader ends.
        let emptied = emptied;
        while let Ok(piece) = to_take.recv() {
            let (piece, length) = piece?;
            take(&piece[..length]);
            // The reader is gone after the last piece.
            let _ = emptied.send(piece);
        }
        Ok(())
    })
}

/// Reads until the buffer is full or the file ends.
fn read_full(mut file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match read(&mut file, &mut buffer[filled..])? {
            0 => break,
            length => filled += length,
        }
    }
    Ok(filled)
}

fn read(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// The folders on the way to the file at hand, each opened in the one before it.
struct Way<'a> {
    root: &'a Folder,
    folders: Vec<(Vec<u8>, Folder)>,
}

impl Way<'_> {
    /// Opens a folder by its path; what it shares with the one before stays open.
    fn enter(&mut self, path: &[u8]) -> io::Result<&Folder> {
        let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
        let shared = self.folders.iter().zip(&names).take_while(|((open, _), name)| open == *name).count();
        self.folders.truncate(shared);
        for name in &names[shared..] {
            let folder = self.innermost().folder(name)?;
            self.folders.push((name.to_vec(), folder));
        }
        Ok(self.innermost())
    }

    fn innermost(&self) -> &Folder {
        self.folders.last().map_or(self.root, |(_, folder)| folder)
    }
}

impl HashFault {
    /// Says where it was.
    pub(super) fn at(self, path: TreePath) -> TreeFault {
        match self {
            Self::Io(error) => TreeFault::Io(format!("`{path}`"), error),
            Self::NotAFile => TreeFault::Special(path, "file no more"),
            Self::Unstable => TreeFault::Unstable(path),
        }
    }
}

impl From<io::Error> for HashFault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Mutex;
    use std::time::SystemTime;

    use super::super::Clock;
    use super::*;

    /// A clock that stands `ahead` of the file's time, and writes down what it was asked to wait.
    struct Still {
        now: SystemTime,
        waited: Mutex<Vec<Duration>>,
    }

    impl Clock for Still {
        fn now(&self) -> SystemTime {
            self.now
        }

        fn wait(&self, time: Duration) {
            self.waited.lock().unwrap().push(time);
        }
    }

    #[test]
    fn only_a_file_that_changed_within_a_tick_is_waited_for() {
        // Any file will do; nobody writes this one while the test runs.
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let changed = Stamp::of(&File::open(root.join("Cargo.toml")).unwrap()).unwrap().unwrap().changed.unwrap();
        for (age, waits) in [(Duration::ZERO, 1), (TICK / 2, 1), (TICK, 0), (Duration::from_secs(9), 0)] {
            let clock = Still { now: changed + age, waited: Mutex::default() };
            let reading = Reading { threads: 1, own: &|_| false, progress: &|_| {}, clock: &clock };
            let folder = Folder::open(root).unwrap();
            let read = read_all(&folder, &[TreePath::new("Cargo.toml").unwrap()], reading);
            assert!(read[0].is_ok());
            assert_eq!(*clock.waited.lock().unwrap(), vec![TICK; waits], "{age:?}");
        }
    }
}
