//! Writes a license: canonically as the payload that is signed, and with readable times for people.

use std::borrow::Cow;
use std::fmt::Write;

use super::{Activation, License};
use crate::id::Kid;
use crate::json::Writer;
use crate::time::Timestamp;

/// A payload that lacks only the name of the key that will sign it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsignedPayload<'a> {
    pub(crate) text: Cow<'a, str>,
    /// Where the member `kid` belongs.
    pub(crate) kid_at: usize,
}

impl UnsignedPayload<'_> {
    /// What the name of the key adds, in bytes.
    pub const KID_BYTES: usize = r#","kid":"0123456789abcdef""#.len();

    /// Returns the payload without a name: what a dry run shows when no key was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the payload that the named key signs.
    pub fn named(&self, kid: Kid) -> String {
        let mut text = String::with_capacity(self.text.len() + Self::KID_BYTES);
        self.write_named(kid, &mut text);
        text
    }

    /// Appends the payload that the named key signs.
    pub fn write_named(&self, kid: Kid, out: &mut String) {
        let (before, after) = self.text.split_at(self.kid_at);
        out.push_str(before);
        // Writing to a String cannot fail.
        let _ = write!(out, r#","kid":"{kid}""#);
        out.push_str(after);
    }
}

impl License {
    /// Returns the payload in its one canonical spelling: members sorted bytewise, times as integer seconds. `limits` and
    /// `gracePeriodDays` are always written, since verifiers in the field expect them.
    pub fn to_payload(&self) -> String {
        let unsigned = self.to_unsigned();
        match self.kid {
            Some(kid) => unsigned.named(kid),
            None => unsigned.text.into_owned(),
        }
    }

    /// Returns the payload for a key that will be named when it signs.
    pub fn to_unsigned(&self) -> UnsignedPayload<'static> {
        let mut out = Writer::with_capacity(512);
        out.begin_object();
        if self.activation == Activation::Proof {
            out.name("activation").string("proof");
        }
        if !self.critical.is_empty() {
            out.name("crit");
            strings(&mut out, &self.critical);
        }
        out.name("exp").integer(self.expires_at.seconds().into());
        self.write_features_and_fingerprint(&mut out);
        out.name("gracePeriodDays").integer(self.grace_period_days.into());
        out.name("iat").integer(self.issued_at.seconds().into());
        let kid_at = out.length();
        text(&mut out, "label", self.label.as_deref());
        out.name("licenseId").string(&self.license_id);
        self.write_limits(&mut out);
        seconds(&mut out, "maintenanceUntil", self.maintenance_until);
        count(&mut out, "maxActivations", self.max_activations);
        self.write_meta(&mut out);
        seconds(&mut out, "nbf", self.not_before);
        text(&mut out, "product", self.product.as_deref());
        count(&mut out, "seats", self.seats);
        out.name("tenantId").string(&self.tenant_id);
        text(&mut out, "tier", self.tier.as_deref());
        out.end_object();
        UnsignedPayload { text: out.finish().into(), kid_at }
    }

    /// Writes the claims as verdicts and HTTP bodies show them: times in RFC 3339, under the names `issuedAt`,
    /// `expiresAt`, `notBefore` and `maintenanceUntil`.
    pub fn write_readable(&self, out: &mut Writer) {
        out.begin_object();
        if self.activation == Activation::Proof {
            out.name("activation").string("proof");
        }
        if !self.critical.is_empty() {
            out.name("crit");
            strings(out, &self.critical);
        }
        moment(out, "expiresAt", Some(self.expires_at));
        self.write_features_and_fingerprint(out);
        out.name("gracePeriodDays").integer(self.grace_period_days.into());
        moment(out, "issuedAt", Some(self.issued_at));
        if let Some(kid) = self.kid {
            out.name("kid").plain(kid);
        }
        text(out, "label", self.label.as_deref());
        out.name("licenseId").string(&self.license_id);
        self.write_limits(out);
        moment(out, "maintenanceUntil", self.maintenance_until);
        count(out, "maxActivations", self.max_activations);
        self.write_meta(out);
        moment(out, "notBefore", self.not_before);
        text(out, "product", self.product.as_deref());
        count(out, "seats", self.seats);
        out.name("tenantId").string(&self.tenant_id);
        text(out, "tier", self.tier.as_deref());
        out.end_object();
    }

    fn write_features_and_fingerprint(&self, out: &mut Writer) {
        if let Some(features) = &self.features {
            out.name("features");
            strings(out, features);
        }
        if let Some(fingerprint) = &self.fingerprint {
            fingerprint.write(out.name("fingerprint"));
        }
    }

    fn write_limits(&self, out: &mut Writer) {
        out.name("limits").begin_object();
        for (key, value) in &self.limits {
            out.key(key).integer((*value).into());
        }
        out.end_object();
    }

    fn write_meta(&self, out: &mut Writer) {
        if !self.meta.is_empty() {
            out.name("meta").begin_object();
            for (key, value) in &self.meta {
                out.key(key).string(value);
            }
            out.end_object();
        }
    }
}

fn strings(out: &mut Writer, texts: &[String]) {
    out.begin_array();
    texts.iter().for_each(|text| out.string(text));
    out.end_array();
}

fn text(out: &mut Writer, name: &'static str, value: Option<&str>) {
    if let Some(value) = value {
        out.name(name).string(value);
    }
}

fn count(out: &mut Writer, name: &'static str, value: Option<u64>) {
    if let Some(value) = value {
        out.name(name).integer(value.into());
    }
}

fn seconds(out: &mut Writer, name: &'static str, value: Option<Timestamp>) {
    if let Some(value) = value {
        out.name(name).integer(value.seconds().into());
    }
}

fn moment(out: &mut Writer, name: &'static str, value: Option<Timestamp>) {
    if let Some(value) = value {
        out.name(name).plain(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    /// The payload of the field's own example, signed there by Java (see `tests/vectors`).
    const FIELD: &str = concat!(
        r#"{"exp":1798761600,"gracePeriodDays":14,"iat":1777197600,"label":"Acme Production","#,
        r#""licenseId":"fd3a8f2a-1c44-4eac-aa07-1a5d1ce9c4a4","limits":{"max_apps":25,"max_environments":3},"tenantId":"acme-prod"}"#
    );

    #[test]
    fn the_payload_of_the_field_is_our_payload_to_the_byte() {
        let members = json::parse(FIELD.as_bytes()).unwrap().into_object("payload").unwrap();
        assert_eq!(License::from_members(members).unwrap().to_payload(), FIELD);
    }

    #[test]
    fn what_is_written_is_sorted_and_reads_back() {
        let full = concat!(
            r#"{"activation":"proof","crit":["exp"],"exp":5,"features":["a","*"],"fingerprint":"node-1","gracePeriodDays":1,"iat":1,"#,
            r#""kid":"0123456789abcdef","label":"l","licenseId":"i","limits":{"a":1,"b":0},"maintenanceUntil":4,"maxActivations":2,"#,
            r#""meta":{"k":"v"},"nbf":2,"product":"p","seats":3,"tenantId":"t","tier":"Free"}"#
        );
        let license =
            License::from_members(json::parse(full.as_bytes()).unwrap().into_object("payload").unwrap()).unwrap();
        assert_eq!(license.to_payload(), full);
        assert_eq!(json::canonical(&json::parse(full.as_bytes()).unwrap()), full);
        let mut out = Writer::default();
        license.write_readable(&mut out);
        let readable = out.finish();
        assert_eq!(json::canonical(&json::parse(readable.as_bytes()).unwrap()), readable);
    }
}
