//! [`License`]: what a license says.

mod read;
mod write;

pub use write::UnsignedPayload;

use std::collections::BTreeMap;
use std::fmt;

use crate::code::Code;
use crate::fingerprint::{Fingerprint, FingerprintError};
use crate::id::Kid;
use crate::json::JsonError;
use crate::time::{DAY, Timestamp};

/// The longest grace period, in days.
pub const MAX_GRACE_DAYS: u16 = 3_650;

/// The longest license, as the text of its token, in bytes.
pub const MAX_TOKEN_BYTES: usize = 64 << 10;

/// The claims of a license. Times are UTC; a member that is `None` was absent.
#[derive(Clone, Debug, PartialEq)]
pub struct License {
    /// Identifies the license; a UUID unless the vendor chose otherwise.
    pub license_id: String,
    /// Whom it was issued to.
    pub tenant_id: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The last second of its validity.
    pub expires_at: Timestamp,
    /// Days after `expires_at` in which its limits still hold, at most [`MAX_GRACE_DAYS`].
    pub grace_period_days: u16,
    /// The first second of its validity.
    pub not_before: Option<Timestamp>,
    /// A name for people.
    pub label: Option<String>,
    /// The product it is for.
    pub product: Option<String>,
    /// The tier it was sold as.
    pub tier: Option<String>,
    /// Numbers it caps; a key that is absent falls through to the default tier.
    pub limits: BTreeMap<String, u64>,
    /// Names it grants; `*` grants all. When absent the tier's defaults apply.
    pub features: Option<Vec<String>>,
    /// Machines that may be bound; `None` is not limited.
    pub max_activations: Option<u64>,
    /// Concurrent uses; `None` is not limited.
    pub seats: Option<u64>,
    /// Whether it is valid only together with an activation proof.
    pub activation: Activation,
    /// The machine it is bound to.
    pub fingerprint: Option<Fingerprint>,
    /// Builds dated later are not covered.
    pub maintenance_until: Option<Timestamp>,
    /// The signing key's short id.
    pub kid: Option<Kid>,
    /// Carried and shown, not judged.
    pub meta: BTreeMap<String, String>,
    /// Members that a verifier must understand.
    pub critical: Vec<String>,
}

/// Whether a license needs an activation proof beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// It stands alone.
    #[default]
    None,
    /// It is valid only together with a proof.
    Proof,
}

/// Says why a payload is no license.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LicenseError {
    /// `crit` names a member that this version does not understand.
    Critical(String),
    /// The fingerprint is refused.
    Fingerprint(FingerprintError),
    /// The payload is not the JSON of a license.
    Json(JsonError),
    /// The payload is a document of this other kind.
    Kind(String),
}

impl License {
    /// Starts a license with the four claims that every license has.
    pub fn new(license_id: String, tenant_id: String, issued_at: Timestamp, expires_at: Timestamp) -> Self {
        Self {
            license_id,
            tenant_id,
            issued_at,
            expires_at,
            grace_period_days: 0,
            not_before: None,
            label: None,
            product: None,
            tier: None,
            limits: BTreeMap::new(),
            features: None,
            max_activations: None,
            seats: None,
            activation: Activation::None,
            fingerprint: None,
            maintenance_until: None,
            kid: None,
            meta: BTreeMap::new(),
            critical: Vec::new(),
        }
    }

    /// Returns the last second of the grace period; `expires_at` itself when there is none.
    pub fn grace_until(&self) -> Timestamp {
        self.expires_at.saturating_add(i64::from(self.grace_period_days) * DAY)
    }

    /// Returns the names it grants: its own, or those of its tier when it names none.
    pub fn granted_features(&self) -> Vec<&str> {
        match (&self.features, &self.tier) {
            (Some(features), _) => features.iter().map(String::as_str).collect(),
            (None, Some(tier)) => tier_features(tier).to_vec(),
            (None, None) => Vec::new(),
        }
    }

    /// Whether it grants a feature; names compare without case, `*` grants all.
    pub fn grants(&self, feature: &str) -> bool {
        let granted = |name: &str| name == "*" || name.to_lowercase() == feature.to_lowercase();
        self.granted_features().into_iter().any(granted)
    }
}

/// Returns the features of a tier whose license names none; names of tiers compare without case.
pub fn tier_features(tier: &str) -> &'static [&'static str] {
    known_tier(tier).map_or(&[], |(_, features)| features)
}

/// Returns the name of a tier that this program knows, however its letters are cased.
pub fn tier_name(tier: &str) -> Option<&'static str> {
    known_tier(tier).map(|(name, _)| *name)
}

fn known_tier(tier: &str) -> Option<&'static (&'static str, &'static [&'static str])> {
    const TIERS: [(&str, &[&str]); 3] = [
        ("Free", &["api.validate"]),
        ("Licensed", &["vsix.publish", "vsix.watch", "vsix.explorer", "api.validate", "cp.publish"]),
        ("Enterprise", &["*"]),
    ];
    TIERS.iter().find(|(name, _)| name.eq_ignore_ascii_case(tier))
}

impl LicenseError {
    /// Returns the code a document with this fault is refused with.
    pub fn code(&self) -> Code {
        match self {
            Self::Critical(_) => Code::Unsupported,
            Self::Fingerprint(error) => error.code(),
            Self::Json(error) => error.code(),
            Self::Kind(_) => Code::WrongKind,
        }
    }
}

impl fmt::Display for LicenseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Critical(name) => {
                write!(
                    f,
                    "the license demands that `{}` be understood, and this version does not know it",
                    name.escape_debug()
                )
            }
            Self::Fingerprint(error) => error.fmt(f),
            Self::Json(error) => error.fmt(f),
            Self::Kind(kind) => write!(f, "the document is a `{}`, not a license", kind.escape_debug()),
        }
    }
}

impl std::error::Error for LicenseError {}

impl From<JsonError> for LicenseError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl From<FingerprintError> for LicenseError {
    fn from(error: FingerprintError) -> Self {
        Self::Fingerprint(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn license() -> License {
        License::new("l".to_owned(), "t".to_owned(), Timestamp::EPOCH, Timestamp::EPOCH)
    }

    #[test]
    fn features_come_from_the_license_else_from_its_tier() {
        let mut license = license();
        assert!(!license.grants("api.validate"));
        license.tier = Some("licensed".to_owned());
        assert!(license.grants("VSIX.Publish"));
        assert!(!license.grants("anything"));
        license.features = Some(vec!["Reports".to_owned()]);
        assert!(license.grants("reports"));
        assert!(!license.grants("vsix.publish"));
        license.features = None;
        license.tier = Some("Enterprise".to_owned());
        assert!(license.grants("anything"));
    }

    #[test]
    fn grace_is_held_within_the_range_of_time() {
        let mut license = license();
        license.grace_period_days = MAX_GRACE_DAYS;
        assert_eq!(license.grace_until().seconds(), 3_650 * DAY);
        license.expires_at = Timestamp::NEVER;
        assert_eq!(license.grace_until(), Timestamp::NEVER);
    }
}
