//! Hashes files on all cores. A digest is that of bytes which the file held at one moment, or it is not given.

use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::folder::{Folder, Stamp};
use super::{Progress, Reading, TreeFault};
use crate::artifact;
use crate::manifest::{FileDigest, FileFacts, TreePath};

/// How often a file that changes is read.
const TRIES: usize = 3;

/// How much is read at a time. Mapping small files into memory instead would cost half as much again.
const BUFFER_BYTES: usize = 64 << 10;

/// Longer than any clock of a file system takes to tick.
const TICK: Duration = Duration::from_millis(20);

/// How many files a thread takes at a time; they mostly lie in one folder.
const CHUNK: usize = 4;

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
    let next = AtomicUsize::new(0);
    let work = || {
        let mut hasher = Hasher { way: Way { root, folders: Vec::new() }, buffer: vec![0; BUFFER_BYTES], reading };
        let mut done = Vec::new();
        loop {
            let start = next.fetch_add(CHUNK, Ordering::Relaxed).min(paths.len());
            let end = (start + CHUNK).min(paths.len());
            for (at, path) in paths.iter().enumerate().take(end).skip(start) {
                done.push((at, hasher.read(path)));
                (reading.progress)(Progress::Done);
            }
            if start == end {
                return done;
            }
        }
    };
    let threads = reading.threads.clamp(1, paths.len().max(1));
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
    reading: Reading<'a>,
}

impl Hasher<'_> {
    fn read(&mut self, path: &TreePath) -> Result<FileFacts, HashFault> {
        let (folder, name) = path.split();
        let folder = self.way.enter(folder)?;
        for _ in 0..TRIES {
            let file = folder.file(name)?;
            let before = Stamp::of(&file)?.ok_or(HashFault::NotAFile)?;
            if before.is_fresh(TICK) {
                thread::sleep(TICK);
                if Stamp::of(&file)? != Some(before) {
                    continue;
                }
            }
            let facts = hash(&file, &mut self.buffer, self.reading)?;
            if Stamp::of(&file)? == Some(before) && facts.size == before.size {
                return Ok(facts);
            }
        }
        Err(HashFault::Unstable)
    }
}

fn hash(mut file: &std::fs::File, buffer: &mut [u8], reading: Reading<'_>) -> io::Result<FileFacts> {
    let (mut hasher, mut size, mut identity) = (Sha256::new(), 0, None);
    loop {
        let read = match file.read(buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if size == 0 {
            identity = buffer[..read].first_chunk::<4>().copied();
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
        (reading.progress)(Progress::Read(read as u64));
    }
    let identity = identity.and_then(|head| artifact::identify(&head, file));
    Ok(FileFacts { size, sha256: FileDigest(hasher.finalize().into()), identity })
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
