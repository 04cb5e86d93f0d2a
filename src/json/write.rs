//! Writes JSON in its one canonical spelling.

use std::fmt::{self, Write};

use super::Value;

/// Spells a value canonically: members sorted bytewise, no white space.
pub fn canonical(value: &Value<'_>) -> String {
    let mut out = Writer::default();
    out.value(value);
    out.finish()
}

/// Appends JSON to a text; the caller gives members in bytewise order of their names.
#[derive(Debug, Default)]
pub struct Writer {
    text: String,
    /// Whether the next item of the innermost object or array stands first, and so without a comma.
    first: bool,
}

impl Writer {
    /// Starts with room for a text of `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), first: false }
    }

    /// Opens an object, to be closed with [`Writer::end_object`].
    pub fn begin_object(&mut self) {
        self.open('{');
    }

    /// Closes an object.
    pub fn end_object(&mut self) {
        self.close('}');
    }

    /// Opens an array, to be closed with [`Writer::end_array`].
    pub fn begin_array(&mut self) {
        self.open('[');
    }

    /// Closes an array.
    pub fn end_array(&mut self) {
        self.close(']');
    }

    /// Writes a member's name that this program chose, plain ASCII without quotes or backslashes; its value must follow.
    pub fn name(&mut self, name: &'static str) -> &mut Self {
        debug_assert!(is_plain(name), "{name:?} needs escapes");
        self.begin_string();
        self.text.push_str(name);
        self.text.push_str("\":");
        self.first = true;
        self
    }

    /// Writes a member's name that somebody else chose; its value must follow.
    pub fn key(&mut self, name: &str) -> &mut Self {
        self.string(name);
        self.text.push(':');
        self.first = true;
        self
    }

    /// Writes a string that this program chose, as [`Writer::name`].
    pub fn word(&mut self, word: &'static str) {
        debug_assert!(is_plain(word), "{word:?} needs escapes");
        self.begin_string();
        self.text.push_str(word);
        self.text.push('"');
    }

    /// Writes an object of strings that this program chose, as [`Writer::word`]: most of a verdict is spelled so, and in few
    /// pieces that is done in half the time.
    pub fn words<const N: usize>(&mut self, members: [(&'static str, &'static str); N]) {
        self.separate();
        let mut before = "{\"";
        for (name, word) in members {
            debug_assert!(is_plain(name) && is_plain(word), "{name:?} or {word:?} needs escapes");
            [before, name, "\":\"", word, "\""].into_iter().for_each(|piece| self.text.push_str(piece));
            before = ",\"";
        }
        self.text.push_str(if N == 0 { "{}" } else { "}" });
    }

    /// Writes a string.
    pub fn string(&mut self, text: &str) {
        self.begin_string();
        self.between_quotes(text);
        self.text.push('"');
    }

    /// Writes what displays as plain ASCII without quotes or backslashes, such as a time or an id, as a string.
    pub fn plain(&mut self, value: impl fmt::Display) {
        self.separate();
        // Writing to a String cannot fail.
        let _ = write!(self.text, "\"{value}\"");
    }

    /// Writes an integer.
    pub fn integer(&mut self, number: i128) {
        self.separate();
        // Writing to a String cannot fail; 64 bits print faster than 128.
        let _ = match i64::try_from(number) {
            Ok(small) => write!(self.text, "{small}"),
            Err(_) => write!(self.text, "{number}"),
        };
    }

    /// Writes `true` or `false`.
    pub fn bool(&mut self, value: bool) {
        self.separate();
        self.text.push_str(if value { "true" } else { "false" });
    }

    /// Writes `null`.
    pub fn null(&mut self) {
        self.separate();
        self.text.push_str("null");
    }

    /// Writes text that is JSON already.
    pub fn raw(&mut self, json: &str) {
        self.separate();
        self.text.push_str(json);
    }

    /// Writes any value canonically; a fraction has no canonical spelling and is written as `null`.
    pub fn value(&mut self, value: &Value<'_>) {
        match value {
            Value::Null | Value::Fraction(_) => self.null(),
            Value::Bool(value) => self.bool(*value),
            Value::Integer(number) => self.integer(*number),
            Value::String(text) => self.string(text),
            Value::Array(items) => {
                self.begin_array();
                items.iter().for_each(|item| self.value(item));
                self.end_array();
            }
            Value::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_by(|left, right| left.0.as_bytes().cmp(right.0.as_bytes()));
                self.begin_object();
                for (name, value) in sorted {
                    self.key(name).value(value);
                }
                self.end_object();
            }
        }
    }

    /// Ends a line of JSONL; the next value starts anew.
    pub fn end_line(&mut self) {
        self.text.push('\n');
        self.first = true;
    }

    /// Returns how long the text is so far, in bytes.
    pub fn length(&self) -> usize {
        self.text.len()
    }

    /// Returns the text.
    pub fn finish(self) -> String {
        self.text
    }

    fn open(&mut self, bracket: char) {
        self.separate();
        self.text.push(bracket);
        self.first = true;
    }

    fn close(&mut self, bracket: char) {
        self.text.push(bracket);
        self.first = false;
    }

    fn begin_string(&mut self) {
        self.separate();
        self.text.push('"');
    }

    fn separate(&mut self) {
        if !self.first && !self.text.is_empty() {
            self.text.push(',');
        }
        self.first = false;
    }

    /// Spells what stands between quotes per RFC 8259, section 7, with short escapes where they exist. Bidi controls and other
    /// characters that steer a terminal are escaped too, so that what we print as JSON can be looked at.
    fn between_quotes(&mut self, text: &str) {
        if is_plain(text) { self.text.push_str(text) } else { self.escape(text) }
    }

    #[cold]
    fn escape(&mut self, text: &str) {
        let mut plain = 0;
        for (at, char) in text.char_indices() {
            if !matches!(char, '"' | '\\') && !steers(char) {
                continue;
            }
            self.text.push_str(&text[plain..at]);
            plain = at + char.len_utf8();
            match char {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                other => {
                    for unit in other.encode_utf16(&mut [0; 2]) {
                        // Writing to a String cannot fail.
                        let _ = write!(self.text, "\\u{unit:04x}");
                    }
                }
            }
        }
        self.text.push_str(&text[plain..]);
    }
}

/// Whether a text is printable ASCII that needs no escape, as most are. Without an early end, so that it is compiled to
/// vector instructions.
#[expect(clippy::needless_bitwise_bool, reason = "without branches the loop runs on vectors")]
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| (b' '..=b'~').contains(&byte) & (byte != b'"') & (byte != b'\\');
    text.bytes().fold(true, |all, byte| all & plain(byte))
}

/// Whether a character could move the cursor, reorder what is shown or hide: controls (C0, C1), bidi controls, zero-width
/// and other format characters, fillers of Hangul that show nothing. Such characters never reach a terminal and are refused when a license is minted.
pub fn steers(char: char) -> bool {
    matches!(char,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn members_are_sorted_bytewise_and_white_space_goes() {
        let value =
            parse(br#" { "b" : [ 1 , -2 , { } ] , "a" : { "z" : null , "Z" : true } , "\u00e9":"\u00e9" } "#).unwrap();
        assert_eq!(canonical(&value), r#"{"a":{"Z":true,"z":null},"b":[1,-2,{}],"é":"é"}"#);
    }

    #[test]
    fn objects_of_words_are_spelled_as_others_are() {
        let mut out = Writer::default();
        out.begin_array();
        out.words([]);
        out.words([("a", "x"), ("b", "")]);
        out.words([("c", "y z")]);
        out.end_array();
        assert_eq!(out.finish(), r#"[{},{"a":"x","b":""},{"c":"y z"}]"#);
    }

    #[test]
    fn characters_that_steer_a_terminal_are_escaped() {
        let value = Value::String("\u{1b}[2J\u{202e}\u{9b}\"\\\n\u{e0041}".into());
        assert_eq!(canonical(&value), r#""\u001b[2J\u202e\u009b\"\\\n\udb40\udc41""#);
        assert_eq!(parse(canonical(&value).as_bytes()), Ok(value));
    }
}
