//! Strict JSON: duplicate members refused at any depth, depth bounded, one canonical spelling when written.
//!
//! Reading borrows from the text where it can. Writing sorts members bytewise, leaves no white space and knows integers
//! only; what is verified is always the bytes as received, never a re-spelling of them.

mod name;
#[cfg(feature = "serve")]
mod outline;
mod read;
mod write;

use std::borrow::Cow;
use std::fmt;

#[cfg(feature = "serve")]
pub(crate) use outline::names;
pub(crate) use read::parse_within;
pub use read::{parse, parse_list};
pub use write::{Writer, canonical, steers};

use crate::code::Code;
use crate::time::Timestamp;

/// How deep objects and arrays may nest, the outermost counted.
pub const MAX_DEPTH: usize = 16;

/// How many members an object may have.
pub const MAX_MEMBERS: usize = 1 << 16;

/// How many items an array may have; of the one that [`parse_list`] hands over as it reads there may be any number.
pub const MAX_ITEMS: usize = 1 << 20;

/// How many values a document may have in all, an object counted as eight of them; of those in the array that
/// [`parse_list`] hands over, no item may have more.
pub const MAX_VALUES: usize = 16 << 20;

/// How long a string may be that is no document itself, in bytes of UTF-8.
pub const MAX_STRING_BYTES: usize = 1_024;

/// The largest number that counts something: what every reader holds in a signed 64-bit integer.
pub const MAX_COUNT: u64 = i64::MAX.unsigned_abs();

/// A JSON value; strings borrow from the text unless they hold escapes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number without fraction or exponent that fits 64 bits.
    Integer(i128),
    /// Any other number: never accepted where mintage reads a number, ignored in unknown members.
    Fraction(f64),
    /// A string.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Value<'a>>),
    /// An object, its members in the order of the text, no name twice.
    Object(Members<'a>),
}

/// The members of an object in the order of the text.
pub type Members<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

/// Says why JSON text was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonError {
    /// `crit` names a member that this version does not understand.
    Critical(String),
    /// One object has two members of this name.
    Duplicate(String),
    /// A member that must be there is not.
    Missing(&'static str),
    /// The text is not JSON (RFC 8259); the reason and place are the parser's.
    Syntax(String),
    /// Objects and arrays nest more than [`MAX_DEPTH`] deep.
    TooDeep,
    /// An object has more than [`MAX_MEMBERS`] members, an array more than [`MAX_ITEMS`] items, or the
    /// document more values in all than are read.
    TooMany,
    /// The text ends where it might have gone on to be JSON; the parser says what it was in the middle of.
    Truncated(String),
    /// A member holds a value outside its range.
    Value {
        /// The member's name.
        member: String,
        /// What it must be, such as `an integer in 0..=3650`.
        expected: Cow<'static, str>,
        /// What it is, shortened.
        found: String,
    },
}

impl JsonError {
    /// Returns the code a document with this fault is refused with.
    pub fn code(&self) -> Code {
        match self {
            Self::Critical(_) => Code::Unsupported,
            Self::Duplicate(_) => Code::DuplicateMember,
            Self::Truncated(_) => Code::Truncated,
            _ => Code::Malformed,
        }
    }

    /// Says that `member` must be `expected`, and is not.
    pub fn value(member: &str, expected: impl Into<Cow<'static, str>>, found: &Value<'_>) -> Self {
        Self::Value { member: member.to_owned(), expected: expected.into(), found: found.describe() }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Critical(name) => {
                write!(f, "the document demands `{}`, which this version does not understand", name.escape_debug())
            }
            Self::Duplicate(name) => write!(f, "the member `{}` stands twice in one object", name.escape_debug()),
            Self::Missing(name) => write!(f, "the member `{name}` is missing"),
            Self::Syntax(reason) => write!(f, "the text is not JSON: {reason}"),
            Self::TooDeep => write!(f, "objects and arrays nest more than {MAX_DEPTH} deep"),
            Self::TooMany => {
                write!(
                    f,
                    "an object has more than {MAX_MEMBERS} members, an array more than {MAX_ITEMS} items, or the document \
                     more values than are read of its kind"
                )
            }
            Self::Truncated(reason) => write!(f, "the text ends before the document does: {reason}"),
            Self::Value { member, expected, found } => {
                write!(f, "the member `{}` must be {expected}, and is {found}", member.escape_debug())
            }
        }
    }
}

impl std::error::Error for JsonError {}

impl<'a> Value<'a> {
    /// Takes the members of an object.
    ///
    /// # Errors
    /// `Value` for any other type; `name` names the member at fault.
    pub fn into_object(self, name: &str) -> Result<Members<'a>, JsonError> {
        match self {
            Self::Object(members) => Ok(members),
            other => Err(JsonError::value(name, "an object", &other)),
        }
    }

    /// Takes the items of an array.
    ///
    /// # Errors
    /// `Value` for any other type.
    pub fn into_array(self, name: &str) -> Result<Vec<Self>, JsonError> {
        match self {
            Self::Array(items) => Ok(items),
            other => Err(JsonError::value(name, "an array", &other)),
        }
    }

    /// Takes a string of at most 1,024 bytes.
    ///
    /// # Errors
    /// `Value` for any other type or a longer string.
    pub fn into_string(self, name: &str) -> Result<Cow<'a, str>, JsonError> {
        match self {
            Self::String(text) if text.len() <= MAX_STRING_BYTES => Ok(text),
            other => Err(JsonError::value(name, "a string of at most 1,024 bytes", &other)),
        }
    }

    /// Takes a string of any length that the document's own bound allows.
    ///
    /// # Errors
    /// `Value` for any other type.
    pub fn into_text(self, name: &str) -> Result<Cow<'a, str>, JsonError> {
        match self {
            Self::String(text) => Ok(text),
            other => Err(JsonError::value(name, "a string", &other)),
        }
    }

    /// Takes an integer in `0 ..= 2^63-1`.
    ///
    /// # Errors
    /// `Value` for any other type or range.
    pub fn into_count(self, name: &str) -> Result<u64, JsonError> {
        match self {
            Self::Integer(number) if (0..=i128::from(MAX_COUNT)).contains(&number) => {
                u64::try_from(number).map_err(|_| JsonError::value(name, "an integer", &self))
            }
            other => Err(JsonError::value(name, "an integer in 0..=9223372036854775807", &other)),
        }
    }

    /// Takes the array `crit`: names of members that a reader must understand, wherever in the document they stand.
    ///
    /// # Errors
    /// `Critical` for a name that is not among `understood`, `Value` for anything but an array of strings.
    pub fn into_critical(self, understood: &[&str]) -> Result<(), JsonError> {
        for name in self.into_array("crit")? {
            let name = name.into_string("crit")?;
            if !understood.contains(&name.as_ref()) {
                return Err(JsonError::Critical(name.into_owned()));
            }
        }
        Ok(())
    }

    /// Takes integer seconds since the epoch.
    ///
    /// # Errors
    /// `Value` for any other type or range.
    pub fn into_timestamp(self, name: &str) -> Result<Timestamp, JsonError> {
        let seconds = match self {
            Self::Integer(number) => i64::try_from(number).ok(),
            _ => None,
        };
        seconds
            .and_then(|seconds| Timestamp::from_seconds(seconds).ok())
            .ok_or_else(|| JsonError::value(name, "a time in integer seconds since the epoch, 0..=253402300799", &self))
    }

    /// Names the value's type and, for a short scalar, the value itself.
    pub fn describe(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Fraction(number) => format!("{number}, which is not written as an integer"),
            Self::String(text) if text.len() <= 64 => format!("the string `{}`", text.escape_debug()),
            Self::String(text) => format!("a string of {} bytes", text.len()),
            Self::Array(items) => format!("an array of {}", items.len()),
            Self::Object(members) => format!("an object of {}", members.len()),
        }
    }
}
