//! The claims of a license, told to people.

use super::Inspection;
use crate::fingerprint::Fingerprint;
use crate::json::{Writer, canonical, parse};
use crate::license::{Activation, License};
use crate::time::{DAY, Timestamp};

impl Inspection {
    pub(super) fn license(&mut self, license: &License, payload: &[u8], now: Timestamp) {
        self.fact("license", license.license_id.clone());
        self.fact("tenant", license.tenant_id.clone());
        for (name, text) in [("label", &license.label), ("product", &license.product), ("tier", &license.tier)] {
            text.iter().for_each(|text| self.fact(name, text.clone()));
        }
        self.signer(license.kid.map(|kid| kid.to_string()));
        self.fact("issued", away(license.issued_at, now));
        license.not_before.iter().for_each(|start| self.fact("not before", away(*start, now)));
        self.fact("expires", away(license.expires_at, now));
        if license.grace_period_days > 0 {
            self.fact("grace", format!("{} days, until {}", license.grace_period_days, license.grace_until()));
        }
        license.maintenance_until.iter().for_each(|end| self.fact("maintenance", away(*end, now)));
        for (key, value) in &license.limits {
            self.fact("limit", format!("{key} = {value}"));
        }
        let features = license.granted_features();
        if !features.is_empty() {
            let origin = if license.features.is_none() { " (by its tier)" } else { "" };
            self.fact("features", format!("{}{origin}", features.join(", ")));
        }
        license.max_activations.iter().for_each(|count| self.fact("activations", format!("at most {count}")));
        license.seats.iter().for_each(|count| self.fact("seats", format!("at most {count}")));
        for (key, value) in &license.meta {
            self.fact("meta", format!("{key} = {value}"));
        }
        if let Some(fingerprint) = &license.fingerprint {
            self.fact("machine", describe(fingerprint));
        }
        if !license.critical.is_empty() {
            self.fact("critical", license.critical.join(", "));
        }
        self.fact("would check", would_check(license).join(", "));
        self.list("wouldCheck", would_check(license).into_iter().map(str::to_owned));
        let mut out = Writer::default();
        license.write_readable(&mut out);
        self.member("license", out.finish());
        self.payload(payload);
    }

    pub(super) fn moment(&mut self, name: &'static str, moment: Timestamp, now: Timestamp) {
        self.fact(name, away(moment, now));
    }

    pub(super) fn signer(&mut self, kid: Option<String>) {
        self.fact("signer", kid.map_or_else(|| "names no key".to_owned(), |kid| format!("says key {kid}")));
    }

    /// Keeps the payload as it was signed, for programs.
    pub(super) fn payload(&mut self, payload: &[u8]) {
        if let Ok(value) = parse(payload) {
            self.member("payload", canonical(&value));
        }
    }
}

/// Says a moment in UTC, and how far away it is.
fn away(moment: Timestamp, now: Timestamp) -> String {
    if moment == Timestamp::NEVER {
        return format!("{moment}, which stands for never");
    }
    let seconds = moment.since(now);
    let (count, unit) = match seconds.abs() {
        span if span >= DAY => (span / DAY, "day"),
        span if span >= 3_600 => (span / 3_600, "hour"),
        span => (span / 60, "minute"),
    };
    let plural = if count == 1 { "" } else { "s" };
    match seconds {
        0.. => format!("{moment}, in {count} {unit}{plural}"),
        _ => format!("{moment}, {count} {unit}{plural} ago"),
    }
}

pub(super) fn describe(fingerprint: &Fingerprint) -> String {
    match fingerprint {
        Fingerprint::Exact(text) => format!("exactly `{text}`"),
        Fingerprint::Fp1(fp1) => {
            let names: Vec<_> = fp1.components.iter().map(|component| component.name.as_str()).collect();
            format!("fp1: {} of {} points from {}", fp1.threshold, fp1.total, names.join(", "))
        }
    }
}

fn would_check(license: &License) -> Vec<&'static str> {
    let mut rules = vec!["signature", "clock", "window", "tenant"];
    if license.product.is_some() {
        rules.push("product");
    }
    if license.fingerprint.is_some() {
        rules.push("machine");
    }
    if license.activation == Activation::Proof {
        rules.push("activation proof");
    }
    rules.extend(["features", "usage"]);
    if license.maintenance_until.is_some() {
        rules.push("maintenance");
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_the_unit_that_fits() {
        let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
        for (moment, words) in [
            (44 * DAY, "1970-02-14T00:00:00Z, in 44 days"),
            (DAY, "1970-01-02T00:00:00Z, in 1 day"),
            (7_200, "1970-01-01T02:00:00Z, in 2 hours"),
            (59, "1970-01-01T00:00:59Z, in 0 minutes"),
        ] {
            assert_eq!(away(at(moment), at(0)), words);
        }
        assert_eq!(away(at(0), at(3 * DAY)), "1970-01-01T00:00:00Z, 3 days ago");
    }
}
