//! [`VerifierState`]: what a verifier remembers between runs, so that a clock set back is noticed.

use crate::json::{self, JsonError, Value, Writer};
use crate::time::Timestamp;

/// The longest state, in bytes.
pub const MAX_STATE_BYTES: usize = 64 << 10;

const KIND: &str = "mintage/state/v1";

/// What a verifier remembers: `{"kind":"mintage/state/v1","latestSeen":SECONDS}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifierState {
    /// The latest time that an accepted verification has seen, by the clock or in a signed document.
    pub latest_seen: Option<Timestamp>,
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
        out.end_object();
        out.finish()
    }

    /// Remembers a time; an earlier one than is remembered changes nothing.
    pub fn see(&mut self, time: Timestamp) {
        self.latest_seen = self.latest_seen.max(Some(time));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_time_is_kept_and_reads_back() {
        let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
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
            r#"{"kind":"mintage/"#,
        ] {
            assert!(VerifierState::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
