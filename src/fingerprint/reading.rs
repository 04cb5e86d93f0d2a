//! [`Reading`]: what was found under one name on this machine, and what a [`Reader`] is asked for.

use std::fmt;

use super::component::{is_suppliable, lookup};
use super::filter;
use super::profile::Profile;

/// Reads the components of a machine.
pub trait Reader {
    /// Reads every component that `options` ask for, present or not, in an order of its own.
    fn read(&self, options: &ReadOptions) -> Vec<Reading>;
}

/// Says what to read.
#[derive(Clone, Default)]
pub struct ReadOptions {
    /// Whether to read what only an administrator can.
    pub privilege: Privilege,
    /// The kind of machine, which decides what counts as permanent.
    pub profile: Profile,
    /// Components that a person supplies, each a name ([`is_suppliable`]) and a value.
    pub supplied: Vec<(String, String)>,
}

/// Whether to read what only an administrator can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Privilege {
    /// Reads what every process can, so that root and others see the same machine.
    #[default]
    Ordinary,
    /// Reads the serials of the firmware too.
    Privileged,
}

/// What was found under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The component's name.
    pub name: String,
    /// What was found.
    pub state: ReadingState,
    /// A remark for people, such as what was left out and why; it never holds a value that identifies a machine.
    pub note: String,
}

/// What was found; only `Ok` counts as identity.
#[derive(Clone, PartialEq, Eq)]
pub enum ReadingState {
    /// There is nothing of this kind.
    Absent,
    /// There may be something, and this process could not read it.
    Denied,
    /// Something is there that cannot be an identity; the reason.
    Invalid(String),
    /// Usable values, sorted, at least one. They never leave the machine.
    Ok(Vec<String>),
    /// A value that many machines share; the value.
    Placeholder(String),
}

/// This machine, as far as it is known: what a fingerprint is compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// The exact fingerprint that was supplied for it.
    pub exact: Option<String>,
    /// What was read from it.
    pub readings: Vec<Reading>,
    /// What was read under the rules of `vm`, where one reading must serve documents of both profiles.
    pub vm_readings: Option<Vec<Reading>>,
    /// The environment it was said to be in, such as `production`.
    pub environment: Option<String>,
}

impl Machine {
    /// Returns the readings that a document of a profile is compared with.
    pub(super) fn readings_for(&self, profile: Profile) -> &[Reading] {
        match (profile, &self.vm_readings) {
            (Profile::Vm, Some(readings)) => readings,
            _ => &self.readings,
        }
    }
}

impl ReadOptions {
    /// Turns what was supplied into readings.
    pub(super) fn supplied_readings(&self) -> impl Iterator<Item = Reading> {
        self.supplied.iter().map(|(name, value)| {
            let state = if is_suppliable(name) {
                filter::serial(value)
            } else {
                let reason = "only `k8s.cluster-uid` and `x.` with a name of `a-z`, `0-9` and `-` can be supplied";
                ReadingState::Invalid(reason.to_owned())
            };
            Reading::new(name, state)
        })
    }
}

impl Reading {
    /// Makes a reading whose note is the state's own.
    pub fn new(name: &str, state: ReadingState) -> Self {
        let note = match &state {
            ReadingState::Invalid(reason) => reason.clone(),
            ReadingState::Placeholder(value) => format!("value `{value}` is not unique; not used"),
            _ => String::new(),
        };
        Self { name: name.to_owned(), state, note }
    }

    /// Returns the points that the component gives once it is enrolled; 0 when it is not usable.
    pub fn weight(&self) -> u32 {
        match self.state {
            ReadingState::Ok(_) => lookup(&self.name).map_or(0, |(weight, _)| weight),
            _ => 0,
        }
    }

    /// Makes a reading with a note of its own.
    pub(super) fn noted(name: &str, state: ReadingState, note: impl Into<String>) -> Self {
        Self { name: name.to_owned(), state, note: note.into() }
    }
}

impl ReadingState {
    /// Returns the state's name: `absent`, `denied`, `invalid`, `ok` or `placeholder`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Denied => "denied",
            Self::Invalid(_) => "invalid",
            Self::Ok(_) => "ok",
            Self::Placeholder(_) => "placeholder",
        }
    }

    /// Joins what several sources of one component gave. Usable values win; then whatever says most about their lack.
    pub(super) fn join(states: impl IntoIterator<Item = Self>) -> Self {
        let rank = |state: &Self| match state {
            Self::Absent => 0,
            Self::Invalid(_) => 1,
            Self::Placeholder(_) => 2,
            Self::Denied => 3,
            Self::Ok(_) => 4,
        };
        let mut joined = Self::Absent;
        for state in states {
            match (&mut joined, state) {
                (Self::Ok(values), Self::Ok(more)) => values.extend(more),
                (joined, state) if rank(&state) > rank(joined) => *joined = state,
                _ => {}
            }
        }
        if let Self::Ok(values) = &mut joined {
            values.sort_unstable();
            values.dedup();
        }
        joined
    }
}

impl fmt::Debug for ReadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let supplied: Vec<_> = self.supplied.iter().map(|(name, _)| name).collect();
        f.debug_struct("ReadOptions")
            .field("privilege", &self.privilege)
            .field("profile", &self.profile)
            .field("supplied", &supplied)
            .finish()
    }
}

impl fmt::Debug for ReadingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("Absent"),
            Self::Denied => f.write_str("Denied"),
            Self::Invalid(reason) => f.debug_tuple("Invalid").field(reason).finish(),
            Self::Ok(values) => write!(f, "Ok(***{}***)", values.len()),
            Self::Placeholder(value) => f.debug_tuple("Placeholder").field(value).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(values: &[&str]) -> ReadingState {
        ReadingState::Ok(values.iter().map(|&value| value.to_owned()).collect())
    }

    #[test]
    fn debug_prints_no_value() {
        let reading = Reading::new("net.mac", ok(&["00:1b:21:aa:bb:cc"]));
        let options = ReadOptions { supplied: vec![("x.a".to_owned(), "secret".to_owned())], ..ReadOptions::default() };
        let text = format!("{reading:?} {options:?}");
        assert!(!text.contains("00:1b") && !text.contains("secret"), "{text}");
        assert!(text.contains("net.mac") && text.contains("x.a"), "{text}");
    }

    #[test]
    fn only_what_is_usable_has_weight() {
        assert_eq!(Reading::new("net.mac", ok(&["00:1b:21:aa:bb:cc"])).weight(), 2);
        assert_eq!(Reading::new("net.mac", ReadingState::Denied).weight(), 0);
        assert_eq!(Reading::new("tpm.ek", ok(&["a"])).weight(), 0);
    }

    #[test]
    fn joined_values_are_sorted_and_usable_ones_win() {
        use ReadingState::{Absent, Denied, Placeholder};
        let shared = || Placeholder("none".to_owned());
        assert_eq!(ReadingState::join([ok(&["b"]), Denied, ok(&["a", "b"]), shared()]), ok(&["a", "b"]));
        assert_eq!(ReadingState::join([Absent, shared(), Denied]), Denied);
        assert_eq!(ReadingState::join([shared(), Absent]), shared());
        assert_eq!(ReadingState::join([]), Absent);
    }

    #[test]
    fn supplied_components_are_filtered_like_any_other() {
        let supplied =
            [("x.asset", " A-17\n"), ("x.none", "None"), ("x.empty", "\n"), ("net.mac", "00:1b:21:aa:bb:cc")];
        let supplied = supplied.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let options = ReadOptions { supplied, ..ReadOptions::default() };
        let states: Vec<_> = options.supplied_readings().map(|reading| reading.state).collect();
        assert_eq!(states[0], ok(&["A-17"]));
        assert_eq!(states[1], ReadingState::Placeholder("None".to_owned()));
        assert_eq!(states[2], ReadingState::Absent);
        assert!(matches!(states[3], ReadingState::Invalid(_)));
    }
}
