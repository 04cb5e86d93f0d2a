//! What is said beside the answer: what was mended, and what the environment decided.

use insta::assert_snapshot;

use super::{NOW, bench, is_canonical};

#[test]
fn programs_are_told_what_was_mended() {
    let bench = bench();
    let token = bench.license(&[]);
    let letter = format!("Dear customer,\r\n\r\n{token}\r\n\r\nkind regards\r\nAcme\r\n");
    bench.write("mail.txt", letter);
    let outcome = bench.verify(&["--json", "mail.txt"]);
    let repairs =
        r#""repairs":["changed 6 CRLF or CR line ends","removed 2 empty lines","removed text around the token"]"#;
    assert!(outcome.status == Some(0) && outcome.stdout().contains(repairs), "{outcome}");
    is_canonical(&outcome);
    assert!(outcome.stderr().contains("mintage: mended: removed text around the token\n"), "{outcome}");
    let whole = bench.verify(&["--json", &token]);
    assert!(whole.stdout().contains(r#""repairs":[],"#), "{whole}");
    bench.write("two.txt", format!("old:\n{token}\nnew:\n{token}\n"));
    assert_snapshot!(bench.verify(&["-q", "two.txt"]), @"
    fail  document     a second token begins on line 4 of the text, and which of them is meant cannot be told
    refused, INVALID, as of 2026-07-01T00:00:00Z
    ------- stderr -------
    mintage: error[damaged-text]: a second token begins on line 4 of the text, and which of them is meant cannot be told
    mintage: hint: copy it again, whole, or ask for it as a file or with --armor
    [exit status: 1]
    ");
}

#[test]
fn variables_that_decide_are_announced() {
    let bench = bench();
    let token = bench.license(&["--fingerprint", "node-1"]);
    bench.write("acme.lic", &token);
    bench.write("node.txt", "node-1");
    let told = |variables: [(&str, &str); 3], more: &[&str]| {
        let outcome = bench.run_in(variables, &[&["verify", "--at", NOW][..], more].concat());
        assert_eq!(outcome.status, Some(0), "{outcome}");
        outcome.stderr().to_owned()
    };
    let first = [("MINTAGE_TRUST", "vendor.pub"), ("MINTAGE_LICENSE", &*token), ("MINTAGE_FINGERPRINT", "node-1")];
    assert_snapshot!(told(first, &[]), @"
    mintage: what is trusted is named by MINTAGE_TRUST
    mintage: judged as of 2026-07-01T00:00:00Z, not as of now
    mintage: the license is the text of MINTAGE_LICENSE
    mintage: this machine's fingerprint is the text of MINTAGE_FINGERPRINT
    ");
    let second = [
        ("MINTAGE_TRUST", "vendor.pub"),
        ("MINTAGE_LICENSE_FILE", "acme.lic"),
        ("MINTAGE_FINGERPRINT_FILE", "node.txt"),
    ];
    assert_snapshot!(told(second, &[]), @"
    mintage: what is trusted is named by MINTAGE_TRUST
    mintage: judged as of 2026-07-01T00:00:00Z, not as of now
    mintage: the license is `acme.lic`, by MINTAGE_LICENSE_FILE
    mintage: this machine's fingerprint is that of `node.txt`, by MINTAGE_FINGERPRINT_FILE
    ");
    assert_eq!(told(second, &["-q"]), "");
    // What is named outranks them, and then they decide nothing.
    let named = told(first, &["--trust", "vendor.pub", "--fingerprint", "node-1", "acme.lic"]);
    assert_eq!(named, "mintage: judged as of 2026-07-01T00:00:00Z, not as of now\n");
}

#[test]
fn a_command_line_that_is_not_understood_is_told_to_programs_too() {
    let bench = bench();
    let outcome = bench.run(["verify", "--json", "--tenannt", "acme"]);
    assert_eq!(outcome.status, Some(2));
    is_canonical(&outcome);
    assert_snapshot!(outcome.stdout(), @r#"{"code":"usage","error":"unexpected argument '--tenannt' found","hints":["a similar argument exists: '--tenant'","Usage: mintage verify --json --tenant <TENANT> [DOC]","run it with --help"],"message":"unexpected argument '--tenannt' found"}"#);
    for arguments in [&["--json", "verfy"][..], &["mint", "--seats", "many", "--json"], &["--json"]] {
        let outcome = bench.run(arguments);
        assert!(outcome.stdout().starts_with(r#"{"code":"usage","error":""#), "{outcome}");
        assert_eq!(outcome.status, Some(2), "{outcome}");
        is_canonical(&outcome);
    }
    let plain = bench.run(["verify", "--tenannt", "acme", "--", "--json"]);
    assert_eq!((plain.status, plain.stdout()), (Some(2), ""), "{plain}");
}
