//! Finds the BEGIN and END lines of armor in whatever stands around them.

use std::ops::Range;

use super::fault::{Fault, FaultKind};
use super::lines;
use super::parts::Grammar;
use super::repairs::Tally;
use super::scan::Glyph;

/// Writes a BEGIN or END line, without its line end.
pub(super) fn marker(word: &str, label: &str) -> String {
    format!("-----{word} MINTAGE {label}-----")
}

/// What stands between the BEGIN and the END line.
pub(super) struct Frame<'a> {
    pub(super) label: String,
    pub(super) body: &'a [Glyph],
    pub(super) faults: Vec<Fault>,
}

/// A BEGIN or END line, which may be spread over several.
struct Marker {
    label: String,
    /// Where its word stands: dashes of neighbours may run together, words do not.
    word: usize,
    range: Range<usize>,
}

impl<'a> Frame<'a> {
    /// Finds the armor; `None` where a bare text is to be read instead.
    pub(super) fn find(glyphs: &'a [Glyph], grammar: Grammar, tally: &mut Tally) -> Option<Self> {
        let squeezed = Squeezed::of(glyphs);
        let mut begins = squeezed.markers("BEGIN");
        let ends = squeezed.markers("END");
        // Prose may speak of the BEGIN line before it comes; the true one begins a line, unless line ends were lost.
        if begins.iter().any(|begin| starts_a_line(glyphs, &begin.range)) {
            begins.retain(|begin| starts_a_line(glyphs, &begin.range));
        }
        let mut begins = begins.into_iter();
        let (begin, second) = (begins.next(), begins.next());
        let from = begin.as_ref().map_or(0, |begin| begin.range.end);
        let until = second.as_ref().map_or(glyphs.len(), |second| second.range.start.max(from));
        let after_begin = |end: &Marker| begin.as_ref().is_none_or(|begin| begin.word < end.word);
        let before_second = |end: &Marker| second.as_ref().is_none_or(|second| end.word < second.word);
        let end = ends.into_iter().find(|end| after_begin(end) && before_second(end));
        let mut body = from..end.as_ref().map_or(until, |end| end.range.start.max(from));
        if begin.is_none() && end.is_none() && !lines::have_checks(glyphs) {
            match grammar {
                Grammar::Armor => body.end = 0,
                Grammar::Token => return None,
            }
        }
        match (&begin, &end) {
            (Some(_), None) => body.end = body.start + length_of_armor(glyphs[body.clone()].split(is_line_end)),
            (None, Some(_)) => body.start = body.end - length_of_armor(glyphs[body.clone()].rsplit(is_line_end)),
            _ => {}
        }
        let outer = begin.as_ref().map_or(body.start, |begin| begin.range.start)
            ..end.as_ref().map_or(body.end, |end| end.range.end);
        let around = [&glyphs[..outer.start], &glyphs[outer.end..]];
        tally.around = around.iter().any(|outside| outside.iter().any(|glyph| !glyph.is_space()));
        let as_written = |marker: &Option<Marker>, word: &str| {
            marker.as_ref().is_none_or(|it| {
                glyphs[it.range.clone()].iter().map(|glyph| glyph.char).eq(self::marker(word, &it.label).chars())
            })
        };
        tally.markers = !as_written(&begin, "BEGIN") || !as_written(&end, "END");
        let line_at = |index: usize| glyphs.get(index).or(glyphs.last()).map_or(1, |glyph| glyph.line());
        let faults = faults(begin.as_ref(), end.as_ref(), second.as_ref(), &body, line_at);
        Some(Self { label: begin.or(end).map_or_else(String::new, |marker| marker.label), body: &glyphs[body], faults })
    }
}

/// Whether a BEGIN or END line is anywhere in the text.
pub(super) fn is_in(glyphs: &[Glyph]) -> bool {
    let squeezed = Squeezed::of(glyphs);
    ["BEGIN", "END"].iter().any(|word| !squeezed.markers(word).is_empty())
}

fn faults(
    begin: Option<&Marker>,
    end: Option<&Marker>,
    second: Option<&Marker>,
    body: &Range<usize>,
    line_at: impl Fn(usize) -> usize,
) -> Vec<Fault> {
    let fault = |index: usize, kind: FaultKind| Fault { line: line_at(index), armor_line: None, kind };
    let mut faults = Vec::new();
    if begin.is_none() {
        faults.push(fault(body.start, FaultKind::NoBegin));
    }
    if end.is_none() {
        faults.push(fault(body.end, FaultKind::NoEnd));
    }
    if let Some((begin, end)) = begin.zip(end).filter(|(begin, end)| begin.label != end.label) {
        faults.push(fault(end.range.start, FaultKind::Labels(begin.label.clone(), end.label.clone())));
    }
    if let Some(second) = second {
        faults.push(fault(second.range.start, FaultKind::SecondArmor));
    }
    faults
}

fn is_line_end(glyph: &Glyph) -> bool {
    glyph.char == '\n'
}

/// Measures the lines next to the one marker there is, up to an empty line or one that is prose.
fn length_of_armor<'a>(lines: impl Iterator<Item = &'a [Glyph]>) -> usize {
    let mut length = 0;
    let mut begun = false;
    for line in lines {
        let empty = line.iter().all(|glyph| glyph.is_space());
        let armor = |glyph: &Glyph| glyph.is_base64() || glyph.is_space() || matches!(glyph.char, '.' | '=');
        if empty && begun || !line.iter().all(armor) {
            return length;
        }
        begun |= !empty;
        length += line.len() + 1;
    }
    length.saturating_sub(1)
}

fn starts_a_line(glyphs: &[Glyph], range: &Range<usize>) -> bool {
    // The dashes of a marker may run on from those of the line before it.
    let dashes = glyphs[range.clone()].iter().take_while(|glyph| !glyph.is_base64()).count();
    (range.start..range.start + dashes).any(|index| {
        !glyphs[index].is_space()
            && glyphs[..index].iter().rev().find(|glyph| !glyph.is_blank()).is_none_or(is_line_end)
    })
}

/// The text without white space, in ASCII, every dash a `-`: markers are found in it however they were wrapped.
struct Squeezed {
    text: String,
    places: Vec<usize>,
}

impl Squeezed {
    fn of(glyphs: &[Glyph]) -> Self {
        let mut squeezed = Self { text: String::with_capacity(glyphs.len()), places: Vec::with_capacity(glyphs.len()) };
        for (place, glyph) in glyphs.iter().enumerate().filter(|(_, glyph)| !glyph.is_space()) {
            squeezed.places.push(place);
            squeezed.text.push(match glyph.char {
                '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2500}' => '-',
                char if char.is_ascii() => char,
                _ => '?',
            });
        }
        squeezed
    }

    fn markers(&self, word: &str) -> Vec<Marker> {
        let words = format!("{word}MINTAGE");
        let text = &self.text;
        let marker = |at: usize| {
            // Looked at first: without a dash there is no label to measure, and the measuring stays linear.
            let before = dashes(text[..at].bytes().rev());
            if before == 0 {
                return None;
            }
            let rest = &text[at + words.len()..];
            let length = rest.find(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit())?;
            let (label, tail) = rest.split_at(length);
            let end = text.len() - tail.len() + dashes(tail.bytes());
            let whole = !label.is_empty() && tail.starts_with('-');
            let range = self.places[at - before]..self.places[end - 1] + 1;
            whole.then(|| Marker { label: label.to_owned(), word: self.places[at], range })
        };
        text.match_indices(&words).filter_map(|(at, _)| marker(at)).collect()
    }
}

/// Counts the dashes of a marker; those beyond are its neighbour's.
fn dashes(bytes: impl Iterator<Item = u8>) -> usize {
    bytes.take(5).take_while(|byte| *byte == b'-').count()
}
