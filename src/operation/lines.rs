//! `verify --batch`: a verdict for every line, in order, on all cores, in constant memory.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use memchr::memchr_iter;

use super::ordered::in_order;
use super::verify::{Against, read, read_bytes, refused, settle};
use crate::armor::Repair;
use crate::code::Code;
use crate::json::{self, JsonError, Value, Writer};
use crate::token::{Token, UnverifiedToken};
use crate::verdict::Refusal;

/// How much is read at a time; a block of this size holds the few hundred tokens that share one inversion.
const BLOCK_BYTES: usize = 192 << 10;

/// How long a verdict usually is, so that a block's answers find room at once.
const VERDICT_BYTES: usize = 1_536;

/// The longest line that is read: a token of the greatest length, every character escaped.
pub const MAX_LINE_BYTES: usize = 512 << 10;

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines answered yes.
    pub valid: u64,
    /// Lines answered no.
    pub refused: u64,
    /// Lines that could be read only once what mail had done to them was mended.
    pub mended: u64,
    /// How often each code was the first reason.
    pub by_code: BTreeMap<Code, u64>,
}

/// Writes a verdict as one line of JSON for every line of `input` that is not blank: a bare token or `{"token":TEXT}`.
///
/// # Errors
/// What reading or writing returns.
pub fn verify_lines(
    input: impl Read,
    mut output: impl Write,
    against: Against<'_>,
    threads: usize,
) -> io::Result<Summary> {
    let mut summary = Summary::default();
    in_order(
        threads,
        Blocks::new(input),
        |block| verify_block(&block, against),
        |answers: Answers| {
            summary.add(&answers.summary);
            output.write_all(answers.text.as_bytes())
        },
    )?;
    output.flush()?;
    Ok(summary)
}

impl Summary {
    /// Returns how many lines were judged.
    pub fn judged(&self) -> u64 {
        self.valid + self.refused
    }

    fn add(&mut self, other: &Self) {
        self.valid += other.valid;
        self.refused += other.refused;
        self.mended += other.mended;
        for (code, count) in &other.by_code {
            *self.by_code.entry(*code).or_default() += count;
        }
    }
}

/// Whole lines, and the number of the first.
struct Block {
    text: Vec<u8>,
    first_line: u64,
}

struct Answers {
    text: String,
    summary: Summary,
}

fn verify_block(block: &Block, against: Against<'_>) -> Answers {
    let lines = lines(&block.text).zip(block.first_line..);
    let lines = lines.filter(|(line, _)| !line.trim_ascii().is_empty());
    let (mut tokens, mut slots) = (Vec::new(), Vec::new());
    for (line, number) in lines {
        let mut repairs = Vec::new();
        let outcome = read_line(line, &mut repairs).map(|token| tokens.push(token));
        slots.push((number, outcome.err(), repairs));
    }
    let mut verified = UnverifiedToken::verify_many(tokens, against.keyring).into_iter();
    let (mut out, mut summary) = (Writer::with_capacity(slots.len() * VERDICT_BYTES), Summary::default());
    for (number, refusal, repairs) in slots {
        let verdict = match (refusal, &mut verified) {
            (Some(refusal), _) => refused(refusal, against),
            (None, verified) => match verified.next() {
                Some(result) => settle(result, against),
                // Every token has a result; should one be missing, that is no yes.
                None => refused(Refusal::new(Code::Malformed, "the token was not judged"), against),
            },
        };
        match verdict.refusals.first() {
            None => summary.valid += 1,
            Some(refusal) => {
                summary.refused += 1;
                *summary.by_code.entry(refusal.code).or_default() += 1;
            }
        }
        summary.mended += u64::from(!repairs.is_empty());
        verdict.write_line(&mut out, number, &repairs);
    }
    Answers { text: out.finish(), summary }
}

/// Cuts a text at its line ends; what stands after the last of them is a line too.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr_iter(b'\n', text).chain(std::iter::once(text.len())).map(move |end| {
        let line = &text[start..end];
        start = end + 1;
        line
    })
}

fn read_line(line: &[u8], repairs: &mut Vec<Repair>) -> Result<UnverifiedToken, Refusal> {
    let malformed = |error: &JsonError| Refusal::new(error.code(), error);
    if line.len() > MAX_LINE_BYTES {
        return Err(Refusal::new(Code::Malformed, format_args!("the line is longer than {MAX_LINE_BYTES} bytes")));
    }
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if let Some(token) = spelled_shortly(line) {
        return Ok(token);
    }
    if line.trim_ascii_start().first() == Some(&b'{') {
        let members =
            json::parse(line).and_then(|value| value.into_object("line")).map_err(|error| malformed(&error))?;
        let token = members.into_iter().find(|(name, _)| name == "token").map(|(_, value)| value);
        match token.ok_or_else(|| malformed(&JsonError::Missing("token")))? {
            Value::String(text) => read(&text, repairs),
            other => Err(malformed(&JsonError::value("token", "a string", &other))),
        }
    } else {
        read_bytes(line, repairs)
    }
}

/// Reads `{"token":TEXT}` where it is spelled without white space and the text is a token as it stands: no quote or escape is
/// in it, and so no other member. Whatever else a line holds is read as JSON.
fn spelled_shortly(line: &[u8]) -> Option<UnverifiedToken> {
    let text = line.strip_prefix(br#"{"token":""#)?.strip_suffix(br#""}"#)?;
    Token::parse(std::str::from_utf8(text).ok()?).ok()
}

/// Cuts a stream into blocks of whole lines. Of a line that is too long only enough is kept to refuse it.
struct Blocks<R> {
    input: R,
    carry: Vec<u8>,
    line: u64,
    ended: bool,
}

impl<R: Read> Blocks<R> {
    fn new(input: R) -> Self {
        Self { input, carry: Vec::new(), line: 1, ended: false }
    }

    fn fill(&mut self) -> io::Result<Block> {
        let mut text = std::mem::take(&mut self.carry);
        let mut searched = 0;
        loop {
            if let Some(end) = text[searched..].iter().rposition(|byte| *byte == b'\n') {
                self.carry = text.split_off(searched + end + 1);
                break;
            }
            if text.len() > MAX_LINE_BYTES {
                text.truncate(MAX_LINE_BYTES + 1);
            }
            searched = text.len();
            text.reserve(BLOCK_BYTES);
            let read = (&mut self.input).take(BLOCK_BYTES as u64).read_to_end(&mut text)?;
            if read == 0 {
                self.ended = true;
                break;
            }
        }
        let first_line = self.line;
        self.line += memchr_iter(b'\n', &text).count() as u64;
        Ok(Block { text, first_line })
    }
}

impl<R: Read> Iterator for Blocks<R> {
    type Item = io::Result<Block>;

    fn next(&mut self) -> Option<io::Result<Block>> {
        if self.ended { None } else { Some(self.fill()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SecretKey;
    use crate::license::License;
    use crate::time::Timestamp;

    fn blocks(text: &[u8]) -> Vec<(u64, Vec<u8>)> {
        Blocks::new(text).map(|block| block.unwrap()).map(|block| (block.first_line, block.text)).collect()
    }

    #[test]
    fn blocks_hold_whole_lines_and_count_them() {
        let line = [&[b'x'; 999][..], b"\n"].concat();
        let text = line.repeat(1_000);
        let blocks = blocks(&text);
        assert!(blocks.len() > 4);
        assert_eq!(blocks.iter().flat_map(|(_, text)| text.clone()).collect::<Vec<_>>(), text);
        let mut expected = 1;
        for (first, text) in blocks {
            assert_eq!(first, expected);
            assert!(text.is_empty() || text.ends_with(b"\n"));
            expected += text.len() as u64 / 1_000;
        }
    }

    #[test]
    fn a_line_is_read_alike_however_its_json_is_spelled() {
        let license = License::new("id".to_owned(), "tenant".to_owned(), Timestamp::EPOCH, Timestamp::NEVER);
        let token = Token::mint(license, &SecretKey::from_seed(&[7; 32])).to_string();
        let short = format!(r#"{{"token":"{token}"}}"#);
        let read = |line: &str| read_line(line.as_bytes(), &mut Vec::new()).map(|token| token.to_token());
        assert!(spelled_shortly(short.as_bytes()).is_some());
        let escaped = format!(r#"{{"token":"\u{:04x}{}"}}"#, u32::from(token.as_bytes()[0]), &token[1..]);
        for line in [
            format!(r#" {{ "token" : "{token}" }} "#),
            format!(r#"{{"a":1,"token":"{token}"}}"#),
            escaped,
            token.clone(),
        ] {
            assert!(spelled_shortly(line.as_bytes()).is_none(), "{line}");
            assert_eq!(read(&line), read(&short));
        }
        let twice = format!(r#"{{"token":"{token}","token":"{token}"}}"#);
        assert!(read(&twice).unwrap_err().message.contains("token"));
        assert!(read(&short[..short.len() - 1]).is_err());
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_and_the_next_one_read() {
        let text = [&vec![b'x'; 3 * MAX_LINE_BYTES][..], b"\nnext\n"].concat();
        let blocks = blocks(&text);
        let kept: Vec<u8> = blocks.into_iter().flat_map(|(_, text)| text).collect();
        let mut lines = kept.split(|byte| *byte == b'\n');
        let first = lines.next().unwrap();
        assert!(first.len() > MAX_LINE_BYTES && first.len() < 2 * MAX_LINE_BYTES);
        assert!(read_line(first, &mut Vec::new()).unwrap_err().message.contains("longer than"));
        assert_eq!(lines.next(), Some(&b"next"[..]));
    }
}
