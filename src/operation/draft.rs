//! [`Draft`]: the claims of a license as somebody asked for them, before defaults, plans and checks.

use std::collections::BTreeMap;

use crate::fingerprint::{Fingerprint, Weak};
use crate::license::Activation;
use crate::time::{TimeError, Timestamp};

/// What was asked for. A member that is `None` was left out; limits and meta are gathered key by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// See [`License`](crate::license::License) for this and the next members of the same names.
    pub license_id: Option<String>,
    /// Whom it is for.
    pub tenant_id: Option<String>,
    /// When it counts as issued; else the time of minting.
    pub issued_at: Option<When>,
    /// The last second of validity.
    pub expires_at: Option<When>,
    /// Days of grace.
    pub grace_period_days: Option<u64>,
    /// The first second of validity.
    pub not_before: Option<When>,
    /// A name for people.
    pub label: Option<String>,
    /// The product.
    pub product: Option<String>,
    /// The tier.
    pub tier: Option<String>,
    /// Numbers it caps.
    pub limits: BTreeMap<String, u64>,
    /// Names it grants.
    pub features: Option<Vec<String>>,
    /// Machines that may be bound.
    pub max_activations: Option<u64>,
    /// Concurrent uses.
    pub seats: Option<u64>,
    /// Whether a proof is demanded.
    pub activation: Option<Activation>,
    /// The machine it is bound to.
    pub fingerprint: Option<Fingerprint>,
    /// Whether that machine may be known by a single component.
    pub weak: Weak,
    /// End of maintenance.
    pub maintenance_until: Option<When>,
    /// Carried, not judged.
    pub meta: BTreeMap<String, String>,
    /// Members that a verifier must understand.
    pub critical: Option<Vec<String>>,
    /// The vendor's plan to start from.
    pub plan: Option<String>,
}

/// A time as somebody gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum When {
    /// A moment.
    At(Timestamp),
    /// A text of [`Timestamp::parse_when`], counted from the time of issue.
    Text(String),
}

impl When {
    /// Resolves the time; spans count from `from`.
    ///
    /// # Errors
    /// As [`Timestamp::parse_when`].
    pub fn resolve(&self, from: Timestamp) -> Result<Timestamp, TimeError> {
        match self {
            Self::At(moment) => Ok(*moment),
            Self::Text(text) => Timestamp::parse_when(text, from),
        }
    }
}

impl Draft {
    /// Lays this draft over `base`: what this one leaves out is taken from there; limits and meta key by key.
    #[must_use]
    pub fn over(mut self, base: &Self) -> Self {
        macro_rules! inherit {
            ($($member:ident)*) => {$(
                if self.$member.is_none() {
                    self.$member.clone_from(&base.$member);
                }
            )*};
        }
        inherit!(license_id tenant_id issued_at expires_at grace_period_days not_before label product tier features
            max_activations seats activation fingerprint maintenance_until critical plan);
        if base.weak == Weak::Allow {
            self.weak = Weak::Allow;
        }
        for (key, value) in &base.limits {
            self.limits.entry(key.clone()).or_insert(*value);
        }
        for (key, value) in &base.meta {
            self.meta.entry(key.clone()).or_insert_with(|| value.clone());
        }
        self
    }
}
