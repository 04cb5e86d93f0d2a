//! [`SplitError`]: why parts do not make one document.

use std::fmt;

use crate::code::Code;

/// Says why a document could not be split, or its parts not joined.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SplitError {
    /// A part stands there twice and says two things, each with a check that fits.
    Contradiction {
        /// Which part.
        number: u64,
        /// Of how many.
        count: u64,
    },
    /// Parts lack, or are not as they were written.
    Incomplete {
        /// The numbers of those that no part of the text says.
        missing: Vec<u64>,
        /// How many there are; 0 when no part of the text says so.
        count: u64,
        /// The parts that were changed.
        changed: Vec<Changed>,
    },
    /// The parts are of several documents, or of one that was split twice: for each its name, its parts, and how many
    /// there are.
    Mixed(Vec<(String, Vec<u64>, u64)>),
    /// Every part is there and true to its check, and the whole is not.
    NotWhole,
    /// The document is larger than the 256 KiB that are split or joined.
    TooLarge,
    /// The document has this many parts, and at most 99 are written or read.
    TooMany(u64),
}

/// A part that is not as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The line of the text where it begins, from 1.
    pub line: usize,
    /// Which part of how many it says it is, if it still does.
    pub part: Option<(u64, u64)>,
}

impl SplitError {
    /// Returns the code this error is reported under.
    pub fn code(&self) -> Code {
        match self {
            Self::Contradiction { .. } | Self::Incomplete { .. } | Self::Mixed(_) => Code::DamagedText,
            Self::NotWhole | Self::TooLarge | Self::TooMany(_) => Code::Malformed,
        }
    }
}

impl fmt::Display for SplitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contradiction { number, count } => {
                write!(f, "part {number} of {count} is there twice, with different contents")
            }
            Self::Incomplete { missing, count, changed } => {
                let claimed: Vec<u64> = changed.iter().filter_map(|it| it.part.map(|(number, _)| number)).collect();
                let lost: Vec<u64> = missing.iter().copied().filter(|number| !claimed.contains(number)).collect();
                let changed = changed.iter().map(ToString::to_string);
                let lost = (!lost.is_empty()).then(|| {
                    let are = if lost.len() == 1 { "is" } else { "are" };
                    format!("{} {are} missing", parts(&lost, *count))
                });
                f.write_str(&changed.chain(lost).collect::<Vec<_>>().join("; "))
            }
            Self::Mixed(sets) => {
                write!(f, "these are parts of {} documents: ", sets.len())?;
                for (at, (set, numbers, count)) in sets.iter().enumerate() {
                    let comma = if at == 0 { "" } else { "; " };
                    write!(f, "{comma}{} of {set}", parts(numbers, *count))?;
                }
                Ok(())
            }
            Self::NotWhole => f.write_str("every part is as it was written, and together they are no document"),
            Self::TooLarge => write!(f, "the document is larger than the {} bytes that parts hold", super::MAX_BYTES),
            Self::TooMany(count) => {
                write!(f, "the document has {count} parts, and at most {} can be", super::MAX_PARTS)
            }
        }
    }
}

impl std::error::Error for SplitError {}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line;
        match self.part {
            Some((number, count)) => {
                write!(f, "part {number} of {count}, on line {line} of the text, is cut off or was changed")
            }
            None => write!(f, "the part on line {line} of the text is cut off or was changed"),
        }
    }
}

/// Names parts: `part 2 of 3`, `parts 1, 2 and 4 of 5`.
fn parts(numbers: &[u64], count: u64) -> String {
    let words: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    match words.as_slice() {
        [one] => format!("part {one} of {count}"),
        [all @ .., last] => format!("parts {} and {last} of {count}", all.join(", ")),
        [] => format!("none of {count}"),
    }
}
