//! [`VerifierState`]: what a verifier remembers between runs, so that a clock set back, or an old document in the place of a
//! new one, is noticed.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

use crate::code::Code;
use crate::id::{Hex, KeyId};
use crate::json::{self, JsonError, Value, Writer};
use crate::time::Timestamp;

/// The longest state, in bytes.
pub const MAX_STATE_BYTES: usize = 64 << 10;

const KIND: &str = "mintage/state/v1";

/// What a verifier remembers: `{"kind":"mintage/state/v1","latestSeen":SECONDS,"sequences":{SERIES:{"digest","sequence"}}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifierState {
    /// The latest time that an accepted verification has seen, by the clock or in a signed document.
    pub latest_seen: Option<Timestamp>,
    /// By series, the highest sequence accepted and the digest of the document that carried it.
    sequences: BTreeMap<String, (u64, String)>,
}

/// Names the documents of one kind by one signer. A new signing key starts a new series: that is the way back after a key
/// was misused to push the sequence to its end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series(String);

/// A document's place in its series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    series: Series,
    sequence: u64,
    digest: String,
}

/// Says why a document is older than it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SequenceError {
    /// The sequence was accepted already with other bytes.
    Forked(u64),
    /// A higher sequence was accepted already; this one and that one.
    RolledBack(u64, u64),
}

impl Series {
    /// Names the documents of a kind, such as `revocations`, signed by a key.
    pub fn of(kind: &str, signer: KeyId) -> Self {
        Self(format!("{kind}/{signer}"))
    }
}

impl Mark {
    /// Marks a document by its sequence and payload.
    pub fn new(series: Series, sequence: u64, payload: &[u8]) -> Self {
        Self { series, sequence, digest: Hex(&Sha256::digest(payload)).to_string() }
    }
}

impl VerifierState {
    /// Reads a state.
    ///
    /// # Errors
    /// [`JsonError`] for anything but what [`VerifierState::to_json`] writes. A damaged state is never taken for an empty
    /// one: that would be the way around it.
    pub fn parse(text: &[u8]) -> Result<Self, JsonError> {
        let (mut state, mut kind) = (Self::default(), None);
        for (name, value) in json::parse(text)?.into_object("state")? {
            match name.as_ref() {
                "kind" => kind = Some(value.into_string("kind")?),
                "latestSeen" => state.latest_seen = Some(value.into_timestamp("latestSeen")?),
                "sequences" => state.sequences = read_sequences(value)?,
                _ => {}
            }
        }
        match kind {
            Some(kind) if kind == KIND => Ok(state),
            Some(kind) => Err(JsonError::value("kind", "`mintage/state/v1`", &Value::String(kind))),
            None => Err(JsonError::Missing("kind")),
        }
    }

    /// Returns the state as canonical JSON.
    pub fn to_json(&self) -> String {
        let mut out = Writer::default();
        out.begin_object();
        out.name("kind").string(KIND);
        if let Some(latest) = self.latest_seen {
            out.name("latestSeen").integer(latest.seconds().into());
        }
        if !self.sequences.is_empty() {
            out.name("sequences").begin_object();
            for (series, (sequence, digest)) in &self.sequences {
                out.name(series).begin_object();
                out.name("digest").string(digest);
                out.name("sequence").integer((*sequence).into());
                out.end_object();
            }
            out.end_object();
        }
        out.end_object();
        out.finish()
    }

    /// Remembers a time; an earlier one than is remembered changes nothing.
    pub fn see(&mut self, time: Timestamp) {
        self.latest_seen = self.latest_seen.max(Some(time));
    }

    /// Judges a document by its sequence and its payload, and changes nothing.
    ///
    /// # Errors
    /// `RolledBack` below the highest sequence accepted, `Forked` for that sequence with another payload.
    pub fn admits(&self, mark: &Mark) -> Result<(), SequenceError> {
        match self.sequences.get(&mark.series.0) {
            Some((highest, _)) if mark.sequence < *highest => Err(SequenceError::RolledBack(mark.sequence, *highest)),
            Some((highest, digest)) if mark.sequence == *highest && *digest != mark.digest => {
                Err(SequenceError::Forked(mark.sequence))
            }
            _ => Ok(()),
        }
    }

    /// Remembers a document that was accepted; an older one than is remembered changes nothing.
    pub fn accept(&mut self, mark: &Mark) {
        if self.admits(mark).is_ok() {
            self.sequences.insert(mark.series.0.clone(), (mark.sequence, mark.digest.clone()));
        }
    }
}

fn read_sequences(value: Value<'_>) -> Result<BTreeMap<String, (u64, String)>, JsonError> {
    let mut sequences = BTreeMap::new();
    for (series, value) in value.into_object("sequences")? {
        let (mut sequence, mut digest) = (None, None);
        for (name, value) in value.into_object("sequences")? {
            match name.as_ref() {
                "sequence" => sequence = Some(value.into_count("sequence")?),
                "digest" => digest = Some(value.into_string("digest")?.into_owned()),
                _ => {}
            }
        }
        let sequence = sequence.ok_or(JsonError::Missing("sequence"))?;
        sequences.insert(series.into_owned(), (sequence, digest.ok_or(JsonError::Missing("digest"))?));
    }
    Ok(sequences)
}

impl SequenceError {
    /// Returns the code this fault is refused with.
    pub fn code(&self) -> Code {
        match self {
            Self::Forked(_) => Code::Forked,
            Self::RolledBack(..) => Code::RolledBack,
        }
    }
}

impl fmt::Display for SequenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forked(sequence) => write!(f, "sequence {sequence} was accepted already, with other contents"),
            Self::RolledBack(sequence, highest) => {
                write!(f, "the document has sequence {sequence}, and {highest} was accepted already")
            }
        }
    }
}

impl std::error::Error for SequenceError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    #[test]
    fn the_latest_time_is_kept_and_reads_back() {
        let mut state = VerifierState::default();
        assert_eq!(VerifierState::parse(state.to_json().as_bytes()), Ok(state.clone()));
        state.see(at(200));
        state.see(at(100));
        assert_eq!(state.latest_seen, Some(at(200)));
        assert_eq!(VerifierState::parse(state.to_json().as_bytes()), Ok(state));
    }

    #[test]
    fn a_damaged_state_is_not_an_empty_one() {
        for text in [
            "",
            "{}",
            "null",
            r#"{"kind":"other"}"#,
            r#"{"kind":"mintage/state/v1","latestSeen":-1}"#,
            r#"{"kind":"mintage/state/v1","sequences":{"a":{"sequence":1}}}"#,
            r#"{"kind":"mintage/"#,
        ] {
            assert!(VerifierState::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_series_only_moves_on() {
        let by = |seed: u8| Series::of("revocations", KeyId::of_public_key(&[seed; 32]));
        let mark = |sequence, payload: &str| Mark::new(by(1), sequence, payload.as_bytes());
        let mut state = VerifierState::default();
        state.accept(&mark(5, "five"));
        assert_eq!(state.admits(&mark(4, "four")), Err(SequenceError::RolledBack(4, 5)));
        assert_eq!(state.admits(&mark(5, "other")), Err(SequenceError::Forked(5)));
        assert_eq!(state.admits(&mark(5, "five")), Ok(()));
        assert_eq!(state.admits(&mark(6, "six")), Ok(()));
        let before = state.clone();
        state.accept(&mark(4, "four"));
        assert_eq!(state, before);
        assert_eq!(VerifierState::parse(state.to_json().as_bytes()), Ok(state.clone()));
        assert_eq!(state.admits(&Mark::new(by(2), 1, b"one")), Ok(()), "a new key starts a new series");
    }
}
