//! What a JAR says it is: its `META-INF/MANIFEST.MF`, then the `pom.properties` of Maven if there is one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom};

use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, RECOMMENDED_BUFFER_SIZE, ReaderAt, ZipArchive, ZipArchiveEntryWayfinder, ZipLocator};

use super::{Bounded, text};
use crate::manifest::Identity;

const MANIFEST: &[u8] = b"META-INF/MANIFEST.MF";

/// The most entries of an archive that are looked at.
const MAX_ENTRIES: usize = 200_000;

/// How much of an entry is read, in bytes.
const MAX_ENTRY_BYTES: u64 = 1 << 20;

/// Reads an archive; without a manifest of Java and without one of Maven it is no JAR.
pub(super) fn read(mut file: Bounded<impl Read + Seek>) -> Option<Identity> {
    let end = file.seek(SeekFrom::End(0)).ok()?;
    let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
    let archive = ZipLocator::new().locate_in_reader(At(RefCell::new(file)), &mut buffer, end).ok()?;
    let (mut manifest, mut poms) = (None, Vec::new());
    let mut entries = archive.entries(&mut buffer);
    for _ in 0..MAX_ENTRIES {
        // A directory that breaks off has named what it has named.
        let Ok(Some(entry)) = entries.next_entry() else { break };
        let place = (entry.wayfinder(), entry.compression_method());
        match entry.file_path().as_ref() {
            MANIFEST => manifest = manifest.or(Some(place)),
            path if path.starts_with(b"META-INF/maven/") && path.ends_with(b"/pom.properties") => poms.push(place),
            _ => {}
        }
    }
    let main = manifest.and_then(|place| inflate(&archive, place)).map(|bytes| main_attributes(&bytes));
    // A JAR that was merged from many has a file of Maven for each, and none says what the whole is.
    let pom = match poms.as_slice() {
        [place] => inflate(&archive, *place).map(|bytes| properties(&bytes)),
        _ => None,
    };
    if main.is_none() && pom.is_none() {
        return None;
    }
    let (main, pom) = (main.unwrap_or_default(), pom.unwrap_or_default());
    let first = |names: [&str; 2], last: &str| {
        let mut named = names.iter().filter_map(|name| main.get(*name)).chain(pom.get(last));
        named.find_map(|value| text(value.as_bytes()))
    };
    let name = first(["implementation-title", "bundle-symbolicname"], "artifactId");
    // A symbolic name may carry directives.
    let name = name.and_then(|name| text(name.split(';').next().unwrap_or_default().as_bytes()));
    Some(Identity::Jar { name, version: first(["implementation-version", "bundle-version"], "version") })
}

/// An archive reads at any place of the file.
struct At<F>(RefCell<Bounded<F>>);

impl<F: Read + Seek> ReaderAt for At<F> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut file = self.0.borrow_mut();
        file.seek(SeekFrom::Start(offset))?;
        file.read(buffer)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut file = self.0.borrow_mut();
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(buffer)
    }
}

fn inflate<R: ReaderAt>(
    archive: &ZipArchive<R>,
    (place, method): (ZipArchiveEntryWayfinder, CompressionMethod),
) -> Option<Vec<u8>> {
    let reader = archive.get_entry(place).ok()?.reader();
    let mut bytes = Vec::new();
    match method {
        CompressionMethod::STORE => reader.take(MAX_ENTRY_BYTES).read_to_end(&mut bytes).ok()?,
        CompressionMethod::DEFLATE => DeflateDecoder::new(reader).take(MAX_ENTRY_BYTES).read_to_end(&mut bytes).ok()?,
        _ => return None,
    };
    Some(bytes)
}

/// Reads the main section of a manifest: `Name: value`, a line that begins with a blank going on with the one before.
/// Names compare without case.
fn main_attributes(bytes: &[u8]) -> HashMap<String, String> {
    let text = String::from_utf8_lossy(bytes);
    let mut attributes: Vec<(String, String)> = Vec::new();
    for line in text.lines().take_while(|line| !line.trim_end_matches('\r').is_empty()) {
        match (line.strip_prefix(' '), line.split_once(':')) {
            (Some(rest), _) => attributes.last_mut().into_iter().for_each(|(_, value)| value.push_str(rest)),
            (None, Some((name, value))) => {
                attributes.push((name.trim().to_ascii_lowercase(), value.trim_start().to_owned()));
            }
            (None, None) => {}
        }
    }
    attributes.into_iter().collect()
}

/// Reads `name=value` lines.
fn properties(bytes: &[u8]) -> HashMap<String, String> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}
