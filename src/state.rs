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

/// How far a sequence may be ahead of the seconds since 1970 at which its document was issued: room for many in one second,
/// and for a ledger whose clock once stood up to 34 years ahead.
pub const MAX_LEAD: u64 = 1 << 30;

const KIND: &str = "mintage/state/v1";

/// What a verifier remembers: `{"kind":"mintage/state/v1","latestSeen":SECONDS,"sequences":{SERIES:{"digest","issuedAt"?,"sequence"}}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifierState {
    /// The latest time that an accepted verification has seen, by the clock or in a signed document.
    pub latest_seen: Option<Timestamp>,
    /// By series, where its newest document that was accepted stands.
    newest: BTreeMap<String, Place>,
}

/// Where a document stands in its series.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    sequence: u64,
    digest: String,
    issued_at: Option<Timestamp>,
}

/// Names the documents of one kind by one signer. A new signing key starts a new series: that is the way back after a key
/// was misused to push the sequence to its end. What was issued before the newest of another series is left behind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series(String);

/// A document's place in its series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    series: Series,
    place: Place,
}

/// Says why a document is older than it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SequenceError {
    /// The sequence is further than an issuer can have come to; this one and the highest that its time allows.
    FastForwarded(u64, u64),
    /// The sequence was accepted already with other bytes.
    Forked(u64),
    /// One of another signer that was issued later was accepted already; when this one was issued and when that one.
    LeftBehind(Timestamp, Timestamp),
    /// A higher sequence was accepted already; this one and that one.
    RolledBack(u64, u64),
}

/// Judges a sequence by the time at which its document says that it was issued, and without any memory: nobody issues one
/// every second, so that a number far above the seconds since 1970 only serves to leave no room for those that follow.
/// What passes always leaves room, since time goes on.
///
/// # Errors
/// `FastForwarded` more than [`MAX_LEAD`] ahead.
pub fn paced(sequence: u64, issued_at: Timestamp) -> Result<(), SequenceError> {
    let highest = issued_at.seconds().unsigned_abs().saturating_add(MAX_LEAD);
    if sequence > highest { Err(SequenceError::FastForwarded(sequence, highest)) } else { Ok(()) }
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
        let digest = Hex(&Sha256::digest(payload)).to_string();
        Self { series, place: Place { sequence, digest, issued_at: None } }
    }

    /// Says when the document was issued, by which series that follow each other are told apart.
    #[must_use]
    pub fn issued_at(mut self, time: Timestamp) -> Self {
        self.place.issued_at = Some(time);
        self
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
                "sequences" => state.newest = read_newest(value)?,
                _ => {}
            }
        }
        match kind {
            // Without it a clock set back would go unnoticed, which is what a change to the file may be for.
            Some(kind) if kind == KIND && state.latest_seen.is_none() => Err(JsonError::Missing("latestSeen")),
            Some(kind) if kind == KIND => Ok(state),
            Some(kind) => Err(JsonError::value("kind", "`mintage/state/v1`", &Value::String(kind))),
            None => Err(JsonError::Missing("kind")),
        }
    }

    /// Returns the state as canonical JSON; one that has seen no time yet says 1970.
    pub fn to_json(&self) -> String {
        let mut out = Writer::default();
        out.begin_object();
        out.name("kind").string(KIND);
        out.name("latestSeen").integer(self.latest_seen.unwrap_or(Timestamp::EPOCH).seconds().into());
        if !self.newest.is_empty() {
            out.name("sequences").begin_object();
            for (series, newest) in &self.newest {
                out.key(series).begin_object();
                out.name("digest").string(&newest.digest);
                if let Some(time) = newest.issued_at {
                    out.name("issuedAt").integer(time.seconds().into());
                }
                out.name("sequence").integer(newest.sequence.into());
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
    /// `RolledBack` below the highest sequence accepted, `Forked` for that sequence with another payload, `LeftBehind` before
    /// the newest of another series of the kind.
    pub fn admits(&self, mark: &Mark) -> Result<(), SequenceError> {
        let Mark { series: Series(series), place: asked } = mark;
        match self.newest.get(series) {
            Some(newest) if asked.sequence < newest.sequence => {
                return Err(SequenceError::RolledBack(asked.sequence, newest.sequence));
            }
            Some(newest) if asked.sequence == newest.sequence && asked.digest != newest.digest => {
                return Err(SequenceError::Forked(asked.sequence));
            }
            _ => {}
        }
        let others = self.newest.iter().filter(|(other, _)| *other != series && kind(other) == kind(series));
        match (asked.issued_at, others.filter_map(|(_, newest)| newest.issued_at).max()) {
            (Some(issued_at), Some(later)) if issued_at < later => Err(SequenceError::LeftBehind(issued_at, later)),
            _ => Ok(()),
        }
    }

    /// Remembers a document that was accepted; an older one than is remembered changes nothing.
    pub fn accept(&mut self, mark: &Mark) {
        if self.admits(mark).is_ok() {
            self.newest.insert(mark.series.0.clone(), mark.place.clone());
        }
    }
}

/// Returns what kind of document a series holds.
fn kind(series: &str) -> Option<&str> {
    series.split_once('/').map(|(kind, _)| kind)
}

fn read_newest(value: Value<'_>) -> Result<BTreeMap<String, Place>, JsonError> {
    let mut all = BTreeMap::new();
    for (series, value) in value.into_object("sequences")? {
        let (mut sequence, mut digest, mut issued_at) = (None, None, None);
        for (name, value) in value.into_object("sequences")? {
            match name.as_ref() {
                "sequence" => sequence = Some(value.into_count("sequence")?),
                "digest" => digest = Some(value.into_string("digest")?.into_owned()),
                "issuedAt" => issued_at = Some(value.into_timestamp("issuedAt")?),
                _ => {}
            }
        }
        let sequence = sequence.ok_or(JsonError::Missing("sequence"))?;
        let digest = digest.ok_or(JsonError::Missing("digest"))?;
        all.insert(series.into_owned(), Place { sequence, digest, issued_at });
    }
    Ok(all)
}

impl SequenceError {
    /// Returns the code this fault is refused with.
    pub fn code(&self) -> Code {
        match self {
            Self::FastForwarded(..) => Code::FastForwarded,
            Self::Forked(_) => Code::Forked,
            Self::LeftBehind(..) | Self::RolledBack(..) => Code::RolledBack,
        }
    }
}

impl fmt::Display for SequenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FastForwarded(sequence, highest) => {
                write!(f, "the document has sequence {sequence}, and none of its time can be beyond {highest}")
            }
            Self::Forked(sequence) => write!(f, "sequence {sequence} was accepted already, with other contents"),
            Self::LeftBehind(issued_at, later) => {
                write!(
                    f,
                    "the document was issued at {issued_at}, and one of another key at {later} was accepted already"
                )
            }
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
        let unseen = VerifierState { latest_seen: Some(Timestamp::EPOCH), ..state.clone() };
        assert_eq!(VerifierState::parse(state.to_json().as_bytes()), Ok(unseen));
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
            r#"{"kind":"mintage/state/v1"}"#,
            r#"{"kind":"mintage/state/v1","sequences":{}}"#,
            r#"{"kind":"mintage/state/v1","latestSeen":-1}"#,
            r#"{"kind":"mintage/state/v1","latestSeen":1,"sequences":{"a":{"sequence":1}}}"#,
            r#"{"kind":"mintage/"#,
        ] {
            assert!(VerifierState::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_series_only_moves_on() {
        let by = |seed: u8| Series::of("revocations", KeyId::of_public_key(&[seed; 32]));
        let mark = |sequence, payload: &str| Mark::new(by(1), sequence, payload.as_bytes());
        let mut state = VerifierState { latest_seen: Some(at(1)), ..VerifierState::default() };
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

    #[test]
    fn a_sequence_keeps_pace_with_the_time() {
        assert_eq!(paced(MAX_LEAD, Timestamp::EPOCH), Ok(()));
        assert_eq!(paced(MAX_LEAD + 7, at(7)), Ok(()));
        assert_eq!(paced(MAX_LEAD + 8, at(7)), Err(SequenceError::FastForwarded(MAX_LEAD + 8, MAX_LEAD + 7)));
        assert!(paced(u64::MAX, Timestamp::NEVER).is_err());
    }

    #[test]
    fn what_was_issued_before_another_key_took_over_is_left_behind() {
        let mark = |seed: u8, sequence, issued| {
            let series = Series::of("revocations", KeyId::of_public_key(&[seed; 32]));
            Mark::new(series, sequence, &[seed]).issued_at(at(issued))
        };
        let mut state = VerifierState { latest_seen: Some(at(1)), ..VerifierState::default() };
        state.accept(&mark(1, 9, 100));
        // The way back from a key that pushed its sequence to the end.
        state.accept(&mark(2, 1, 200));
        assert_eq!(state.admits(&mark(1, 9, 100)), Err(SequenceError::LeftBehind(at(100), at(200))));
        assert_eq!(state.admits(&mark(1, 10, 199)), Err(SequenceError::LeftBehind(at(199), at(200))));
        assert_eq!(state.admits(&mark(1, 10, 200)), Ok(()));
        assert_eq!(state.admits(&mark(2, 1, 200)), Ok(()));
        assert_eq!(VerifierState::parse(state.to_json().as_bytes()), Ok(state.clone()));
        // Documents of another kind are of no concern.
        let keyring = Mark::new(Series::of("keyring", KeyId::of_public_key(&[1; 32])), 1, b"").issued_at(at(1));
        assert_eq!(state.admits(&keyring), Ok(()));
    }
}
