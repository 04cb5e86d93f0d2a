//! [`Plans`]: what a vendor sells, read from TOML. Once plans are given, only names that they define exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use toml::{Table, Value};

use super::draft::{Draft, When};
use super::nearest::{listed, nearest};
use crate::code::Code;
use crate::license::Activation;
use crate::time::Timestamp;

/// A vendor's plans and the names of limits and features that they define.
#[derive(Clone, Debug, Default)]
pub struct Plans {
    by_name: BTreeMap<String, Draft>,
    limits: BTreeSet<String>,
    features: BTreeSet<String>,
    tiers: BTreeSet<String>,
}

/// Says why a file of plans is refused, or a draft does not fit the plans.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// The file is not TOML, or not plans; says what is wrong.
    File(String),
    /// A name that the plans do not define.
    Unknown {
        /// `plan`, `limit`, `feature` or `tier`.
        what: &'static str,
        /// The name given.
        name: String,
        /// The one that exists and was meant, if any is near enough.
        nearest: Option<String>,
        /// Those that exist, in alphabetical order; `*`, which is all of them, is never suggested.
        known: Vec<String>,
    },
}

impl Plans {
    /// Reads plans: a table `[plans.NAME]` each, and lists `limits` and `features` of further names that exist.
    ///
    /// # Errors
    /// `File` with the place and the reason.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| PlanError::File(place(text, &error)))?;
        let mut all = Self::default();
        for (name, value) in table {
            match (name.as_str(), value) {
                ("limits", value) => all.limits.extend(strings("limits", value)?),
                ("features", value) => all.features.extend(strings("features", value)?),
                ("plans", Value::Table(plans)) => {
                    for (name, value) in plans {
                        let plan = plan(&name, value)?;
                        all.limits.extend(plan.limits.keys().cloned());
                        all.features.extend(plan.features.iter().flatten().cloned());
                        all.tiers.extend(plan.tier.iter().cloned());
                        all.by_name.insert(name, plan);
                    }
                }
                (other, _) => return Err(PlanError::File(format!("`{other}` is not `plans`, `limits` or `features`"))),
            }
        }
        if all.by_name.is_empty() {
            return Err(PlanError::File("it defines no plan".to_owned()));
        }
        Ok(all)
    }

    /// Returns the plans' names in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Lays a draft over the plan it names, and checks every name in it.
    ///
    /// # Errors
    /// `Unknown` with the nearest name that exists. `*` is a name like any other: it is granted where the plans define it.
    pub fn apply(&self, draft: Draft) -> Result<Draft, PlanError> {
        for limit in draft.limits.keys() {
            known("limit", limit, &self.limits)?;
        }
        for feature in draft.features.iter().flatten() {
            known("feature", feature, &self.features)?;
        }
        if let Some(tier) = &draft.tier {
            known("tier", tier, &self.tiers)?;
        }
        match &draft.plan {
            None => Ok(draft),
            Some(name) => match self.by_name.get(name) {
                Some(plan) => Ok(draft.over(plan)),
                None => Err(unknown("plan", name, self.names())),
            },
        }
    }
}

/// Says what is wrong with the TOML, and on which line.
fn place(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    format!("line {line}: {}", error.message().replace('\n', ", "))
}

fn known(what: &'static str, name: &str, names: &BTreeSet<String>) -> Result<(), PlanError> {
    if names.contains(name) { Ok(()) } else { Err(unknown(what, name, names.iter().map(String::as_str))) }
}

fn unknown<'a>(what: &'static str, name: &str, names: impl Iterator<Item = &'a str>) -> PlanError {
    let known: Vec<String> = names.filter(|name| *name != "*").map(str::to_owned).collect();
    let nearest = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
    PlanError::Unknown { what, name: name.to_owned(), nearest, known }
}

fn plan(name: &str, value: Value) -> Result<Draft, PlanError> {
    let Value::Table(table) = value else {
        return Err(PlanError::File(format!("`plans.{name}` is not a table")));
    };
    let mut plan = Draft::default();
    for (member, value) in table {
        let place = format!("plans.{name}.{member}");
        match member.as_str() {
            "tier" => plan.tier = Some(string(&place, value)?),
            "product" => plan.product = Some(string(&place, value)?),
            "validity" => plan.expires_at = Some(when(&place, value)?),
            "maintenance" => plan.maintenance_until = Some(when(&place, value)?),
            "grace_days" => plan.grace_period_days = Some(count(&place, &value)?),
            "max_activations" => plan.max_activations = Some(count(&place, &value)?),
            "seats" => plan.seats = Some(count(&place, &value)?),
            "features" => plan.features = Some(strings(&place, value)?),
            "activation" => {
                plan.activation = Some(match string(&place, value)?.as_str() {
                    "none" => Activation::None,
                    "proof" => Activation::Proof,
                    other => return Err(PlanError::File(format!("`{place}` is `{other}`, not `none` or `proof`"))),
                });
            }
            "limits" => {
                let Value::Table(limits) = value else {
                    return Err(PlanError::File(format!("`{place}` is not a table")));
                };
                for (key, value) in limits {
                    let cap = count(&format!("{place}.{key}"), &value)?;
                    plan.limits.insert(key, cap);
                }
            }
            other => {
                let members = [
                    "tier",
                    "product",
                    "validity",
                    "maintenance",
                    "grace_days",
                    "max_activations",
                    "seats",
                    "features",
                    "activation",
                    "limits",
                ];
                let hint = match nearest(other, members.into_iter()) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("its members are {}", members.join(", ")),
                };
                return Err(PlanError::File(format!("`{place}` is not a member of a plan; {hint}")));
            }
        }
    }
    Ok(plan)
}

fn string(place: &str, value: Value) -> Result<String, PlanError> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(PlanError::File(format!("`{place}` is a {}, not a string", other.type_str()))),
    }
}

/// Spans count from the time of issue, which is not known yet; the form is judged now all the same.
fn when(place: &str, value: Value) -> Result<When, PlanError> {
    let text = string(place, value)?;
    match Timestamp::parse_when(&text, Timestamp::EPOCH) {
        Ok(_) => Ok(When::Text(text)),
        Err(error) => Err(PlanError::File(format!("`{place}`: {error}"))),
    }
}

fn strings(place: &str, value: Value) -> Result<Vec<String>, PlanError> {
    match value {
        Value::Array(items) => items.into_iter().map(|item| string(place, item)).collect(),
        other => Err(PlanError::File(format!("`{place}` is a {}, not an array of strings", other.type_str()))),
    }
}

fn count(place: &str, value: &Value) -> Result<u64, PlanError> {
    let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
    number.ok_or_else(|| PlanError::File(format!("`{place}` is not an integer of at least 0")))
}

impl PlanError {
    /// Returns the code this fault is reported under.
    pub fn code(&self) -> Code {
        match self {
            Self::File(_) => Code::Usage,
            Self::Unknown { .. } => Code::UnknownName,
        }
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(reason) => f.write_str(reason.trim_end()),
            Self::Unknown { what, name, nearest, known } => {
                write!(f, "the plans define no {what} `{name}`")?;
                match nearest {
                    Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
                    None if known.is_empty() => f.write_str(", and no other"),
                    None => write!(f, "; they define {}", listed(known)),
                }
            }
        }
    }
}

impl std::error::Error for PlanError {}

#[cfg(test)]
mod tests {
    use super::*;

    const PLANS: &str = r#"
        features = ["audit"]
        [plans.trial]
        validity = "30d"
        features = ["reports"]
        limits = { max_apps = 1 }
        [plans.pro]
        tier = "Licensed"
        validity = "52w"
        grace_days = 14
        limits = { max_apps = 25, max_users = 50 }
    "#;

    #[test]
    fn a_plan_gives_what_the_draft_leaves_out() {
        let plans = Plans::parse(PLANS).unwrap();
        let draft =
            Draft { plan: Some("pro".to_owned()), limits: [("max_apps".to_owned(), 99)].into(), ..Draft::default() };
        let applied = plans.apply(draft).unwrap();
        assert_eq!(applied.limits, [("max_apps".to_owned(), 99), ("max_users".to_owned(), 50)].into());
        assert_eq!(applied.grace_period_days, Some(14));
        assert_eq!(applied.tier.as_deref(), Some("Licensed"));
    }

    #[test]
    fn names_outside_the_plans_are_refused_with_the_nearest() {
        let plans = Plans::parse(PLANS).unwrap();
        let refused = |draft: Draft| plans.apply(draft).unwrap_err().to_string();
        let plan = Draft { plan: Some("por".to_owned()), ..Draft::default() };
        assert_eq!(refused(plan), "the plans define no plan `por`; did you mean `pro`?");
        let limit = Draft { limits: [("max_aps".to_owned(), 1)].into(), ..Draft::default() };
        assert_eq!(refused(limit), "the plans define no limit `max_aps`; did you mean `max_apps`?");
        let feature = Draft { features: Some(vec!["adit".to_owned()]), ..Draft::default() };
        assert_eq!(refused(feature), "the plans define no feature `adit`; did you mean `audit`?");
        let tier = Draft { tier: Some("Free".to_owned()), ..Draft::default() };
        assert_eq!(refused(tier), "the plans define no tier `Free`; they define `Licensed`");
    }

    #[test]
    fn all_features_are_granted_only_where_the_plans_say_so() {
        let with = |features: &str| {
            let plans = Plans::parse(&format!("features = {features}\n[plans.a]\n")).unwrap();
            move |feature: &str| {
                let draft = Draft { features: Some(vec![feature.to_owned()]), ..Draft::default() };
                plans.apply(draft).map(|_| ()).map_err(|error| error.to_string())
            }
        };
        let (without, everything) = (with("['reports']"), with("['*', 'reports']"));
        assert_eq!(without("*").unwrap_err(), "the plans define no feature `*`; they define `reports`");
        assert_eq!(everything("*"), Ok(()));
        assert_eq!(everything("s").unwrap_err(), "the plans define no feature `s`; they define `reports`");
        assert_eq!(
            everything("REPORTS").unwrap_err(),
            "the plans define no feature `REPORTS`; did you mean `reports`?"
        );
        assert_eq!(with("['*']")("s").unwrap_err(), "the plans define no feature `s`, and no other");
    }

    #[test]
    fn a_file_at_fault_is_named_by_its_place() {
        for (text, reason) in [
            ("[plans.a]\nteir = 'x'", "`plans.a.teir` is not a member of a plan; did you mean `tier`?"),
            ("[plans.a]\nvalidity = 'soon'", "`plans.a.validity`: `soon` is not a time"),
            ("[plans.a]\nmaintenance = '9x'", "`plans.a.maintenance`: `9x` is not a time"),
            (
                "[plans.a]\nlabel = 'x'",
                "`plans.a.label` is not a member of a plan; its members are tier, product, validity, maintenance, \
                 grace_days, max_activations, seats, features, activation, limits",
            ),
            ("[plans.a]\nseats = -1", "`plans.a.seats` is not an integer of at least 0"),
            ("[plans.a]\nfeatures = 'x'", "`plans.a.features` is a string, not an array of strings"),
            ("plan = 1", "`plan` is not `plans`, `limits` or `features`"),
            ("", "it defines no plan"),
        ] {
            assert_eq!(Plans::parse(text).unwrap_err().to_string(), reason);
        }
    }
}
