//! Finds the metadata of an assembly in its PE file (ECMA-335, II.25).

use std::io::{Read, Seek};

use crate::artifact::Bounded;

/// The most metadata that is read, in bytes; the largest assemblies in use have a quarter of it.
const MAX_METADATA: usize = 64 << 20;

/// The most sections of a PE file.
const MAX_SECTIONS: usize = 1_024;

/// Returns the metadata of an assembly.
pub(super) fn metadata(file: &mut Bounded<impl Read + Seek>) -> Option<Vec<u8>> {
    let start = u64::from(u32_at(&file.bytes_at(0, 64)?, 60)?);
    let head = file.bytes_at(start, 24)?;
    if !head.starts_with(b"PE\0\0") {
        return None;
    }
    let sections = usize::from(u16_at(&head, 6)?);
    let optional_size = usize::from(u16_at(&head, 20)?);
    if sections > MAX_SECTIONS {
        return None;
    }
    let optional = file.bytes_at(start + 24, optional_size)?;
    // The directories begin later where addresses are 64 bits wide.
    let directories = match u16_at(&optional, 0)? {
        0x10b => 96,
        0x20b => 112,
        _ => return None,
    };
    // The fifteenth directory is that of the runtime.
    let runtime = u32_at(&optional, directories + 14 * 8)?;
    let after = start + 24 + u64::try_from(optional_size).ok()?;
    let sections = Sections(file.bytes_at(after, sections * 40)?);
    let header = file.bytes_at(sections.offset(runtime)?, 16)?;
    let (address, size) = (u32_at(&header, 8)?, usize::try_from(u32_at(&header, 12)?).ok()?);
    if size > MAX_METADATA {
        return None;
    }
    file.bytes_at(sections.offset(address)?, size)
}

/// The section headers.
struct Sections(Vec<u8>);

impl Sections {
    /// Returns where in the file an address of the loaded image lies.
    fn offset(&self, address: u32) -> Option<u64> {
        self.0.chunks_exact(40).find_map(|section| {
            let (start, size, place) = (u32_at(section, 12)?, u32_at(section, 16)?, u32_at(section, 20)?);
            let within = address.checked_sub(start)?;
            (address != 0 && within < size).then(|| u64::from(place) + u64::from(within))
        })
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}
