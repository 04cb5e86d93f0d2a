//! `mint revocations` and the admission of a list: the next list from the one before it, and whether a list at hand counts.

use std::fmt;
use std::sync::Arc;

use crate::code::Code;
use crate::dsse::Envelope;
use crate::json::steers;
use crate::keyring::Keyring;
use crate::policy::RevocationsContext;
use crate::revocations::{LicenseHash, Revocation, Revocations, VerifiedRevocations};
use crate::state::{Mark, SequenceError, Series, VerifierState, paced};
use crate::time::{CLOCK_TOLERANCE, Timestamp};
use crate::verdict::Refusal;

/// A license to withdraw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// Its id.
    pub license_id: String,
    /// Why, for people.
    pub reason: Option<String>,
}

/// Says why there is no next list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextError {
    /// The list would be issued before the one that it follows; both times.
    Backwards(Timestamp, Timestamp),
    /// The list would be due for a successor before it is issued; both times.
    DueFirst(Timestamp, Timestamp),
    /// The reason given for this license holds this control character.
    Reason(String, char),
    /// The sequence cannot grow so far.
    Sequence(SequenceError),
}

/// Makes the next list: every entry of the one before it and the new ones; `sequence` grows by one. A license that was
/// withdrawn before keeps its first entry.
///
/// # Errors
/// [`NextError`].
pub fn next(
    previous: Option<&Revocations>,
    withdrawals: &[Withdrawal],
    grace_hours: u64,
    now: Timestamp,
    next_update: Timestamp,
) -> Result<Revocations, NextError> {
    if next_update < now {
        return Err(NextError::DueFirst(now, next_update));
    }
    if let Some(before) = previous.map(|list| list.issued_at).filter(|before| now < *before) {
        return Err(NextError::Backwards(now, before));
    }
    for Withdrawal { license_id, reason } in withdrawals {
        if let Some(char) = reason.iter().flat_map(|reason| reason.chars()).find(|char| steers(*char)) {
            return Err(NextError::Reason(license_id.clone(), char));
        }
    }
    let before = previous.map_or(0, |list| list.sequence);
    let sequence = before.saturating_add(1);
    paced(sequence, now).map_err(NextError::Sequence)?;
    let new = withdrawals.iter().map(|withdrawal| Revocation {
        id: LicenseHash::of(&withdrawal.license_id),
        at: now,
        grace_hours,
        reason: withdrawal.reason.as_deref().map(Into::into),
    });
    let old = previous.map(Revocations::entries).unwrap_or_default();
    Ok(Revocations::new(sequence, now, next_update, old.iter().cloned().chain(new).collect()))
}

/// A list at hand, and the series it belongs to once it counts.
#[derive(Clone, Debug)]
pub struct Admission {
    /// What a license is judged with.
    pub context: RevocationsContext,
    accepted: Option<(Mark, Timestamp)>,
}

/// Judges whether a list counts: signed by a key trusted for it, not issued in the future, and no older than what the
/// state remembers. The text is let go of once its envelope is read: a list of a million entries is large.
pub fn admit(
    text: Vec<u8>,
    keyring: &Keyring,
    state: Option<&VerifierState>,
    max_age: Option<i64>,
    now: Timestamp,
) -> Admission {
    match read(text, keyring, state, now) {
        Ok((list, accepted)) => {
            Admission { context: RevocationsContext::List { list: Arc::new(list), max_age }, accepted: Some(accepted) }
        }
        Err(refusal) => Admission { context: RevocationsContext::Refused(refusal), accepted: None },
    }
}

fn read(
    text: Vec<u8>,
    keyring: &Keyring,
    state: Option<&VerifierState>,
    now: Timestamp,
) -> Result<(Revocations, (Mark, Timestamp)), Refusal> {
    let envelope = Envelope::parse(&text)
        .map_err(|error| Refusal::new(error.code(), format_args!("the revocations are not to be believed: {error}")))?;
    drop(text);
    let verified = Revocations::verify(&envelope, keyring).map_err(|error| Refusal::new(error.code(), &error))?;
    let VerifiedRevocations { list, signer } = verified;
    if list.issued_at.since(now) > CLOCK_TOLERANCE {
        let message = format!("the revocations were issued at {}, and it is {now} here", list.issued_at);
        return Err(Refusal::new(Code::ClockRolledBack, message));
    }
    let series = Series::of("revocations", signer);
    let mark = Mark::new(series, list.sequence, envelope.unverified_payload()).issued_at(list.issued_at);
    if let Some(state) = state {
        state.admits(&mark).map_err(|error| {
            Refusal::new(error.code(), format_args!("the revocations are not to be believed: {error}"))
        })?;
    }
    let issued_at = list.issued_at;
    Ok((list, (mark, issued_at)))
}

impl Admission {
    /// Returns when the list was issued: a time that has certainly passed.
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.accepted.as_ref().map(|(_, issued_at)| *issued_at)
    }

    /// Remembers the list; one that was refused changes nothing.
    pub fn remember(&self, state: &mut VerifierState) {
        if let Some((mark, issued_at)) = &self.accepted {
            state.accept(mark);
            state.see(*issued_at);
        }
    }
}

impl NextError {
    /// Returns the code this fault is reported under.
    pub fn code(&self) -> Code {
        match self {
            Self::Backwards(..) | Self::DueFirst(..) | Self::Reason(..) => Code::Usage,
            Self::Sequence(error) => error.code(),
        }
    }
}

impl fmt::Display for NextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backwards(now, before) => {
                write!(f, "the list is issued at {now}, and the one before it was issued later, at {before}")
            }
            Self::DueFirst(now, due) => {
                write!(f, "the list is issued at {now}, and its successor would be due before, at {due}")
            }
            Self::Reason(id, char) => {
                write!(f, "the reason for license {id} holds the control character {}", char.escape_unicode())
            }
            Self::Sequence(error) => write!(f, "the list cannot follow the one before it: {error}"),
        }
    }
}

impl std::error::Error for NextError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsse::Kind;
    use crate::key::SecretKey;
    use crate::state::MAX_LEAD;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    fn withdraw(id: &str) -> Withdrawal {
        Withdrawal { license_id: id.to_owned(), reason: None }
    }

    fn signed(list: &Revocations, seed: u8) -> String {
        let key = SecretKey::from_seed(&[seed; 32]);
        Envelope::sign(Kind::Revocations, list.to_payload().into_bytes(), &[&key]).to_json()
    }

    fn code(admission: &Admission) -> Option<Code> {
        match &admission.context {
            RevocationsContext::Refused(refusal) => Some(refusal.code),
            _ => None,
        }
    }

    #[test]
    fn a_list_grows_and_a_license_keeps_its_first_entry() {
        let first = next(None, &[withdraw("a")], 0, at(100), at(200)).unwrap();
        let second = next(Some(&first), &[withdraw("a"), withdraw("b")], 0, at(150), at(300)).unwrap();
        assert_eq!((second.sequence, second.entries().len()), (2, 2));
        assert_eq!(second.find("a").unwrap().at, at(100));
        assert_eq!(next(None, &[], 0, at(100), at(99)), Err(NextError::DueFirst(at(100), at(99))));
        assert_eq!(next(Some(&first), &[], 0, at(99), at(300)), Err(NextError::Backwards(at(99), at(100))));
    }

    #[test]
    fn older_lists_forks_and_strangers_are_refused_and_change_nothing() {
        let keyring = Keyring::from(SecretKey::from_seed(&[1; 32]).public());
        let first = next(None, &[], 0, at(100), at(200)).unwrap();
        let second = next(Some(&first), &[withdraw("a")], 0, at(150), at(300)).unwrap();
        let fork = next(Some(&first), &[withdraw("b")], 0, at(150), at(300)).unwrap();
        let mut state = VerifierState::default();
        admit(signed(&second, 1).into_bytes(), &keyring, Some(&state), None, at(150)).remember(&mut state);
        assert_eq!(state.latest_seen, Some(at(150)));
        let before = state.clone();
        for (text, expected) in [
            (signed(&first, 1), Code::RolledBack),
            (signed(&fork, 1), Code::Forked),
            (signed(&second, 2), Code::UnknownKey),
            (signed(&second, 1)[..100].to_owned(), Code::Truncated),
        ] {
            let admission = admit(text.into_bytes(), &keyring, Some(&state), None, at(150));
            assert_eq!(code(&admission), Some(expected));
            admission.remember(&mut state);
            assert_eq!(state, before);
        }
        assert_eq!(code(&admit(signed(&second, 1).into_bytes(), &keyring, Some(&state), None, at(150))), None);
    }

    #[test]
    fn a_list_from_the_future_is_refused_and_poisons_no_memory() {
        let keyring = Keyring::from(SecretKey::from_seed(&[1; 32]).public());
        let future = next(None, &[], 0, at(1_000), at(9_000)).unwrap();
        let mut state = VerifierState::default();
        let admission = admit(signed(&future, 1).into_bytes(), &keyring, Some(&state), None, at(699));
        assert_eq!(code(&admission), Some(Code::ClockRolledBack));
        admission.remember(&mut state);
        assert_eq!(state, VerifierState::default());
        assert_eq!(code(&admit(signed(&future, 1).into_bytes(), &keyring, Some(&state), None, at(700))), None);
    }

    #[test]
    fn a_series_cannot_be_pushed_to_its_end_and_one_pushed_ahead_is_left_behind_by_a_new_key() {
        let pushed = |sequence| Revocations::new(sequence, at(100), at(200), Vec::new());
        let keyring: Keyring = [1, 2].map(|seed| SecretKey::from_seed(&[seed; 32]).public()).into_iter().collect();
        let mut state = VerifierState::default();
        for sequence in [MAX_LEAD + 101, i64::MAX.unsigned_abs()] {
            let beyond = pushed(sequence);
            // Whether or not anything is remembered.
            for known in [None, Some(&state)] {
                let refused = admit(signed(&beyond, 1).into_bytes(), &keyring, known, None, at(150));
                assert_eq!(code(&refused), Some(Code::FastForwarded));
            }
        }
        let refused = next(Some(&pushed(MAX_LEAD + 150)), &[], 0, at(150), at(200));
        assert_eq!(refused.unwrap_err().code(), Code::FastForwarded);
        let ahead = pushed(MAX_LEAD + 100);
        admit(signed(&ahead, 1).into_bytes(), &keyring, None, None, at(150)).remember(&mut state);
        // Time has gone on, so there is room for the next.
        assert_eq!(next(Some(&ahead), &[], 0, at(101), at(200)).unwrap().sequence, MAX_LEAD + 101);
        let fresh = next(None, &[], 0, at(150), at(300)).unwrap();
        assert_eq!(
            code(&admit(signed(&fresh, 1).into_bytes(), &keyring, Some(&state), None, at(150))),
            Some(Code::RolledBack)
        );
        assert_eq!(code(&admit(signed(&fresh, 2).into_bytes(), &keyring, Some(&state), None, at(150))), None);
    }
}
