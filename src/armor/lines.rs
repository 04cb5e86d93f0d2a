//! The lines of armor and their checks.

use sha2::{Digest, Sha256};

use super::WIDTH;
use super::align::diagnose;
use super::fault::{Fault, unexplained};
use super::repairs::Tally;
use super::scan::{Glyph, count_lines};

/// How many characters a check has.
const CHECK: usize = 4;
/// Crockford's base32.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Returns the check of one line: the first 20 bits of SHA-256 over its number and text, so that a line in another
/// line's place is told from a changed one.
pub(super) fn check(number: usize, line: &str) -> String {
    let digest = Sha256::new().chain_update(number.to_string()).chain_update(":").chain_update(line).finalize();
    let bits = u32::from(digest[0]) << 12 | u32::from(digest[1]) << 4 | u32::from(digest[2]) >> 4;
    [15, 10, 5, 0].iter().map(|shift| char::from(DIGITS[(bits >> shift) as usize & 31])).collect()
}

/// One line of armor as it was found.
pub(super) struct Record {
    pub(super) content: Vec<Glyph>,
    pub(super) text: String,
    /// The check it carries; empty when it carries none.
    pub(super) check: String,
    /// The line of the given text that it begins on.
    pub(super) line: usize,
}

impl Record {
    fn new(content: Vec<Glyph>, check: &[Glyph]) -> Self {
        let printable = |glyph: &Glyph| if glyph.char.is_ascii_alphanumeric() { glyph.char } else { '?' };
        Self {
            text: content.iter().map(|glyph| glyph.char).collect(),
            check: check.iter().map(printable).collect(),
            line: content.first().or(check.first()).map_or(1, |glyph| glyph.line()),
            content,
        }
    }

    /// Whether this is the line of that number, unchanged.
    pub(super) fn is(&self, number: usize) -> bool {
        // What is longer is no line of armor, and hashing it again and again would take as long as its sender likes.
        self.content.len() <= WIDTH && self.check.len() == CHECK && self.check == check(number, &self.text)
    }

    /// Whether this line has lost the `=` that its check vouches for, at its end or before the dot that ends the payload.
    fn lacks_padding(&self, number: usize, before_the_dot: bool) -> bool {
        let is_short = self.content.len() < WIDTH && self.check.len() == CHECK;
        let padded = |lost: &str| match self.text.split_once('.') {
            Some((payload, rest)) if before_the_dot => format!("{payload}{lost}.{rest}"),
            _ => format!("{}{lost}", self.text),
        };
        is_short && ["=", "=="].iter().any(|lost| self.check == check(number, &padded(lost)))
    }
}

/// Reads what stands between BEGIN and END, every check verified.
pub(super) fn read(body: &[Glyph], tally: &mut Tally) -> Result<Vec<Glyph>, Vec<Fault>> {
    tally.blanks = body.split(|glyph| glyph.char == '\n').filter(|line| has_more_blanks(line)).count();
    let cuts = [by_words(body), by_length(body)];
    let given = count_lines(body);
    if let Some(records) = cuts.iter().find(|records| in_order(records)) {
        tally.joined = if given > records.len() { given } else { 0 };
        tally.lost_line_ends = given < records.len();
        return Ok(records.iter().flat_map(|record| record.content.iter().copied()).collect());
    }
    if is_without_checks(body) {
        tally.checks_missing = true;
        return Ok(body.iter().copied().filter(|glyph| !glyph.is_space()).collect());
    }
    // Where lines stand as they were written, each keeps its number; else the cut that leaves fewer of them unexplained is
    // the better guess at what happened.
    let by_words = diagnose(&cuts[0]);
    if unexplained(&by_words) <= 1 || most_stand(&cuts[0]) {
        return Err(by_words);
    }
    let by_length = diagnose(&cuts[1]);
    Err(if unexplained(&by_length) < unexplained(&by_words) { by_length } else { by_words })
}

/// Whether lines of armor are in a text that has neither BEGIN nor END.
pub(super) fn have_checks(glyphs: &[Glyph]) -> bool {
    let by_words = by_words(glyphs);
    let by_length = by_length(glyphs);
    by_words.iter().enumerate().any(|(index, record)| record.is(index + 1))
        || !by_length.is_empty() && in_order(&by_length)
}

fn in_order(records: &[Record]) -> bool {
    let Some((last, before)) = records.split_last() else { return true };
    let stands = |record: &Record, number| record.is(number) || record.lacks_padding(number, record.text.contains('.'));
    before.iter().zip(1..).all(|(record, number)| stands(record, number))
        && (stands(last, records.len()) || last.lacks_padding(records.len(), false))
}

/// Whether most lines still end with a check, and are no longer than a line with a mark before it.
fn most_stand(records: &[Record]) -> bool {
    let stands = |record: &&Record| !record.check.is_empty() && record.content.len() <= WIDTH + CHECK;
    records.iter().filter(stands).count() * 2 > records.len()
}

/// Cuts at line ends behind a word that looks like a check: finds the lines although characters are missing.
fn by_words(body: &[Glyph]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut content: Vec<Glyph> = Vec::new();
    for line in body.split(|glyph| glyph.char == '\n') {
        let words: Vec<&[Glyph]> = words(line).collect();
        let Some((last, rest)) = words.split_last() else { continue };
        let length = rest.iter().map(|word| word.len()).sum::<usize>();
        let is_check = is_check(last) && !(rest.is_empty() && content.is_empty());
        // A full line is whole: what came before it was a line of its own, and what follows it is its check.
        if length == WIDTH || content.len() == WIDTH && !(rest.is_empty() && is_check) {
            records.extend((!content.is_empty()).then(|| Record::new(std::mem::take(&mut content), &[])));
        }
        let full = !rest.is_empty() && content.len() + length == WIDTH;
        let check = Some(*last).filter(|_| full || is_check);
        content.extend(rest.iter().copied().flatten());
        match check {
            Some(check) => records.push(Record::new(std::mem::take(&mut content), check)),
            None => content.extend(*last),
        }
    }
    if !content.is_empty() {
        records.push(Record::new(content, &[]));
    }
    records
}

/// Cuts by count, whatever the line ends are: finds the lines although they were wrapped or joined.
fn by_length(body: &[Glyph]) -> Vec<Record> {
    let glyphs: Vec<Glyph> = body.iter().copied().filter(|glyph| !glyph.is_space()).collect();
    let cut = |line: &[Glyph]| {
        let (content, check) = line.split_at(line.len().saturating_sub(CHECK));
        Record::new(content.to_vec(), check)
    };
    glyphs.chunks(WIDTH + CHECK).map(cut).collect()
}

/// Whether the lines are those of armor without the checks: all of full width but the last.
fn is_without_checks(body: &[Glyph]) -> bool {
    let mut words: Vec<&[Glyph]> = words(body).collect();
    words.pop().is_some_and(|last| last.len() <= WIDTH && !is_check(last))
        && words.iter().all(|word| word.len() == WIDTH)
}

fn is_check(word: &[Glyph]) -> bool {
    word.len() == CHECK && word.iter().all(|glyph| DIGITS.iter().any(|digit| char::from(*digit) == glyph.char))
}

/// Whether a line has other blanks than the one before its check.
fn has_more_blanks(line: &[Glyph]) -> bool {
    let is_blank = |glyph: &Glyph| glyph.is_plain_blank();
    let outer = [line.first(), line.last()].into_iter().flatten().any(is_blank);
    words(line).next().is_some() && (outer || line.iter().filter(|glyph| is_blank(glyph)).count() > 1)
}

fn words(glyphs: &[Glyph]) -> impl Iterator<Item = &[Glyph]> {
    glyphs.split(|glyph| glyph.is_space()).filter(|word| !word.is_empty())
}
