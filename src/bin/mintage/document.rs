//! The document that a command is given: where it is looked for, and how much of it is read.

use std::io;
use std::path::Path;

use mintage::code::Code;
use mintage::operation::document::{self, Opened};
use mintage::operation::verify::MAX_TEXT_BYTES;
use mintage::revocations::MAX_REVOCATIONS_BYTES;
use mintage::verdict::Refusal;

use crate::files::{self, FileError};
use crate::render::Terminal;

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
pub(crate) fn find_license(document: Option<&Path>, terminal: &Terminal) -> Result<Option<Found>, FileError> {
    if let Some(path) = document {
        // A token begins like no file name that anyone would choose: `{"` in base64.
        let is_token = |text: &&str| text.starts_with("eyJ") && text.contains('.') && !path.exists();
        return match path.to_str().filter(is_token) {
            Some(token) => Ok(Some(Found::Text(token.as_bytes().to_owned()))),
            None => read(path).map(Some),
        };
    }
    if let Some(text) = std::env::var_os("MINTAGE_LICENSE").filter(|text| !text.is_empty()) {
        terminal.note("the license is the text of MINTAGE_LICENSE");
        return Ok(Some(Found::Text(text.into_encoded_bytes())));
    }
    if let Some(path) = std::env::var_os("MINTAGE_LICENSE_FILE").filter(|path| !path.is_empty()) {
        terminal.note(&format!("the license is `{}`, by MINTAGE_LICENSE_FILE", Path::new(&path).display()));
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
    let limit = |head: &[u8]| {
        let begins = |mark: &[u8]| head.windows(mark.len()).any(|part| part == mark);
        let is_other = head.trim_ascii_start().starts_with(b"{") || begins(b"-----BEGIN MINTAGE");
        if is_other { MAX_REVOCATIONS_BYTES } else { MAX_TEXT_BYTES }
    };
    match files::read_by_head(path, MAX_TEXT_BYTES, limit) {
        Ok(text) => Ok(Found::Text(text)),
        Err(error) if error.code() == Code::Malformed => Ok(Found::TooLarge(error)),
        Err(error) => Err(error),
    }
}

/// Opens what was found as a document; `None` for what is to be read, or refused, as a license.
///
/// # Errors
/// What is wrong with a document of any other kind.
pub(crate) fn open(found: &Found) -> Result<Option<Opened>, Refusal> {
    let Found::Text(text) = found else { return Ok(None) };
    match document::open(text) {
        Ok(opened) => Ok(Some(opened)),
        // A JSON document that nobody signs is no license either, and is refused as none.
        Err(refusal) if refusal.code == Code::WrongKind => Ok(None),
        Err(_) if std::str::from_utf8(text).is_err() => Ok(None),
        Err(refusal) => Err(refusal),
    }
}
