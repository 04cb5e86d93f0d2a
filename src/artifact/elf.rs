//! The build id of an ELF file.

use std::io::{Read, Seek};
use std::ops::Range;

use object::read::{Object, ReadCache, ReadCacheOps, ReadRef};

use super::Bounded;
use crate::id::Hex;

/// The largest piece that is read at once, in bytes: section tables and notes are far smaller.
const MAX_PIECE: u64 = 8 << 20;

/// The longest build id, in bytes: that of the longest hash in use.
const MAX_BUILD_ID: usize = 64;

pub(super) fn read(file: Bounded<impl Read + Seek>) -> Option<String> {
    let cache = ReadCache::new(file);
    let elf = object::File::parse(Pieces(&cache)).ok()?;
    let build_id = elf.build_id().ok()??;
    (!build_id.is_empty() && build_id.len() <= MAX_BUILD_ID).then(|| Hex(build_id).to_string())
}

/// Refuses to read a large piece before any memory is asked for it: a file may claim sections of terabytes.
struct Pieces<'a, R: ReadCacheOps>(&'a ReadCache<R>);

impl<R: ReadCacheOps> Clone for Pieces<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: ReadCacheOps> Copy for Pieces<'_, R> {}

impl<'a, R: ReadCacheOps> ReadRef<'a> for Pieces<'a, R> {
    fn len(self) -> Result<u64, ()> {
        self.0.len()
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        if size > MAX_PIECE { Err(()) } else { self.0.read_bytes_at(offset, size) }
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        self.0.read_bytes_at_until(range, delimiter)
    }
}
