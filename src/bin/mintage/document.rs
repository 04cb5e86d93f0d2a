//! The document that a command is given: where it is looked for, and how much of it is read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use mintage::code::Code;
use mintage::operation::document::{self, Opened};
use mintage::operation::verify::MAX_TEXT_BYTES;
use mintage::revocations::MAX_REVOCATIONS_BYTES;

use crate::failure::Failure;
use crate::files::{self, FileError};

/// What stands where a license is looked for.
pub(crate) enum Found {
    Text(Vec<u8>),
    /// Something larger than any license, which is refused as one.
    TooLarge(FileError),
}

impl Found {
    /// Returns the text; nothing of one that is too large.
    pub(crate) fn text(&self) -> &[u8] {
        match self {
            Self::Text(text) => text,
            Self::TooLarge(_) => b"",
        }
    }
}

/// Finds the license where it is looked for; the first place that holds one is the one judged, whatever comes of it.
pub(crate) fn find_license(document: Option<&str>) -> Result<Option<Found>, FileError> {
    match document {
        Some("-") => return read(Path::new("-")).map(Some),
        // A token begins like no file name that anyone would choose: `{"` in base64.
        Some(text) if text.starts_with("eyJ") && text.contains('.') && !Path::new(text).exists() => {
            return Ok(Some(Found::Text(text.as_bytes().to_owned())));
        }
        Some(path) => return read(Path::new(path)).map(Some),
        None => {}
    }
    if let Some(text) = std::env::var_os("MINTAGE_LICENSE").filter(|text| !text.is_empty()) {
        return Ok(Some(Found::Text(text.into_encoded_bytes())));
    }
    if let Some(path) = std::env::var_os("MINTAGE_LICENSE_FILE").filter(|path| !path.is_empty()) {
        return read(Path::new(&path)).map(Some);
    }
    let usual = Path::new("license.lic");
    match usual.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => read(usual).map(Some),
    }
}

/// Reads a document of a kind that is not known yet: no more than a license may have, unless it begins as another kind does.
pub(crate) fn read(path: &Path) -> Result<Found, FileError> {
    let read = if path == Path::new("-") {
        read_from(io::stdin().lock(), "standard input")
    } else {
        let file = File::open(path).map_err(|error| FileError::reading(path, error))?;
        read_from(file, &files::quoted(path))
    };
    match read {
        Ok(text) => Ok(Found::Text(text)),
        Err(error) if error.code() == Code::Malformed => Ok(Found::TooLarge(error)),
        Err(error) => Err(error),
    }
}

fn read_from(mut source: impl Read, name: &str) -> Result<Vec<u8>, FileError> {
    let text = files::bounded(source.by_ref().take(MAX_TEXT_BYTES as u64 + 1), MAX_TEXT_BYTES + 1, || name.to_owned())?;
    if text.len() <= MAX_TEXT_BYTES {
        return Ok(text);
    }
    let begins = |mark: &[u8]| text.windows(mark.len()).any(|part| part == mark);
    let is_larger = text.trim_ascii_start().starts_with(b"{") || begins(b"-----BEGIN MINTAGE");
    if !is_larger {
        return Err(FileError::too_large(name, MAX_TEXT_BYTES));
    }
    files::bounded(text.chain(source), MAX_REVOCATIONS_BYTES, || name.to_owned())
}

/// Opens what was found as a document; `None` for what is to be read, or refused, as a license.
pub(crate) fn open(found: &Found) -> anyhow::Result<Option<Opened>> {
    let Found::Text(text) = found else { return Ok(None) };
    match document::open(text) {
        Ok(opened) => Ok(Some(opened)),
        // A JSON document that nobody signs is no license either, and is refused as none.
        Err(refusal) if refusal.code == Code::WrongKind => Ok(None),
        Err(_) if std::str::from_utf8(text).is_err() => Ok(None),
        Err(refusal) => Err(Failure::new(refusal.code, refusal.message).into()),
    }
}
