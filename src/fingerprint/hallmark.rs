//! Hallmarks: by which digests the document of a machine is found again after the machine has drifted.

use std::collections::BTreeSet;

use super::component::{DISK, is_suppliable};
use super::fp1::Component;
use super::{Fingerprint, Fp1, Weak};
use crate::id::Hex;

impl Fingerprint {
    /// Whether another fingerprint may be of the same machine: fewer points must match than there are. One that is not as
    /// its profile's rule has it was made to pass for others, so it is only what it is.
    pub fn can_drift(&self) -> bool {
        match self {
            Self::Exact(_) => false,
            Self::Fp1(fp1) => fp1.threshold < fp1.total && fp1.check_rule(Weak::Allow).is_ok(),
        }
    }

    /// Returns digests in hex, of which every fingerprint that matches this one has at least one; none of an exact one.
    ///
    /// Components whose points do not suffice together are left out, first those that many machines have in common: so a
    /// few digests find a machine, and find few others.
    pub fn hallmarks(&self) -> BTreeSet<String> {
        let Self::Fp1(fp1) = self else { return BTreeSet::new() };
        let mut components: Vec<&Component> = fp1.components.iter().collect();
        components.sort_by_key(|component| rarity(&component.name));
        let mut spare = fp1.threshold.saturating_sub(1);
        components.retain(|component| match spare.checked_sub(component.weight) {
            Some(rest) => {
                spare = rest;
                false
            }
            None => true,
        });
        spelled(components)
    }

    /// Returns the digests of all components in hex; none of an exact fingerprint.
    pub fn digests(&self) -> BTreeSet<String> {
        match self {
            Self::Exact(_) => BTreeSet::new(),
            Self::Fp1(Fp1 { components, .. }) => spelled(components),
        }
    }
}

/// How seldom two machines share a component: a supplied one, such as a cluster's, is shared by design, and the disk of one
/// image by all that were made from it.
fn rarity(name: &str) -> u8 {
    match name {
        _ if is_suppliable(name) => 0,
        DISK => 1,
        _ => 2,
    }
}

fn spelled<'a>(components: impl IntoIterator<Item = &'a Component>) -> BTreeSet<String> {
    components.into_iter().flat_map(|component| &component.digests).map(|digest| Hex(digest).to_string()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::component::{CLUSTER, MAC, MACHINE_ID, PRODUCT_UUID, lookup};
    use super::super::profile::Profile;
    use super::super::rule::Rule;
    use super::*;

    /// A document with a digest for each component: its name's first letter and this value.
    fn document(profile: Profile, components: &[(&str, u8)]) -> Fingerprint {
        let component = |(name, value): &(&str, u8)| {
            let (weight, kdf) = lookup(name).unwrap();
            let mut digest = [*value; 16];
            digest[..2].copy_from_slice(&name.as_bytes()[..2]);
            Component { name: (*name).to_owned(), weight, kdf, digests: vec![digest] }
        };
        let components: Vec<_> = components.iter().map(component).collect();
        let Rule { threshold, total, veto } = Rule::of(profile, &components);
        Fingerprint::Fp1(Fp1 { product: String::new(), salt: [0; 16], profile, components, threshold, total, veto })
    }

    fn marks(components: &[(&str, u8)]) -> Vec<String> {
        let named = |digest: &String| components.iter().find(|(name, _)| digest.starts_with(&first(name)));
        document(Profile::Host, components)
            .hallmarks()
            .iter()
            .map(|digest| named(digest).unwrap().0.to_owned())
            .collect()
    }

    fn first(name: &str) -> String {
        Hex(&name.as_bytes()[..2]).to_string()
    }

    #[test]
    fn what_many_machines_share_is_left_out_where_the_rest_suffices() {
        assert_eq!(marks(&[(DISK, 1), (MAC, 1), (MACHINE_ID, 1)]), [MAC, MACHINE_ID]);
        assert_eq!(marks(&[(DISK, 1), (CLUSTER, 1), (MAC, 1), (MACHINE_ID, 1)]), [DISK, MAC, MACHINE_ID]);
        // A cluster that suffices alone is what finds its machines.
        assert_eq!(marks(&[(CLUSTER, 1), (MAC, 1)]), [CLUSTER]);
        assert_eq!(marks(&[(MACHINE_ID, 1)]), [MACHINE_ID]);
    }

    #[test]
    fn only_what_the_rule_of_its_profile_lets_drift_can_drift() {
        let components = [(MAC, 1), (MACHINE_ID, 1)];
        assert!(document(Profile::Host, &components).can_drift());
        assert!(!document(Profile::Vm, &components).can_drift());
        assert!(!Fingerprint::Exact("node-1".to_owned()).can_drift());
        assert!(Fingerprint::Exact("node-1".to_owned()).hallmarks().is_empty());
        let Fingerprint::Fp1(mut lenient) = document(Profile::Host, &components) else { panic!() };
        lenient.threshold = 1;
        assert!(!Fingerprint::Fp1(lenient).can_drift());
    }

    proptest! {
        #[test]
        fn whatever_matches_shares_a_hallmark(bound in 1..64_u8, other in 0..64_u8, changed in 0..64_u8) {
            let names = [DISK, CLUSTER, MAC, MACHINE_ID, PRODUCT_UUID, "x.rack"];
            let chosen = |from: u8, changed: u8| -> Vec<(&str, u8)> {
                let bit = |bits: u8, at: usize| bits >> at & 1;
                let all = names.into_iter().enumerate().filter(|(at, _)| bit(from, *at) == 1);
                all.map(|(at, name)| (name, bit(changed, at))).collect()
            };
            let (bound, other) = (chosen(bound, 0), chosen(other, changed));
            let (bound, other) = (document(Profile::Host, &bound), document(Profile::Host, &other));
            if bound.compare_enrolled(&other).code().is_none() {
                prop_assert!(!bound.hallmarks().is_disjoint(&other.digests()));
            }
        }
    }
}
