//! Activation proofs, each with the license `lic-1` inside. All start from one proof and differ in one thing.

use std::collections::BTreeMap;

use mintage::dsse::{Envelope, Kind};
use mintage::key::SecretKey;

use super::{Scene, scene, token, vendor};

/// SHA-256 of nothing: the digest of a build without files.
const NO_FILES: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The payload of proof `p-1`, made on 1 June 2026 for machine `node-1`, with members added or replaced by raw JSON; empty
/// JSON takes a member away.
fn payload(changes: &[(&str, &str)]) -> String {
    let license = format!("\"{}\"", token(&[("activation", r#""proof""#)]));
    let mut members: BTreeMap<&str, &str> = BTreeMap::from([
        ("activatedAt", "1780272000"),
        ("environment", r#""production""#),
        ("expiresAt", "1798761599"),
        ("fingerprint", r#""node-1""#),
        ("heartbeatNonce", r#""AwMDAwMDAwMDAwMDAwMDAw==""#),
        ("instanceKey", r#""ewXX3PQ8rJfa0myDrGqwrrTUV3Kvm7VVzOhgIk0+BDc=""#),
        ("license", &license),
        ("licenseId", r#""lic-1""#),
        ("nonce", r#""AQEBAQEBAQEBAQEBAQEBAQ==""#),
        ("product", r#""suite""#),
        ("productVersion", r#""1.2.0""#),
        ("proofId", r#""p-1""#),
        ("tenantId", r#""acme""#),
    ]);
    members.extend(changes.iter().copied());
    let members: Vec<_> =
        members.iter().filter(|(_, json)| !json.is_empty()).map(|(name, json)| format!("\"{name}\":{json}")).collect();
    format!("{{{}}}", members.join(","))
}

fn signed(kind: Kind, changes: &[(&str, &str)], key: &SecretKey) -> String {
    Envelope::sign(kind, payload(changes).into_bytes(), &[key]).to_json()
}

/// A scene on machine `node-1` in `production`.
fn activated(
    folder: &'static str,
    state: &'static str,
    name: &'static str,
    comment: &str,
    changes: &[(&str, &str)],
) -> Scene {
    let text = signed(Kind::Proof, changes, &vendor());
    scene(folder, state, name, comment, text).with("kind", "proof").with("fingerprint", "node-1")
}

fn built(scene: Scene, product: &str, version: &str, key: &str) -> Scene {
    scene.with("build-product", product).with("build-version", version).with("build-key", key)
}

fn listed(scene: Scene, sequence: &str, issued: &str) -> Scene {
    scene
        .with("revocations-issued", issued)
        .with("revocations-due", "2026-08-01T00:00:00Z")
        .with("revocations-sequence", sequence)
}

pub(super) fn scenes() -> Vec<Scene> {
    let by_keys = |product: &str| format!("{{\"keys\":[\"{}\"],\"product\":\"{product}\"}}", vendor().public().id());
    let digest = |digest: &str| format!("{{\"digest\":\"{digest}\"}}");
    let mut scenes = covered(&by_keys("suite"), &by_keys("other"), &digest(NO_FILES), &digest(&"0".repeat(64)));
    scenes.extend(built_by(&by_keys("suite")));
    scenes.extend(in_force());
    scenes.extend(withdrawn());
    scenes
}

/// Which versions a proof covers that is bound to who signs the builds.
fn built_by(by_keys: &str) -> Vec<Scene> {
    vec![
        built(
            activated(
                "valid",
                "ACTIVE",
                "later-patch-by-the-bound-signer",
                "a patch needs no new activation",
                &[("manifest", by_keys)],
            ),
            "suite",
            "1.2.7",
            "vendor",
        ),
        built(
            activated(
                "wrong-version",
                "INVALID",
                "next-release-by-the-bound-signer",
                "a release does",
                &[("manifest", by_keys)],
            ),
            "suite",
            "1.3.0",
            "vendor",
        ),
        built(
            activated(
                "wrong-version",
                "INVALID",
                "next-release-under-the-name-of-this-one",
                "the build says itself which version it is",
                &[("manifest", by_keys)],
            )
            .with("product-version", "1.2.0"),
            "suite",
            "1.3.0",
            "vendor",
        ),
    ]
}

/// Whether the proof is one, for here and now.
fn in_force() -> Vec<Scene> {
    vec![
        activated("valid", "ACTIVE", "proof", "a license that demands a proof, inside one", &[]),
        activated(
            "valid",
            "ACTIVE",
            "proof-of-its-last-second",
            "the last second of the proof",
            &[("expiresAt", "1782864000")],
        ),
        activated(
            "expired",
            "INVALID",
            "proof",
            "one second after the proof; the license lasts longer",
            &[("expiresAt", "1782863999")],
        ),
        activated(
            "clock-rolled-back",
            "INVALID",
            "proof-made-301-seconds-ahead",
            "the clock here must be wrong",
            &[("activatedAt", "1782864301")],
        ),
        activated(
            "wrong-machine",
            "INVALID",
            "proof-of-another-machine",
            "the proof is bound to node-2",
            &[("fingerprint", r#""node-2""#)],
        ),
        activated(
            "license-mismatch",
            "INVALID",
            "proof-of-another-license",
            "the license inside is lic-1",
            &[("licenseId", r#""lic-2""#)],
        ),
        activated(
            "license-mismatch",
            "INVALID",
            "proof-of-another-tenant",
            "the license inside is acme's",
            &[("tenantId", r#""globex""#)],
        ),
        activated("released", "INVALID", "given-back", "this machine gave the activation back", &[])
            .with("released", "2026-06-15T00:00:00Z"),
        activated(
            "unsupported",
            "INVALID",
            "proof-with-an-unknown-critical-member",
            "crit names `tpm`",
            &[("crit", r#"["tpm"]"#)],
        ),
        activated(
            "malformed",
            "INVALID",
            "proof-without-a-nonce",
            "every member but four is demanded",
            &[("nonce", "")],
        ),
        activated(
            "weak-key",
            "INVALID",
            "proof-of-the-neutral-point",
            "whoever signed it, anybody could sign as this machine",
            &[("instanceKey", r#""AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=""#)],
        ),
    ]
}

/// Proofs that nobody should have made, or that the issuer withdrew.
fn withdrawn() -> Vec<Scene> {
    let stranger = SecretKey::from_seed(&[9; 32]);
    vec![
        scene(
            "wrong-kind",
            "INVALID",
            "release-in-the-place-of-a-proof",
            "the payload is a proof's, the type is not",
            signed(Kind::Release, &[], &vendor()),
        )
        .with("kind", "proof")
        .with("fingerprint", "node-1"),
        scene("unknown-key", "INVALID", "proof-by-a-stranger", "no trusted key signed the proof", {
            signed(Kind::Proof, &[], &stranger)
        })
        .with("kind", "proof")
        .with("fingerprint", "node-1"),
        listed(
            activated("revoked", "INVALID", "activation-withdrawn", "the list holds the SHA-256 of the proof id", &[]),
            "1",
            "2026-06-15T00:00:00Z",
        )
        .with("withdrawn", "2026-06-15T00:00:00Z p-1"),
        listed(
            activated(
                "rolled-back",
                "INVALID",
                "older-list-than-the-proof-knows",
                "the proof knows of list 5",
                &[("revocationSequence", "5")],
            ),
            "4",
            "2026-05-15T00:00:00Z",
        ),
        listed(
            activated(
                "valid",
                "ACTIVE",
                "a-new-series-of-lists",
                "a lower number, issued after the proof",
                &[("revocationSequence", "5")],
            ),
            "1",
            "2026-06-15T00:00:00Z",
        ),
    ]
}

/// What a proof covers: environment, product, version, build.
fn covered(by_keys: &str, by_keys_of_another: &str, build: &str, another_build: &str) -> Vec<Scene> {
    vec![
        activated("valid", "ACTIVE", "proof-for-this-environment", "the very one", &[])
            .with("environment", "production"),
        activated("wrong-environment", "INVALID", "proof-for-another", "made for production", &[])
            .with("environment", "test"),
        activated("wrong-product", "INVALID", "proof-for-another-product", "made for suite", &[])
            .with("product", "other"),
        activated("valid", "ACTIVE", "proof-for-this-version", "the very one", &[]).with("product-version", "1.2.0"),
        activated(
            "wrong-version",
            "INVALID",
            "later-patch",
            "a proof that is bound to no signer covers one version",
            &[],
        )
        .with("product-version", "1.2.1"),
        activated("valid", "ACTIVE", "proof-for-a-series", "1.2.* covers 1.2.9", &[("productVersion", r#""1.2.*""#)])
            .with("product-version", "1.2.9"),
        activated(
            "wrong-version",
            "INVALID",
            "outside-the-series",
            "1.2.* does not cover 1.20.0",
            &[("productVersion", r#""1.2.*""#)],
        )
        .with("product-version", "1.20.0"),
        built(
            activated(
                "manifest-mismatch",
                "INVALID",
                "build-by-another-signer",
                "signed by the CI key",
                &[("manifest", by_keys)],
            ),
            "suite",
            "1.2.0",
            "ci",
        ),
        built(
            activated(
                "manifest-mismatch",
                "INVALID",
                "build-of-another-product",
                "the proof covers builds of other",
                &[("manifest", by_keys_of_another)],
            ),
            "suite",
            "1.2.0",
            "vendor",
        ),
        built(
            activated("valid", "ACTIVE", "the-bound-build", "its digest is the proof's", &[("manifest", build)]),
            "suite",
            "1.2.0",
            "ci",
        ),
        built(
            activated(
                "manifest-mismatch",
                "INVALID",
                "another-build",
                "its digest is not the proof's",
                &[("manifest", another_build)],
            ),
            "suite",
            "1.2.0",
            "ci",
        ),
    ]
}
