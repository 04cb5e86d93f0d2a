//! What is shown of a manifest that nobody has verified yet, and what programs are told of one that was not minted.

use super::*;

#[test]
fn inspect_shows_what_a_manifest_claims() {
    let bench = scene();
    (0..4).for_each(|n| drop(bench.write(&format!("app/x/{n}"), "")));
    bench.minted(&["--for-license", "LIC-7", "--exclude", "**/*.pdb"]);
    assert_snapshot!(bench.run(["inspect", "m.json", "--at", ISSUED]), @r"
    NOT VERIFIED: this is what the text claims; nothing has been checked
    kind      manifest
    form      a DSSE envelope, 1792 bytes; payload 1157 bytes
    type      application/vnd.in-toto+json
    signer    says key d4e093ff67c0565ac2868117ddceb585b14dacb7643ecfb4450aae2b807f3764
    product   acme
    version   1.2
    made      2026-01-01T00:00:00Z, in 0 minutes
    scope     license LIC-7
    source    made by hand
    excludes  **/*.pdb
    files     7, 15 bytes
    file      7c9bbe5ec9b3fb774e8fa0f54247e93c34ddf8e5d16fe3073420de0ae81a262d bin/tool, 4 bytes
    file      0d45f5fd462b8c70bffb10021ac1bcff3f58f29b1faf7568595095427d42812c lib/core.so, 4 bytes
    file      3f22095641508576e91dc7c6c7f7e08a093985d53ea998043c6619ad240dc92c readme, 7 bytes
    file      e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 x/0, 0 bytes
    file      e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 x/1, 0 bytes
    file      and 2 more
    NOT VERIFIED: this is what the text claims; nothing has been checked
    [exit status: 0]
    ");
    let json = bench.run(["inspect", "m.json", "--json", "--at", ISSUED]);
    let kind =
        r#""kind":"manifest","manifest":{"createdAt":"2026-01-01T00:00:00Z","files":7,"links":0,"product":"acme""#;
    assert!(json.stdout().contains(kind), "{json}");
    bench.minted(&["--format", "sigstore-bundle"]);
    let bundle = bench.run(["inspect", "m.json", "--at", ISSUED]);
    assert!(bundle.stdout().contains("scope    global: every license"), "{bundle}");
    let statement = bench.statement_of_another("https://slsa.dev/provenance/v1");
    let other = bench.run_with(["inspect", "-"], statement);
    assert!(other.stdout().contains("wrong-kind: the statement is a `https://slsa.dev/provenance/v1`"), "{other}");
}

impl Bench {
    /// An envelope of a statement about something else.
    fn statement_of_another(&self, predicate: &str) -> String {
        self.minted(&[]);
        let statement = self.statement().replace("https://mintage.dev/build-manifest/v1", predicate);
        let envelope = Envelope::sign(Kind::Manifest, statement.into_bytes(), &[]);
        envelope.to_json().replace(
            "[]",
            r#"[{"sig":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}]"#,
        )
    }
}

#[test]
fn programs_are_told_every_reason_why_no_manifest_was_minted() {
    let bench = scene();
    (0..25).for_each(|n| symlink("x", bench.path(format!("app/link-{n:02}"))).unwrap());
    let refused = bench.manifest(&["--json", "-q"]);
    assert_eq!((refused.status, codes(&refused).len()), (Some(3), 20), "{refused}");
    let value = json::parse(refused.stdout().trim_end().as_bytes()).unwrap();
    assert_eq!(json::canonical(&value), refused.stdout().trim_end());
    assert!(
        refused.stdout().starts_with(r#"{"code":"not-a-file","error":"`link-00` is a symbolic link""#),
        "{refused}"
    );
    assert_eq!(refused.stdout().matches(r#""message":"`link-"#).count(), 26, "the first one stands twice");
}

#[test]
fn names_that_differ_by_form_alone_are_warned_of_on_both_sides() {
    let bench = scene();
    bench.write("app/\u{fc}ber", "composed");
    bench.write("app/u\u{308}ber", "composed");
    let minted = bench.manifest(&["-o", "m.json"]);
    assert!(minted.stderr().contains("differ by Unicode form alone"), "{minted}");
    fs::remove_file(bench.path("app/u\u{308}ber")).unwrap();
    bench.minted(&[]);
    fs::rename(bench.path("app/\u{fc}ber"), bench.path("app/U\u{308}ber")).unwrap();
    fs::write(bench.path("app/U\u{308}ber"), "changed").unwrap();
    let refused = bench.verified(&["--json"]);
    assert_eq!(refused.status, Some(1), "{refused}");
    assert!(refused.stdout().contains("a tool changed the case and Unicode form of names"), "{refused}");
}
