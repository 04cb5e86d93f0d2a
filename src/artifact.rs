//! [`identify`]: what a file says it is, read from its bytes. Hostile files cost a bounded amount of work and memory, and
//! at worst have no identity.

mod dotnet;
mod elf;
mod jar;

use std::io::{self, Read, Seek, SeekFrom};

use crate::manifest::Identity;

/// How much of a file is read to identify it, in bytes.
const MAX_READ: u64 = 128 << 20;

/// The longest text in an identity, in bytes: what a manifest may hold in a string.
const MAX_TEXT: usize = 1_024;

/// Reads what a file says it is. `head` is how the file begins; what does not begin like an assembly, an ELF file or an
/// archive is not read at all.
pub fn identify(head: &[u8], file: impl Read + Seek) -> Option<Identity> {
    let mut file = Bounded { file, left: MAX_READ };
    match head {
        [b'M', b'Z', ..] => dotnet::read(&mut file).map(Identity::Dotnet),
        [0x7f, b'E', b'L', b'F', ..] => elf::read(file).map(Identity::Elf),
        [b'P', b'K', 3, 4, ..] => jar::read(file),
        _ => None,
    }
}

/// A file that ends in an error once enough has been read of it.
struct Bounded<F> {
    file: F,
    left: u64,
}

impl<F: Read + Seek> Bounded<F> {
    /// Reads `length` bytes at `offset`; `None` when the file has not as many.
    fn bytes_at(&mut self, offset: u64, length: usize) -> Option<Vec<u8>> {
        let end = self.seek(SeekFrom::End(0)).ok()?;
        // Memory is asked for only once the file is known to have the bytes.
        let fits = offset.checked_add(u64::try_from(length).ok()?)? <= end && u64::try_from(length).ok()? <= self.left;
        if !fits {
            return None;
        }
        let mut bytes = vec![0; length];
        self.seek(SeekFrom::Start(offset)).ok()?;
        self.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }
}

impl<F: Read> Read for Bounded<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(read)
    }
}

impl<F: Seek> Seek for Bounded<F> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Takes a text for an identity: short, and not empty.
fn text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    (!text.is_empty() && text.len() <= MAX_TEXT).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
