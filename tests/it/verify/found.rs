//! Where a license is looked for, and what stands there.

use insta::assert_snapshot;

use super::{NOW, bench, is_canonical};
use crate::harness::{Bench, feed};

const VERIFY: [&str; 6] = ["verify", "-q", "--trust", "vendor.pub", "--at", NOW];

/// A license that verifies, and one that ended in 2025.
fn two(bench: &Bench) -> (String, String) {
    let ended = bench.mint(&["--tenant", "acme", "--expires", "2026-01-31"]);
    (bench.license(&[]), ended)
}

#[test]
fn nothing_configured_is_a_no() {
    let bench = bench();
    assert_snapshot!(bench.run(VERIFY), @"
    fail  document     no license was named, and none is configured
    refused, ABSENT, as of 2026-07-01T00:00:00Z
    ------- stderr -------
    mintage: error[no-license]: no license was named, and none is configured
    mintage: hint: name a file, or set MINTAGE_LICENSE or MINTAGE_LICENSE_FILE
    [exit status: 1]
    ");
    let json = bench.run(VERIFY.iter().chain(&["--json"]));
    assert_snapshot!(json, @r#"
    {"asOf":"2026-07-01T00:00:00Z","checks":[{"detail":"no license was named, and none is configured","name":"document","outcome":"fail"}],"daysRemaining":null,"effectiveLimits":[],"keyId":null,"kind":"license","license":null,"refusals":[{"code":"no-license","hint":"name a file, or set MINTAGE_LICENSE or MINTAGE_LICENSE_FILE","message":"no license was named, and none is configured"}],"repairs":[],"state":"ABSENT","verdict":"refused"}
    ------- stderr -------
    mintage: error[no-license]: no license was named, and none is configured
    mintage: hint: name a file, or set MINTAGE_LICENSE or MINTAGE_LICENSE_FILE
    [exit status: 1]
    "#);
    is_canonical(&json);
    // Nobody needs a key to see that nothing is there.
    assert_eq!(bench.run(["verify"]).status, Some(1));
    assert_eq!(bench.run_in([("MINTAGE_LICENSE", ""), ("MINTAGE_LICENSE_FILE", "")], &VERIFY).status, Some(1));
}

#[test]
fn every_place_is_read() {
    let bench = bench();
    let (good, _) = two(&bench);
    bench.write("acme.lic", format!("{good}\n"));
    let status = |arguments: &[&str]| bench.run(VERIFY.iter().chain(arguments)).status;
    assert_eq!(status(&["acme.lic"]), Some(0));
    assert_eq!(status(&[&good]), Some(0));
    assert_eq!(bench.run_with(VERIFY.iter().chain(&["-"]), &good).status, Some(0));
    assert_eq!(bench.run_with(VERIFY.iter().chain(&["-"]), format!("{good}\n")).status, Some(0));
    assert_eq!(bench.run_in([("MINTAGE_LICENSE", &good)], &VERIFY).status, Some(0));
    assert_eq!(bench.run_in([("MINTAGE_LICENSE_FILE", "acme.lic")], &VERIFY).status, Some(0));
    bench.write("license.lic", &good);
    assert_eq!(bench.run(VERIFY).status, Some(0));
}

#[test]
fn the_first_place_decides_and_none_is_passed_over() {
    let bench = bench();
    let (good, ended) = two(&bench);
    let broken = good.replacen("ey", "ez", 1);
    bench.write("good.lic", &good);
    bench.write("ended.lic", &ended);
    bench.write("license.lic", &good);
    let judged = |variables: [(&str, &str); 2]| {
        let outcome = bench.run_in(variables, &[&VERIFY[..], &["--json"]].concat());
        let state =
            outcome.stdout().rsplit_once(r#""state":""#).map_or("none", |(_, rest)| rest.split('"').next().unwrap());
        (state.to_owned(), outcome.status)
    };
    let [text, file] = ["MINTAGE_LICENSE", "MINTAGE_LICENSE_FILE"];
    for (variables, state, status) in [
        ([(text, broken.as_str()), (file, "good.lic")], "INVALID", 1),
        ([(text, "nonsense"), (file, "good.lic")], "INVALID", 1),
        ([(text, " "), (file, "good.lic")], "INVALID", 1),
        ([(text, &ended), (file, "good.lic")], "EXPIRED", 1),
        ([(text, &good), (file, "ended.lic")], "ACTIVE", 0),
        ([(text, ""), (file, "ended.lic")], "EXPIRED", 1),
        ([(text, ""), (file, "gone.lic")], "none", 3),
        ([(text, ""), (file, ".")], "none", 3),
        ([(text, ""), (file, "")], "ACTIVE", 0),
    ] {
        assert_eq!(judged(variables), (state.to_owned(), Some(status)), "{variables:?}");
    }
    // What is named outranks what is configured.
    let named = bench.run_in([(text, &good)], &[&VERIFY[..], &["ended.lic"]].concat());
    assert_eq!(named.status, Some(1), "{named}");
}

#[cfg(unix)]
#[test]
fn a_name_that_is_not_utf_8_names_its_own_file_alone() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let bench = bench();
    let (good, ended) = two(&bench);
    let name = |name: &'static [u8]| OsStr::from_bytes(name);
    let (named, key) = (name(b"caf\xe9.lic"), name(b"caf\xe9.pub"));
    std::fs::write(bench.path(named), &ended).unwrap();
    std::fs::copy(bench.path("vendor.pub"), bench.path(key)).unwrap();
    // What a name that was spelled otherwise would lead to.
    bench.write("license.lic", &good);
    bench.write("caf\u{fffd}.lic", &good);
    bench.write("caf\u{fffd}.pub", bench.read("ci.pub"));
    let verify = |trust: &OsStr, license: &OsStr| {
        bench.run([
            OsStr::new("verify"),
            "--at".as_ref(),
            NOW.as_ref(),
            "--trust".as_ref(),
            trust,
            "--license".as_ref(),
            license,
        ])
    };
    let outcome = verify("vendor.pub".as_ref(), named);
    assert!(outcome.status == Some(1) && outcome.stdout().contains("EXPIRED"), "{outcome}");
    assert_eq!(verify("vendor.pub".as_ref(), name(b"gone\xe9.lic")).status, Some(3));
    assert_eq!(verify(key, "license.lic".as_ref()).status, Some(0));
    for list in [&b"caf\xe9.pub"[..], b"caf\xe9.pub:vendor.pub"] {
        let mut command = bench.command();
        command.env("MINTAGE_TRUST", name(list)).args(["verify", "--at", NOW, "license.lic"]);
        let outcome = feed(command, b"");
        assert_eq!(outcome.status, Some(0), "{outcome}");
    }
}

#[cfg(unix)]
#[test]
fn a_usual_place_that_cannot_be_read_is_not_an_absent_license() {
    let bench = bench();
    std::os::unix::fs::symlink("nowhere", bench.path("license.lic")).unwrap();
    assert_snapshot!(bench.run(VERIFY), @"
    ------- stderr -------
    mintage: error[file-unreadable]: `license.lic` could not be read: No such file or directory (os error 2)
    mintage: hint: check the path and its permissions
    [exit status: 3]
    ");
    std::fs::remove_file(bench.path("license.lic")).unwrap();
    std::fs::create_dir(bench.path("license.lic")).unwrap();
    assert_eq!(bench.run(VERIFY).status, Some(3));
}

#[test]
fn what_is_no_license_is_refused_by_its_kind() {
    let bench = bench();
    bench.write("package.json", r#"{"name":"x"}"#);
    assert_snapshot!(bench.run(VERIFY.iter().chain(&["package.json"])), @"
    fail  document     this is a JSON document, not a license
    refused, INVALID, as of 2026-07-01T00:00:00Z
    ------- stderr -------
    mintage: error[wrong-kind]: this is a JSON document, not a license
    mintage: hint: see what it is with `mintage inspect`
    [exit status: 1]
    ");
    let key = bench.run(VERIFY.iter().chain(&["vendor.pub"]));
    assert!(key.stderr().contains("error[wrong-kind]") && key.status == Some(1), "{key}");
}

#[test]
fn a_mail_in_another_encoding_is_read_and_said_so() {
    let bench = bench();
    let (good, _) = two(&bench);
    let armor = mintage::armor::wrap("LICENSE", &good);
    let mail = |line: &[u8]| [line, b"\r\n\r\n", armor.replace('\n', "\r\n").as_bytes()].concat();
    bench.write("mail.txt", mail(b"Sehr geehrter Herr M\xfcller, anbei \x93Ihre\x94\xa0Lizenz"));
    assert_snapshot!(bench.verify(&["mail.txt"]), @r"
    pass  signature    by key ec192ae06d2b6cb0
    pass  clock        issued at 2026-01-01T00:00:00Z
    pass  window       until 2026-12-31T23:59:59Z, 183 days left
    skip  tenant       none was named
    skip  product      none was named
    skip  machine      the license is bound to none
    skip  activation   no proof is demanded
    skip  features     none were asked for
    skip  maintenance  the license covers every build
    skip  usage        none was given
    valid, ACTIVE, as of 2026-07-01T00:00:00Z
    ------- stderr -------
    mintage: judged as of 2026-07-01T00:00:00Z, not as of now
    mintage: mended: read 4 bytes as Windows-1252
    mintage: mended: changed 9 CRLF or CR line ends
    mintage: mended: removed 1 no-break space
    mintage: mended: removed 1 empty line
    mintage: mended: removed text around the armor
    [exit status: 0]
    ");
    assert_snapshot!(bench.run(["inspect", "--at", NOW, "mail.txt"]).stdout().lines().nth(3).unwrap(), @"mended       read 4 bytes as Windows-1252");
    // JSON has one encoding, and what is signed in it is not guessed.
    bench.write("proof.json", b"{\"payload\":\"\",\n\"payloadType\":\"M\xfcller\"}");
    assert_snapshot!(bench.verify(&["-q", "proof.json"]), @r"
    fail  document     line 2: byte 17, 0xfc, is not UTF-8, and JSON is
    refused, INVALID, as of 2026-07-01T00:00:00Z
    ------- stderr -------
    mintage: error[damaged-text]: line 2: byte 17, 0xfc, is not UTF-8, and JSON is
    mintage: hint: copy it again, whole, or ask for it as a file or with --armor
    [exit status: 1]
    ");
    bench.write("noise", b"\x89PNG\r\n\x1a\n\0\0");
    assert_snapshot!(bench.verify(&["-q", "noise"]), @r"
    fail  document     line 2: byte 1, 0x1a, does not stand in a text
    refused, INVALID, as of 2026-07-01T00:00:00Z
    ------- stderr -------
    mintage: error[damaged-text]: line 2: byte 1, 0x1a, does not stand in a text
    mintage: hint: copy it again, whole, or ask for it as a file or with --armor
    [exit status: 1]
    ");
}

#[test]
fn bytes_that_are_no_text_get_a_verdict() {
    let bench = bench();
    let (good, _) = two(&bench);
    let utf_16: Vec<u8> = [0xff, 0xfe].into_iter().chain(good.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    bench.write("utf16.lic", utf_16);
    let outcome = bench.run(VERIFY.iter().chain(&["--json", "utf16.lic"]));
    assert_snapshot!(outcome, @r#"
    {"asOf":"2026-07-01T00:00:00Z","checks":[{"detail":"the text is not UTF-8 but Unicode as Windows saves it (UTF-16)","name":"document","outcome":"fail"}],"daysRemaining":null,"effectiveLimits":[],"keyId":null,"kind":"license","license":null,"refusals":[{"code":"damaged-text","hint":"save it as UTF-8","message":"the text is not UTF-8 but Unicode as Windows saves it (UTF-16)"}],"repairs":[],"state":"INVALID","verdict":"refused"}
    ------- stderr -------
    mintage: error[damaged-text]: the text is not UTF-8 but Unicode as Windows saves it (UTF-16)
    mintage: hint: save it as UTF-8
    [exit status: 1]
    "#);
    is_canonical(&outcome);
    bench.write("large.lic", "A".repeat((512 << 10) + 1));
    let large = bench.run(VERIFY.iter().chain(&["large.lic"]));
    assert_snapshot!(large, @"
    fail  document     `large.lic` is larger than the 131072 bytes that are read
    refused, INVALID, as of 2026-07-01T00:00:00Z
    ------- stderr -------
    mintage: error[malformed]: `large.lic` is larger than the 131072 bytes that are read
    mintage: hint: ask the issuer for a fresh copy
    [exit status: 1]
    ");
    bench.write("empty.lic", "");
    let empty = bench.run(VERIFY.iter().chain(&["--json", "empty.lic"]));
    assert!(empty.status == Some(1) && empty.stdout().contains(r#""state":"INVALID""#), "{empty}");
}

#[test]
fn a_long_license_that_was_wrapped_is_still_read() {
    let bench = bench();
    let values: Vec<String> = (0..45).map(|number| format!("k{number}={}", "v".repeat(1_020))).collect();
    let token = bench.license(&values.iter().flat_map(|value| ["--meta", value]).collect::<Vec<_>>());
    assert!((62_000..65_536).contains(&token.len()), "{}", token.len());
    let wrapped: Vec<&str> = token.as_bytes().chunks(60).map(|line| std::str::from_utf8(line).unwrap()).collect();
    bench.write("wrapped.lic", wrapped.join("\r\n"));
    let outcome = bench.run(VERIFY.iter().chain(&["wrapped.lic"]));
    assert_eq!(outcome.status, Some(0), "{outcome}");
}

#[test]
fn a_license_named_beside_nothing_is_the_one_judged_and_beside_a_license_a_mistake() {
    let bench = bench();
    bench.write("acme.lic", bench.license(&[]));
    let beside = |document: &[&str]| bench.run([&VERIFY[..], document, &["--license", "acme.lic"]].concat());
    let alone = beside(&[]);
    assert_eq!(alone.status, Some(0), "{alone}");
    let mistaken = beside(&["acme.lic"]);
    assert_eq!(mistaken.status, Some(2), "{mistaken}");
}
