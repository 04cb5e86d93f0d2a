//! Splits a document that is too long for one QR code into parts that are not, and joins what was scanned.
//!
//! A part is `MTG1:SET:NUMBER/COUNT:CHUNK:CHECK`, in characters that a QR code packs tightest and a shift key cannot
//! hurt. Behind it stands nothing but common tools: the chunks of a set, joined, are base32 (RFC 4648, without padding)
//! of the document as zlib packs it. SET, the first 8 base32 digits of the SHA-256 of what was packed, keeps documents
//! apart and proves the whole; CHECK, the first 4 of the SHA-256 of all that stands before its colon, names a part that was
//! changed on its way. Parts join in any order, pasted or typed, with prose around them.

mod base32;
mod error;
#[cfg(test)]
mod tests;

pub use error::{Changed, SplitError};

use std::borrow::Cow;
use std::collections::BTreeMap;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use sha2::{Digest, Sha256};

/// The longest document that is split or joined, in bytes.
pub const MAX_BYTES: usize = 256 << 10;

/// The most parts of one document.
pub const MAX_PARTS: usize = 99;

const TAG: &str = "MTG1:";
const SET_DIGITS: usize = 8;
const CHECK_DIGITS: usize = 4;

/// What a part holds beside its chunk: the tag, the set, `99/99`, the check, and three colons.
const FRAME: usize = TAG.len() + SET_DIGITS + 5 + CHECK_DIGITS + 3;

/// Splits a document into parts of at most `width` characters, each of about the same length.
///
/// # Errors
/// [`SplitError::TooLarge`] and [`SplitError::TooMany`], when it does not fit into [`MAX_PARTS`] parts of this width.
pub fn split(document: &[u8], width: usize) -> Result<Vec<String>, SplitError> {
    if document.len() > MAX_BYTES {
        return Err(SplitError::TooLarge);
    }
    let packed = pack(document);
    let (set, digits) = (base32::digest(&packed, SET_DIGITS), base32::encode(&packed));
    let count = digits.len().div_ceil(width.saturating_sub(FRAME).max(1));
    if count > MAX_PARTS {
        return Err(SplitError::TooMany(count as u64));
    }
    let length = digits.len().div_ceil(count);
    let chunks = (0..count).map(|at| &digits[at * length..digits.len().min((at + 1) * length)]);
    let part = |(number, chunk)| {
        let signed = format!("{TAG}{set}:{number}/{count}:{chunk}");
        let check = base32::digest(signed.as_bytes(), CHECK_DIGITS);
        format!("{signed}:{check}")
    };
    Ok((1..).zip(chunks).map(part).collect())
}

/// Joins a text of parts; any other text is given back as it is.
///
/// # Errors
/// [`SplitError`] when the text holds parts that do not make one whole document.
pub fn whole(text: &[u8]) -> Result<Cow<'_, [u8]>, SplitError> {
    match std::str::from_utf8(text) {
        Ok(text) if is_split(text) => join(text).map(Cow::Owned),
        _ => Ok(Cow::Borrowed(text)),
    }
}

/// Whether the text holds a part. JSON does not, whatever its strings say.
pub fn is_split(text: &str) -> bool {
    let is_json = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
    !is_json && segments(text).next().is_some()
}

/// Joins the parts in a text: in any order, with any repeated, wrapped, quoted or with prose between them.
///
/// # Errors
/// Every fault that leaves the document unknown, as [`SplitError`] says.
pub fn join(text: &str) -> Result<Vec<u8>, SplitError> {
    let mut sets: BTreeMap<(String, u64), BTreeMap<u64, String>> = BTreeMap::new();
    let mut changed = Vec::new();
    for (at, segment) in segments(text) {
        let part = match Part::parse(segment) {
            Ok(part) => part,
            Err(claim) => {
                let line = 1 + text[..at].matches('\n').count();
                changed.push(Changed { line, part: claim });
                continue;
            }
        };
        let Place { number, count } = part.place;
        if count > MAX_PARTS as u64 {
            return Err(SplitError::TooMany(count));
        }
        let before = sets.entry((part.set, count)).or_default().insert(number, part.chunk.clone());
        if before.is_some_and(|before| before != part.chunk) {
            return Err(SplitError::Contradiction { number, count });
        }
    }
    let mut found = sets.into_iter();
    let Some(((set, count), parts)) = found.next() else {
        return Err(SplitError::Incomplete { missing: Vec::new(), count: 0, changed });
    };
    let others: Vec<_> = found.map(|((set, count), parts)| (set, parts.into_keys().collect(), count)).collect();
    if !others.is_empty() {
        let first = (set, parts.into_keys().collect(), count);
        return Err(SplitError::Mixed([vec![first], others].concat()));
    }
    let missing: Vec<u64> = (1..=count).filter(|number| !parts.contains_key(number)).collect();
    if !missing.is_empty() {
        return Err(SplitError::Incomplete { missing, count, changed });
    }
    let packed = base32::decode(&parts.into_values().collect::<String>()).ok_or(SplitError::NotWhole)?;
    if base32::digest(&packed, SET_DIGITS) != set {
        return Err(SplitError::NotWhole);
    }
    unpack(&packed)
}

/// Which part of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    number: u64,
    count: u64,
}

/// One part as it was written.
struct Part {
    set: String,
    place: Place,
    chunk: String,
}

impl Part {
    /// Reads a part from its tag on; one that was changed gives the place that it claims, if it still does.
    fn parse(segment: &str) -> Result<Self, Option<(u64, u64)>> {
        let kept = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'/');
        let text: String = segment.bytes().filter(kept).map(|byte| char::from(byte.to_ascii_uppercase())).collect();
        let mut fields = text.splitn(5, ':').skip(1);
        let (set, place, chunk, rest) = (fields.next(), fields.next(), fields.next(), fields.next());
        let place = place.and_then(Place::parse);
        let claim = place.map(|Place { number, count }| (number, count));
        let (Some(set), Some(place), Some(chunk), Some(rest)) = (set, place, chunk, rest) else {
            return Err(claim);
        };
        let signed = &text[..TAG.len() + set.len() + place.to_string().len() + chunk.len() + 2];
        let check = base32::digest(signed.as_bytes(), CHECK_DIGITS);
        // What follows is prose, or what a scanner writes before the next part.
        if set.len() != SET_DIGITS || chunk.is_empty() || !rest.starts_with(&check) {
            return Err(claim);
        }
        Ok(Self { set: set.to_owned(), place, chunk: chunk.to_owned() })
    }
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        let (number, count) = text.split_once('/')?;
        let place = Self { number: number.parse().ok()?, count: count.parse().ok()? };
        (place.to_string() == text && (1..=place.count).contains(&place.number)).then_some(place)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

/// Finds where parts begin, and the text from each to the next.
fn segments(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let starts = |from: usize| {
        let found = text.as_bytes()[from..].windows(TAG.len()).position(|w| w.eq_ignore_ascii_case(TAG.as_bytes()));
        found.map(|at| from + at)
    };
    let mut next = starts(0);
    std::iter::from_fn(move || {
        let at = next?;
        next = starts(at + TAG.len());
        Some((at, &text[at..next.unwrap_or(text.len())]))
    })
}

fn pack(document: &[u8]) -> Vec<u8> {
    let mut deflate = Compress::new(Compression::best(), true);
    let mut packed = Vec::with_capacity(document.len() + 64);
    // Reading from memory into memory that grows, it always ends.
    while let Ok(Status::Ok | Status::BufError) = deflate.compress_vec(
        document.get(usize::try_from(deflate.total_in()).unwrap_or(usize::MAX)..).unwrap_or_default(),
        &mut packed,
        FlushCompress::Finish,
    ) {
        packed.reserve(1 << 10);
    }
    packed
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, SplitError> {
    // The vector is never grown, so what unpacks to more ends here.
    let mut document = Vec::with_capacity(MAX_BYTES + 1);
    let mut inflate = Decompress::new(true);
    match inflate.decompress_vec(packed, &mut document, FlushDecompress::Finish) {
        _ if document.len() > MAX_BYTES => Err(SplitError::TooLarge),
        Ok(Status::StreamEnd) if inflate.total_in() == packed.len() as u64 => Ok(document),
        _ => Err(SplitError::NotWhole),
    }
}

fn sha256(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}
