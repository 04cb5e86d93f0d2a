//! `mintage mint manifest` and `mintage verify --dir`, on made-up trees and on what the machine has.
#![cfg(unix)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use insta::assert_snapshot;
use mintage::dsse::{Envelope, Kind};
use mintage::json::{self, Value};

use crate::harness::{Bench, ISSUED, Outcome, example, feed};

mod exported;
mod hostile;
mod shown;
mod subjects;
mod tools;
mod unstable;
mod walked;

/// A tree of three files in `app`.
fn scene() -> Bench {
    let bench = Bench::new();
    bench.write("app/bin/tool", "tool");
    bench.write("app/lib/core.so", "core");
    bench.write("app/readme", "read me");
    bench
}

impl Bench {
    fn manifest(&self, arguments: &[&str]) -> Outcome {
        let key = example("ci.key");
        let fixed = ["mint", "manifest", "app", "--allow-readable-key", "--key", &key, "--issued-at", ISSUED];
        self.run(fixed.iter().chain(&["--product", "acme", "--version", "1.2"]).chain(arguments))
    }

    /// Mints `app` into `m.json`.
    fn minted(&self, arguments: &[&str]) -> &Self {
        let outcome = self.manifest(&[&["-q", "-o", "m.json", "--force"], arguments].concat());
        assert_eq!(outcome.status, Some(0), "{outcome}");
        self
    }

    fn verified(&self, arguments: &[&str]) -> Outcome {
        let key = example("ci.pub");
        let fixed = ["verify", "m.json", "--dir", "app", "--at", ISSUED, "-q", "--trust", &key];
        self.run(fixed.iter().chain(arguments))
    }

    /// What the minted manifest says.
    fn statement(&self) -> String {
        let envelope = Envelope::parse(self.read("m.json").trim_end().as_bytes()).unwrap();
        String::from_utf8(envelope.unverified_payload().to_vec()).unwrap()
    }
}

fn codes(outcome: &Outcome) -> Vec<&str> {
    let stderr = outcome.stderr();
    stderr.lines().filter_map(|line| Some(line.split_once("error[")?.1.split_once(']')?.0)).collect()
}

#[test]
fn a_build_is_minted_and_the_same_build_verifies() {
    let bench = scene();
    assert_snapshot!(bench.manifest(&["-o", "m.json"]), @r"
    ------- stderr -------
    mintage: approved for every license (scope global)
    mintage: minted the manifest of acme 1.2: 3 files, signed by key d4e093ff67c0565a
    [exit status: 0]
    ");
    assert_snapshot!(bench.statement(), @r#"{"_type":"https://in-toto.io/Statement/v1","predicate":{"createdAt":1767225600,"files":[{"path":"bin/tool","sha256":"7c9bbe5ec9b3fb774e8fa0f54247e93c34ddf8e5d16fe3073420de0ae81a262d","size":4},{"path":"lib/core.so","sha256":"0d45f5fd462b8c70bffb10021ac1bcff3f58f29b1faf7568595095427d42812c","size":4},{"path":"readme","sha256":"3f22095641508576e91dc7c6c7f7e08a093985d53ea998043c6619ad240dc92c","size":7}],"links":[],"product":"acme","scope":{"kind":"global"},"source":{"kind":"manual"},"version":"1.2","walk":{"excludes":[],"symlinks":"reject"}},"predicateType":"https://mintage.dev/build-manifest/v1","subject":[{"digest":{"sha256":"5aebaed82017d8976435dd65dd0e2981b9430c6366b048ab049b177279e61692"},"name":"SHA256SUMS"}]}"#);
    assert_snapshot!(bench.verified(&[]), @r"
    pass  signature    acme 1.2, signed by key d4e093ff67c0565a
    pass  clock        made at 2026-01-01T00:00:00Z
    pass  scope        global
    pass  files        3 checked
    valid, as of 2026-01-01T00:00:00Z
    [exit status: 0]
    ");
}

#[test]
fn each_difference_is_told_apart_with_both_digests() {
    let bench = scene();
    bench.write("app/doc/a", "a");
    bench.write("app/doc/b", "b");
    bench.minted(&[]);
    bench.write("app/bin/tool", "other");
    fs::remove_file(bench.path("app/doc/b")).unwrap();
    fs::rename(bench.path("app/doc/a"), bench.path("app/doc/c")).unwrap();
    bench.write("app/lib/evil.so", "evil");
    assert_snapshot!(bench.verified(&[]), @r"
    pass  signature    acme 1.2, signed by key d4e093ff67c0565a
    pass  clock        made at 2026-01-01T00:00:00Z
    pass  scope        global
    fail  files        3 checked, 1 changed, 1 missing, 1 extra, 1 moved
    CHANGED     bin/tool
                  expected 7c9bbe5ec9b3fb774e8fa0f54247e93c34ddf8e5d16fe3073420de0ae81a262d (4 bytes)
                  found    d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa (5 bytes)
    MISSING     doc/b
                  expected 3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d (1 bytes)
    EXTRA       lib/evil.so
                  found    b5c1fb2efc6d6b4674c2fdcc48ce01b43a3b7c03763c0c3355de0099ee0f8c73 (4 bytes)
    MOVED       doc/a -> doc/c
                  both     ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb (1 bytes)
    refused, as of 2026-01-01T00:00:00Z
    ------- stderr -------
    mintage: error[manifest-mismatch]: 3 checked, 1 changed, 1 missing, 1 extra, 1 moved
    mintage: hint: reinstall the product
    [exit status: 1]
    ");
    let json = bench.verified(&["--json"]);
    let value = json::parse(&json.stdout).unwrap();
    assert_eq!(json::canonical(&value), json.stdout().trim_end());
}

#[test]
fn extras_are_refused_unless_they_are_allowed() {
    let bench = scene();
    bench.minted(&[]).write("app/log/today", "x");
    let refused = bench.verified(&[]);
    assert_eq!((refused.status, codes(&refused)), (Some(1), vec!["manifest-mismatch"]), "{refused}");
    assert_eq!(bench.verified(&["--allow-extra"]).status, Some(0));
    let ignored = bench.verified(&["--ignore", "log", "--ignore", "readme"]);
    assert_snapshot!(ignored, @r"
    pass  signature    acme 1.2, signed by key d4e093ff67c0565a
    pass  clock        made at 2026-01-01T00:00:00Z
    pass  scope        global
    pass  files        2 checked, 1 ignored
    valid, as of 2026-01-01T00:00:00Z
    [exit status: 0]
    ");
}

#[test]
fn nothing_checked_is_never_a_yes() {
    let bench = scene();
    bench.minted(&[]);
    let ignored = bench.verified(&["--ignore", "**"]);
    assert_eq!((ignored.status, codes(&ignored)), (Some(1), vec!["manifest-mismatch"]), "{ignored}");
    fs::remove_dir_all(bench.path("app")).unwrap();
    let gone = bench.verified(&["--allow-extra"]);
    assert_eq!((gone.status, codes(&gone)), (Some(3), vec!["file-unreadable"]), "{gone}");
    fs::create_dir(bench.path("app")).unwrap();
    let empty = bench.verified(&["--allow-extra"]);
    assert_eq!((empty.status, codes(&empty)), (Some(1), vec!["manifest-mismatch"]), "{empty}");
    let nothing = bench.manifest(&[]);
    assert_eq!((nothing.status, codes(&nothing)), (Some(2), vec!["usage"]), "{nothing}");
}

#[test]
fn long_lists_are_cut_for_people_and_whole_for_programs() {
    let bench = scene();
    bench.minted(&[]);
    (0..25).for_each(|n| drop(bench.write(&format!("app/x/{n:02}"), format!("{n}"))));
    let people = bench.verified(&[]);
    assert_eq!(people.stdout().matches("EXTRA ").count(), 21);
    assert!(people.stdout().contains("EXTRA       +5 more; --json lists all\n"), "{people}");
    assert_eq!(bench.verified(&["--json"]).stdout().matches("\"path\":\"x/").count(), 25);
}

#[test]
fn a_build_for_one_customer_counts_only_beside_that_license() {
    let bench = scene();
    for id in ["LIC-7", "LIC-42"] {
        bench.write(&format!("{id}.lic"), bench.mint(&["--tenant", "t", "--expires", "never", "--id", id]));
    }
    bench.minted(&["--for-license", "LIC-42", "--for-license", "LIC-43"]);
    let vendor = example("vendor.pub");
    assert_snapshot!(bench.verified(&[]), @r"
    pass  signature    acme 1.2, signed by key d4e093ff67c0565a
    pass  clock        made at 2026-01-01T00:00:00Z
    fail  scope        the build is approved for LIC-42, LIC-43 alone, and no verified license is beside it
    pass  files        3 checked
    refused, as of 2026-01-01T00:00:00Z
    ------- stderr -------
    mintage: error[manifest-scope]: the build is approved for LIC-42, LIC-43 alone, and no verified license is beside it
    mintage: hint: ask the issuer to approve this build for the license
    [exit status: 1]
    ");
    let other = bench.verified(&["--license", "LIC-7.lic", "--trust", &vendor]);
    assert_snapshot!(other, @r"
    pass  signature    acme 1.2, signed by key d4e093ff67c0565a
    pass  clock        made at 2026-01-01T00:00:00Z
    pass  license      LIC-7
    fail  scope        the build is approved for LIC-42, LIC-43, not for LIC-7
    pass  files        3 checked
    refused, as of 2026-01-01T00:00:00Z
    ------- stderr -------
    mintage: error[manifest-scope]: the build is approved for LIC-42, LIC-43, not for LIC-7
    mintage: hint: ask the issuer to approve this build for the license
    [exit status: 1]
    ");
    let untrusted = bench.verified(&["--license", "LIC-42.lic"]);
    assert_eq!((untrusted.status, codes(&untrusted)), (Some(1), vec!["unknown-key", "manifest-scope"]), "{untrusted}");
    assert_snapshot!(bench.verified(&["--license", "LIC-42.lic", "--trust", &vendor]), @r"
    pass  signature    acme 1.2, signed by key d4e093ff67c0565a
    pass  clock        made at 2026-01-01T00:00:00Z
    pass  license      LIC-42
    pass  scope        approved for license LIC-42
    pass  files        3 checked
    valid, as of 2026-01-01T00:00:00Z
    [exit status: 0]
    ");
    bench.write("old.lic", bench.mint(&["--tenant", "t", "--expires", "2026-01-02", "--id", "LIC-42"]));
    let late =
        ["verify", "m.json", "--dir", "app", "--trust", &vendor, "--trust", &example("ci.pub"), "--license", "old.lic"];
    let late = bench.run(late.iter().chain(&["--at", "2026-03-01"]));
    assert_eq!((late.status, codes(&late)), (Some(1), vec!["expired"]), "{late}");
}

#[test]
fn a_key_for_licenses_signs_no_manifest() {
    let bench = scene();
    bench.minted(&[]);
    let ring =
        ["mint", "keyring", "--allow-readable-key", "--key", &example("vendor.key"), "--issued-at", "2025-01-01", "-q"];
    let ci = format!("{}:license,proof", example("ci.pub"));
    let minted = bench.run(ring.iter().chain(&["--add", &ci, "-o", "ring.json"]));
    assert_eq!(minted.status, Some(0), "{minted}");
    let refused = bench.run(["verify", "m.json", "--dir", "app", "--trust", "ring.json", "--at", ISSUED]);
    assert_eq!((refused.status, codes(&refused)), (Some(1), vec!["wrong-purpose"]), "{refused}");
}

#[test]
fn a_manifest_of_another_product_or_alone_is_refused() {
    let bench = scene();
    bench.minted(&[]);
    let other = bench.verified(&["--product", "globex"]);
    assert_eq!((other.status, codes(&other)), (Some(1), vec!["wrong-product"]), "{other}");
    let alone = bench.run(["verify", "m.json", "--trust", &example("ci.pub")]);
    assert_snapshot!(alone, @r"
    ------- stderr -------
    mintage: error[usage]: `m.json` is a manifest, and no folder was named
    mintage: hint: name the folder of the build with --dir
    [exit status: 2]
    ");
}

#[test]
fn ci_says_where_a_build_came_from_without_a_prompt() {
    let bench = scene();
    let run = |variables, arguments: &[&str]| {
        let key = example("ci.key");
        let fixed =
            ["mint", "manifest", "app", "--allow-readable-key", "--key", &key, "--product", "a", "--version", "1"];
        bench.run_in::<3>(variables, &[&fixed, arguments].concat())
    };
    let jenkins = [
        ("JENKINS_URL", "https://ci.example/"),
        ("GIT_URL", "https://robot:secret@git.example/core.git"),
        ("GIT_COMMIT", "4f"),
    ];
    let minted = run(jenkins, &["--ci", "-o", "m.json"]);
    assert_snapshot!(minted, @r"
    ------- stderr -------
    mintage: approved for every license (scope global)
    mintage: built by jenkins
    mintage: repository https://git.example/core.git
    mintage: commit 4f
    mintage: warning: the environment of jenkins names no run; the manifest says nothing of it
    mintage: minted the manifest of a 1: 3 files, signed by key d4e093ff67c0565a
    [exit status: 0]
    ");
    let statement = bench.statement();
    let source =
        r#""source":{"commit":"4f","kind":"ci","provider":"jenkins","repository":"https://git.example/core.git"}"#;
    assert!(statement.contains(source), "{statement}");
    let silent = run([("GITHUB_ACTIONS", "true"), ("B", "2"), ("C", "3")], &["--ci", "-o", "silent.json"]);
    let missing = "warning: the environment of github-actions names no repository and no commit and no run; ";
    assert!(silent.status == Some(0) && silent.stderr().contains(missing), "{silent}");
    let desk = run([("A", "1"), ("B", "2"), ("C", "3")], &["--ci"]);
    assert_eq!((desk.status, codes(&desk)), (Some(2), vec!["usage"]), "{desk}");
    let hostile = run([("JENKINS_URL", "x"), ("GIT_COMMIT", "4f\u{202e}"), ("A", "1")], &["--ci"]);
    assert_eq!((hostile.status, codes(&hostile)), (Some(2), vec!["usage"]), "{hostile}");
    let locked = ["mint", "manifest", "app", "--allow-readable-key", "--key", &example("locked.key")];
    let asked = bench.run(locked.iter().chain(&["--product", "a", "--version", "1"]));
    assert_eq!((asked.status, codes(&asked)), (Some(3), vec!["bad-passphrase"]), "{asked}");
}
