//! The claims of a license as arguments.

use std::collections::BTreeMap;

use clap::Args;
use mintage::code::Code;
use mintage::fingerprint::Weak;
use mintage::json::MAX_COUNT;
use mintage::license::Activation;
use mintage::operation::draft::{Draft, When};

use crate::failure::Failure;
use crate::machine;

/// The claims of the license, or the defaults of a batch.
#[derive(Args, Debug)]
pub(crate) struct Claims {
    /// Whom the license is for: a customer's name or id, which verifiers compare
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// The last second of validity
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// License id; a random UUID if left out
    #[arg(long)]
    id: Option<String>,
    /// A name that people are shown, and nobody compares
    #[arg(long)]
    label: Option<String>,
    /// The product that the license is for, which verifiers compare
    #[arg(long)]
    product: Option<String>,
    /// The tier, any name; Free, Licensed and Enterprise bring their features unless --feature names others
    #[arg(long)]
    tier: Option<String>,
    /// A number that the license caps; repeatable
    #[arg(long, value_name = "KEY=N", value_parser = limit)]
    limit: Vec<(String, u64)>,
    /// A feature that the license grants (`*` for all); repeatable
    #[arg(long, value_name = "NAME")]
    feature: Vec<String>,
    /// Days after expiry in which the limits still hold
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    grace_days: Option<u64>,
    /// The first second of validity
    #[arg(long, value_name = "WHEN")]
    not_before: Option<String>,
    /// How many machines may be bound; any number if left out
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    max_activations: Option<u64>,
    /// How many may use it at the same time; any number if left out
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    seats: Option<u64>,
    /// Whether the license needs an activation proof beside it
    #[arg(long, value_name = "KIND", value_parser = ["none", "proof"])]
    activation: Option<String>,
    /// Bind to a machine: an exact text, or @FILE with what `mintage fingerprint` printed there
    #[arg(long, value_name = "VALUE")]
    fingerprint: Option<String>,
    /// Accept a fingerprint that rests on a single component, which whoever copies it passes for
    #[arg(long)]
    allow_weak: bool,
    /// Builds made later are not covered
    #[arg(long, value_name = "WHEN")]
    maintenance_until: Option<String>,
    /// Something to carry along, not judged; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    meta: Vec<(String, String)>,
    /// When the license counts as issued; now if left out
    #[arg(long, value_name = "WHEN")]
    issued_at: Option<String>,
    /// Start from this plan of --plans
    #[arg(long, value_name = "NAME", requires = "plans")]
    plan: Option<String>,
}

impl Claims {
    pub(crate) fn draft(&self) -> anyhow::Result<Draft> {
        let when = |text: &Option<String>| text.clone().map(When::Text);
        Ok(Draft {
            license_id: self.id.clone(),
            tenant_id: self.tenant.clone(),
            issued_at: when(&self.issued_at),
            expires_at: when(&self.expires),
            grace_period_days: self.grace_days,
            not_before: when(&self.not_before),
            label: self.label.clone(),
            product: self.product.clone(),
            tier: self.tier.clone(),
            limits: unique("--limit", &self.limit)?,
            features: (!self.feature.is_empty()).then(|| self.feature.clone()),
            max_activations: self.max_activations,
            seats: self.seats,
            activation: self.activation.as_deref().map(|kind| match kind {
                "proof" => Activation::Proof,
                _ => Activation::None,
            }),
            fingerprint: self.fingerprint.as_deref().map(machine::binding).transpose()?,
            weak: if self.allow_weak { Weak::Allow } else { Weak::Refuse },
            maintenance_until: when(&self.maintenance_until),
            meta: unique("--meta", &self.meta)?,
            critical: None,
            plan: self.plan.clone(),
        })
    }
}

/// Gathers pairs; a key that is given twice is a slip that nobody should pay for.
pub(crate) fn unique<T: Clone>(flag: &str, pairs: &[(String, T)]) -> anyhow::Result<BTreeMap<String, T>> {
    let mut map = BTreeMap::new();
    for (key, value) in pairs {
        if map.insert(key.clone(), value.clone()).is_some() {
            let message = format!("{flag} names `{key}` twice");
            return Err(Failure::new(Code::Usage, message).hint("give each key once").into());
        }
    }
    Ok(map)
}

/// Reads a key and its number.
pub(crate) fn amount(text: &str) -> Result<(String, u64), String> {
    let (key, value) = pair(text)?;
    Ok((key, count(&value)?))
}

/// Reads a limit, which may have been spelled `--max-foo-bar N`.
fn limit(text: &str) -> Result<(String, u64), String> {
    amount(text).map_err(|reason| match text.strip_prefix("max_").and_then(|rest| rest.split_once('=')) {
        Some((name, _)) => format!("{reason}; `--max-{} N` is short for it", name.replace('_', "-")),
        None => reason,
    })
}

/// Reads a number that verifiers can read.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| *number <= MAX_COUNT);
    number.ok_or_else(|| format!("the value must be an integer in 0..={MAX_COUNT}"))
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}
