//! What holds of every proof.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::json;
use crate::key::SecretKey;

fn proof() -> Proof {
    Proof {
        proof_id: "p-1".to_owned(),
        license: "a.b".to_owned(),
        license_id: "lic-1".to_owned(),
        tenant_id: "acme".to_owned(),
        fingerprint: Fingerprint::Exact("node-1".to_owned()),
        environment: Some("production".to_owned()),
        product: Some("suite".to_owned()),
        product_version: Some("1.2.0".to_owned()),
        manifest: None,
        nonce: Nonce([1; 16]),
        instance_key: SecretKey::from_seed(&[2; 32]).public(),
        heartbeat_nonce: Nonce([3; 16]),
        activated_at: Timestamp::EPOCH,
        expires_at: Timestamp::NEVER,
        revocation_sequence: Some(4),
    }
}

fn by_keys() -> ManifestBinding {
    let keys = vec![SecretKey::from_seed(&[9; 32]).public().id()];
    ManifestBinding::Keys { keys, product: "suite".to_owned() }
}

#[test]
fn what_is_written_reads_back_canonically() {
    for manifest in [None, Some(ManifestBinding::Digest([7; 32])), Some(by_keys())] {
        let proof = Proof { manifest, ..proof() };
        let payload = proof.to_payload();
        assert_eq!(Proof::parse(payload.as_bytes()), Ok(proof));
        assert_eq!(json::canonical(&json::parse(payload.as_bytes()).unwrap()), payload);
    }
}

#[test]
fn every_member_that_counts_is_demanded_and_held_to_its_type() {
    let whole = Proof { manifest: Some(ManifestBinding::Digest([7; 32])), ..proof() }.to_payload();
    for name in
        ["activatedAt", "expiresAt", "fingerprint", "heartbeatNonce", "instanceKey", "license", "licenseId", "nonce"]
            .into_iter()
            .chain(["proofId", "tenantId"])
    {
        let without = whole.replacen(&format!("\"{name}\":"), "\"x\":", 1);
        assert_eq!(Proof::parse(without.as_bytes()), Err(ProofError::Json(JsonError::Missing(name))), "{name}");
    }
    for (from, to, code) in [
        ("\"expiresAt\":253402300799", "\"expiresAt\":253402300800", Code::Malformed),
        ("\"digest\":\"0707", "\"digest\":\"0", Code::Malformed),
        ("{\"digest\"", "{\"sha256\"", Code::Malformed),
        ("\"revocationSequence\":4", "\"revocationSequence\":\"4\"", Code::Malformed),
        ("\"tenantId\"", "\"crit\":[\"tpm\"],\"tenantId\"", Code::Unsupported),
        ("\"tenantId\"", "\"proofId\":\"p-2\",\"tenantId\"", Code::DuplicateMember),
    ] {
        assert!(whole.contains(from), "{from}");
        assert_eq!(Proof::parse(whole.replacen(from, to, 1).as_bytes()).unwrap_err().code(), code, "{from} -> {to}");
    }
}

#[test]
fn a_proof_counts_when_a_key_trusted_for_proofs_signed_it_as_one() {
    let key = SecretKey::from_seed(&[1; 32]);
    let keyring = Keyring::from(key.public());
    let sign = |kind| Envelope::sign(kind, proof().to_payload().into_bytes(), &[&key]);
    assert_eq!(Proof::verify(&sign(Kind::Proof), &keyring).unwrap().proof, proof());
    assert_eq!(Proof::verify(&sign(Kind::Release), &keyring).unwrap_err().code(), Code::WrongKind);
    let stranger = Keyring::from(SecretKey::from_seed(&[5; 32]).public());
    assert_eq!(Proof::verify(&sign(Kind::Proof), &stranger).unwrap_err().code(), Code::UnknownKey);
}

#[test]
fn a_version_is_covered_exactly_by_series_or_as_a_later_patch() {
    let covers = |covered: Option<&str>, manifest: Option<ManifestBinding>, version: &str| {
        Proof { product_version: covered.map(str::to_owned), manifest, ..proof() }.covers_version(version)
    };
    assert!(covers(None, None, "9.9"));
    assert!(covers(Some("*"), None, "9.9"));
    assert!(covers(Some("1.2.0"), None, "1.2.0"));
    assert!(!covers(Some("1.2.0"), None, "1.2.1"));
    for version in ["1.2", "1.2.0", "1.2.7-rc1"] {
        assert!(covers(Some("1.2.*"), None, version), "{version}");
    }
    for version in ["1.20", "1.20.0", "1.3.0", "1"] {
        assert!(!covers(Some("1.2.*"), None, version), "{version}");
    }
    assert!(covers(Some("1.2.3"), Some(by_keys()), "1.2.7"));
    for version in ["1.2.2", "1.3.0", "1.2.7-rc1", "1.2.3.4", "2.2.3", "x.2.4"] {
        assert!(!covers(Some("1.2.3"), Some(by_keys()), version), "{version}");
    }
    assert!(!covers(Some("1.2.3"), Some(ManifestBinding::Digest([7; 32])), "1.2.7"));
}

#[test]
fn an_instance_key_that_is_weak_is_named_as_one() {
    let payload = proof().to_payload();
    let key = STANDARD.encode(proof().instance_key.as_bytes());
    let error = Proof::parse(payload.replace(&key, &STANDARD.encode([0; 32])).as_bytes()).unwrap_err();
    assert_eq!(error.code(), Code::WeakKey);
    assert!(error.to_string().starts_with("this is no proof: the member `instanceKey`: "), "{error}");
}
