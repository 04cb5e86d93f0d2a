//! Licenses that the issuer withdrew, and lists that are past their day.

use super::{Scene, scene, token};

/// A scene with a list of revocations issued on 1 June 2026, its successor due on 1 August.
fn listed(folder: &'static str, state: &'static str, name: &'static str, comment: &str) -> Scene {
    scene(folder, state, name, comment, token(&[]))
        .with("revocations-issued", "2026-06-01T00:00:00Z")
        .with("revocations-due", "2026-08-01T00:00:00Z")
}

pub(super) fn scenes() -> Vec<Scene> {
    vec![
        listed("valid", "ACTIVE", "not-in-the-list", "the list withdraws another license")
            .with("withdrawn", "2026-06-01T00:00:00Z lic-2"),
        listed("valid", "ACTIVE", "withdrawn-and-still-in-grace", "the last second of 720 hours of grace")
            .with("withdrawn", "2026-06-01T00:00:00Z lic-1")
            .with("withdrawn-grace-hours", "720")
            .at("2026-06-30T23:59:59Z"),
        listed("revoked", "INVALID", "withdrawn", "the list holds the SHA-256 of the license id")
            .with("withdrawn", "2026-06-01T00:00:00Z lic-1"),
        listed(
            "revoked",
            "INVALID",
            "withdrawn-this-second",
            "a license counts until the second before it is withdrawn",
        )
        .with("withdrawn", "2026-07-01T00:00:00Z lic-1"),
        listed("revoked", "INVALID", "past-the-grace-of-its-withdrawal", "the first second after 720 hours of grace")
            .with("withdrawn", "2026-06-01T00:00:00Z lic-1")
            .with("withdrawn-grace-hours", "720"),
        listed("valid", "ACTIVE", "the-list-serves-until-its-successor-is-due", "the very second")
            .at("2026-08-01T00:00:00Z"),
        listed("stale", "INVALID", "the-list-is-past-its-day", "one second after its successor was due")
            .at("2026-08-01T00:00:01Z"),
    ]
}
