//! Manifests that a trusted key signed and that are hostile all the same: nothing is opened outside of the tree.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

/// Signs a statement with one text exchanged for another, its subject made right where it can be.
fn forge(bench: &Bench, from: &str, to: &str) {
    let statement = bench.statement();
    let changed = statement.replacen(from, to, 1);
    assert_ne!(changed, statement, "{from}");
    sign(bench, changed.as_bytes());
}

fn sign(bench: &Bench, payload: &[u8]) {
    let key = mintage::key::file::KeyFile::parse(&fs::read(example("ci.key")).unwrap()).unwrap().open(None).unwrap();
    bench.write("m.json", Envelope::sign(Kind::Manifest, payload.to_vec(), &[&key]).to_json());
}

#[test]
fn hostile_paths_are_refused_before_anything_is_opened() {
    for path in [
        "/etc/passwd",
        "//etc/passwd",
        "../secret",
        "bin/../../secret",
        "..",
        ".",
        "./readme",
        "bin/./tool",
        "bin//tool",
        "bin/",
        "",
        "\\\\secret",
        "\\\\\\\\host\\\\share",
        "..\\\\secret",
        "bin\\\\..\\\\..\\\\secret",
        "c:secret",
        "C:\\\\secret",
        "c:/secret",
        "bin/tool\\u0000",
        "\\u0000",
        "\\u002e\\u002e/secret",
        "\\u002fetc/passwd",
    ]
    .map(|path| format!("\"path\":\"{path}\""))
    .into_iter()
    // What is not UTF-8 stands in base64, and leads out no more than the rest does.
    .chain(
        [&b"/\xff"[..], b"../\xff", b"\xff/../../x", b"c:\xff", b"\\\xff", b"\xff/", b"\xff\0", b"../secret", b""]
            .map(|path| format!("\"pathB64\":\"{}\"", STANDARD.encode(path))),
    ) {
        let bench = scene();
        bench.minted(&[]);
        forge(&bench, "\"path\":\"bin/tool\"", &path);
        // A folder that cannot be read would be the reason if it were looked at.
        fs::remove_dir_all(bench.path("app")).unwrap();
        let refused = bench.verified(&[]);
        assert_eq!((refused.status, codes(&refused)), (Some(1), vec!["malformed"]), "{path}: {refused}");
    }
}

#[test]
fn a_path_that_is_too_long_is_cut_for_people_and_whole_for_programs() {
    let bench = scene();
    bench.minted(&[]);
    let long = "a/".repeat(2_499) + "a";
    forge(&bench, "\"path\":\"bin/tool\"", &format!("\"path\":\"{long}\""));
    let refused = bench.verified(&[]);
    assert_eq!((refused.status, codes(&refused)), (Some(1), vec!["malformed"]), "{refused}");
    for text in [refused.stdout(), refused.stderr()] {
        assert!(text.lines().all(|line| line.chars().count() < 2_200), "{text}");
        assert!(
            text.contains(" characters) …") && text.contains("a`, which is longer than 4096 bytes or 256 components"),
            "{text}"
        );
    }
    assert!(bench.verified(&["--json"]).stdout().contains(&long));
}

#[test]
fn paths_that_stand_twice_or_out_of_order_are_refused() {
    let bench = scene();
    for (from, to) in [
        ("\"path\":\"lib/core.so\"", "\"path\":\"bin/tool\""),
        ("\"path\":\"lib/core.so\"", "\"path\":\"a\""),
        ("\"path\":\"lib/core.so\"", "\"pathB64\":\"YWJj\""),
        ("\"path\":\"lib/core.so\"", "\"path\":\"lib/core.so\",\"pathB64\":\"/w==\""),
        ("\"links\":[]", "\"links\":[{\"path\":\"readme\",\"target\":\"x\"}]"),
        ("\"links\":[]", "\"links\":[{\"path\":\"x\",\"target\":\"/etc/passwd\"}]"),
        ("\"links\":[]", "\"links\":[{\"path\":\"x\",\"target\":\"../../etc/passwd\"}]"),
    ] {
        bench.minted(&[]);
        forge(&bench, from, to);
        let refused = bench.verified(&[]);
        let code = codes(&refused)[0].to_owned();
        assert_eq!(refused.status, Some(1), "{to}: {refused}");
        assert!(["malformed", "duplicate-member"].contains(&code.as_str()), "{to}: {refused}");
    }
}

#[test]
fn a_file_taken_out_of_the_list_leaves_the_subject_behind() {
    let bench = scene();
    bench.minted(&[]);
    let statement = bench.statement();
    let start = statement.find("{\"path\":\"bin/tool\"").unwrap();
    let end = start + statement[start..].find("},").unwrap() + 2;
    sign(&bench, [&statement[..start], &statement[end..]].concat().as_bytes());
    assert_snapshot!(bench.verified(&["--allow-extra"]), @r"
    fail  signature    the digest of `SHA256SUMS` is not that of the files the manifest lists
    refused, as of 2026-01-01T00:00:00Z
    ------- stderr -------
    mintage: error[malformed]: the digest of `SHA256SUMS` is not that of the files the manifest lists
    mintage: hint: ask the issuer for a fresh copy
    [exit status: 1]
    ");
}

#[test]
fn another_kind_of_statement_is_refused() {
    let bench = scene();
    bench.minted(&[]);
    forge(&bench, "https://mintage.dev/build-manifest/v1", "https://slsa.dev/provenance/v1");
    let refused = bench.verified(&[]);
    assert_eq!((refused.status, codes(&refused)), (Some(1), vec!["wrong-kind"]), "{refused}");
    bench.minted(&[]);
    forge(&bench, "\"files\":", "\"crit\":[\"sbom\"],\"files\":");
    let refused = bench.verified(&[]);
    assert_eq!((refused.status, codes(&refused)), (Some(1), vec!["unsupported"]), "{refused}");
}

#[test]
fn a_changed_byte_anywhere_is_refused() {
    let bench = scene();
    bench.minted(&[]);
    let whole = bench.read("m.json").trim_end().as_bytes().to_vec();
    for at in (0..whole.len()).step_by(whole.len() / 64) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        bench.write("m.json", &changed);
        let refused = bench.verified(&[]);
        // A key id is a hint; a changed one decides nothing.
        let hint = String::from_utf8_lossy(&changed).find("keyid\":\"").is_some_and(|id| (id..id + 73).contains(&at));
        assert!(refused.status == Some(1) || hint, "{at}: {refused}");
    }
}

#[test]
fn a_folder_exchanged_for_a_link_is_not_entered() {
    let bench = scene();
    bench.minted(&[]);
    fs::rename(bench.path("app/lib"), bench.path("elsewhere")).unwrap();
    symlink(bench.path("elsewhere"), bench.path("app/lib")).unwrap();
    let refused = bench.verified(&[]);
    assert_eq!((refused.status, codes(&refused)), (Some(1), vec!["manifest-mismatch"]), "{refused}");
    assert!(refused.stdout().contains("MISSING     lib/core.so"), "{refused}");
    assert_eq!(bench.verified(&["--allow-extra"]).status, Some(1));
}

#[test]
fn links_in_a_circle_and_to_themselves_are_listed_and_never_followed() {
    let bench = scene();
    symlink("there", bench.path("app/here")).unwrap();
    symlink("here", bench.path("app/there")).unwrap();
    symlink("self", bench.path("app/self")).unwrap();
    symlink("../lib", bench.path("app/lib/again")).unwrap();
    let refused = bench.manifest(&[]);
    assert_eq!((refused.status, codes(&refused)), (Some(3), vec!["not-a-file"; 4]), "{refused}");
    bench.minted(&["--symlinks", "record"]);
    let verified = bench.verified(&[]);
    assert!(verified.stdout().contains("7 checked"), "{verified}");
}

#[test]
fn a_folder_that_cannot_be_read_is_named_and_no_manifest_written() {
    let bench = scene();
    bench.minted(&[]);
    fs::set_permissions(bench.path("app/lib"), fs::Permissions::from_mode(0o000)).unwrap();
    // Root reads everything; then the system has nothing to refuse.
    if fs::read_dir(bench.path("app/lib")).is_err() {
        let refused = bench.manifest(&["-o", "n.json"]);
        assert_eq!((refused.status, codes(&refused)), (Some(3), vec!["file-unreadable"]), "{refused}");
        assert!(refused.stderr().contains("the folder `lib`") && !bench.path("n.json").exists(), "{refused}");
        let verified = bench.verified(&[]);
        assert_ne!(verified.status, Some(0), "{verified}");
    }
    fs::set_permissions(bench.path("app/lib"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn names_cannot_steer_the_terminal() {
    let bench = scene();
    bench.minted(&[]);
    fs::write(bench.path("app/\u{1b}]52;c;eA==\u{7}\u{202e}\n\u{9b}2J"), "x").unwrap();
    for arguments in [&[][..], &["--json"]] {
        let refused = bench.verified(arguments);
        let text = format!("{}{}", refused.stdout(), refused.stderr());
        assert!(!text.chars().any(|char| char != '\n' && json::steers(char)), "{text:?}");
    }
}

#[test]
fn a_tree_that_no_manifest_can_list_is_refused_by_name() {
    let bench = scene();
    bench.write("app/c:evil", "x");
    assert_snapshot!(bench.manifest(&[]), @r"
    ------- stderr -------
    mintage: approved for every license (scope global)
    mintage: error[not-a-file]: the name `c:evil` begins with a drive letter, so no manifest can list it
    mintage: hint: remove or rename it, leave it out with --exclude, or list links with --symlinks record
    [exit status: 3]
    ");
    bench.minted(&["--exclude", "c:evil"]);
    let bench = scene();
    bench.minted(&[]).write("app/c:evil", "x");
    let refused = bench.verified(&[]);
    assert_eq!((refused.status, codes(&refused)), (Some(1), vec!["manifest-mismatch"]), "{refused}");
    assert_eq!(bench.verified(&["--allow-extra"]).status, Some(0));
}

/// Verifies with what `-q` leaves out.
fn loudly(bench: &Bench, more: &[&str]) -> Outcome {
    let trust = example("ci.pub");
    let fixed = ["verify", "m.json", "--dir", "app", "--trust", &trust, "--at", ISSUED];
    bench.run(fixed.iter().chain(more))
}

/// Signs a manifest that lists `README` beside `readme`, with the same contents.
fn forge_clash(bench: &Bench) {
    bench.write("app/README", bench.read("app/readme"));
    bench.minted(&[]);
    fs::remove_file(bench.path("app/README")).unwrap();
}

#[test]
fn two_names_that_a_file_system_takes_for_one_are_told_with_their_code() {
    let bench = scene();
    forge_clash(&bench);
    // As it unpacks where case is not kept: the second name has gone into the first.
    let verified = bench.verified(&["--allow-extra"]);
    assert_snapshot!(verified, @r"
    pass  signature    acme 1.2, signed by key d4e093ff67c0565a
    pass  clock        made at 2026-01-01T00:00:00Z
    pass  scope        global
    fail  names        `README` and `readme` differ by case alone, and not both are here: what holds or unpacked this folder takes them for one
    fail  files        3 checked, 1 missing
    MISSING     README
                  expected 3f22095641508576e91dc7c6c7f7e08a093985d53ea998043c6619ad240dc92c (7 bytes)
    refused, as of 2026-01-01T00:00:00Z
    ------- stderr -------
    mintage: error[path-clash]: `README` and `readme` differ by case alone, and not both are here: what holds or unpacked this folder takes them for one
    mintage: hint: rename one of them in the build, or keep the folder where names are told apart
    mintage: error[manifest-mismatch]: 3 checked, 1 missing
    mintage: hint: reinstall the product
    [exit status: 1]
    ");
    // Where both are there they are two files, and the tree is the one that was signed.
    bench.write("app/README", bench.read("app/readme"));
    assert_snapshot!(loudly(&bench, &[]), @r"
    pass  signature    acme 1.2, signed by key d4e093ff67c0565a
    pass  clock        made at 2026-01-01T00:00:00Z
    pass  scope        global
    pass  files        4 checked
    valid, as of 2026-01-01T00:00:00Z
    ------- stderr -------
    mintage: judged as of 2026-01-01T00:00:00Z, not as of now
    mintage: warning[path-clash]: `README` and `readme` differ by case alone; some systems take them for one
    mintage: hint: rename one of them in the build, or keep the folder where names are told apart
    [exit status: 0]
    ");
    let json = bench.verified(&["--json"]);
    assert_eq!(json.status, Some(0), "{json}");
    let coded = r#""warnings":[{"code":"path-clash","hint":"rename one of them in the build, or keep the folder where names are told apart","message":"`README` and `readme` differ by case alone; some systems take them for one"}]"#;
    assert!(json.stdout().contains(coded), "{json}");
    // Whoever ignores one of them on purpose has answered the question.
    fs::remove_file(bench.path("app/README")).unwrap();
    assert_eq!(codes(&bench.verified(&["--ignore", "README"])), Vec::<String>::new());
}

#[test]
fn a_name_beside_or_in_the_place_of_one_that_was_signed_is_told_with_its_code() {
    for (from, to, by) in [
        ("lib/core.so", "lib/Core.so", "case"),
        ("lib/core.so", "LIB/core.so", "case"),
        ("\u{e9}t\u{e9}", "e\u{301}te\u{301}", "Unicode form"),
        ("\u{e9}t\u{e9}", "E\u{301}te\u{301}", "case and Unicode form"),
    ] {
        let bench = scene();
        bench.write("app/\u{e9}t\u{e9}", "summer");
        bench.minted(&[]);
        bench.write(&format!("app/{to}"), "evil");
        let beside = bench.verified(&[]);
        assert_eq!((beside.status, codes(&beside)), (Some(1), vec!["path-clash", "manifest-mismatch"]), "{beside}");
        let said = format!("`{to}` is extra, and differs from `{from}` by {by} alone");
        assert!(beside.stderr().contains(&format!("error[path-clash]: {said}")), "{beside}");
        let allowed = loudly(&bench, &["--allow-extra"]);
        assert_eq!((allowed.status, codes(&allowed)), (Some(0), Vec::new()), "{allowed}");
        assert!(allowed.stderr().contains(&format!("warning[path-clash]: {said}")), "{allowed}");
        // The same bytes under the other name: a move to the comparison, and a clash all the same.
        fs::rename(bench.path(format!("app/{from}")), bench.path(format!("app/{to}"))).unwrap();
        let moved = bench.verified(&["--allow-extra"]);
        assert_eq!((moved.status, codes(&moved)), (Some(1), vec!["path-clash", "manifest-mismatch"]), "{moved}");
        let said = format!("`{from}` is missing and `{to}` is extra: a tool changed the {by} of names");
        assert!(moved.stderr().contains(&said), "{moved}");
    }
}
