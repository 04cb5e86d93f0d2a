use super::identity::Assembly;
use super::*;
use crate::json::{self, JsonError};
use crate::key::SecretKey;
use crate::keyring::{Purpose, TrustedKey};

pub(super) fn path(name: impl Into<Vec<u8>>) -> TreePath {
    TreePath::new(name).unwrap()
}

pub(super) fn entry(name: impl Into<Vec<u8>>) -> FileEntry {
    let facts = FileFacts { size: 5, sha256: FileDigest([1; 32]), identity: None };
    FileEntry { path: path(name), facts }
}

pub(super) fn assembly() -> Assembly {
    Assembly {
        name: "Acme.Core".to_owned(),
        version: "1.2.0.0".to_owned(),
        culture: "neutral".to_owned(),
        public_key_token: None,
        informational_version: Some("1.2.0+abc".to_owned()),
    }
}

pub(super) fn manifest() -> Manifest {
    let mut files = vec![entry("bin/Acme.Core.dll"), entry("bin/a\nb"), entry("lib/x.so"), entry(&b"\xff"[..])];
    files[0].facts.identity = Some(Identity::Dotnet(assembly()));
    files[2].facts.identity = Some(Identity::Elf("0a0b".to_owned()));
    Manifest {
        product: "acme".to_owned(),
        version: "1.2.0".to_owned(),
        created_at: Timestamp::from_seconds(1_000).unwrap(),
        scope: Scope::Global,
        source: BuildSource::default(),
        walk: Walk { symlinks: Symlinks::Record, excludes: vec!["**/*.pdb".to_owned()] },
        files,
        links: vec![LinkEntry { path: path("lib/x.so.1"), target: b"x.so".to_vec() }],
    }
}

/// A payload with one text exchanged for another, its subject made right again.
fn forged(from: &str, to: &str) -> Vec<u8> {
    let payload = manifest().to_payload();
    let changed = payload.replacen(from, to, 1);
    assert_ne!(changed, payload, "{from}");
    changed.into_bytes()
}

#[test]
fn what_is_written_reads_back() {
    let mut other = manifest();
    other.scope = Scope::Licenses(vec!["LIC-1".to_owned()]);
    other.source.provider = Some("github-actions".to_owned());
    other.source.commit = Some("abc".to_owned());
    for manifest in [manifest(), other] {
        let payload = manifest.to_payload();
        assert_eq!(Manifest::parse(payload.as_bytes()), Ok(manifest));
        assert_eq!(json::canonical(&json::parse(payload.as_bytes()).unwrap()), payload);
    }
}

#[test]
fn only_a_key_that_may_sign_manifests_is_believed() {
    let key = SecretKey::from_seed(&[1; 32]);
    let envelope = Envelope::sign(Kind::Manifest, manifest().to_payload().into_bytes(), &[&key]);
    let verified = Manifest::verify(&envelope, &Keyring::from(key.public())).unwrap();
    assert_eq!((verified.manifest, verified.key_id), (manifest(), key.public().id()));
    let mut keyring = Keyring::default();
    keyring.add(TrustedKey { purposes: vec![Purpose::License], ..TrustedKey::bare(key.public()) });
    assert_eq!(Manifest::verify(&envelope, &keyring).unwrap_err().code(), Code::WrongPurpose);
    let other = Envelope::sign(Kind::Keyring, manifest().to_payload().into_bytes(), &[&key]);
    let refused = Manifest::verify(&other, &Keyring::from(key.public())).unwrap_err();
    assert_eq!(refused.code(), Code::WrongKind);
}

#[test]
fn a_file_that_is_added_removed_or_renamed_leaves_the_subject_behind() {
    let digest = "01".repeat(32);
    for (from, to) in [
        ("\"bin/Acme.Core.dll\"", "\"bin/Acme.Corf.dll\"".to_owned()),
        (digest.as_str(), "02".repeat(32)),
        ("\"bin/a\\nb\"", "\"bin/b\"".to_owned()),
    ] {
        assert_eq!(Manifest::parse(&forged(from, &to)), Err(ManifestError::Subject), "{from}");
    }
}

#[test]
fn statements_about_anything_else_are_refused() {
    let provenance = forged(PREDICATE_TYPE, "https://slsa.dev/provenance/v1");
    assert_eq!(Manifest::parse(&provenance).unwrap_err().code(), Code::WrongKind);
    for (from, to) in [
        (STATEMENT_TYPE, "https://in-toto.io/Statement/v0.1"),
        ("\"name\":\"SHA256SUMS\"", "\"name\":\"SHA1SUMS\""),
        ("\"subject\":[", "\"subject\":[{\"name\":\"x\",\"digest\":{\"sha256\":\"00\"}},"),
        ("\"kind\":\"global\"", "\"kind\":\"world\""),
        ("\"kind\":\"global\"", "\"kind\":\"license\""),
        ("\"kind\":\"global\"", "\"kind\":\"license\",\"licenseIds\":[]"),
        ("\"kind\":\"global\"", "\"kind\":\"global\",\"licenseIds\":[\"x\"]"),
        ("\"kind\":\"manual\"", "\"kind\":\"ci\""),
        ("\"symlinks\":\"record\"", "\"symlinks\":\"follow\""),
        ("\"size\":5", "\"size\":-5"),
        ("\"target\":\"x.so\"", "\"target\":\"../../x.so\""),
        ("\"target\":\"x.so\"", "\"target\":\"/x.so\""),
    ] {
        assert_eq!(Manifest::parse(&forged(from, to)).unwrap_err().code(), Code::Malformed, "{to}");
    }
    let demanding = forged("\"files\":", "\"crit\":[\"sbom\"],\"files\":");
    assert_eq!(Manifest::parse(&demanding).unwrap_err().code(), Code::Unsupported);
    let demanding = forged("\"_type\":", "\"crit\":[\"predicate\",\"seal\"],\"_type\":");
    assert_eq!(Manifest::parse(&demanding).unwrap_err().code(), Code::Unsupported);
    let understood = forged("\"files\":", "\"crit\":[\"walk\",\"sha256\",\"identity\"],\"files\":");
    assert_eq!(Manifest::parse(&understood), Ok(manifest()));
}

#[test]
fn hostile_paths_are_refused_wherever_they_stand() {
    for (hostile, fault) in [
        ("/etc/passwd", PathFault::Absolute),
        ("../bin", PathFault::Dots),
        ("bin/..\\\\x", PathFault::Dots),
        ("c:/x", PathFault::Drive),
        ("bin/\\u0000", PathFault::Nul),
        ("bin//x", PathFault::Empty),
    ] {
        for honest in ["\"path\":\"bin/Acme.Core.dll\"", "\"path\":\"lib/x.so.1\""] {
            let refused = Manifest::parse(&forged(honest, &format!("\"path\":\"{hostile}\""))).unwrap_err();
            assert!(matches!(&refused, ManifestError::Path(_, found) if *found == fault), "{hostile}: {refused}");
        }
    }
    for base64 in ["YWJj", "!!", "/w", "Li4v/w=="] {
        let refused = Manifest::parse(&forged("\"pathB64\":\"/w==\"", &format!("\"pathB64\":\"{base64}\"")));
        assert!(matches!(refused, Err(ManifestError::Path(..))), "{base64}: {refused:?}");
    }
}

#[test]
fn a_path_stands_once_and_in_its_order() {
    for (from, to) in [("\"bin/a\\nb\"", "\"bin/Acme.Core.dll\""), ("\"lib/x.so.1\"", "\"lib/x.so\"")] {
        assert!(matches!(Manifest::parse(&forged(from, to)), Err(ManifestError::Duplicate(_))), "{to}");
    }
    let twice = forged("\"path\":\"lib/x.so\"", "\"path\":\"lib/x.so\",\"pathB64\":\"/w==\"");
    assert_eq!(Manifest::parse(&twice).unwrap_err().code(), Code::DuplicateMember);
    let unsorted = Manifest::parse(&forged("\"lib/x.so\"", "\"a/x.so\""));
    assert!(matches!(unsorted, Err(ManifestError::Json(JsonError::Value { .. }))));
}

#[test]
fn an_identity_of_a_later_version_is_passed_over() {
    let later = forged("\"buildId\":\"0a0b\",\"type\":\"elf\"", "\"type\":\"wasm\"");
    assert_eq!(Manifest::parse(&later).unwrap().files[2].facts.identity, None);
}
