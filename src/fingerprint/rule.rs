//! The rule of a profile: what enrolment makes, and what an issuer holds a customer's document to before signing it.

use std::fmt;

use super::component::{INSTANCE, MAC, PRODUCT_UUID, lookup};
use super::digest::MOST_VALUES;
use super::enrol::Weak;
use super::fp1::{Component, Fp1};
use super::profile::Profile;

/// By how much and by what a machine must match.
pub(super) struct Rule {
    pub(super) threshold: u32,
    pub(super) total: u32,
    pub(super) veto: Vec<String>,
}

impl Rule {
    /// Returns the rule of a profile for these components.
    pub(super) fn of(profile: Profile, components: &[Component]) -> Self {
        let total = components.iter().fold(0_u32, |sum, component| sum.saturating_add(component.weight));
        let has = |name: &str| components.iter().any(|component| component.name == name);
        match profile {
            Profile::Host => Self { threshold: total / 2 + 1, total, veto: Vec::new() },
            Profile::Vm => {
                let veto = [INSTANCE, PRODUCT_UUID].into_iter().filter(|name| has(name)).map(str::to_owned);
                Self { threshold: total, total, veto: veto.collect() }
            }
        }
    }
}

/// How many digests enrolment gives a component: one value identifies, and only the network interfaces are a set.
pub(super) fn most_digests(name: &str) -> usize {
    if name == MAC { MOST_VALUES } else { 1 }
}

/// Whether components tell a virtual machine from its copies.
pub(super) fn tells_copies(components: &[Component]) -> bool {
    components.iter().any(|component| component.name == MAC || component.name == INSTANCE)
}

/// Says in what a fingerprint is not one that enrolment makes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleError {
    /// A component has more digests than values that identify; its name, how many it has and how many it may have.
    Digests(String, usize, usize),
    /// A component is digested otherwise; its name, how it is and how it should be.
    Kdf(String, &'static str, &'static str),
    /// Another number of points must match than the profile demands.
    Threshold {
        /// The profile.
        profile: Profile,
        /// The sum of the weights.
        total: u32,
        /// What the document demands.
        found: u32,
        /// What its profile demands.
        expected: u32,
    },
    /// The total is another than the sum of the weights: which it is, and the sum.
    Total(u32, u32),
    /// A component is not one that this version knows.
    Unknown(String),
    /// Other components than the profile's fail the comparison by being different: which do, and which should.
    Veto(Profile, Vec<String>, Vec<String>),
    /// Nothing tells a virtual machine from its copies.
    VmWithoutIdentity,
    /// A single component identifies the machine, which was not allowed; its name, `None` when there is none at all.
    Weak(Option<String>),
    /// A component weighs more or less than it should: its name, its weight, and the one it should have.
    Weight(String, u32, u32),
}

impl Fp1 {
    /// Holds the document to its profile's rule: what enrolment makes of an honest machine passes, whatever was changed
    /// in it to let other machines pass does not. A verifier goes by what a signed license carries, and never asks this.
    ///
    /// # Errors
    /// [`RuleError`] with both values, for the first thing that is not as the rule has it.
    pub fn check_rule(&self, weak: Weak) -> Result<(), RuleError> {
        for component in &self.components {
            let name = || component.name.clone();
            let Some((weight, kdf)) = lookup(&component.name) else {
                return Err(RuleError::Unknown(name()));
            };
            if component.weight != weight {
                return Err(RuleError::Weight(name(), component.weight, weight));
            }
            if component.kdf != kdf {
                return Err(RuleError::Kdf(name(), component.kdf.as_str(), kdf.as_str()));
            }
            let most = most_digests(&component.name);
            if !(1..=most).contains(&component.digests.len()) {
                return Err(RuleError::Digests(name(), component.digests.len(), most));
            }
        }
        let rule = Rule::of(self.profile, &self.components);
        if self.total != rule.total {
            return Err(RuleError::Total(self.total, rule.total));
        }
        if self.threshold != rule.threshold {
            let (profile, total) = (self.profile, rule.total);
            return Err(RuleError::Threshold { profile, total, found: self.threshold, expected: rule.threshold });
        }
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort_unstable();
            names
        };
        if sorted(&self.veto) != sorted(&rule.veto) {
            return Err(RuleError::Veto(self.profile, sorted(&self.veto), sorted(&rule.veto)));
        }
        if self.profile == Profile::Vm && !tells_copies(&self.components) {
            return Err(RuleError::VmWithoutIdentity);
        }
        match &*self.components {
            [] => Err(RuleError::Weak(None)),
            [only] if weak == Weak::Refuse => Err(RuleError::Weak(Some(only.name.clone()))),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        match self {
            Self::Digests(name, found, most) => {
                write!(f, "{name} has {found} digests in the fingerprint, and at most {most} belong there")
            }
            Self::Kdf(name, found, expected) => {
                write!(f, "{name} is digested by {found} in the fingerprint, and {expected} belongs there")
            }
            Self::Threshold { profile, total, found, expected } => {
                let profile = profile.as_str();
                write!(f, "the fingerprint lets {found} of {total} points pass, and {expected} make a {profile}")
            }
            Self::Total(found, sum) => {
                write!(f, "the fingerprint has a total of {found}, and its weights add up to {sum}")
            }
            Self::Unknown(name) => {
                write!(f, "the fingerprint has a component `{}`, which is not one of those known", name.escape_debug())
            }
            Self::Veto(profile, found, expected) => {
                let (profile, found, expected) = (profile.as_str(), list(found), list(expected));
                write!(
                    f,
                    "the components that must not differ are {found} in the fingerprint, and {expected} for this {profile}"
                )
            }
            Self::VmWithoutIdentity => {
                write!(
                    f,
                    "the fingerprint of a virtual machine has neither {MAC} nor {INSTANCE}, so its copies pass too"
                )
            }
            Self::Weak(None) => f.write_str("the fingerprint has no component"),
            Self::Weak(Some(name)) => {
                write!(f, "only {name} identifies the machine in the fingerprint, and two components are needed")
            }
            Self::Weight(name, found, expected) => {
                write!(f, "{name} weighs {found} in the fingerprint, and {expected} belongs there")
            }
        }
    }
}

impl std::error::Error for RuleError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::reading::{Reading, ReadingState};
    use crate::fingerprint::{Enrolment, Kdf, enrol};

    fn enrolled(profile: Profile, values: &[(&str, &[&str])]) -> Fp1 {
        let reading = |(name, values): &(&str, &[&str])| {
            Reading::new(name, ReadingState::Ok(values.iter().map(|value| (*value).to_owned()).collect()))
        };
        let readings: Vec<_> = values.iter().map(reading).collect();
        enrol(&readings, &Enrolment { product: String::new(), salt: [7; 16], profile, weak: Weak::Allow }).unwrap()
    }

    const HOST: &[(&str, &[&str])] = &[("os.machine-id", &["a"]), ("cloud.instance-id", &["i-1"])];

    #[test]
    fn what_was_enrolled_keeps_the_rule() {
        for profile in [Profile::Host, Profile::Vm] {
            assert_eq!(enrolled(profile, HOST).check_rule(Weak::Refuse), Ok(()));
        }
        let several = [("net.mac", &["1", "2", "3", "4", "5", "6", "7", "8", "9"][..]), ("disk.root", &["d1", "d2"])];
        let several = enrolled(Profile::Host, &several);
        assert_eq!(several.components.iter().map(|one| one.digests.len()).collect::<Vec<_>>(), [1, 8]);
        assert_eq!(several.check_rule(Weak::Refuse), Ok(()));
    }

    #[test]
    fn one_component_is_enough_only_where_it_was_allowed() {
        let only = enrolled(Profile::Host, &[("os.machine-id", &["a"])]);
        assert_eq!(only.check_rule(Weak::Allow), Ok(()));
        assert_eq!(only.check_rule(Weak::Refuse), Err(RuleError::Weak(Some("os.machine-id".to_owned()))));
    }

    #[test]
    fn whatever_was_changed_is_named_with_both_values() {
        let refused = |profile, change: fn(&mut Fp1)| {
            let mut fp1 = enrolled(profile, HOST);
            change(&mut fp1);
            fp1.check_rule(Weak::Allow).unwrap_err().to_string()
        };
        let (host, vm) = (Profile::Host, Profile::Vm);
        for (profile, change, expected) in [
            (host, (|fp1| fp1.threshold = 1) as fn(&mut Fp1), "lets 1 of 7 points pass, and 4 make a host"),
            (vm, |fp1| fp1.threshold = 4, "lets 4 of 7 points pass, and 7 make a vm"),
            (host, |fp1| fp1.total = 9, "has a total of 9, and its weights add up to 7"),
            (host, |fp1| fp1.components[0].weight = 9, "cloud.instance-id weighs 9 in the fingerprint, and 4 belongs"),
            (
                host,
                |fp1| fp1.components[1].kdf = Kdf::Pbkdf2,
                "is digested by pbkdf2-200k in the fingerprint, and hmac",
            ),
            (
                host,
                |fp1| fp1.components[1].digests.push([1; 16]),
                "os.machine-id has 2 digests in the fingerprint, and",
            ),
            (host, |fp1| fp1.components[1].name = "y.own".to_owned(), "a component `y.own`, which is not one of those"),
            (host, |fp1| fp1.veto = vec!["os.machine-id".to_owned()], "are os.machine-id in the fingerprint, and none"),
            (vm, |fp1| fp1.veto.clear(), "are none in the fingerprint, and cloud.instance-id for this vm"),
            (host, |fp1| fp1.components.clear(), "has a total of 7, and its weights add up to 0"),
        ] {
            let message = refused(profile, change);
            assert!(message.contains(expected), "{message}");
        }
        let mut copied = enrolled(host, &[("os.machine-id", &["a"]), ("disk.root", &["d"])]);
        (copied.profile, copied.threshold) = (vm, copied.total);
        assert_eq!(copied.check_rule(Weak::Allow), Err(RuleError::VmWithoutIdentity));
    }
}
