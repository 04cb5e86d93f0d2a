//! Reads a license from the members of its payload.

use std::collections::BTreeMap;

use super::{Activation, License, LicenseError, MAX_GRACE_DAYS};
use crate::fingerprint::Fingerprint;
use crate::id::Kid;
use crate::json::{JsonError, Members, Value};
use crate::time::Timestamp;

/// Members that this version understands, and so may stand in `crit`.
const UNDERSTOOD: [&str; 22] = [
    "activation",
    "crit",
    "exp",
    "expiresAt",
    "features",
    "fingerprint",
    "gracePeriodDays",
    "iat",
    "issuedAt",
    "kid",
    "label",
    "licenseId",
    "limits",
    "maintenanceUntil",
    "maxActivations",
    "meta",
    "nbf",
    "product",
    "seats",
    "tenantId",
    "tier",
    "typ",
];

/// The claims that every license has, until they have been found.
#[derive(Default)]
struct Required {
    license_id: Option<String>,
    tenant_id: Option<String>,
    issued_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

impl License {
    /// Reads the members of a payload. Unknown members are ignored unless `crit` names them.
    ///
    /// # Errors
    /// `Json` for a missing member or a value of another type or range, `Kind` for another `typ`, `Critical`,
    /// `Fingerprint`.
    pub fn from_members(members: Members<'_>) -> Result<Self, LicenseError> {
        let mut required = Required::default();
        let mut license = Self::new(String::new(), String::new(), Timestamp::EPOCH, Timestamp::EPOCH);
        let critical = members.iter().any(|(name, _)| name == "crit");
        let names: Vec<_> = members.iter().filter(|_| critical).map(|(name, _)| name.clone()).collect();
        for (name, value) in members {
            license.read_member(&mut required, &name, value)?;
        }
        license.license_id = required.license_id.ok_or(JsonError::Missing("licenseId"))?;
        license.tenant_id = required.tenant_id.ok_or(JsonError::Missing("tenantId"))?;
        license.issued_at = required.issued_at.ok_or(JsonError::Missing("iat"))?;
        license.expires_at = required.expires_at.ok_or(JsonError::Missing("exp"))?;
        for name in &license.critical {
            if !UNDERSTOOD.contains(&name.as_str()) {
                return Err(LicenseError::Critical(name.clone()));
            }
            if !names.iter().any(|member| member == name) {
                let found = Value::String(name.as_str().into());
                return Err(JsonError::value("crit", "names of members that are there", &found).into());
            }
        }
        Ok(license)
    }

    fn read_member(&mut self, required: &mut Required, name: &str, value: Value<'_>) -> Result<(), LicenseError> {
        match name {
            "licenseId" => required.license_id = Some(named(value, name)?),
            "tenantId" => required.tenant_id = Some(named(value, name)?),
            "iat" | "issuedAt" => once(&mut required.issued_at, value, name)?,
            "exp" | "expiresAt" => once(&mut required.expires_at, value, name)?,
            "gracePeriodDays" => self.grace_period_days = grace(value, name)?,
            "nbf" => self.not_before = Some(value.into_timestamp(name)?),
            "label" => self.label = Some(value.into_string(name)?.into_owned()),
            "product" => self.product = Some(value.into_string(name)?.into_owned()),
            "tier" => self.tier = Some(value.into_string(name)?.into_owned()),
            "limits" => self.limits = map(value, name, Value::into_count)?,
            "features" => self.features = Some(strings(value, name)?),
            "maxActivations" => self.max_activations = Some(value.into_count(name)?),
            "seats" => self.seats = Some(value.into_count(name)?),
            "activation" => self.activation = activation(value, name)?,
            "fingerprint" => self.fingerprint = Some(Fingerprint::from_json(value, name)?),
            "maintenanceUntil" => self.maintenance_until = Some(value.into_timestamp(name)?),
            "kid" => self.kid = Some(kid(&value, name)?),
            "meta" => {
                self.meta = map(value, name, |value, name| value.into_string(name).map(std::borrow::Cow::into_owned))?;
            }
            "crit" => self.critical = strings(value, name)?,
            "typ" => match value.into_string(name)?.as_ref() {
                "license" => {}
                other => return Err(LicenseError::Kind(other.to_owned())),
            },
            _ => {}
        }
        Ok(())
    }
}

/// Reads a claim that has two spellings, of which only one may stand in a license.
fn once(slot: &mut Option<Timestamp>, value: Value<'_>, name: &str) -> Result<(), JsonError> {
    match slot.replace(value.into_timestamp(name)?) {
        None => Ok(()),
        Some(_) => Err(JsonError::Duplicate(name.to_owned())),
    }
}

fn named(value: Value<'_>, name: &str) -> Result<String, JsonError> {
    let text = value.into_string(name)?;
    if text.is_empty() {
        return Err(JsonError::value(name, "a string that is not empty", &Value::String(text)));
    }
    Ok(text.into_owned())
}

fn grace(value: Value<'_>, name: &str) -> Result<u16, JsonError> {
    match value {
        Value::Integer(days) if (0..=i128::from(MAX_GRACE_DAYS)).contains(&days) => {
            u16::try_from(days).map_err(|_| JsonError::value(name, "an integer in 0..=3650", &value))
        }
        other => Err(JsonError::value(name, "an integer in 0..=3650", &other)),
    }
}

fn activation(value: Value<'_>, name: &str) -> Result<Activation, JsonError> {
    match value {
        Value::String(text) if text == "none" => Ok(Activation::None),
        Value::String(text) if text == "proof" => Ok(Activation::Proof),
        other => Err(JsonError::value(name, "`none` or `proof`", &other)),
    }
}

fn kid(value: &Value<'_>, name: &str) -> Result<Kid, JsonError> {
    let kid = match value {
        Value::String(text) => Kid::parse(text).ok(),
        _ => None,
    };
    kid.ok_or_else(|| JsonError::value(name, "a string of 16 lower-case hex digits", value))
}

fn strings(value: Value<'_>, name: &str) -> Result<Vec<String>, JsonError> {
    let items = value.into_array(name)?;
    items.into_iter().map(|item| item.into_string(name).map(std::borrow::Cow::into_owned)).collect()
}

fn map<'a, T>(
    value: Value<'a>,
    name: &str,
    read: impl Fn(Value<'a>, &str) -> Result<T, JsonError>,
) -> Result<BTreeMap<String, T>, JsonError> {
    // Put in one by one: who collects a map sorts a list first, which costs more than these few take.
    let mut map = BTreeMap::new();
    for (key, value) in value.into_object(name)? {
        let value = read(value, &key).map_err(|error| within(error, name))?;
        map.insert(key.into_owned(), value);
    }
    Ok(map)
}

fn within(error: JsonError, name: &str) -> JsonError {
    match error {
        JsonError::Value { member, expected, found } => {
            JsonError::Value { member: format!("{name}.{member}"), expected, found }
        }
        other => other,
    }
}
