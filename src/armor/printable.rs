//! Quoted-printable (RFC 2045, section 6.7), as far as base64 text meets it.

use super::repairs::Tally;
use super::scan::{Glyph, is_invisible};

/// What an `=` means. A text alone does not say: `=` before a line end is padding or a soft break, and `3D` on the next
/// line then is content or the rest of an encoded `=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// `=` is padding; the text is not quoted-printable.
    Literal,
    /// `=` before a line end is a soft break, whatever follows.
    SoftBreaks,
    /// The same, but where `3D` ends a line or part behind it, both are one encoded `=` that was wrapped.
    WrappedPadding,
}

impl Reading {
    pub(super) const ALL: [Self; 3] = [Self::Literal, Self::SoftBreaks, Self::WrappedPadding];
}

/// Decodes `=3D`, soft breaks, and encoded white space or characters beyond ASCII; tallies whether there were any.
pub(super) fn decode(glyphs: &[Glyph], reading: Reading, tally: &mut Tally) -> Vec<Glyph> {
    if reading == Reading::Literal {
        return glyphs.to_vec();
    }
    let mut plain = Vec::with_capacity(glyphs.len());
    let mut rest = glyphs;
    while let [first, tail @ ..] = rest {
        if first.char != '=' {
            plain.push(*first);
            rest = tail;
            continue;
        }
        let length = if let Some(length) = encoded_equals(tail, reading) {
            plain.push(*first);
            length
        } else if let Some((text, length)) = encoded_text(rest) {
            plain.extend(text.chars().filter(|char| !is_invisible(*char)).map(|char| first.with(char)));
            length - 1
        } else if let Some(length) = soft_break(tail) {
            length
        } else {
            plain.push(*first);
            rest = tail;
            continue;
        };
        tally.quoted_printable = true;
        rest = &tail[length..];
    }
    plain
}

/// Measures the `3D` behind an `=`, white space that was put between included.
fn encoded_equals(rest: &[Glyph], reading: Reading) -> Option<usize> {
    let three = spaces(rest);
    if rest.get(three)?.char != '3' {
        return None;
    }
    let d = three + 1 + spaces(&rest[three + 1..]);
    if !matches!(rest.get(d)?.char, 'D' | 'd') {
        return None;
    }
    // Only padding is encoded, so nothing of the part may follow it.
    let ends = || rest.get(d + 1).is_none_or(|next| !next.is_base64());
    (three == 0 || reading == Reading::WrappedPadding && ends()).then_some(d + 1)
}

/// Reads `=XX` that is white space, or several that are one character beyond ASCII; no encoder writes base64 so.
fn encoded_text(glyphs: &[Glyph]) -> Option<(String, usize)> {
    let octet = |group: &[Glyph]| {
        let high = group[1].char.to_digit(16)?;
        let octet = u8::try_from(high * 16 + group[2].char.to_digit(16)?).ok()?;
        (group[0].char == '=' && (octet >= 0x80 || octet.is_ascii_whitespace())).then_some(octet)
    };
    let octets: Vec<u8> = glyphs.chunks_exact(3).take(4).map_while(octet).collect();
    let text = octets.utf8_chunks().next()?.valid();
    (!text.is_empty()).then(|| (text.replace('\r', ""), text.len() * 3))
}

/// Measures a soft break: blanks that were put behind the `=`, and its line end.
fn soft_break(rest: &[Glyph]) -> Option<usize> {
    let blanks = rest.iter().take_while(|glyph| glyph.is_blank()).count();
    rest.get(blanks).filter(|glyph| glyph.char == '\n').map(|_| blanks + 1)
}

fn spaces(glyphs: &[Glyph]) -> usize {
    glyphs.iter().take_while(|glyph| glyph.is_space()).count()
}
