//! `mint`: a draft becomes a license, and a license a token.

mod times;

use std::collections::BTreeSet;
use std::fmt;

pub use times::{AllUntimely, Times, Untimely};

use super::draft::Draft;
use super::plans::{PlanError, Plans};
use crate::code::Code;
use crate::fingerprint::{Fingerprint, RuleError, Weak};
use crate::id::{KeyId, Kid};
use crate::json::{self, MAX_COUNT, Writer, steers};
use crate::key::SecretKey;
use crate::ledger::license_key::LicenseKey;
use crate::license::{Activation, License, MAX_GRACE_DAYS, MAX_TOKEN_BYTES, UnsignedPayload, tier_features, tier_name};
use crate::seal::{SealError, SealSecret, SealedLicense, sealed_length};
use crate::time::{TimeError, Timestamp};
use crate::token::Token;
use crate::verdict::Refusal;

/// The longest string that a license may carry, in bytes.
pub const MAX_STRING_BYTES: usize = 1_024;

/// Texts of fewer bytes fit a token however they are escaped.
const CERTAINLY_SHORT: usize = 4_096;

/// What follows the payload in a token: a dot and 64 bytes in base64.
const SIGNATURE_BYTES: usize = 89;

/// What minting takes from outside: the time, and an id for a license that was given none.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The time of issue unless the draft names one.
    pub now: Timestamp,
    /// The id unless the draft names one.
    pub fresh_id: String,
}

/// A license and the token that carries it.
#[derive(Clone, Debug)]
pub struct Minted {
    /// The claims as signed.
    pub license: License,
    /// The token.
    pub token: Token,
    /// The key that signed.
    pub key_id: KeyId,
}

impl Minted {
    /// Signs a license.
    ///
    /// # Errors
    /// As [`token`].
    pub fn sign(mut license: License, key: &SecretKey) -> Result<Self, MintError> {
        let key_id = key.public().id();
        license.kid = Some(key_id.kid());
        let token = token(license.clone(), key)?;
        Ok(Self { license, token, key_id })
    }

    /// Returns `{"keyId","license","token"}` as canonical JSON, the claims as people read them.
    pub fn to_json(&self) -> String {
        self.to_json_with(None)
    }

    /// As [`Minted::to_json`], with the license key beside it: the one time that it is shown.
    pub fn to_json_with(&self, license_key: Option<&LicenseKey>) -> String {
        let mut out = Writer::default();
        out.begin_object();
        out.name("keyId").plain(self.key_id);
        self.license.write_readable(out.name("license"));
        if let Some(license_key) = license_key {
            out.name("licenseKey").string(&license_key.reveal());
        }
        out.name("token").string(self.token.as_str());
        out.end_object();
        out.finish()
    }
}

/// How a license becomes a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Its claims as they are.
    Open,
    /// Its claims sealed, which takes more room.
    Sealed,
}

/// Says why a draft is no license.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MintError {
    /// A number is larger than verifiers read; names the claim.
    Count(String, u64),
    /// The license would end before it begins; names both times.
    EndsFirst(Timestamp, Timestamp),
    /// The fingerprint is not one that enrolment makes.
    Fingerprint(RuleError),
    /// More days of grace than allowed.
    Grace(u64),
    /// Claims that every license has are missing.
    Missing(Vec<&'static str>),
    /// A plan was named, and no plans were given.
    NoPlans,
    /// The plans do not allow it.
    Plan(PlanError),
    /// A license that was minted would be refused; names its row, in a batch, and the reason.
    Refused(Option<u64>, Refusal),
    /// The license cannot be sealed.
    Seal(SealError),
    /// A text is empty, too long or holds a character that steers a terminal; names the claim and the fault.
    Text(String, String),
    /// A time cannot be read; names the claim.
    Time(&'static str, TimeError),
    /// The token would be longer than a verifier reads; says how long it would be.
    TooLong(usize),
}

/// Completes and checks a draft. The signing key's short id is set when it is signed.
///
/// # Errors
/// [`MintError`] names the first claim at fault.
pub fn license(draft: Draft, plans: Option<&Plans>, moment: &Moment) -> Result<License, MintError> {
    let draft = match plans {
        Some(plans) => plans.apply(draft).map_err(MintError::Plan)?,
        None if draft.plan.is_some() => return Err(MintError::NoPlans),
        None => {
            let spelled = |tier: String| tier_name(&tier).map_or(tier.clone(), str::to_owned);
            Draft { tier: draft.tier.map(spelled), ..draft }
        }
    };
    let required = [("tenantId", draft.tenant_id.is_none()), ("exp", draft.expires_at.is_none())];
    let missing: Vec<_> = required.into_iter().filter_map(|(name, is_missing)| is_missing.then_some(name)).collect();
    if !missing.is_empty() {
        return Err(MintError::Missing(missing));
    }
    let times = Times::of(&draft, moment.now)?;
    let (Some(tenant_id), Some(expires_at)) = (draft.tenant_id, times.expires_at) else {
        return Err(MintError::Missing(missing));
    };
    let license_id = draft.license_id.unwrap_or_else(|| moment.fresh_id.clone());
    let mut license = License::new(license_id, tenant_id, times.issued_at, expires_at);
    license.not_before = times.not_before;
    license.maintenance_until = times.maintenance_until;
    license.grace_period_days = grace(draft.grace_period_days)?;
    license.label = draft.label;
    license.product = draft.product;
    license.features = draft.features.map(without_repeats).or_else(|| tier_defaults(draft.tier.as_deref()));
    license.tier = draft.tier;
    license.limits = draft.limits;
    license.max_activations = draft.max_activations;
    license.seats = draft.seats;
    license.activation = draft.activation.unwrap_or(Activation::None);
    license.fingerprint = draft.fingerprint;
    license.meta = draft.meta;
    license.critical = draft.critical.unwrap_or_default();
    check(&license)?;
    held_to_rule(license.fingerprint.as_ref(), draft.weak)?;
    Ok(license)
}

/// Checks that verifiers would read the token of a license, before it is signed.
///
/// # Errors
/// `TooLong`.
pub fn check_length(license: &License, form: Form) -> Result<(), MintError> {
    if texts_of(license) <= CERTAINLY_SHORT {
        return Ok(());
    }
    let claims = license.to_payload().len() + if license.kid.is_some() { 0 } else { UnsignedPayload::KID_BYTES };
    let payload = match form {
        Form::Open => claims,
        Form::Sealed => sealed_length(claims),
    };
    match payload.div_ceil(3) * 4 + SIGNATURE_BYTES {
        length if length > MAX_TOKEN_BYTES => Err(MintError::TooLong(length)),
        _ => Ok(()),
    }
}

/// Signs a license.
///
/// # Errors
/// `TooLong` when no verifier would read the token.
pub fn token(license: License, key: &SecretKey) -> Result<Token, MintError> {
    bounded(Token::mint(license, key))
}

/// Seals a license, then signs it; `nonce` must be fresh for every call.
///
/// # Errors
/// `Seal`, `TooLong`.
pub fn sealed_token(
    license: &License,
    key: &SecretKey,
    secret: &SealSecret,
    nonce: &[u8; 12],
) -> Result<Token, MintError> {
    let kid = key.public().id().kid();
    let payload = sealed_payload(&license.to_unsigned().named(kid), kid, secret, nonce)?;
    bounded(Token::sign(&payload, key))
}

/// Seals the payload of a license for the key that it names; `nonce` must be fresh for every call.
///
/// # Errors
/// `Seal`.
pub fn sealed_payload(payload: &str, kid: Kid, secret: &SealSecret, nonce: &[u8; 12]) -> Result<String, MintError> {
    SealedLicense::seal_payload(payload, Some(kid), secret, nonce).map_err(MintError::Seal)
}

/// Signs payloads, each as [`token`] does; says `TooLong` of a token that no verifier would read.
pub fn tokens(payloads: &[&str], key: &SecretKey) -> impl Iterator<Item = Result<Token, MintError>> {
    Token::sign_many(payloads, key).map(bounded)
}

fn bounded(token: Token) -> Result<Token, MintError> {
    match token.as_str().len() {
        length if length > MAX_TOKEN_BYTES => Err(MintError::TooLong(length)),
        _ => Ok(token),
    }
}

/// Keeps the first of names that differ in case alone: to verifiers they are one.
fn without_repeats(features: Vec<String>) -> Vec<String> {
    let mut named = BTreeSet::new();
    features.into_iter().filter(|feature| named.insert(feature.to_lowercase())).collect()
}

/// A token names its features, so that a verifier needs no list of tiers.
fn tier_defaults(tier: Option<&str>) -> Option<Vec<String>> {
    let names = tier_features(tier?);
    if names.is_empty() { None } else { Some(names.iter().map(|name| (*name).to_owned()).collect()) }
}

fn grace(days: Option<u64>) -> Result<u16, MintError> {
    let days = days.unwrap_or(0);
    u16::try_from(days).ok().filter(|days| *days <= MAX_GRACE_DAYS).ok_or(MintError::Grace(days))
}

/// Holds a customer's document to the rule of its profile; a verifier goes by what the signed license carries.
fn held_to_rule(fingerprint: Option<&Fingerprint>, weak: Weak) -> Result<(), MintError> {
    match fingerprint {
        Some(Fingerprint::Fp1(fp1)) => fp1.check_rule(weak).map_err(MintError::Fingerprint),
        _ => Ok(()),
    }
}

/// Checks that a license is one that a verifier will read.
///
/// # Errors
/// [`MintError`] names the first claim at fault.
pub fn check(license: &License) -> Result<(), MintError> {
    if license.grace_period_days > MAX_GRACE_DAYS {
        return Err(MintError::Grace(license.grace_period_days.into()));
    }
    if license.expires_at < license.issued_at {
        return Err(MintError::EndsFirst(license.issued_at, license.expires_at));
    }
    if let Some(start) = license.not_before.filter(|start| license.expires_at < *start) {
        return Err(MintError::EndsFirst(start, license.expires_at));
    }
    let named = [("maxActivations", license.max_activations), ("seats", license.seats)];
    let named = named.into_iter().filter_map(|(name, count)| count.map(|count| (name, count)));
    let limits = license.limits.iter().map(|(key, count)| (key.as_str(), *count));
    if let Some((name, count)) = named.chain(limits).find(|(_, count)| *count > MAX_COUNT) {
        return Err(MintError::Count(name.to_owned(), count));
    }
    let optional = [("label", &license.label), ("product", &license.product), ("tier", &license.tier)];
    let optional = optional.into_iter().filter_map(|(name, text)| text.as_deref().map(|text| (name, text)));
    let features = license.features.iter().flatten().map(|feature| ("features", feature.as_str()));
    let limits = license.limits.keys().map(|key| ("limits", key.as_str()));
    let meta = license.meta.iter().flat_map(|(key, value)| [("meta", key.as_str()), ("meta", value.as_str())]);
    let all = [("licenseId", license.license_id.as_str()), ("tenantId", license.tenant_id.as_str())];
    let mut texts = all.into_iter().chain(optional).chain(features).chain(limits).chain(meta);
    texts.try_for_each(|(name, text)| check_text(name, text))?;
    check_length(license, Form::Open)?;
    if license.critical.is_empty() {
        return Ok(());
    }
    let payload = license.to_payload();
    let members = json::parse(payload.as_bytes()).and_then(|value| value.into_object("payload")).unwrap_or_default();
    let absent = |name: &&String| !members.iter().any(|(member, _)| member == *name);
    match license.critical.iter().find(absent) {
        Some(name) => Err(MintError::Text("crit".to_owned(), format!("names `{name}`, which is not in the license"))),
        None => Ok(()),
    }
}

/// Counts the bytes of everything that has no bound of its own.
fn texts_of(license: &License) -> usize {
    let features = license.features.iter().flatten().map(|feature| feature.len() + 8);
    let limits = license.limits.keys().map(|key| key.len() + 32);
    let meta = license.meta.iter().map(|(key, value)| key.len() + value.len() + 8);
    let critical = license.critical.iter().map(|name| name.len() + 8);
    features.chain(limits).chain(meta).chain(critical).sum()
}

fn check_text(name: &str, text: &str) -> Result<(), MintError> {
    let fault = |fault: String| Err(MintError::Text(name.to_owned(), fault));
    if text.is_empty() && name != "meta" {
        return fault("is empty".to_owned());
    }
    if text.len() > MAX_STRING_BYTES {
        return fault(format!("is {} bytes long, and at most {MAX_STRING_BYTES} are allowed", text.len()));
    }
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Ok(());
    }
    match text.chars().find(|char| steers(*char)) {
        Some(char) => fault(format!("holds the control or invisible character U+{:04X}", u32::from(char))),
        None => Ok(()),
    }
}

impl MintError {
    /// Returns the code this fault is reported under.
    pub fn code(&self) -> Code {
        match self {
            Self::Fingerprint(_) => Code::WeakFingerprint,
            Self::Plan(error) => error.code(),
            Self::Refused(_, refusal) => refusal.code,
            Self::Seal(_) => Code::BadKey,
            _ => Code::Usage,
        }
    }
}

impl MintError {
    /// Says what to do about it, where its code says too little.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Count(..) | Self::Grace(_) => Some("give a smaller number"),
            Self::EndsFirst(..) => Some("give an end that comes after the beginning"),
            Self::Text(..) => Some("write it as plain text of 1 to 1,024 bytes"),
            _ => None,
        }
    }
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(name, count) => {
                write!(f, "`{name}` is {count}, and verifiers read at most {MAX_COUNT}")
            }
            Self::EndsFirst(start, end) => {
                write!(f, "the license would begin at {start} and end before that, at {end}")
            }
            Self::Fingerprint(error) => error.fmt(f),
            Self::Grace(days) => {
                write!(f, "{days} days of grace were asked for, and at most {MAX_GRACE_DAYS} are allowed")
            }
            Self::Missing(names) => {
                let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
                write!(f, "the license needs {}", names.join(" and "))
            }
            Self::NoPlans => f.write_str("a plan was named, and no file of plans"),
            Self::Plan(error) => error.fmt(f),
            Self::Refused(None, refusal) => write!(f, "the minted license does not verify: {}", refusal.message),
            Self::Refused(Some(row), refusal) => {
                write!(f, "the license of row {row} does not verify: {}", refusal.message)
            }
            Self::Seal(error) => error.fmt(f),
            Self::Text(name, fault) => write!(f, "`{name}` {fault}"),
            Self::Time(name, error) => write!(f, "`{name}`: {error}"),
            Self::TooLong(length) => {
                write!(f, "the token would be {length} bytes long, and verifiers read at most {MAX_TOKEN_BYTES}")
            }
        }
    }
}

impl std::error::Error for MintError {}

#[cfg(test)]
mod tests;
