//! Bytes become text, in the one place where a document of unknown origin is read.

use std::borrow::Cow;

use crate::armor::Repair;
use crate::code::Code;
use crate::split;
use crate::verdict::Refusal;

/// Windows-1252 from 0x80 to 0x9f, where it differs from Latin-1; what it leaves open stands as NUL.
const WINDOWS_1252: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘', '’', '“', '”', '•',
    '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

/// Reads the bytes of a file or mail as text, and says what had to be mended for that. What is outside UTF-8 is read as
/// Windows-1252, in which mail programs still write: nothing that is signed has such a byte, only what stands around it.
///
/// # Errors
/// `DamagedText` for UTF-16, for JSON that is not UTF-8 and for what is no text at all.
pub(super) fn decode(bytes: &[u8]) -> Result<(Cow<'_, str>, Option<Repair>), Refusal> {
    let fault = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok((Cow::Borrowed(text), None)),
        Err(fault) => fault,
    };
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        let message = "the text is not UTF-8 but Unicode as Windows saves it (UTF-16)";
        return Err(Refusal::new(Code::DamagedText, message).with_hint("save it as UTF-8"));
    }
    let start = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes).trim_ascii_start();
    if start.starts_with(b"{") {
        return Err(no_text(bytes, fault.valid_up_to(), "is not UTF-8, and JSON is"));
    }
    let (mut text, mut count) = (String::with_capacity(bytes.len() + bytes.len() / 8), 0);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push(windows_1252(*byte));
            count += 1;
        }
    }
    let is_control = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    if let Some(at) = bytes.iter().position(is_control) {
        return Err(no_text(bytes, at, "does not stand in a text"));
    }
    if text.contains('\0') {
        return Err(no_text(bytes, fault.valid_up_to(), "is neither UTF-8 nor Windows-1252"));
    }
    Ok((Cow::Owned(text), Some(Repair::Windows1252(count))))
}

/// Joins the parts of a document in a text; any other text is given back as it is.
///
/// # Errors
/// What is wrong with the parts, `DamagedText` when they hold no text.
pub(super) fn joined(text: &str) -> Result<Cow<'_, str>, Refusal> {
    match split::whole(text.as_bytes()).map_err(|error| Refusal::new(error.code(), error))? {
        Cow::Borrowed(_) => Ok(Cow::Borrowed(text)),
        Cow::Owned(whole) => {
            let no_text = |_| Refusal::new(Code::DamagedText, "what the parts hold is not UTF-8");
            String::from_utf8(whole).map(Cow::Owned).map_err(no_text)
        }
    }
}

/// Reads one byte that is not ASCII.
fn windows_1252(byte: u8) -> char {
    let place = usize::from(byte).checked_sub(0x80);
    place.and_then(|place| WINDOWS_1252.get(place)).copied().unwrap_or(char::from(byte))
}

fn no_text(bytes: &[u8], at: usize, why: &str) -> Refusal {
    let before = &bytes[..at];
    let line = before.split(|byte| *byte == b'\n').count();
    let place = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
    let message = format!("line {line}: byte {place}, 0x{:02x}, {why}", bytes.get(at).copied().unwrap_or_default());
    Refusal::new(Code::DamagedText, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        let refusal = decode(bytes).unwrap_err();
        assert_eq!(refusal.code, Code::DamagedText);
        refusal.message
    }

    #[test]
    fn what_is_not_utf_8_is_windows_1252() {
        assert_eq!(decode("Müller".as_bytes()).unwrap(), (Cow::Borrowed("Müller"), None));
        let (text, repair) = decode(b"M\xfcller \x93a\x94\xa0\x80, \xc3\xbc").unwrap();
        assert_eq!((&*text, repair), ("Müller “a”\u{a0}€, ü", Some(Repair::Windows1252(5))));
    }

    #[test]
    fn what_is_no_text_is_named_by_its_place() {
        assert_eq!(refusal(b"ok\nM\xfcller\x81"), "line 2: byte 2, 0xfc, is neither UTF-8 nor Windows-1252");
        assert_eq!(refusal(b"a\r\n\xfc\0"), "line 2: byte 2, 0x00, does not stand in a text");
        assert_eq!(refusal(b"\n{\"a\":\n\"\xfc\"}"), "line 3: byte 2, 0xfc, is not UTF-8, and JSON is");
        assert!(refusal(b"\xff\xfea\0").contains("UTF-16"));
    }
}
