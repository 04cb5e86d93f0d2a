//! `verify --batch`.

use insta::{allow_duplicates, assert_snapshot};
use mintage::keyring::Keyring;
use mintage::operation::lines::verify_lines;
use mintage::operation::verify::{Against, Verification, license};
use mintage::policy::Context;
use mintage::time::Timestamp;

use super::member;
use crate::harness::{Bench, json_line};
use crate::vectors::crafted::{plus_order, token as spell, vendor};
use crate::verify::{NOW, bench, is_canonical};

fn batch(bench: &Bench, arguments: &[&str]) -> crate::harness::Outcome {
    bench.run([&["verify", "--trust", "vendor.pub", "--at", NOW, "--batch"][..], arguments].concat())
}

#[test]
fn every_line_gets_a_verdict_in_its_place() {
    let bench = bench();
    let token = bench.license(&[]);
    let ended = bench.mint(&["--tenant", "acme", "--expires", "2026-01-31"]);
    let lines = format!(
        "{token}\n\n{{\"token\":\"{token}\",\"note\":1}}\r\n{ended}\n   \nnonsense\n{{\"tokens\":1}}\n{{\"token\":1}}\n{{\"token\":\"a\",\"token\":\"b\"}}\n{token}"
    );
    bench.write("lines.jsonl", &lines);
    let outcome = batch(&bench, &["lines.jsonl", "-o", "out.jsonl"]);
    assert_snapshot!(outcome.stderr(), @"
    mintage: judged as of 2026-07-01T00:00:00Z, not as of now
    mintage: 8 lines judged: 3 valid, 5 refused (damaged-text 1, duplicate-member 1, expired 1, malformed 2)
    ");
    assert_eq!(outcome.status, Some(1));
    let out = bench.read("out.jsonl");
    let told: Vec<String> = out
        .lines()
        .map(|line| format!("{} {} {}", member(line, "line"), member(line, "state"), member(line, "verdict")))
        .collect();
    assert_snapshot!(told.join("\n"), @"
    1 ACTIVE valid
    3 ACTIVE valid
    4 EXPIRED refused
    6 INVALID refused
    7 INVALID refused
    8 INVALID refused
    9 INVALID refused
    10 ACTIVE valid
    ");
    let piped = bench.run_with(["verify", "-q", "--trust", "vendor.pub", "--at", NOW, "--batch", "-"], &lines);
    assert_eq!((piped.stdout(), piped.stderr(), piped.status), (out.as_str(), "", Some(1)));
}

#[test]
fn a_batch_without_a_refusal_is_a_yes() {
    let bench = bench();
    let token = bench.license(&["--grace-days", "3650"]);
    bench.write("lines.jsonl", format!("{token}\n").repeat(3));
    let outcome = batch(&bench, &["lines.jsonl", "--tenant", "acme"]);
    assert!(outcome.status == Some(0) && outcome.stdout().lines().count() == 3, "{outcome}");
    assert_eq!(batch(&bench, &["lines.jsonl", "--tenant", "globex"]).status, Some(1));
    assert_eq!(bench.run(["verify", "--batch", "lines.jsonl"]).status, Some(3));
}

#[test]
fn a_batch_of_nothing_is_no_yes() {
    let bench = bench();
    for text in ["", "\n \n\r\n"] {
        bench.write("none.jsonl", text);
        allow_duplicates! {
            assert_snapshot!(batch(&bench, &["none.jsonl", "-q", "-o", "out.jsonl"]), @r#"
            ------- stderr -------
            mintage: error[no-license]: `none.jsonl` holds no line to judge
            mintage: hint: give a token, or {"token":TEXT}, on every line
            [exit status: 3]
            "#);
        }
        assert!(!bench.path("out.jsonl").exists());
    }
}

#[test]
fn lines_that_were_mended_are_counted_and_named() {
    let bench = bench();
    let token = bench.license(&[]);
    let lines = [token.clone(), format!("> {token}"), token.replacen('.', ".\u{2028}", 1), "nonsense".to_owned()];
    bench.write("lines.jsonl", lines.join("\n"));
    let outcome = batch(&bench, &["lines.jsonl"]);
    assert_snapshot!(outcome.stderr(), @"
    mintage: judged as of 2026-07-01T00:00:00Z, not as of now
    mintage: 4 lines judged: 3 valid, 1 refused (damaged-text 1), 2 mended first
    ");
    let repairs: Vec<&str> = outcome
        .stdout()
        .lines()
        .map(|line| line.split_once(r#""repairs":["#).map_or("none", |(_, rest)| rest.split(']').next().unwrap()))
        .collect();
    assert_eq!(repairs, ["none", r#""removed `> ` quotes from 1 line""#, r#""removed blanks from 1 line""#, "none"]);
}

#[test]
fn bytes_that_are_no_text_spoil_no_other_line() {
    let bench = bench();
    let token = bench.license(&[]);
    let lines = [
        token.as_bytes(),
        b"\n\xff\xfe\n{\"token\":\"\xff\"}\n\0\n",
        "A".repeat(600 << 10).as_bytes(),
        b"\n",
        token.as_bytes(),
        b"\n",
    ]
    .concat();
    bench.write("lines.jsonl", lines);
    let outcome = batch(&bench, &["lines.jsonl"]);
    let states: Vec<String> = outcome.stdout().lines().map(|line| member(line, "state")).collect();
    assert_eq!(states, ["ACTIVE", "INVALID", "INVALID", "INVALID", "INVALID", "ACTIVE"]);
    assert!(outcome.stdout().lines().nth(1).unwrap().contains(r#""code":"damaged-text""#), "{}", outcome.stdout());
}

/// A text that differs from a good token in some way.
fn mutate(token: &str, number: usize) -> String {
    let (payload, signature) = token.split_once('.').unwrap();
    let at = number * 7 % token.len();
    let with = |replaced: &str| format!("{}{replaced}{}", &token[..at], &token[at + 1..]);
    match number % 14 {
        0 => with("A"),
        1 => with("-"),
        2 => with(""),
        3 => with(" "),
        4 => with("="),
        5 => with("."),
        6 => with("é"),
        7 => token[..at].to_owned(),
        8 => format!("{signature}.{payload}"),
        9 => format!("> {token}"),
        10 => token.trim_end_matches('=').to_owned(),
        11 => format!("{token}{token}"),
        12 => spell(format!("{{\"n\":{number}}}"), [0; 64]),
        _ => format!("  {token}\t"),
    }
}

#[test]
fn a_line_is_judged_as_a_document_would_be() {
    let bench = bench();
    let keyring: Keyring = vendor().public().into();
    let mut context = Context::at(Timestamp::parse_rfc3339(NOW).unwrap());
    context.tenant = Some("acme".to_owned());
    context.defaults.insert("max_apps".to_owned(), 3);
    let against = Against { keyring: &keyring, context: &context, secret: None };
    let good = [bench.license(&[]), bench.license(&["--limit", "max_apps=25"])];
    let mut texts = good.to_vec();
    texts.extend((0..200).map(|number| mutate(&good[number % 2], number)));
    texts.push(spell(
        r#"{"licenseId":"x","tenantId":"y","iat":1,"exp":2}"#,
        vendor().sign(br#"{"licenseId":"x","tenantId":"y","iat":1,"exp":2}"#),
    ));
    let unsigned = mintage::token::Token::parse(&texts[0]).unwrap();
    texts.push(spell(unsigned.unverified_payload(), plus_order(unsigned.signature())));
    texts.retain(|text| !text.trim().is_empty());
    for threads in [1, 3] {
        let mut out = Vec::new();
        let summary = verify_lines(texts.join("\n").as_bytes(), &mut out, against, threads).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out.lines().count(), texts.len());
        let mut valid = 0;
        for ((line, text), number) in out.lines().zip(&texts).zip(1..) {
            let Verification { verdict, repairs } = license(text, against);
            assert_eq!(line.to_owned() + "\n", json_line(&verdict, number, &repairs), "{text}");
            valid += u64::from(verdict.is_valid());
        }
        assert_eq!((summary.valid, summary.valid + summary.refused), (valid, texts.len() as u64));
    }
}

#[test]
fn a_line_is_judged_as_the_command_would() {
    let bench = bench();
    let token = bench.license(&["--limit", "max_apps=25", "--feature", "reports"]);
    let texts: Vec<String> = (0..14).map(|number| mutate(&token, number)).chain([token.clone()]).collect();
    bench.write("lines.jsonl", texts.join("\n"));
    let asked = ["--tenant", "acme", "--feature", "audit", "--usage", "max_apps=3"];
    let lines = batch(&bench, &[&["lines.jsonl", "-q"][..], &asked].concat());
    for (line, (text, number)) in lines.stdout().lines().zip(texts.iter().zip(1..)) {
        let single = bench
            .run_with(["verify", "-q", "--json", "--trust", "vendor.pub", "--at", NOW, "-"].iter().chain(&asked), text);
        is_canonical(&single);
        let line = line.replace(&format!(r#""line":{number},"#), "");
        // Of the lines only those that were mended say so.
        assert_eq!(single.stdout().trim_end().replace(r#""repairs":[],"#, ""), line, "{text}");
    }
    assert_eq!(lines.stdout().lines().count(), texts.len());
}
