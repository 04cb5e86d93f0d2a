//! The base64 text itself: its characters, its parts, and the padding that their lengths determine.

use super::WIDTH;
use super::fault::{Fault, FaultKind, MAX_FAULTS};
use super::repairs::Tally;
use super::scan::{Glyph, count_lines};

/// How many characters of base64 stand for 64 bytes, with and without the padding.
const SIGNATURE: usize = 88;
const SIGNATURE_UNPADDED: usize = 86;

/// What the text must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grammar {
    /// Base64 with or without dots, in armor.
    Armor,
    /// A payload and a signature.
    Token,
}

/// How the text came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Armor,
    Bare,
}

/// Joins a text that has no armor, and takes off what people and programs put around it.
pub(super) fn bare(glyphs: &[Glyph], tally: &mut Tally) -> Vec<Glyph> {
    let mut text = glyphs;
    while let [first, rest @ ..] = text
        && (first.is_space() || opens(first.char))
    {
        tally.enclosure |= !first.is_space();
        text = rest;
    }
    while let [rest @ .., last] = text
        && (last.is_space() || closes(last.char))
    {
        tally.enclosure |= !last.is_space();
        text = rest;
    }
    let has_blanks =
        |line: &&[Glyph]| line.iter().any(|glyph| glyph.is_plain_blank()) && !line.iter().all(|glyph| glyph.is_space());
    tally.blanks = glyphs.split(|glyph| glyph.char == '\n').filter(has_blanks).count();
    let lines = count_lines(text);
    tally.joined = if lines > 1 { lines } else { 0 };
    text.iter().copied().filter(|glyph| !glyph.is_space()).collect()
}

/// Reads the text and restores its padding; returns it with the number of `=` that it lacked.
pub(super) fn settle(glyphs: &[Glyph], form: Form, grammar: Grammar) -> Result<(String, usize), Vec<Fault>> {
    let fault = |index: usize, kind: FaultKind| {
        let line = glyphs.get(index).or(glyphs.last()).map_or(1, |glyph| glyph.line());
        let of_line = matches!(kind, FaultKind::StrayPadding(_));
        let armor_line = (form == Form::Armor && of_line).then_some(index / WIDTH + 1);
        Fault { line, armor_line, kind }
    };
    if glyphs.is_empty() {
        return Err(vec![fault(0, FaultKind::Empty)]);
    }
    let foreign = foreign_characters(glyphs, |index| (form == Form::Armor).then_some(index / WIDTH + 1));
    if !foreign.is_empty() {
        return Err(foreign);
    }

    let parts: Vec<&[Glyph]> = glyphs.split(|glyph| glyph.char == '.').collect();
    let mut faults = Vec::new();
    let wrong_parts = grammar == Grammar::Token && (parts.len() != 2 || parts.iter().any(|part| part.is_empty()));
    if wrong_parts {
        let filled = parts.iter().filter(|part| !part.is_empty()).count();
        faults.push(fault(glyphs.len(), FaultKind::Parts(if filled == 2 { parts.len() } else { filled })));
    }
    let (mut text, mut lost, mut start) = (String::with_capacity(glyphs.len() + 4), 0, 0);
    for (number, part) in parts.iter().enumerate() {
        let name = match (grammar, number) {
            (Grammar::Token, 0) => "payload",
            (Grammar::Token, 1) => "signature",
            _ => "text",
        };
        let length = part.iter().take_while(|glyph| glyph.char != '=').count();
        let end = start + part.len();
        let padding = (4 - length % 4) % 4;
        let given = part.len() - length;
        let stray = part[length..].iter().filter(|glyph| glyph.char != '=').count();
        if stray > 0 && name == "signature" && length == SIGNATURE_UNPADDED {
            faults.push(fault(end, FaultKind::Excess(stray)));
        } else if stray > 0 {
            faults.push(fault(start + length, FaultKind::StrayPadding(part[length].column())));
        } else if grammar == Grammar::Token && number == 1 && !wrong_parts && length < SIGNATURE_UNPADDED {
            faults.push(fault(end, FaultKind::Truncated(SIGNATURE.saturating_sub(length + given).max(1))));
        } else if grammar == Grammar::Token && number == 1 && !wrong_parts && length > SIGNATURE_UNPADDED {
            faults.push(fault(end, FaultKind::Excess(length - SIGNATURE_UNPADDED)));
        } else if length % 4 == 1 {
            faults.push(fault(end.saturating_sub(1), FaultKind::ImpossibleLength { part: name, length }));
        } else if !ends_canonically(&part[..length], padding) {
            faults.push(fault(end.saturating_sub(1), FaultKind::ImpossibleEnd(name)));
        } else if given > padding {
            faults.push(fault(end.saturating_sub(1), FaultKind::SurplusPadding(name)));
        } else {
            lost += padding - given;
        }
        text.extend((number > 0).then_some('.'));
        text.extend(part[..length].iter().map(|glyph| glyph.char));
        text.extend(std::iter::repeat_n('=', padding));
        start = end + 1;
    }
    let ends_early = |fault: &Fault| matches!(fault.kind, FaultKind::Truncated(_) | FaultKind::Parts(1));
    if form == Form::Armor && glyphs.len().is_multiple_of(WIDTH) && faults.iter().any(ends_early) {
        let next = Some(glyphs.len() / WIDTH + 1);
        faults.push(Fault { armor_line: next, ..fault(glyphs.len(), FaultKind::Lost) });
    }
    if faults.is_empty() { Ok((text, lost)) } else { Err(faults) }
}

/// Whether the bits that the last character has beyond the last byte are zero, as every encoder writes them.
fn ends_canonically(part: &[Glyph], padding: usize) -> bool {
    let value = |glyph: &Glyph| match u8::try_from(glyph.char).unwrap_or(0) {
        letter @ b'A'..=b'Z' => letter - b'A',
        letter @ b'a'..=b'z' => letter - b'a' + 26,
        digit @ b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    part.last().is_none_or(|last| value(last) & [0b0, 0b11, 0b1111, 0][padding & 3] == 0)
}

/// Lists the characters that no base64 text has; `armor_line` says where the one of an index stands.
pub(super) fn foreign_characters(glyphs: &[Glyph], armor_line: impl Fn(usize) -> Option<usize>) -> Vec<Fault> {
    // What is left of a BEGIN line that is not as it was written.
    let has_row_of_dashes = glyphs.windows(3).any(|three| three.iter().all(|glyph| glyph.char == '-'));
    let mut url_safe = false;
    let kind = |glyph: Glyph| match glyph.char {
        '.' | '=' => None,
        _ if glyph.is_base64() => None,
        // One of them says it of the whole text.
        '-' | '_' if std::mem::replace(&mut url_safe, true) => None,
        '-' if has_row_of_dashes => Some(FaultKind::NoBegin),
        found @ ('-' | '_') => Some(FaultKind::UrlSafe { column: glyph.column(), found }),
        found => Some(FaultKind::ForeignCharacter { column: glyph.column(), found }),
    };
    let kinds = glyphs.iter().copied().map(kind).enumerate();
    let faults = kinds.zip(glyphs).filter_map(|((index, kind), glyph)| {
        kind.map(|kind| Fault { line: glyph.line(), armor_line: armor_line(index), kind })
    });
    faults.take(MAX_FAULTS).collect()
}

/// Whether a character opens a quotation or a bracket, or quotes a line.
fn opens(char: char) -> bool {
    matches!(char, '"' | '\'' | '`' | '<' | '>' | '\u{ab}' | '\u{2018}'..='\u{201f}' | '\u{2039}')
}

/// Whether a character closes a quotation or a bracket. `<` does not: it is `=` with one bit changed.
pub(super) fn closes(char: char) -> bool {
    matches!(char, '"' | '\'' | '`' | '>' | '\u{bb}' | '\u{2018}'..='\u{201f}' | '\u{203a}')
}
