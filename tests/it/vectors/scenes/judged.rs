//! What a license that is whole and signed is refused for.

use super::valid::{SECRET, sealed};
use super::{Scene, scene, token};

pub(super) fn scenes() -> Vec<Scene> {
    [times(), names(), machine(), numbers()].into_iter().flatten().collect()
}

fn times() -> Vec<Scene> {
    let expired = |name, comment, text| scene("expired", "EXPIRED", name, comment, text);
    vec![
        expired("first-second-after-the-end", "now = exp + 1, no grace", token(&[])).at("2027-01-01T00:00:00Z"),
        expired("first-second-after-grace", "now = exp + 2 days + 1", token(&[("gracePeriodDays", "2")]))
            .at("2027-01-03T00:00:00Z"),
        expired("long-ago", "1970-01-01T00:00:00Z", token(&[("exp", "0"), ("iat", "0")])),
        scene(
            "not-yet-valid",
            "INVALID",
            "last-second-before-its-first",
            "now = nbf - 1",
            token(&[("nbf", "1782864001")]),
        ),
        scene("clock-behind", "INVALID", "issued-301-seconds-ahead", "iat = now + 301", token(&[]))
            .at("2025-12-31T23:54:59Z"),
        scene(
            "clock-rolled-back",
            "INVALID",
            "clock-301-seconds-before-the-floor",
            "this machine has seen a later time",
            token(&[]),
        )
        .with("floor", "2026-07-01T00:05:01Z"),
    ]
}

fn names() -> Vec<Scene> {
    let editor = [("product", r#""editor""#)];
    vec![
        scene("wrong-tenant", "INVALID", "another-tenant", "acme and globex", token(&[])).with("tenant", "globex"),
        scene("wrong-tenant", "INVALID", "tenant-in-another-case", "tenants compare byte for byte", token(&[]))
            .with("tenant", "ACME"),
        scene("wrong-product", "INVALID", "another-product", "editor and viewer", token(&editor))
            .with("product", "viewer"),
        scene(
            "wrong-product",
            "INVALID",
            "no-product-named",
            "who asks for a product gets only licenses that name it",
            token(&[]),
        )
        .with("product", "editor"),
        scene(
            "not-entitled",
            "ACTIVE",
            "feature-not-granted",
            "reports and audit",
            token(&[("features", r#"["reports"]"#)]),
        )
        .with("feature", "audit"),
        scene("not-entitled", "ACTIVE", "no-features-at-all", "the license names none and has no tier", token(&[]))
            .with("feature", "audit"),
        scene(
            "not-entitled",
            "ACTIVE",
            "features-outrank-the-tier",
            "an empty list grants nothing, whatever the tier would",
            token(&[("features", "[]"), ("tier", r#""Enterprise""#)]),
        )
        .with("feature", "audit"),
        scene(
            "proof-required",
            "INVALID",
            "activation-proof-is-demanded",
            "a license alone is not enough",
            token(&[("activation", r#""proof""#)]),
        ),
        scene(
            "sealed",
            "INVALID",
            "no-secret",
            "the signature is good and the claims are sealed: it could not be told",
            sealed(),
        ),
        scene(
            "sealed",
            "INVALID",
            "usage-over-the-default-tier",
            "what the seal hides may allow it: it could not be told",
            sealed(),
        )
        .with("usage", "max_apps=4")
        .with("default", "max_apps=3"),
        scene("sealed", "INVALID", "another-secret", "it does not open", sealed())
            .with("secret", &SECRET.replace("07", "08")),
        scene(
            "build-not-covered",
            "ACTIVE",
            "build-one-second-after-maintenance",
            "build = maintenanceUntil + 1",
            token(&[("maintenanceUntil", "1782863999")]),
        )
        .with("build-date", "2026-07-01T00:00:00Z"),
    ]
}

fn machine() -> Vec<Scene> {
    let exact = [("fingerprint", r#""node-1""#)];
    let fp1 = concat!(
        r#"{"components":[{"digests":["00112233445566778899aabbccddeeff"],"kdf":"hmac-sha256","name":"os.machine-id","weight":3}],"#,
        r#""format":"fp1","product":"editor","profile":"host","salt":"AAECAwQFBgcICQoLDA0ODw==","threshold":2,"total":3,"veto":[]}"#
    );
    vec![
        scene("wrong-machine", "INVALID", "another-machine", "node-1 and node-2", token(&exact))
            .with("fingerprint", "node-2"),
        scene(
            "wrong-machine",
            "INVALID",
            "fingerprint-in-another-case",
            "exact fingerprints compare byte for byte",
            token(&exact),
        )
        .with("fingerprint", "NODE-1"),
        scene(
            "machine-unreadable",
            "INVALID",
            "machine-not-known",
            "bound to a machine, and nobody says which this is",
            token(&exact),
        ),
        scene(
            "machine-unreadable",
            "INVALID",
            "components-not-known",
            "bound by components, and none were read",
            token(&[("fingerprint", fp1)]),
        ),
    ]
}

fn numbers() -> Vec<Scene> {
    let limits = [("limits", r#"{"max_apps":25}"#)];
    vec![
        scene("limit-exceeded", "ACTIVE", "over-the-limit-by-one", "26 of 25", token(&limits))
            .with("usage", "max_apps=26"),
        scene(
            "limit-exceeded",
            "ACTIVE",
            "over-the-default-tier",
            "a key absent from the license falls through",
            token(&limits),
        )
        .with("usage", "max_users=4")
        .with("default", "max_users=3"),
        scene(
            "limit-exceeded",
            "ACTIVE",
            "limit-of-nought",
            "nought is a limit, not none",
            token(&[("limits", r#"{"max_apps":0}"#)]),
        )
        .with("usage", "max_apps=1"),
    ]
}
