//! [`Fingerprint`]: what binds a document to a machine, and how a machine is read and compared with it.
//!
//! A fingerprint is never one hash over everything: each component has its own salted digests and its own weight, so a
//! new network card is told from a new machine, and a source that is missing, unreadable or shared by many machines
//! never turns into an identity. Reading a machine ([`Reader`]) is apart from comparing ([`Fingerprint::compare`]), which
//! is pure. What no fingerprint can see: a byte-exact copy of a virtual machine, and an administrator who edits what is
//! read. A salted digest of a network address is pseudonymous, not anonymous; stretching only makes guessing dear.

mod compare;
mod component;
mod digest;
mod enrol;
mod filter;
mod fp1;
mod hallmark;
mod linux;
mod macos;
mod profile;
mod program;
mod reading;
mod rule;
mod short_id;
#[cfg(test)]
#[cfg(unix)]
mod simulation;
mod sysroot;
mod windows;

use std::fmt;

pub use compare::{Comparison, ComponentComparison, ComponentOutcome, Outcome};
pub use component::{Kdf, is_suppliable};
pub use enrol::{EnrolError, Enrolment, Weak, enrol};
pub use fp1::{Component, Fp1};
pub use linux::{Linux, Surroundings};
pub use macos::Macos;
pub use profile::Profile;
pub use reading::{Machine, Privilege, ReadOptions, Reader, Reading, ReadingState};
pub use rule::RuleError;
pub use short_id::short_id;
pub use windows::Windows;

use crate::code::Code;
use crate::json::{self, JsonError, Value, Writer, steers};

/// Binds a document to a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fingerprint {
    /// One opaque text, compared byte for byte: a node's name, a cluster's id.
    Exact(String),
    /// Weighted components, of which enough must match.
    Fp1(Fp1),
}

/// Says why a fingerprint was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FingerprintError {
    /// A member is missing, of the wrong type or out of range.
    Json(JsonError),
    /// The `format` is none that this version knows.
    NewerFormat(String),
}

/// Returns the reader of the system this program was compiled for.
pub fn this_machine() -> Box<dyn Reader> {
    if cfg!(target_os = "macos") {
        Box::new(Macos)
    } else if cfg!(target_os = "windows") {
        Box::new(Windows)
    } else {
        Box::new(Linux::default())
    }
}

impl Fingerprint {
    /// Takes an opaque text.
    ///
    /// # Errors
    /// `Json` unless it has 1..=1024 bytes, no character that steers a terminal and no white space at either end; `name`
    /// names the member at fault.
    pub fn exact(text: &str, name: &str) -> Result<Self, FingerprintError> {
        if (1..=1_024).contains(&text.len()) && text.trim() == text && !text.chars().any(steers) {
            return Ok(Self::Exact(text.to_owned()));
        }
        let expected = "1..=1024 bytes without control characters, and without white space at either end";
        Err(JsonError::value(name, expected, &Value::String(text.into())).into())
    }

    /// Reads a fingerprint: a string is an exact one, an object names its `format`.
    ///
    /// # Errors
    /// `NewerFormat` for a format other than `fp1`, `Json` for whatever else is wrong; `name` names the member at fault.
    pub fn from_json(value: Value<'_>, name: &str) -> Result<Self, FingerprintError> {
        match value {
            Value::String(text) => Self::exact(&text, name),
            Value::Object(members) => Fp1::from_members(members).map(Self::Fp1),
            other => Err(JsonError::value(name, "a string or an fp1 object", &other).into()),
        }
    }

    /// Reads a fingerprint as files and people hold it: an `fp1` object, the JSON string of an exact one, or its text.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json) and [`exact`](Self::exact).
    pub fn parse(text: &str, name: &str) -> Result<Self, FingerprintError> {
        let json = text.trim();
        if json.starts_with('{') {
            return Self::from_json(json::parse(json.as_bytes())?, name);
        }
        match json::parse(json.as_bytes()) {
            Ok(Value::String(spelled)) => Self::exact(&spelled, name),
            _ => Self::exact(text, name),
        }
    }

    /// Writes the fingerprint canonically.
    pub fn write(&self, out: &mut Writer) {
        match self {
            Self::Exact(text) => out.string(text),
            Self::Fp1(fp1) => fp1.write(out),
        }
    }

    /// Returns the options that read from a machine what this fingerprint compares. Components that a person supplies
    /// must be added to them.
    pub fn read_options(&self) -> ReadOptions {
        match self {
            Self::Exact(_) => ReadOptions::default(),
            Self::Fp1(fp1) => fp1.read_options(),
        }
    }

    /// Compares the fingerprint with a machine.
    pub fn compare(&self, machine: &Machine) -> Comparison {
        match self {
            Self::Exact(bound) => compare::exact(bound, machine.exact.as_deref()),
            Self::Fp1(fp1) => compare::fp1(fp1, machine.readings_for(fp1.profile)),
        }
    }

    /// Compares the fingerprint with another one, away from the machine. Two `fp1` fingerprints can be compared when they
    /// share salt and product; else the outcome is that nothing could be read.
    pub fn compare_enrolled(&self, other: &Self) -> Comparison {
        match (self, other) {
            (Self::Exact(bound), Self::Exact(other)) => compare::exact(bound, Some(other)),
            (Self::Exact(bound), Self::Fp1(_)) => compare::exact(bound, None),
            (Self::Fp1(bound), Self::Exact(_)) => compare::enrolled(bound, None),
            (Self::Fp1(bound), Self::Fp1(other)) => compare::enrolled(bound, Some(other)),
        }
    }
}

impl FingerprintError {
    /// Returns the code a document with this fault is refused with.
    pub fn code(&self) -> Code {
        match self {
            Self::Json(error) => error.code(),
            Self::NewerFormat(_) => Code::Unsupported,
        }
    }
}

impl fmt::Display for FingerprintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => fmt::Display::fmt(error, f),
            Self::NewerFormat(format) => {
                write!(f, "the fingerprint has the format `{}`, which needs a newer mintage", format.escape_debug())
            }
        }
    }
}

impl std::error::Error for FingerprintError {}

impl From<JsonError> for FingerprintError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    #[test]
    fn an_exact_fingerprint_has_no_outer_white_space_and_steers_nothing() {
        for text in ["prod-node-01", "k8s:7d3f", "two words", "é", &"x".repeat(1_024)] {
            assert_eq!(Fingerprint::exact(text, "fingerprint"), Ok(Fingerprint::Exact(text.to_owned())), "{text}");
        }
        for text in ["", " a", "a ", "a\n", "a\u{a0}", "a\0b", "a\u{202e}b", "a\u{200b}b", &"x".repeat(1_025)] {
            let error = Fingerprint::exact(text, "fingerprint").unwrap_err();
            assert_eq!(error.code(), Code::Malformed, "{text}");
        }
    }

    #[test]
    fn an_unknown_format_is_unsupported_and_not_malformed() {
        let value = parse(br#"{"format":"fp2","components":7}"#).unwrap();
        let error = Fingerprint::from_json(value, "fingerprint").unwrap_err();
        assert_eq!(error, FingerprintError::NewerFormat("fp2".to_owned()));
        assert_eq!(error.code(), Code::Unsupported);
        assert_eq!(error.to_string(), "the fingerprint has the format `fp2`, which needs a newer mintage");
    }

    #[test]
    fn a_fingerprint_is_a_string_or_an_object() {
        for text in ["null", "7"] {
            assert_eq!(Fingerprint::parse(text, "fingerprint"), Ok(Fingerprint::Exact(text.to_owned())));
        }
        assert_eq!(Fingerprint::parse(" \"a\"\n", "fingerprint"), Ok(Fingerprint::Exact("a".to_owned())));
        for text in ["null", "true", "7", "[]", "1.5"] {
            let error = Fingerprint::from_json(parse(text.as_bytes()).unwrap(), "fingerprint").unwrap_err();
            assert!(
                error.to_string().starts_with("the member `fingerprint` must be a string or an fp1 object"),
                "{error}"
            );
        }
    }
}
