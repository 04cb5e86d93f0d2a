//! The scenes that the vectors show. All start from one license and differ in one thing.

mod activated;
mod judged;
mod read;
mod rings;
mod signed;
mod valid;
mod withdrawn;

use std::collections::BTreeMap;

use mintage::token::Token;

use super::crafted::vendor;

/// A vector before it is spelled.
pub(super) struct Scene {
    pub(super) folder: &'static str,
    pub(super) name: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) text: String,
}

/// Every scene.
pub(super) fn all() -> Vec<Scene> {
    let rooms = [
        valid::scenes(),
        signed::scenes(),
        read::scenes(),
        judged::scenes(),
        withdrawn::scenes(),
        activated::scenes(),
        rings::scenes(),
    ];
    rooms.into_iter().flatten().collect()
}

/// Starts a scene: the license of [`payload`] on 1 July 2026, verified with the vendor's key.
fn scene(folder: &'static str, state: &'static str, name: &'static str, comment: &str, text: String) -> Scene {
    let headers = vec![
        ("expect", folder.to_owned()),
        ("state", state.to_owned()),
        ("key", "vendor".to_owned()),
        ("now", "2026-07-01T00:00:00Z".to_owned()),
        ("comment", comment.to_owned()),
    ];
    Scene { folder, name, headers, text }
}

impl Scene {
    /// Adds a header.
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Judges at another time.
    fn at(self, now: &str) -> Self {
        self.instead("now", now)
    }

    /// Trusts another key.
    fn under(self, key: &str) -> Self {
        self.instead("key", key)
    }

    fn instead(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.with(name, value)
    }
}

/// The payload of license `lic-1`, issued 2026-01-01, until the end of 2026, with members added or replaced by raw JSON;
/// empty JSON takes a member away.
fn payload(changes: &[(&str, &str)]) -> String {
    let kid = format!("\"{}\"", vendor().public().id().kid());
    let mut members: BTreeMap<&str, &str> = BTreeMap::from([
        ("exp", "1798761599"),
        ("gracePeriodDays", "0"),
        ("iat", "1767225600"),
        ("kid", &kid),
        ("licenseId", r#""lic-1""#),
        ("limits", "{}"),
        ("tenantId", r#""acme""#),
    ]);
    members.extend(changes.iter().copied());
    let members: Vec<_> =
        members.iter().filter(|(_, json)| !json.is_empty()).map(|(name, json)| format!("\"{name}\":{json}")).collect();
    format!("{{{}}}", members.join(","))
}

/// Signs that license.
fn token(changes: &[(&str, &str)]) -> String {
    sign(&payload(changes))
}

/// Signs a payload as it is spelled.
fn sign(payload: &str) -> String {
    Token::sign(payload, &vendor()).to_string()
}
