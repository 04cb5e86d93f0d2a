//! Reads pasted text into characters that know where they stood; drops what nobody sees and what mail puts before a line.

use super::html;
use super::repairs::Tally;

/// A character and its place in the text as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Glyph {
    pub(super) char: char,
    line: u32,
    column: u32,
}

impl Glyph {
    /// Whether this is white space within a line; no-break spaces are.
    pub(super) fn is_blank(self) -> bool {
        self.char.is_whitespace() && self.char != '\n'
    }

    /// Whether this is a blank that is not counted by its kind.
    pub(super) fn is_plain_blank(self) -> bool {
        self.is_blank() && !is_no_break_space(self.char)
    }

    /// Whether this is a blank or a line end.
    pub(super) fn is_space(self) -> bool {
        self.char.is_whitespace()
    }

    /// Whether a standard base64 text can have this character before its padding.
    pub(super) fn is_base64(self) -> bool {
        self.char.is_ascii_alphanumeric() || matches!(self.char, '+' | '/')
    }

    /// Returns the line, from 1.
    pub(super) fn line(self) -> usize {
        self.line as usize
    }

    /// Returns the column, from 1.
    pub(super) fn column(self) -> usize {
        self.column as usize
    }

    /// Returns another character in the same place.
    pub(super) fn with(self, char: char) -> Self {
        Self { char, ..self }
    }
}

/// Whether nobody sees this character: zero-width ones, the soft hyphen, the byte order mark.
pub(super) fn is_invisible(char: char) -> bool {
    matches!(char, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

fn is_no_break_space(char: char) -> bool {
    matches!(char, '\u{a0}' | '\u{202f}')
}

/// Reads the text: every line end is `\n`, nothing invisible is left, JSON escapes and HTML are decoded, no line is
/// quoted.
pub(super) fn read(text: &str, tally: &mut Tally) -> Vec<Glyph> {
    let glyphs = characters(text, tally);
    let glyphs = if text.contains('\\') { unescape(&glyphs, tally) } else { glyphs };
    let glyphs = if text.contains(['<', '&']) { html::strip(&glyphs, &mut tally.html) } else { glyphs };
    unquote(&glyphs, tally)
}

/// Counts the lines that hold something, by their place in the text as it was given.
pub(super) fn count_lines(glyphs: &[Glyph]) -> usize {
    let mut lines: Vec<u32> = glyphs.iter().filter(|glyph| !glyph.is_space()).map(|glyph| glyph.line).collect();
    lines.dedup();
    lines.len()
}

fn characters(text: &str, tally: &mut Tally) -> Vec<Glyph> {
    let mut glyphs = Vec::with_capacity(text.len());
    let (mut line, mut column) = (1, 0);
    let mut chars = text.chars().peekable();
    if chars.next_if_eq(&'\u{feff}').is_some() {
        tally.byte_order_mark = true;
        column += 1;
    }
    while let Some(mut char) = chars.next() {
        column += 1;
        if char == '\r' {
            chars.next_if_eq(&'\n');
            tally.line_ends += 1;
            char = '\n';
        }
        tally.no_break_spaces += usize::from(is_no_break_space(char));
        if is_invisible(char) {
            tally.zero_width += 1;
        } else {
            glyphs.push(Glyph { char, line, column });
        }
        if char == '\n' {
            line += 1;
            column = 0;
        }
    }
    glyphs
}

/// Decodes the escapes of a JSON string; base64 has no backslash, so there is nothing else it could be.
fn unescape(glyphs: &[Glyph], tally: &mut Tally) -> Vec<Glyph> {
    let mut plain = Vec::with_capacity(glyphs.len());
    let mut rest = glyphs;
    while let [first, tail @ ..] = rest {
        let escape = if first.char == '\\' { decode_escape(tail) } else { None };
        let (char, length) = escape.unwrap_or((first.char, 0));
        tally.json_escapes += usize::from(escape.is_some());
        if !is_invisible(char) {
            plain.push(first.with(char));
        }
        rest = &tail[length..];
    }
    plain
}

/// Reads what stands behind a backslash: the character it means, and its length.
fn decode_escape(rest: &[Glyph]) -> Option<(char, usize)> {
    match rest.first()?.char {
        'n' | 'r' => Some(('\n', 1)),
        't' => Some(('\t', 1)),
        char @ ('"' | '/') => Some((char, 1)),
        'u' => {
            let digits: String = rest.get(1..5)?.iter().map(|glyph| glyph.char).collect();
            let char = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32)?;
            Some((if char == '\r' { '\n' } else { char }, 5))
        }
        _ => None,
    }
}

/// Whether mail puts this before a line that it quotes; neither is of base64 or of a marker.
fn is_quote(char: char) -> bool {
    matches!(char, '>' | '|')
}

fn unquote(glyphs: &[Glyph], tally: &mut Tally) -> Vec<Glyph> {
    let mut plain = Vec::with_capacity(glyphs.len());
    for line in glyphs.split_inclusive(|glyph| glyph.char == '\n') {
        let start = line.iter().take_while(|glyph| glyph.is_blank() || is_quote(glyph.char)).count();
        let mut body = line;
        if let Some(quote) = line[..start].iter().rposition(|glyph| is_quote(glyph.char)) {
            match line[quote].char {
                '|' => tally.bars += 1,
                _ => tally.quotes += 1,
            }
            body = &line[quote + 1..];
            // The blank behind the mark is part of the quote.
            if body.first().is_some_and(|glyph| glyph.char == ' ') {
                body = &body[1..];
            }
        }
        tally.empty_lines += usize::from(body.iter().all(|glyph| glyph.is_space()));
        plain.extend_from_slice(body);
    }
    plain
}
