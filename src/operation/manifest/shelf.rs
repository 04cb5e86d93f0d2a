//! [`Shelf`]: files that lie in memory until there are enough of them to hash several at a time. One SHA-256 mostly waits
//! for itself; many do not wait for each other.

use std::io;

use sha2::{Digest, Sha256};

use crate::manifest::FileDigest;

/// What all shelves together hold at most, in bytes.
const ALL_SHELVES: usize = 128 << 20;

/// No longer file is put on a shelf, in bytes.
const LONGEST: usize = 4 << 20;

/// So many files for each that is hashed at the same time wait at most: enough to find some of nearly the same length.
const CHOICE: usize = 8;

/// One file after another is as fast when less than this part of the work done at the same time would count.
const WORTH: (usize, usize) = (3, 4);

/// The files of one thread; each keeps a note `T` until it has its digest.
pub(super) struct Shelf<T> {
    bytes: Vec<u8>,
    used: usize,
    longest: usize,
    most: usize,
    files: Vec<(usize, T)>,
}

impl<T> Shelf<T> {
    /// Makes room for one of `threads` threads. Memory is taken as it is used.
    pub(super) fn new(threads: usize) -> Self {
        let lanes = tape_sha256::lane_width();
        // Where this processor hashes one file at a time, nothing is gained by waiting.
        let longest = if lanes > 1 { (ALL_SHELVES / threads.max(1) / lanes).min(LONGEST) } else { 0 };
        // One byte more shows that a file has grown.
        let bytes = vec![0; (longest + 1) * lanes];
        Self { bytes, used: 0, longest, most: lanes * CHOICE, files: Vec::new() }
    }

    /// Whether a file of so many bytes belongs here.
    pub(super) fn takes(&self, length: u64) -> bool {
        usize::try_from(length).is_ok_and(|length| length > 0 && length <= self.longest)
    }

    /// Has a file of so many bytes read, and at most one byte more than it had; the next one takes its place unless it is
    /// [kept](Self::keep).
    pub(super) fn read(&mut self, length: u64, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<&[u8]> {
        let room = usize::try_from(length).map_or(self.longest, |length| length.min(self.longest)) + 1;
        let place = &mut self.bytes[self.used..self.used + room];
        let size = read(place)?;
        Ok(&place[..size])
    }

    /// Keeps as many bytes as were read last.
    pub(super) fn keep(&mut self, size: usize, note: T) {
        self.used += size;
        self.files.push((size, note));
    }

    /// Whether there is no room for another file.
    pub(super) fn is_full(&self) -> bool {
        self.files.len() >= self.most || self.used + self.longest + 1 > self.bytes.len()
    }

    /// Hashes all files and hands them on in no order.
    pub(super) fn clear(&mut self, mut done: impl FnMut(T, u64, FileDigest)) {
        let mut rest = &self.bytes[..self.used];
        let mut files = Vec::with_capacity(self.files.len());
        for (size, note) in self.files.drain(..) {
            let (content, after) = rest.split_at(size);
            rest = after;
            files.push((content, note));
        }
        // Files that are hashed together cost as much as the longest of them.
        files.sort_unstable_by_key(|(content, _)| content.len());
        let contents: Vec<&[u8]> = files.iter().map(|(content, _)| *content).collect();
        for ((content, note), digest) in files.into_iter().zip(digests(&contents)) {
            done(note, content.len() as u64, FileDigest(digest));
        }
        self.used = 0;
    }
}

/// Hashes messages; those that stand together should be of nearly the same length.
fn digests(messages: &[&[u8]]) -> Vec<[u8; 32]> {
    let lanes = tape_sha256::lane_width();
    let mut digests = vec![[0; 32]; messages.len()];
    for (messages, digests) in messages.chunks(lanes).zip(digests.chunks_mut(lanes)) {
        let longest = messages.iter().map(|message| message.len()).max().unwrap_or_default();
        let counts: usize = messages.iter().map(|message| message.len()).sum();
        if lanes > 1 && counts * WORTH.1 >= longest * lanes * WORTH.0 {
            tape_sha256::hash_many(messages, digests);
        } else {
            for (message, digest) in messages.iter().zip(digests) {
                *digest = Sha256::digest(message).into();
            }
        }
    }
    digests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: usize) -> Vec<u8> {
        (0..length).map(|at| u8::try_from((at * 7 + length) % 251).unwrap()).collect()
    }

    #[test]
    fn many_at_a_time_have_the_digests_that_they_have_alone() {
        // Every length around the ends of blocks, alone and in company of its like and of others.
        let lengths = (0..=260).chain([511, 512, 513, 4_095, 4_096, 4_097, 65_535, 65_536, 100_003]);
        let messages: Vec<Vec<u8>> = lengths.map(message).collect();
        let alone =
            |messages: &[&[u8]]| messages.iter().map(|one| Sha256::digest(one).into()).collect::<Vec<[u8; 32]>>();
        let all: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        assert_eq!(digests(&all), alone(&all));
        for one in &all {
            let alike = vec![*one; tape_sha256::lane_width() + 1];
            assert_eq!(digests(&alike), alone(&alike), "{} bytes", one.len());
        }
        for count in 0..=40 {
            assert_eq!(digests(&all[100..100 + count]), alone(&all[100..100 + count]), "{count} messages");
        }
        // What is hashed together here is so whatever it is worth.
        let mut together = vec![[0; 32]; all.len()];
        tape_sha256::hash_many(&all, &mut together);
        assert_eq!(together, alone(&all));
    }

    #[test]
    fn what_is_kept_comes_back_with_its_note() {
        let content = message(1_000);
        let mut shelf = Shelf::new(2);
        shelf.longest = content.len();
        shelf.bytes = vec![0; (content.len() + 1) * 3];
        assert!(shelf.takes(1_000) && !shelf.takes(1_001) && !shelf.takes(0));
        let read = |start: usize| {
            let content = &content;
            move |place: &mut [u8]| {
                assert_eq!(place.len(), 1_001, "one byte more shows that a file has grown");
                place[..1_000 - start].copy_from_slice(&content[start..]);
                Ok(1_000 - start)
            }
        };
        // Read, and not kept: the next one takes its place.
        assert_eq!(shelf.read(1_000, read(0)).unwrap(), content);
        for (start, note) in [(0, "all"), (10, "most")] {
            let size = shelf.read(1_000, read(start)).unwrap().len();
            assert_eq!(size, 1_000 - start);
            assert!(!shelf.is_full());
            shelf.keep(size, note);
        }
        let mut found = Vec::new();
        shelf.clear(|note, size, digest| found.push((note, size, digest)));
        found.sort_by_key(|(note, ..)| *note);
        let digest = |bytes: &[u8]| FileDigest(Sha256::digest(bytes).into());
        assert_eq!(found, [("all", 1_000, digest(&content)), ("most", 990, digest(&content[10..]))]);
        assert_eq!(shelf.used, 0);
    }
}
