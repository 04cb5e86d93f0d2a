//! How a tree is walked.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;

use insta::assert_snapshot;
use mintage::id::Hex;
use sha2::{Digest, Sha256};

use super::{codes, scene};
use crate::harness::{ISSUED, example, feed};

#[test]
fn the_document_is_no_part_of_the_tree_it_lies_in() {
    let bench = scene();
    bench.write("app/.m.json.left.mintage-unfinished", "left by a killed run");
    let outcome = bench.manifest(&["-q", "-o", "app/m.json"]);
    assert_eq!(outcome.status, Some(0), "{outcome}");
    let again = bench.manifest(&["-q", "-o", "app/m.json", "--force"]);
    assert_eq!(again.status, Some(0), "{again}");
    let verified = bench.run(["verify", "app/m.json", "--dir", "app", "--trust", &example("ci.pub")]);
    assert_eq!(verified.status, Some(0), "{verified}");
    assert!(verified.stdout().contains("3 checked"), "{verified}");
    bench.write("app/.m.json.evil.mintage-unfinished", "left by someone else");
    let extra = bench.run(["verify", "app/m.json", "--dir", "app", "--trust", &example("ci.pub")]);
    assert_eq!((extra.status, codes(&extra)), (Some(1), vec!["manifest-mismatch"]), "{extra}");
}

#[test]
fn what_is_left_out_is_signed_and_left_out_again() {
    let bench = scene();
    symlink("/nowhere", bench.path("app/lib/link")).unwrap();
    bench.minted(&["--exclude", "lib", "--exclude", "**/*.pdb"]);
    bench.write("app/bin/tool.pdb", "debug");
    let verified = bench.verified(&[]);
    assert_eq!(verified.status, Some(0), "{verified}");
    assert!(verified.stdout().contains("2 checked"), "{verified}");
    let bad = bench.manifest(&["--exclude", "["]);
    assert_eq!((bad.status, codes(&bad)), (Some(2), vec!["usage"]), "{bad}");
}

#[test]
fn links_are_refused_or_listed_and_never_followed() {
    let bench = scene();
    symlink("tool", bench.path("app/bin/link")).unwrap();
    symlink("..", bench.path("app/lib/up")).unwrap();
    assert_snapshot!(bench.manifest(&[]), @r"
    ------- stderr -------
    mintage: approved for every license (scope global)
    mintage: error[not-a-file]: `bin/link` is a symbolic link
    mintage: error[not-a-file]: `lib/up` is a symbolic link
    mintage: hint: remove or rename it, leave it out with --exclude, or list links with --symlinks record
    [exit status: 3]
    ");
    bench.minted(&["--symlinks", "record"]);
    assert!(
        bench.statement().contains(r#""links":[{"path":"bin/link","target":"tool"},{"path":"lib/up","target":".."}]"#)
    );
    assert!(bench.verified(&[]).stdout().contains("5 checked"));
    fs::remove_file(bench.path("app/bin/link")).unwrap();
    symlink("/etc/passwd", bench.path("app/bin/link")).unwrap();
    let outside = bench.manifest(&["--symlinks", "record"]);
    assert_eq!((outside.status, codes(&outside)), (Some(3), vec!["not-a-file"]), "{outside}");
    assert_snapshot!(bench.verified(&[]), @r"
    pass  signature    acme 1.2, signed by key d4e093ff67c0565a
    pass  clock        made at 2026-01-01T00:00:00Z
    pass  scope        global
    fail  files        5 checked, 1 changed
    CHANGED     bin/link
                  expected a symbolic link to `tool`
                  found    a symbolic link to `/etc/passwd`
    refused, as of 2026-01-01T00:00:00Z
    ------- stderr -------
    mintage: error[manifest-mismatch]: 5 checked, 1 changed
    mintage: hint: reinstall the product
    [exit status: 1]
    ");
}

#[test]
fn special_files_are_refused_by_their_type_and_never_opened() {
    let bench = scene();
    rustix::fs::mkfifoat(rustix::fs::CWD, bench.path("app/fifo"), rustix::fs::Mode::RUSR).unwrap();
    let _socket = UnixListener::bind(bench.path("app/socket")).unwrap();
    assert_snapshot!(bench.manifest(&[]), @r"
    ------- stderr -------
    mintage: approved for every license (scope global)
    mintage: error[not-a-file]: `fifo` is a FIFO, which is never opened
    mintage: error[not-a-file]: `socket` is a socket, which is never opened
    mintage: hint: remove or rename it, leave it out with --exclude, or list links with --symlinks record
    [exit status: 3]
    ");
    bench.minted(&["--exclude", "fifo", "--exclude", "socket"]);
    fs::remove_file(bench.path("app/readme")).unwrap();
    fs::rename(bench.path("app/fifo"), bench.path("app/readme")).unwrap();
    let replaced = bench.verified(&[]);
    assert!(replaced.stdout().contains("found    a FIFO"), "{replaced}");
}

#[test]
fn odd_names_survive_and_the_sums_are_those_of_coreutils() {
    let bench = scene();
    let odd: [&[u8]; 8] = [
        b"new\nline",
        b"back\\slash",
        b"re\rturn",
        b"\xff\xfe",
        b" blank ",
        b"-rf",
        "ü\u{202e}".as_bytes(),
        b"a\\x2db",
    ];
    for name in odd {
        fs::write(bench.path("app").join(OsStr::from_bytes(name)), name).unwrap();
    }
    bench.write("app/zero", "");
    bench.minted(&[]);
    let verified = bench.verified(&[]);
    assert!(verified.stdout().contains("12 checked"), "{verified}");
    let sums = bench.manifest(&["-q", "--format", "sha256sum"]).stdout;
    let digest = Hex(&Sha256::digest(&sums)).to_string();
    assert!(bench.statement().contains(&format!(r#""digest":{{"sha256":"{digest}"}},"name":"SHA256SUMS""#)));
    let mut check = Command::new("sha256sum");
    check.args(["-c", "--strict", "--quiet", "-"]).current_dir(bench.path("app"));
    let checked = feed(check, &sums);
    assert_eq!(checked.status, Some(0), "{checked}");
    fs::remove_file(bench.path("app").join(OsStr::from_bytes(b"\xff\xfe"))).unwrap();
    assert_snapshot!(bench.verified(&[]), @r"
    pass  signature    acme 1.2, signed by key d4e093ff67c0565a
    pass  clock        made at 2026-01-01T00:00:00Z
    pass  scope        global
    fail  files        11 checked, 1 missing
    MISSING     \xff\xfe
                  expected b3d510ef04275ca8e698e5b3cbb0ece3949ef9252f0cdc839e9ee347409a2209 (2 bytes)
    refused, as of 2026-01-01T00:00:00Z
    ------- stderr -------
    mintage: error[manifest-mismatch]: 11 checked, 1 missing
    mintage: hint: reinstall the product
    [exit status: 1]
    ");
}

#[test]
fn names_that_differ_by_case_alone_are_warned_of() {
    let bench = scene();
    bench.write("app/README", "other");
    let minted = bench.manifest(&["-o", "m.json"]);
    assert!(minted.stderr().contains("warning[path-clash]: `README` and `readme` differ by case alone"), "{minted}");
    fs::rename(bench.path("app/bin"), bench.path("app/BIN")).unwrap();
    fs::write(bench.path("app/BIN/tool"), "built anew").unwrap();
    let verified = bench.run(["verify", "m.json", "--dir", "app", "--trust", &example("ci.pub"), "--at", ISSUED]);
    assert!(verified.stderr().contains("`bin/tool` is missing and `BIN/tool` is extra"), "{verified}");
}
