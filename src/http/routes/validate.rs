//! `POST /validate`: whether a license may do something on a machine, as the book stands now.

use super::book::{by_key, text};
use crate::code::Code;
use crate::fingerprint::Fingerprint;
use crate::http::app::App;
use crate::http::call::{BODIES, Call, Reply};
use crate::http::problem::Problem;
use crate::http::schema::{Holds, Schema, may, must};
use crate::json::Writer;
use crate::ledger::activation;
use crate::ledger::license::{Held, HeldState};
use crate::ledger::license_key::LicenseKey;
use crate::ledger::machine::Machine;
use crate::license::Activation;

pub(super) static REQUEST: Schema = Schema {
    name: "ValidateRequest",
    about: "A license, a machine and what is about to be done there",
    members: &[
        may("licenseKey", Holds::Text, "The license key"),
        may("machineFingerprint", Holds::Text, "The machine"),
        may("actionType", Holds::Text, "The feature about to be used"),
    ],
    open: true,
};

pub(super) static RESPONSE: Schema = Schema {
    name: "Validated",
    about: "Whether it may",
    members: &[
        must("allowedFeatures", Holds::List(&Holds::Text), "What the license grants"),
        must("error", Holds::Maybe(&Holds::Text), "Why not"),
        must("expiresAt", Holds::Maybe(&Holds::Time), "The last second of validity"),
        must("isValid", Holds::Bool, "The answer"),
        must("tier", Holds::Maybe(&Holds::Text), "The license's tier"),
    ],
    open: false,
};

pub(super) fn run(app: &App, call: &Call) -> Result<Reply, Problem> {
    let ledger = call.ledger()?;
    app.may_guess(call.peer)?;
    let mut members = call.object(&REQUEST)?;
    let (machine, action) = (text(&mut members, "machineFingerprint"), text(&mut members, "actionType"));
    let key = text(&mut members, "licenseKey").filter(|key| !key.is_empty());
    let key = key.ok_or_else(|| Problem::new(Code::Malformed, "License key is required.").hint(BODIES))?;
    let held = match LicenseKey::parse(&key) {
        Ok(key) => by_key(ledger, &key),
        Err(_) => Err(Problem::new(Code::UnknownLicense, "License key not found.")),
    };
    let held = match held {
        Err(problem) if problem.code == Code::UnknownLicense => {
            app.guessed_wrong(call.peer);
            return Ok(told(None, Some("License key not found.")));
        }
        held => held?,
    };
    let id = &held.license.license_id;
    let machine = machine.map(|text| Machine::of(&Fingerprint::Exact(text)));
    let is_bound = held.license.activation == Activation::None
        || match &machine {
            Some(machine) => ledger.read(|book| activation::of_machine(book, id, machine))?.is_some(),
            None => false,
        };
    let why_not = why_not(&held, is_bound, action.as_deref(), call);
    Ok(told(Some(&held), why_not.as_deref()))
}

fn why_not(held: &Held, is_bound: bool, action: Option<&str>, call: &Call) -> Option<String> {
    let license = &held.license;
    let denied = action.filter(|action| !license.grants(action));
    match held.state {
        HeldState::Revoked => Some("License key is revoked.".to_owned()),
        HeldState::Suspended => Some("License key is suspended.".to_owned()),
        HeldState::Expired => Some("License key is expired.".to_owned()),
        HeldState::Active if call.now > license.grace_until() => Some("License key is expired.".to_owned()),
        HeldState::Active if license.not_before.is_some_and(|start| call.now < start) => {
            Some("License not active yet.".to_owned())
        }
        HeldState::Active if !is_bound => Some("License is not activated on this machine.".to_owned()),
        HeldState::Active => denied.map(|action| {
            let tier = license.tier.as_deref().unwrap_or("none");
            format!("[LICENSE] Feature '{action}' is not included in your license. Tier: {tier}.")
        }),
    }
}

fn told(held: Option<&Held>, error: Option<&str>) -> Reply {
    let license = held.map(|held| &held.license);
    let mut out = Writer::default();
    out.begin_object();
    out.name("allowedFeatures").begin_array();
    license.iter().flat_map(|license| license.granted_features()).for_each(|feature| out.string(feature));
    out.end_array();
    match error {
        Some(error) => out.name("error").string(error),
        None => out.name("error").null(),
    }
    match license {
        Some(license) => out.name("expiresAt").plain(license.expires_at),
        None => out.name("expiresAt").null(),
    }
    out.name("isValid").bool(error.is_none());
    match license.and_then(|license| license.tier.as_deref()) {
        Some(tier) => out.name("tier").string(tier),
        None => out.name("tier").null(),
    }
    out.end_object();
    Reply::json(out.finish())
}
