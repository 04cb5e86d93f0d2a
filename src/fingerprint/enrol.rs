//! [`enrol`]: turns what was read from a machine into an [`Fp1`].

use std::fmt;

use super::component::{INSTANCE, Kdf, MAC, is_suppliable, lookup};
use super::digest::Digester;
use super::fp1::{Component, Fp1, MOST_COMPONENTS, is_product};
use super::profile::Profile;
use super::reading::{Reading, ReadingState};
use super::rule::{Rule, most_digests, tells_copies};
use crate::code::Code;

/// Says how to enrol a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// The product that the fingerprint is for; empty when none is named.
    pub product: String,
    /// 16 fresh random bytes.
    pub salt: [u8; 16],
    /// The kind of machine.
    pub profile: Profile,
    /// Whether one component is enough.
    pub weak: Weak,
}

/// Whether a fingerprint may rest on a single component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weak {
    /// One component is enough.
    Allow,
    /// There must be two.
    #[default]
    Refuse,
}

/// Says why a machine was not enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnrolError {
    /// A component was supplied twice.
    Duplicate(String),
    /// Nothing that was read can be an identity; what was found.
    Nothing(String),
    /// The product is longer than 1,024 bytes or holds control characters.
    Product,
    /// A component that a person supplied cannot be used; its name and why.
    Supplied(String, String),
    /// There are more than 32 components.
    TooMany,
    /// A component has a name that this version does not know.
    Unknown(String),
    /// A virtual machine has neither `net.mac` nor `cloud.instance-id`, so its copies look the same; what was found.
    VmWithoutIdentity(String),
    /// Only one component is usable; its name, and what was found.
    Weak(String, String),
}

/// Makes a fingerprint of the readings that are usable.
///
/// # Errors
/// `Nothing` and `Weak` when too little is usable, `VmWithoutIdentity` when nothing tells a virtual machine from its
/// copy, `Duplicate`, `Supplied`, `TooMany`, `Unknown` and `Product` for what was asked for and cannot be done.
pub fn enrol(readings: &[Reading], enrolment: &Enrolment) -> Result<Fp1, EnrolError> {
    enrol_by(readings, enrolment, lookup)
}

/// Gives the weight of a component and how it is digested.
type Table = fn(&str) -> Option<(u32, Kdf)>;

/// Enrols by another table than the contract's, so that a test need not stretch what it only compares.
pub(super) fn enrol_by(readings: &[Reading], enrolment: &Enrolment, table: Table) -> Result<Fp1, EnrolError> {
    check(readings, enrolment)?;
    let digester = Digester { salt: &enrolment.salt, product: &enrolment.product };
    let mut components: Vec<_> = readings.iter().filter_map(|reading| component(reading, &digester, table)).collect();
    components.sort_by(|left, right| left.name.cmp(&right.name));
    if enrolment.profile == Profile::Vm && !components.is_empty() && !tells_copies(&components) {
        return Err(EnrolError::VmWithoutIdentity(found(readings)));
    }
    match &*components {
        [] => return Err(EnrolError::Nothing(found(readings))),
        [only] if enrolment.weak == Weak::Refuse => {
            return Err(EnrolError::Weak(only.name.clone(), found(readings)));
        }
        _ => {}
    }
    let Rule { threshold, total, veto } = Rule::of(enrolment.profile, &components);
    Ok(Fp1 {
        product: enrolment.product.clone(),
        salt: enrolment.salt,
        profile: enrolment.profile,
        components,
        threshold,
        total,
        veto,
    })
}

/// Refuses what was asked for and would otherwise be left out in silence.
fn check(readings: &[Reading], enrolment: &Enrolment) -> Result<(), EnrolError> {
    if !is_product(&enrolment.product) {
        return Err(EnrolError::Product);
    }
    for (at, reading) in readings.iter().enumerate() {
        let name = &reading.name;
        if lookup(name).is_none() {
            return Err(EnrolError::Unknown(name.clone()));
        }
        if readings[..at].iter().any(|other| other.name == *name) {
            return Err(EnrolError::Duplicate(name.clone()));
        }
        if is_suppliable(name) && !matches!(reading.state, ReadingState::Ok(_)) {
            let state = reading.state.as_str();
            let reason = if reading.note.is_empty() { state.to_owned() } else { format!("{state}, {}", reading.note) };
            return Err(EnrolError::Supplied(name.clone(), reason));
        }
    }
    let usable = readings.iter().filter(|reading| matches!(reading.state, ReadingState::Ok(_))).count();
    if usable > MOST_COMPONENTS { Err(EnrolError::TooMany) } else { Ok(()) }
}

fn component(reading: &Reading, digester: &Digester<'_>, table: Table) -> Option<Component> {
    let (weight, kdf) = table(&reading.name)?;
    let ReadingState::Ok(values) = &reading.state else {
        return None;
    };
    // They are sorted, so that the same are taken whenever nothing has changed.
    let values = values.iter().take(most_digests(&reading.name));
    let mut digests: Vec<_> = values.map(|value| digester.digest(&reading.name, kdf, value)).collect();
    digests.sort_unstable();
    digests.dedup();
    (!digests.is_empty()).then(|| Component { name: reading.name.clone(), weight, kdf, digests })
}

/// Lists the states of what was found, such as `net.mac is absent, disk.root is a placeholder`.
fn found(readings: &[Reading]) -> String {
    let found: Vec<_> = readings
        .iter()
        .map(|reading| {
            let state = match &reading.state {
                ReadingState::Placeholder(_) => "a placeholder",
                other => other.as_str(),
            };
            format!("{} is {state}", reading.name)
        })
        .collect();
    if found.is_empty() { "nothing was read".to_owned() } else { found.join(", ") }
}

impl EnrolError {
    /// Returns the code of the failure.
    pub fn code(&self) -> Code {
        match self {
            Self::Nothing(_) | Self::VmWithoutIdentity(_) | Self::Weak(..) => Code::MachineUnreadable,
            Self::Duplicate(_) | Self::Product | Self::Supplied(..) | Self::TooMany | Self::Unknown(_) => Code::Usage,
        }
    }
}

impl fmt::Display for EnrolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate(name) => write!(f, "the component `{}` stands twice", name.escape_debug()),
            Self::Nothing(found) => write!(f, "no component can identify this machine: {found}"),
            Self::Product => f.write_str("the product is longer than 1,024 bytes or holds control characters"),
            Self::Supplied(name, reason) => {
                write!(f, "the component `{}` cannot be used: {reason}", name.escape_debug())
            }
            Self::TooMany => write!(f, "there are more than {MOST_COMPONENTS} components"),
            Self::Unknown(name) => write!(f, "the component `{}` is not one of those known", name.escape_debug()),
            Self::VmWithoutIdentity(found) => {
                write!(f, "neither {MAC} nor {INSTANCE} tells this virtual machine from its copies: {found}")
            }
            Self::Weak(name, found) => write!(f, "only {name} can identify this machine, which is weak: {found}"),
        }
    }
}

impl std::error::Error for EnrolError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(name: &str, value: &str) -> Reading {
        Reading::new(name, ReadingState::Ok(vec![value.to_owned()]))
    }

    fn enrolment(profile: Profile, weak: Weak) -> Enrolment {
        Enrolment { product: "acme".to_owned(), salt: [7; 16], profile, weak }
    }

    const ID: &str = "4c1f1c2f9d8e4b6ba5d0b1c2d3e4f506";

    #[test]
    fn a_host_needs_more_than_half_and_a_vm_everything() {
        let readings = [ok("os.machine-id", ID), ok("cloud.instance-id", "i-0123456789abcdef0")];
        let host = enrol(&readings, &enrolment(Profile::Host, Weak::Refuse)).unwrap();
        assert_eq!((host.threshold, host.total, host.veto.len()), (4, 7, 0));
        let vm = enrol(&readings, &enrolment(Profile::Vm, Weak::Refuse)).unwrap();
        assert_eq!((vm.threshold, vm.total, &*vm.veto), (7, 7, &["cloud.instance-id".to_owned()][..]));
    }

    #[test]
    fn nothing_usable_is_refused_even_when_weak_is_allowed() {
        let readings = [
            Reading::new("os.machine-id", ReadingState::Invalid("it is zero".to_owned())),
            Reading::new("net.mac", ReadingState::Absent),
            Reading::new("disk.root", ReadingState::Placeholder("overlayblk".to_owned())),
            Reading::new("dmi.product-uuid", ReadingState::Denied),
        ];
        for profile in [Profile::Host, Profile::Vm] {
            let error = enrol(&readings, &enrolment(profile, Weak::Allow)).unwrap_err();
            assert_eq!(
                error.to_string(),
                "no component can identify this machine: os.machine-id is invalid, net.mac is absent, disk.root is a \
                 placeholder, dmi.product-uuid is denied"
            );
        }
        assert!(enrol(&[], &enrolment(Profile::Host, Weak::Allow)).is_err());
    }

    #[test]
    fn one_component_must_be_allowed() {
        let readings = [ok("os.machine-id", ID), Reading::new("net.mac", ReadingState::Absent)];
        let error = enrol(&readings, &enrolment(Profile::Host, Weak::Refuse)).unwrap_err();
        assert!(matches!(&error, EnrolError::Weak(name, _) if name == "os.machine-id"), "{error}");
        let fp1 = enrol(&readings, &enrolment(Profile::Host, Weak::Allow)).unwrap();
        assert_eq!((fp1.threshold, fp1.total), (2, 3));
    }

    #[test]
    fn a_vm_needs_what_its_copy_does_not_have() {
        let readings = [ok("os.machine-id", ID), ok("dmi.product-uuid", "4c4c4544-0042-3510-8054-b7c04f313233")];
        let error = enrol(&readings, &enrolment(Profile::Vm, Weak::Allow)).unwrap_err();
        assert!(matches!(error, EnrolError::VmWithoutIdentity(_)), "{error}");
    }

    #[test]
    fn what_was_supplied_is_never_left_out_in_silence() {
        let enrolment = enrolment(Profile::Host, Weak::Allow);
        for (reading, expected) in [
            (Reading::new("x.asset", ReadingState::Placeholder("none".to_owned())), "`x.asset` cannot be used"),
            (Reading::new("asset", ReadingState::Invalid(String::new())), "`asset` is not one of those known"),
            (ok("os.machine-id", ID), "`os.machine-id` stands twice"),
        ] {
            let error = enrol(&[ok("os.machine-id", ID), reading], &enrolment).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let many: Vec<_> = (0..33).map(|at| ok(&format!("x.c{at}"), "v")).collect();
        assert_eq!(enrol(&many, &enrolment), Err(EnrolError::TooMany));
        let enrolment = Enrolment { product: "a\0b".to_owned(), ..enrolment };
        assert_eq!(enrol(&[ok("os.machine-id", ID)], &enrolment), Err(EnrolError::Product));
    }
}
