//! Exit statuses, and command lines that are not understood.

use insta::assert_snapshot;

use super::{NOW, bench};

#[test]
fn a_command_line_that_is_not_understood_is_2() {
    let bench = bench();
    let token = bench.license(&[]);
    bench.write("list.json", "[1]");
    bench.write("many.jsonl", "");
    bench.write("large.json", " ".repeat((1 << 20) + 1));
    for (arguments, status) in [
        (vec!["--wat"], 2),
        (vec![&token, &token], 2),
        (vec![&token, "--usage", "max_apps"], 2),
        (vec![&token, "--usage", "max_apps=-1"], 2),
        (vec![&token, "--usage", "max_apps=1", "--usage", "max_apps=2"], 2),
        (vec![&token, "--at", "yesterday"], 2),
        (vec![&token, "--build-date", "2026-13-01"], 2),
        (vec![&token, "--batch", "many.jsonl"], 2),
        (vec![&token, "--color", "blue"], 2),
        (vec![&token, "--defaults", "gone.json"], 3),
        (vec![&token, "--defaults", "list.json"], 3),
        (vec![&token, "--defaults", "large.json"], 3),
        (vec![&token, "--unseal", "gone"], 3),
        (vec![&token, "-o", "no/such/folder"], 3),
        (vec!["gone.lic"], 3),
        (vec!["."], 3),
        (vec!["--batch", "gone.jsonl"], 3),
        (vec!["list.json"], 1),
        (vec![&token], 0),
    ] {
        let arguments: Vec<&str> = ["verify", "--trust", "vendor.pub"].into_iter().chain(arguments).collect();
        let at: &[&str] = if arguments.contains(&"--at") { &[] } else { &["--at", NOW] };
        let outcome = bench.run(arguments.iter().chain(at));
        assert_eq!(outcome.status, Some(status), "{arguments:?}: {outcome}");
        assert!(status == 0 || outcome.stderr().contains("mintage: error["), "{arguments:?}: {outcome}");
    }
}

#[test]
fn defaults_that_are_no_limits_are_named() {
    let bench = bench();
    let token = bench.license(&[]);
    bench.write("twice.json", r#"{"max_apps":1,"max_apps":2}"#);
    assert_snapshot!(bench.verify(&["-q", "--defaults", "twice.json", &token]), @r#"
    ------- stderr -------
    mintage: error[duplicate-member]: default-tier limits `twice.json`: the member `max_apps` stands twice in one object
    mintage: hint: write {"max_apps":3}
    [exit status: 3]
    "#);
    bench.write("words.json", r#"{"max_apps":"many"}"#);
    assert_snapshot!(bench.verify(&["-q", "--defaults", "words.json", &token]), @r#"
    ------- stderr -------
    mintage: error[malformed]: default-tier limits `words.json`: the member `max_apps` must be an integer in 0..=9223372036854775807, and is the string `many`
    mintage: hint: write {"max_apps":3}
    [exit status: 3]
    "#);
}

#[test]
fn a_missing_file_is_named() {
    let bench = bench();
    assert_snapshot!(bench.verify(&["-q", "gone.lic"]), @"
    ------- stderr -------
    mintage: error[file-unreadable]: `gone.lic` could not be read: No such file or directory (os error 2)
    mintage: hint: check the path and its permissions
    [exit status: 3]
    ");
    assert_snapshot!(bench.verify(&["-q", "--json", "gone.lic"]), @r#"
    {"code":"file-unreadable","error":"`gone.lic` could not be read: No such file or directory (os error 2)","hints":["check the path and its permissions"],"message":"`gone.lic` could not be read: No such file or directory (os error 2)"}
    ------- stderr -------
    mintage: error[file-unreadable]: `gone.lic` could not be read: No such file or directory (os error 2)
    mintage: hint: check the path and its permissions
    [exit status: 3]
    "#);
}
