//! `POST /keys/generate`, `/keys/renew` and `/keys/{id}/features`: what signs and goes into the book.

use super::book::{count, held_json, named, take, text};
use crate::code::Code;
use crate::http::app::App;
use crate::http::call::{BODIES, Call, Reply};
use crate::http::problem::Problem;
use crate::http::schema::{Holds, Schema, may, must};
use crate::json::{Members, Value, Writer};
use crate::key::SecretKey;
use crate::ledger::license::Held;
use crate::ledger::license_key::LicenseKey;
use crate::license::{Activation, License, tier_features};
use crate::operation::draft::{Draft, When};
use crate::operation::ledger::{issue, renew};
use crate::operation::mint::{self, MintError, Moment};
use crate::time::Timestamp;

pub(super) static GENERATE: Schema = Schema {
    name: "GenerateRequest",
    about: "A license to issue, with a key that it is activated with",
    members: &[
        must("organizationId", Holds::Text, "Whom it is for: the tenant"),
        may("organizationName", Holds::Text, "A name for people: the label"),
        must("tier", Holds::Text, "Free, Licensed or Enterprise"),
        must("validDays", Holds::Count, "Days from now"),
        may("maxActivations", Holds::Integer, "Machines that may be bound; -1 or nothing for any number"),
        may("allowedFeatures", Holds::List(&Holds::Text), "Features in place of those of the tier"),
    ],
    open: true,
};

pub(super) static GENERATED: Schema = Schema {
    name: "Generated",
    about: "A license that was issued",
    members: &[
        must("expiresAt", Holds::Time, "The last second of validity"),
        must("licenseId", Holds::Text, "The license's id"),
        must("licenseKey", Holds::Text, "What it is activated with; shown this once"),
        must("signedPayload", Holds::Text, "The token"),
        must("signingKeyId", Holds::Text, "The key that signed, 64 hex digits"),
    ],
    open: false,
};

pub(super) static RENEW: Schema = Schema {
    name: "RenewRequest",
    about: "A license, and what its new token says otherwise",
    members: &[
        may("licenseKey", Holds::Text, "The license key; this or `licenseId`"),
        may("licenseId", Holds::Text, "The license's id; this or `licenseKey`"),
        may("expiresAt", Holds::When, "The last second of validity; this or `validDays`"),
        may("validDays", Holds::Count, "Days from now; this or `expiresAt`"),
        may("maxActivations", Holds::Count, "Machines that may be bound"),
        may("seats", Holds::Count, "Concurrent uses"),
        may("limits", Holds::Map(&Holds::Count), "Limits that change"),
        may(
            "newLicenseKey",
            Holds::Bool,
            "Whether to make another license key, shown once; the one before stands for nothing any more. Where no claim is \
             named beside it, nothing is signed, and the token stays",
        ),
    ],
    open: false,
};

pub(super) static FEATURES: Schema = Schema {
    name: "FeaturesRequest",
    about: "Features that a license grants from now on, or no more; at least one",
    members: &[
        may("add", Holds::List(&Holds::Text), "Those to add"),
        may("remove", Holds::List(&Holds::Text), "Those to take away"),
    ],
    open: false,
};

pub(super) static GRANTED: Schema = Schema {
    name: "Granted",
    about: "What a license grants now",
    members: &[
        must("allowedFeatures", Holds::List(&Holds::Text), "The features"),
        must("licenseKey", Holds::Text, "The license, as it was named"),
    ],
    open: false,
};

pub(super) fn generate(app: &App, call: &Call) -> Result<Reply, Problem> {
    let (ledger, signer) = (call.ledger()?, signer(call)?);
    let mut members = call.object(&GENERATE)?;
    let (tier, end) = (text(&mut members, "tier").unwrap_or_default(), end(&mut members, call.now)?);
    if tier_features(&tier).is_empty() && call.roles.plans.is_none() {
        let problem = Problem::new(Code::UnknownName, format_args!("Unsupported tier '{tier}'"));
        return Err(problem.hint("choose Free, Licensed or Enterprise"));
    }
    let draft = Draft {
        tenant_id: text(&mut members, "organizationId"),
        label: text(&mut members, "organizationName"),
        tier: Some(tier),
        expires_at: end.map(When::At),
        max_activations: count(&mut members, "maxActivations"),
        features: texts(take(&mut members, "allowedFeatures")),
        activation: Some(Activation::Proof),
        ..Draft::default()
    };
    let moment = Moment { now: call.now, fresh_id: app.fresh_id()? };
    let mut license = mint::license(draft, call.roles.plans.as_ref(), &moment).map_err(|error| of_mint(&error))?;
    let key_id = signer.public().id();
    license.kid = Some(key_id.kid());
    let token = mint::token(license.clone(), signer).map_err(|error| of_mint(&error))?.to_string();
    let license_key = LicenseKey::from_random(&app.fresh_bytes()?);
    let mut out = Writer::default();
    out.begin_object();
    out.name("expiresAt").plain(license.expires_at);
    out.name("licenseId").string(&license.license_id);
    out.name("licenseKey").string(&license_key.reveal());
    out.name("signedPayload").string(&token);
    out.name("signingKeyId").plain(key_id);
    out.end_object();
    let minted = issue::Record { license, token, key_id, license_key: Some(license_key) };
    issue::record(ledger, &call.stamp(), vec![minted])?;
    Ok(Reply::json(out.finish()))
}

/// The bytes of `ledger renew --json`.
pub(super) fn renew(app: &App, call: &Call) -> Result<Reply, Problem> {
    let mut members = call.object(&RENEW)?;
    let before = named(call.ledger()?, &mut members)?;
    let license_key = match take(&mut members, "newLicenseKey") {
        Some(Value::Bool(true)) => Some(LicenseKey::from_random(&app.fresh_bytes()?)),
        _ => None,
    };
    if let Some(license_key) = license_key.as_ref().filter(|_| members.is_empty()) {
        let held = renew::rekey(call.ledger()?, &call.stamp(), &before.license.license_id, license_key)?;
        return Ok(held_json(&held, Some(license_key)));
    }
    let mut license = before.license.clone();
    license.issued_at = call.now;
    match (text(&mut members, "expiresAt"), end(&mut members, call.now)?) {
        (Some(when), None) => {
            let fault = |error| Problem::new(Code::Malformed, format_args!("expiresAt: {error}")).hint(BODIES);
            license.expires_at = Timestamp::parse_when(&when, call.now).map_err(fault)?;
        }
        (None, Some(end)) => license.expires_at = end,
        (None, None) => {}
        (Some(_), Some(_)) => {
            let message = "the body must hold one of `expiresAt` and `validDays`";
            return Err(Problem::new(Code::Malformed, message).hint(BODIES));
        }
    }
    license.max_activations = count(&mut members, "maxActivations").or(license.max_activations);
    license.seats = count(&mut members, "seats").or(license.seats);
    if let Some(Value::Object(limits)) = take(&mut members, "limits") {
        let limits =
            limits.into_iter().filter_map(|(key, value)| Some((key.to_string(), value.into_count(&key).ok()?)));
        license.limits.extend(limits);
    }
    let held = sign(call, &before, license, license_key.as_ref())?;
    Ok(held_json(&held, license_key.as_ref()))
}

pub(super) fn features(_: &App, call: &Call) -> Result<Reply, Problem> {
    let mut members = call.object(&FEATURES)?;
    let add = texts(take(&mut members, "add")).unwrap_or_default();
    let remove = texts(take(&mut members, "remove")).unwrap_or_default();
    if add.is_empty() && remove.is_empty() {
        return Err(Problem::new(Code::Malformed, "there is no feature to add or remove").hint(BODIES));
    }
    let mut name = vec![("licenseKey".into(), Value::String(call.id.as_str().into()))];
    let before = named(call.ledger()?, &mut name)?;
    let mut license = before.license.clone();
    let mut features = license.features.take().unwrap_or_default();
    let is = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
    features.retain(|feature| !remove.iter().any(|gone| is(gone, feature)));
    for feature in add {
        if !features.iter().any(|held| is(held, &feature)) {
            features.push(feature);
        }
    }
    license.features = Some(features);
    let held = sign(call, &before, license, None)?;
    let mut out = Writer::default();
    out.begin_object();
    out.name("allowedFeatures").begin_array();
    held.license.features.iter().flatten().for_each(|feature| out.string(feature));
    out.end_array();
    out.name("licenseKey").string(&call.id);
    out.end_object();
    Ok(Reply::json(out.finish()))
}

fn sign(call: &Call, before: &Held, mut license: License, license_key: Option<&LicenseKey>) -> Result<Held, Problem> {
    let signer = signer(call)?;
    let key_id = signer.public().id();
    license.kid = Some(key_id.kid());
    mint::check(&license).map_err(|error| of_mint(&error))?;
    let token = mint::token(license.clone(), signer).map_err(|error| of_mint(&error))?;
    Ok(renew::renew(call.ledger()?, &call.stamp(), before, license, token.to_string(), key_id, license_key)?)
}

/// Returns the vendor's key.
pub(super) fn signer(call: &Call) -> Result<&SecretKey, Problem> {
    let missing = || Problem::not_served("this server was started without --key, so it signs nothing");
    call.roles.signer.as_deref().ok_or_else(missing)
}

pub(super) fn of_mint(error: &MintError) -> Problem {
    let of_code = if error.code() == Code::Usage { BODIES } else { error.code().hint() };
    Problem::new(error.code(), error).hint(error.hint().unwrap_or(of_code))
}

/// Takes the days of validity, and returns when they end.
fn end(members: &mut Members<'_>, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    match count(members, "validDays") {
        Some(0) => {
            let message = "`validDays` is 0, and what lasts no day was never valid";
            Err(Problem::new(Code::Malformed, message).hint("say for how many days, from 1"))
        }
        Some(days) => {
            let fault = |error| Problem::new(Code::Malformed, format_args!("validDays: {error}")).hint(BODIES);
            Timestamp::parse_when(&format!("{days}d"), now).map(Some).map_err(fault)
        }
        None => Ok(None),
    }
}

fn texts(value: Option<Value<'_>>) -> Option<Vec<String>> {
    let Some(Value::Array(items)) = value else { return None };
    Some(items.into_iter().filter_map(|item| item.into_string("").ok()).map(std::borrow::Cow::into_owned).collect())
}
