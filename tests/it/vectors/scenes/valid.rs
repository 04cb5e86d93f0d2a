//! What every verifier must accept.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mintage::license::License;
use mintage::seal::{SealSecret, SealedLicense};
use mintage::time::Timestamp;

use super::super::crafted::{Apart, seed};
use super::{Scene, payload, scene, sign, token};

/// Signed by Java's own Ed25519 in the field, under a key whose private half is not ours.
const FIELD: &str = "eyJleHAiOjE3OTg3NjE2MDAsImdyYWNlUGVyaW9kRGF5cyI6MTQsImlhdCI6MTc3NzE5NzYwMCwibGFiZWwiOiJBY21lIFByb2R1Y3Rpb24iLCJsaWNlbnNlSWQiOiJmZDNhOGYyYS0xYzQ0LTRlYWMtYWEwNy0xYTVkMWNlOWM0YTQiLCJsaW1pdHMiOnsibWF4X2FwcHMiOjI1LCJtYXhfZW52aXJvbm1lbnRzIjozfSwidGVuYW50SWQiOiJhY21lLXByb2QifQ==.f5O4N/hUIda1pxPS0vhwz2ZTRRdjtNlpu8uJYApENkWAofc5lbWbnNXm2pc2zDSgAC9xuSknNvl3B99EM7ssDQ==";

const FIELD_KEY: &str = "29acbae141bccaf0b22e1a94d34d0bc7361e526d0bfe12c89794bc9322966dd7";

/// The secret of the sealed scenes.
pub(super) const SECRET: &str = "0707070707070707070707070707070707070707070707070707070707070707";

fn valid(name: &'static str, comment: &str, text: String) -> Scene {
    scene("valid", "ACTIVE", name, comment, text)
}

fn grace(name: &'static str, comment: &str, text: String) -> Scene {
    scene("valid", "GRACE", name, comment, text)
}

pub(super) fn scenes() -> Vec<Scene> {
    [forms(), window(), asked()].into_iter().flatten().collect()
}

/// How a license may be spelled and signed.
fn forms() -> Vec<Scene> {
    let deep = format!("{}0{}", "[".repeat(15), "]".repeat(15));
    let longest = format!("\"{}\"", "x".repeat(1_024));
    let every = [
        ("crit", r#"["exp"]"#),
        ("features", r#"["reports","*"]"#),
        ("fingerprint", r#""node-1""#),
        ("gracePeriodDays", "14"),
        ("label", r#""Acme Production""#),
        ("limits", r#"{"max_apps":25,"max_users":0}"#),
        ("maintenanceUntil", "1798761599"),
        ("maxActivations", "3"),
        ("meta", r#"{"order":"A-1"}"#),
        ("nbf", "1767225600"),
        ("product", r#""editor""#),
        ("seats", "5"),
        ("tier", r#""Licensed""#),
        ("typ", r#""license""#),
    ];
    let other = r#"{ "tenantId" : "acme", "licenseId" : "lic-1", "issuedAt" : 1767225600, "expiresAt" : 1798761599 }"#;
    let escaped = r#"{"exp":1798761599,"iat":1767225600,"licenseId":"lic-\u0031","\u0074enantId":"\u0061cme"}"#;
    let minimal = r#"{"exp":1798761599,"iat":1767225600,"licenseId":"lic-1","tenantId":"acme"}"#;
    let payload = payload(&[]);
    let ci = Apart::new(&seed("ci"));
    vec![
        valid("the-four-required-claims", "nothing but what every license has", sign(minimal)),
        valid("every-claim", "all of them at once", token(&every)).with("fingerprint", "node-1"),
        valid("signed-by-java", "made in the field by another program, long before mintage", FIELD.to_owned())
            .under(FIELD_KEY),
        valid(
            "spelled-otherwise",
            "white space, any order, the other names of exp and iat: the bytes as sent are signed",
            sign(other),
        ),
        valid("spelled-with-escapes", "names and values with escapes that need none", sign(escaped))
            .with("tenant", "acme"),
        valid("unknown-member", "ignored unless crit names it", token(&[("colour", r#"{"a":[1.5,null]}"#)])),
        valid(
            "unknown-member-sixteen-deep",
            "the deepest that is read, the payload counted",
            token(&[("colour", &deep)]),
        ),
        valid(
            "critical-members-that-are-known",
            "crit names what this version understands",
            token(&[("crit", r#"["licenseId","typ"]"#), ("typ", r#""license""#)]),
        ),
        valid("longest-string", "1,024 bytes", token(&[("label", &longest)])),
        valid("strings-of-any-script", "strings are UTF-8", token(&[("label", "\"Žluťoučký kůň 株式会社 🦀\"")])),
        valid(
            "greatest-numbers",
            "2^63-1 in a limit, 9999-12-31T23:59:59Z as the end",
            token(&[("exp", "253402300799"), ("limits", r#"{"max_apps":9223372036854775807}"#)]),
        ),
        valid("no-kid", "every trusted key is tried", token(&[("kid", "")])),
        valid(
            "kid-of-nobody",
            "a kid is a hint; the key that verifies decides",
            token(&[("kid", r#""0123456789abcdef""#)]),
        ),
        valid(
            "kid-of-another-trusted-key",
            "a kid is a hint; the key that verifies decides",
            super::super::crafted::token(&payload, ci.sign(b"", payload.as_bytes())),
        )
        .with("key", "ci"),
        valid("sealed", "opened with its secret", sealed()).with("secret", SECRET),
        valid(
            "sealed-with-critical-members-that-are-known",
            "crit outside the seal",
            sign(&members(&sealed()).replace('{', r#"{"crit":["enc","data"],"#)),
        )
        .with("secret", SECRET),
        valid("retired-key-in-its-window", "what a key signed while it signed still counts", token(&[]))
            .with("key-status", "retired")
            .with("key-not-after", "2026-01-01T00:00:00Z"),
        valid("key-with-one-purpose", "licenses are what it is for", token(&[])).with("key-purpose", "license"),
    ]
}

/// The payload of a token.
fn members(token: &str) -> String {
    String::from_utf8(STANDARD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

/// The license sealed under [`SECRET`] with a nonce that is fixed for the vector's sake.
pub(super) fn sealed() -> String {
    let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
    let license = License::new("lic-1".to_owned(), "acme".to_owned(), at(1_767_225_600), at(1_798_761_599));
    let secret = SealSecret::new(vec![7; 32]).unwrap();
    sign(&SealedLicense::seal(&license, &secret, &[3; 12]).unwrap())
}

/// The edges of time.
fn window() -> Vec<Scene> {
    let two_days = [("gracePeriodDays", "2")];
    vec![
        valid("last-second", "now = exp", token(&[])).at("2026-12-31T23:59:59Z"),
        valid("last-second-before-grace", "now = exp", token(&two_days)).at("2026-12-31T23:59:59Z"),
        grace("first-second-of-grace", "now = exp + 1", token(&two_days)).at("2027-01-01T00:00:00Z"),
        grace("last-second-of-grace", "now = exp + 2 days", token(&two_days)).at("2027-01-02T23:59:59Z"),
        grace("longest-grace", "3,650 days", token(&[("gracePeriodDays", "3650")])).at("2036-12-28T23:59:59Z"),
        valid("never-expires", "exp = 9999-12-31T23:59:59Z", token(&[("exp", "253402300799")]))
            .at("9999-12-31T23:59:59Z"),
        valid("first-second", "now = nbf", token(&[("nbf", "1782864000")])),
        valid("issued-300-seconds-ahead", "honest clocks differ", token(&[])).at("2025-12-31T23:55:00Z"),
        valid("clock-300-seconds-before-the-floor", "honest clocks differ", token(&[]))
            .with("floor", "2026-07-01T00:05:00Z"),
    ]
}

/// What may be asked of a license.
fn asked() -> Vec<Scene> {
    let features = [("features", r#"["Reports"]"#)];
    let limits = [("limits", r#"{"max_apps":25}"#)];
    let maintained = [("maintenanceUntil", "1782864000")];
    vec![
        valid("tenant-matches", "byte for byte", token(&[])).with("tenant", "acme"),
        valid("product-matches", "byte for byte", token(&[("product", r#""editor""#)])).with("product", "editor"),
        valid(
            "product-not-asked-for",
            "a product that is named and not asked for refuses nothing",
            token(&[("product", r#""editor""#)]),
        ),
        valid("feature-granted-in-another-case", "features compare without case", token(&features))
            .with("feature", "rEPORTS"),
        valid("star-grants-every-feature", "`*`", token(&[("features", r#"["*"]"#)])).with("feature", "anything"),
        valid(
            "feature-of-the-tier",
            "the tier's defaults, as the license names no features",
            token(&[("tier", r#""free""#)]),
        )
        .with("feature", "api.validate"),
        valid("usage-at-the-limit", "25 of 25", token(&limits)).with("usage", "max_apps=25"),
        valid("limit-before-default", "the license's 25, not the default tier's 3", token(&limits))
            .with("usage", "max_apps=25")
            .with("default", "max_apps=3"),
        valid("limit-left-to-the-default-tier", "a key absent from the license falls through", token(&limits))
            .with("usage", "max_users=3")
            .with("default", "max_users=3"),
        valid("usage-without-a-limit", "nobody limits it", token(&limits)).with("usage", "max_users=1000000"),
        grace(
            "license-limits-hold-in-grace",
            "the license's 25 still hold",
            token(&[limits[0], ("gracePeriodDays", "2")]),
        )
        .at("2027-01-02T00:00:00Z")
        .with("usage", "max_apps=25")
        .with("default", "max_apps=3"),
        valid("build-of-the-last-second-of-maintenance", "build = maintenanceUntil", token(&maintained))
            .with("build-date", "2026-07-01T00:00:00Z"),
        valid("machine-matches", "an exact fingerprint, byte for byte", token(&[("fingerprint", r#""node-1""#)]))
            .with("fingerprint", "node-1"),
        valid(
            "any-machine-will-do",
            "the caller asks about the license alone",
            token(&[("fingerprint", r#""node-1""#)]),
        )
        .with("machine", "any"),
    ]
}
