//! [`Damage`]: what could not be mended, line by line.

use std::fmt;

use crate::code::Code;

/// How many faults are kept; more would not help anybody.
pub(super) const MAX_FAULTS: usize = 100;

/// As many are told in one sentence.
const SHOWN_FAULTS: usize = 20;

/// Says why a text could not be repaired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The faults in the order of their lines, at most 100.
    pub faults: Vec<Fault>,
}

/// One fault and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line of the text as it was given, from 1.
    pub line: usize,
    /// The line of the armor, from 1, when the text is armored and the fault is of one line.
    pub armor_line: Option<usize>,
    /// What is wrong there.
    pub kind: FaultKind,
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The line or its check is not as it was written.
    Changed {
        /// The check that the line carries.
        found: String,
        /// The check that belongs to what the line says.
        expected: String,
        /// How many characters the line lacks; negative when it has too many.
        missing: isize,
    },
    /// The line has no check, and others have.
    CheckLost,
    /// The line stands where the named one belongs.
    Displaced(usize),
    /// The line is there already.
    Duplicate,
    /// There is no text.
    Empty,
    /// The signature is longer than 88 characters, by this many.
    Excess(usize),
    /// The line is none of the armor's.
    Foreign,
    /// A character that base64 does not use.
    ForeignCharacter {
        /// Its place in the line of the text, from 1.
        column: usize,
        /// The character.
        found: char,
    },
    /// The last character of the named part, `payload`, `signature` or `text`, is none that base64 of its length ends with.
    ImpossibleEnd(&'static str),
    /// No base64 text has this length.
    ImpossibleLength {
        /// The part: `payload`, `signature` or `text`.
        part: &'static str,
        /// How many characters it has, padding left out.
        length: usize,
    },
    /// The BEGIN line and the END line carry these two labels.
    Labels(String, String),
    /// The line of the armor is not there.
    Lost,
    /// There is no BEGIN line.
    NoBegin,
    /// There is no END line.
    NoEnd,
    /// The text does not have two parts; says how many it has.
    Parts(usize),
    /// Another armor begins here.
    SecondArmor,
    /// Another token begins here.
    SecondToken,
    /// An `=` stands before the end of a part, in this column.
    StrayPadding(usize),
    /// A part has more `=` than its length allows.
    SurplusPadding(&'static str),
    /// The signature is shorter than 88 characters, by this many.
    Truncated(usize),
    /// The text uses the URL-safe alphabet.
    UrlSafe {
        /// The place of the first such character in its line, from 1.
        column: usize,
        /// `-` or `_`.
        found: char,
    },
}

impl Damage {
    pub(super) fn new(mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.line);
        faults.truncate(MAX_FAULTS);
        Self { faults }
    }

    /// Returns the code this damage is reported under.
    pub fn code(&self) -> Code {
        Code::DamagedText
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().take(SHOWN_FAULTS).enumerate() {
            write!(f, "{}{fault}", if index == 0 { "" } else { "; " })?;
        }
        match self.faults.len().saturating_sub(SHOWN_FAULTS) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for Damage {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line;
        let place = match self.armor_line {
            Some(armor_line) => format!("line {armor_line} of the armor (line {line} of the text)"),
            None => format!("line {line} of the text"),
        };
        match &self.kind {
            FaultKind::Changed { found, expected, missing } => {
                write!(f, "{place} was changed: its check is {found} and should be {expected}")?;
                match missing {
                    0 => Ok(()),
                    1.. => write!(f, "; about {} missing", characters(missing.unsigned_abs())),
                    _ => write!(f, "; about {} too many", characters(missing.unsigned_abs())),
                }
            }
            FaultKind::CheckLost => write!(f, "{place} has lost its check"),
            FaultKind::Displaced(number) => write!(f, "{place} stands in the place of line {number}"),
            FaultKind::Duplicate => write!(f, "{place} is there a second time"),
            FaultKind::Empty => f.write_str("the text is empty"),
            FaultKind::Excess(count) => write!(f, "about {} too many at the end", characters(*count)),
            FaultKind::Foreign => write!(f, "line {line} of the text does not belong to the armor"),
            FaultKind::ForeignCharacter { column, found } => {
                let code = format!("U+{:04X}", u32::from(*found));
                let name = if found.is_ascii_graphic() { format!("`{found}` ({code})") } else { code };
                write!(f, "{place} has {name} in column {column}, which base64 does not use")
            }
            FaultKind::ImpossibleEnd(part) => {
                write!(f, "the {part} ends as base64 of its length never does, so characters are missing or changed")
            }
            FaultKind::ImpossibleLength { part, length } => {
                write!(f, "the {part} has {length} characters without padding, a length that base64 never has")
            }
            FaultKind::Labels(begin, end) => write!(f, "the armor begins as {begin} and ends as {end}"),
            FaultKind::Lost => match self.armor_line {
                Some(armor_line) => write!(f, "line {armor_line} of the armor is missing"),
                None => write!(f, "a line of the armor is missing at {place}"),
            },
            FaultKind::NoBegin => f.write_str("the BEGIN line of the armor is missing"),
            FaultKind::NoEnd => f.write_str("the END line of the armor is missing"),
            FaultKind::Parts(count) => {
                write!(f, "a token has two parts with one dot between them, and this text has {count}")
            }
            FaultKind::SecondArmor => write!(f, "a second armor begins on {place}"),
            FaultKind::SecondToken => {
                write!(f, "a second token begins on {place}, and which of them is meant cannot be told")
            }
            FaultKind::StrayPadding(column) => {
                write!(f, "{place} has `=` in column {column}, before the end of its part")
            }
            FaultKind::SurplusPadding(part) => write!(f, "the {part} has more `=` than its length allows"),
            FaultKind::Truncated(count) => write!(f, "about {} missing at the end", characters(*count)),
            FaultKind::UrlSafe { column, found } => write!(
                f,
                "{place} has `{found}` in column {column}: this is URL-safe base64, and standard base64 has `+` and `/`"
            ),
        }
    }
}

/// Counts the faults that are not whole lines, lost or in other places; checks vouch for those.
pub(super) fn unexplained(faults: &[Fault]) -> usize {
    let is_of_whole_line =
        |fault: &&Fault| matches!(fault.kind, FaultKind::Displaced(_) | FaultKind::Duplicate | FaultKind::Lost);
    faults.len() - faults.iter().filter(is_of_whole_line).count()
}

fn characters(count: usize) -> String {
    format!("{count} character{}", if count == 1 { " is" } else { "s are" })
}
