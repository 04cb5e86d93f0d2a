//! `mint --batch`.

use insta::assert_snapshot;

use super::member;
use crate::harness::{ISSUED, example};
use crate::verify::{bench, words};

const CSV: &str = "licenseId,tenantId,exp,limits.max_apps,features,label
a-1,acme,2026-12-31,25,reports audit,\"Acme, Inc.\"
a-2,globex,90d,3,,
a-3,initech,never,0,*,Initech
";

const JSONL: &str = r#"{"licenseId":"a-1","tenantId":"acme","exp":"2026-12-31","limits":{"max_apps":25},"features":["reports","audit"],"label":"Acme, Inc."}

{"licenseId":"a-2","tenantId":"globex","exp":"90d","limits.max_apps":3}
{"licenseId":"a-3","tenantId":"initech","exp":"never","limits":{"max_apps":0},"features":["*"],"label":"Initech"}
"#;

#[test]
fn every_row_gives_a_result_line() {
    let bench = bench();
    bench.write("rows.csv", CSV);
    let outcome = bench.mint_batch(&["-q", "--batch", "rows.csv"]);
    assert_snapshot!(outcome, @r#"
    {"digest":"ebdfc9ff7366932b","expiresAt":"2026-12-31T23:59:59Z","licenseId":"a-1","row":1,"tenantId":"acme","token":"eyJleHAiOjE3OTg3NjE1OTksImZlYXR1cmVzIjpbInJlcG9ydHMiLCJhdWRpdCJdLCJncmFjZVBlcmlvZERheXMiOjAsImlhdCI6MTc2NzIyNTYwMCwia2lkIjoiZWMxOTJhZTA2ZDJiNmNiMCIsImxhYmVsIjoiQWNtZSwgSW5jLiIsImxpY2Vuc2VJZCI6ImEtMSIsImxpbWl0cyI6eyJtYXhfYXBwcyI6MjV9LCJ0ZW5hbnRJZCI6ImFjbWUifQ==.3yap5W83Q8wFGPR64sS9L23hgfE4XskQftazRPrUdzx5bNXfZTX4/NDRFmXJFWzia7l+0QUtLPPrTOrpMg4KDw=="}
    {"digest":"f3d80c134106f40f","expiresAt":"2026-04-01T00:00:00Z","licenseId":"a-2","row":2,"tenantId":"globex","token":"eyJleHAiOjE3NzUwMDE2MDAsImdyYWNlUGVyaW9kRGF5cyI6MCwiaWF0IjoxNzY3MjI1NjAwLCJraWQiOiJlYzE5MmFlMDZkMmI2Y2IwIiwibGljZW5zZUlkIjoiYS0yIiwibGltaXRzIjp7Im1heF9hcHBzIjozfSwidGVuYW50SWQiOiJnbG9iZXgifQ==.nYG3wTAV53zosqoEa+/I7gJwrak50suqcphcH1a49zQILfN0FtiV4w5PXG4xneWdTnl5zhPSUwnMEsV4OZFBCQ=="}
    {"digest":"b025e3d4db90300a","expiresAt":"9999-12-31T23:59:59Z","licenseId":"a-3","row":3,"tenantId":"initech","token":"eyJleHAiOjI1MzQwMjMwMDc5OSwiZmVhdHVyZXMiOlsiKiJdLCJncmFjZVBlcmlvZERheXMiOjAsImlhdCI6MTc2NzIyNTYwMCwia2lkIjoiZWMxOTJhZTA2ZDJiNmNiMCIsImxhYmVsIjoiSW5pdGVjaCIsImxpY2Vuc2VJZCI6ImEtMyIsImxpbWl0cyI6eyJtYXhfYXBwcyI6MH0sInRlbmFudElkIjoiaW5pdGVjaCJ9.Cbq5ofuCeVn3R2rt8QK5pO/57JJbQaLgIa2538wmFFib+uWA6Jpk8wh3REMFNDQxidUzhuQAoph2hZgEtvHyBQ=="}
    [exit status: 0]
    "#);
}

#[test]
fn csv_and_jsonl_mint_the_same_tokens() {
    let bench = bench();
    bench.write("rows.csv", CSV);
    bench.write("rows.jsonl", JSONL);
    let tokens = |file: &str| -> Vec<String> {
        let outcome = bench.mint_batch(&["-q", "--batch", file]);
        assert_eq!((outcome.status, outcome.stderr()), (Some(0), ""), "{outcome}");
        outcome.stdout().lines().map(|line| member(line, "token")).collect()
    };
    let csv = tokens("rows.csv");
    assert_eq!((csv.len(), &csv), (3, &tokens("rows.jsonl")));
    // Windows saves both with a mark in front and CR LF at the ends.
    bench.write("marked.csv", format!("\u{feff}{}", CSV.replace('\n', "\r\n")));
    bench.write("marked.jsonl", format!("\u{feff}{}", JSONL.replace('\n', "\r\n")));
    assert_eq!((&csv, &csv), (&tokens("marked.csv"), &tokens("marked.jsonl")));
    let standard_input = bench.mint_batch(&["-q", "--batch", "-"]);
    assert_eq!((standard_input.status, standard_input.stdout()), (Some(1), ""), "no rows, no licenses");
    // The single door signs the same bytes.
    let mut claims = words("--id a-1 --tenant acme --expires 2026-12-31 --limit max_apps=25 --feature reports");
    claims.extend(["--feature", "audit", "--label", "Acme, Inc."]);
    let single = bench.mint(&claims);
    assert_eq!(csv[0], single);
}

#[test]
fn the_command_line_gives_what_rows_leave_out() {
    let bench = bench();
    bench.write(
        "rows.jsonl",
        "{\"tenantId\":\"acme\"}\n{\"tenantId\":\"globex\",\"exp\":\"2027-06-30\",\"limits\":{\"max_apps\":9}}\n",
    );
    let outcome =
        bench.mint_batch(&words("-q --dry-run --batch rows.jsonl --expires 2026-12-31 --max-apps 3 --max-users 5"));
    let licenses: Vec<String> = outcome.stdout().lines().map(str::to_owned).collect();
    assert!(licenses[0].contains(r#""limits":{"max_apps":3,"max_users":5}"#), "{outcome}");
    assert!(licenses[1].contains(r#""limits":{"max_apps":9,"max_users":5}"#), "{outcome}");
    assert!(licenses[1].contains(r#""exp":1814399999"#), "{outcome}");
    let named = bench.mint_batch(&["-q", "--id", "one", "--batch", "rows.jsonl", "--expires", "90d"]);
    assert_eq!(named.status, Some(2), "{named}");
}

#[test]
fn one_row_at_fault_and_nothing_is_signed() {
    let bench = bench();
    bench.write("rows.csv", "licenseId,tenantId,exp,seats\na-1,acme,90d,1\na-2,,90d,1\na-3,acme,soon,1\na-4,acme,90d,many\na-1,acme,90d,1\na-6,acme,90d,1\n");
    let outcome = bench.mint_batch(&["-q", "--batch", "rows.csv", "-o", "out.jsonl"]);
    assert_snapshot!(outcome, @"
    ------- stderr -------
    mintage: error[malformed]: row 2: the license needs `tenantId`
    mintage: error[malformed]: row 3: `exp`: `soon` is not a time; write 2027-01-31, 2027-01-31T12:00:00Z, 90d, 12h, 2w or never
    mintage: error[malformed]: row 4: `seats` must be an integer of at least 0, and is `many`
    mintage: error[malformed]: row 5: row 1 has the same `licenseId`
    mintage: error[malformed]: 4 of 6 rows cannot be minted; nothing was signed
    mintage: hint: mend the rows and run the same command again
    [exit status: 1]
    ");
    assert!(!bench.path("out.jsonl").exists() && !bench.path("out.jsonl.partial").exists());
    let told = bench.mint_batch(&["-q", "--batch", "rows.csv", "--json"]);
    assert_snapshot!(told.stdout(), @r#"{"code":"malformed","error":"4 of 6 rows cannot be minted; nothing was signed","hints":["mend the rows and run the same command again"],"message":"4 of 6 rows cannot be minted; nothing was signed"}"#);
    assert_eq!((told.status, told.stderr()), (Some(1), outcome.stderr()));
}

#[test]
fn a_member_or_column_given_twice_is_a_fault() {
    let bench = bench();
    for (name, text) in [
        ("twice.jsonl", "{\"tenantId\":\"acme\",\"tenantId\":\"globex\",\"exp\":\"90d\"}\n"),
        ("names.jsonl", "{\"tenantId\":\"acme\",\"exp\":\"90d\",\"expiresAt\":\"900d\"}\n"),
        ("dotted.jsonl", "{\"tenantId\":\"acme\",\"exp\":\"90d\",\"limits\":{\"a\":1},\"limits.a\":2}\n"),
        ("head.csv", "tenantId,exp,tenantId\nacme,90d,globex\n"),
        ("empty.csv", "tenantId,exp,exp\nacme,90d,\n"),
        ("names.csv", "tenantId,exp,expiresAt\nacme,90d,900d\n"),
        ("limit.csv", "tenantId,exp,limits.a,limits.a\nacme,90d,1,2\n"),
    ] {
        bench.write(name, text);
        let outcome = bench.mint_batch(&["-q", "--batch", name]);
        assert!(outcome.stderr().contains("error[duplicate-member]: row 1: "), "{name}: {outcome}");
        assert_eq!((outcome.status, outcome.stdout()), (Some(1), ""), "{name}");
    }
}

#[test]
fn a_thousand_rows_come_out_in_their_order() {
    let bench = bench();
    let row = |number| format!("{{\"licenseId\":\"id-{number}\",\"tenantId\":\"t{number}\",\"exp\":\"never\"}}");
    bench.write("rows.jsonl", (1..=1_000).map(row).collect::<Vec<_>>().join("\n"));
    let outcome = bench.mint_batch(&["--batch", "rows.jsonl", "-o", "out.jsonl"]);
    assert_snapshot!(outcome, @"
    ------- stderr -------
    mintage: where a row says nothing else: issued 2026-01-01T00:00:00Z
    mintage: minted 1000 licenses, signed by key ec192ae06d2b6cb0
    [exit status: 0]
    ");
    let out = bench.read("out.jsonl");
    assert!(out.lines().zip(1..).all(|(line, number)| member(line, "licenseId") == format!("id-{number}")
        && member(line, "row") == number.to_string()));
    let verified = bench.run(["verify", "--trust", "vendor.pub", "--at", "2026-02-01", "--batch", "out.jsonl"]);
    assert!(verified.stderr().contains("1000 lines judged: 1000 valid, 0 refused"), "{}", verified.stderr());
    assert_eq!(verified.status, Some(0));
}

#[test]
fn an_interrupted_batch_goes_on_where_it_stopped() {
    let bench = bench();
    let rows: Vec<String> = (1..=600).map(|number| format!("t{number},never")).collect();
    bench.write("rows.csv", format!("tenantId,exp\n{}", rows.join("\n")));
    let arguments = ["-q", "--batch", "rows.csv", "-o", "out.jsonl"];
    assert_eq!(bench.mint_batch(&arguments).status, Some(0));
    let whole = bench.read("out.jsonl");
    std::fs::remove_file(bench.path("out.jsonl")).unwrap();
    // Cut in the middle of a line, as a power failure would.
    let kept: usize = whole.lines().take(300).map(|line| line.len() + 1).sum();
    bench.write("out.jsonl.partial", &whole[..kept + 57]);
    assert_snapshot!(bench.mint_batch(&arguments), @"
    ------- stderr -------
    mintage: error[file-exists]: `out.jsonl.partial` holds what an interrupted batch has minted
    mintage: hint: go on with --resume, or start over with --force
    [exit status: 3]
    ");
    let dry = bench.mint_batch(&[&arguments[..], &["--resume", "--dry-run"]].concat());
    assert_eq!((dry.stdout().lines().count(), dry.status), (300, Some(0)));
    let resumed = bench.mint_batch(&["--batch", "rows.csv", "-o", "out.jsonl", "--resume"]);
    assert_snapshot!(resumed, @"
    ------- stderr -------
    mintage: where a row says nothing else: issued 2026-01-01T00:00:00Z
    mintage: minted 300 licenses, 300 were there already, signed by key ec192ae06d2b6cb0
    [exit status: 0]
    ");
    let out = bench.read("out.jsonl");
    assert_eq!(&out[..kept], &whole[..kept], "no row is minted twice");
    assert!(out.lines().zip(1..).all(|(line, number)| member(line, "tenantId") == format!("t{number}")));
    assert_eq!(out.lines().count(), 600);
    assert!(!bench.path("out.jsonl.partial").exists());
}

#[test]
fn rows_that_changed_after_they_were_minted_are_not_taken_for_the_old_ones() {
    let bench = bench();
    bench.write("rows.csv", "tenantId,exp\na,90d\nb,90d\nc,90d\n");
    let arguments = ["-q", "--batch", "rows.csv", "-o", "out.jsonl"];
    assert_eq!(bench.mint_batch(&arguments).status, Some(0));
    let whole = bench.read("out.jsonl");
    std::fs::remove_file(bench.path("out.jsonl")).unwrap();
    let partial = whole.lines().take(2).collect::<Vec<_>>().join("\n") + "\n";
    bench.write("out.jsonl.partial", &partial);
    bench.write("rows.csv", "tenantId,exp\na,90d\nb,900d\nc,90d\n");
    let resume = [&arguments[..], &["--resume"]].concat();
    assert_snapshot!(bench.mint_batch(&resume), @"
    ------- stderr -------
    mintage: error[malformed]: row 2: the row, or a default or plan beside it, was changed after it had been minted
    mintage: error[malformed]: 1 of 3 rows cannot be minted; nothing was signed
    mintage: hint: mend the rows and run the same command again
    [exit status: 1]
    ");
    assert_eq!(bench.read("out.jsonl.partial"), partial);
    // A row that is gone was minted all the same, and its license must not slip into the result.
    bench.write("rows.csv", "tenantId,exp\na,90d\n");
    assert_snapshot!(bench.mint_batch(&resume), @"
    ------- stderr -------
    mintage: error[malformed]: row 2: the row was taken away after it had been minted
    mintage: error[malformed]: 1 of 1 rows cannot be minted; nothing was signed
    mintage: hint: mend the rows and run the same command again
    [exit status: 1]
    ");
    bench.write("rows.csv", "tenantId,exp\na,90d\nb,90d\nc,90d\n");
    // Another key would leave one file with two signers, another default one with two kinds of license.
    let other_key = bench.run(
        ["mint", "--allow-readable-key", "--key", &example("ci.key"), "--issued-at", ISSUED].iter().chain(&resume),
    );
    assert!(other_key.stderr().contains("error[bad-signature]"), "{other_key}");
    assert_eq!(other_key.status, Some(3));
    assert_eq!(bench.mint_batch(&[&resume[..], &["--product", "other"]].concat()).status, Some(1));
    assert_eq!(bench.read("out.jsonl.partial"), partial);
    assert_eq!(bench.mint_batch(&resume).status, Some(0));
    assert_eq!(bench.read("out.jsonl").lines().count(), 3);
    // With nothing to go on with it begins; what is whole is left alone, and what was cut short is filled up.
    let other = ["-q", "--batch", "rows.csv", "-o", "other.jsonl", "--resume"];
    assert_eq!(bench.mint_batch(&other).status, Some(0));
    let whole = bench.read("other.jsonl");
    assert_eq!(bench.mint_batch(&other).status, Some(0));
    assert_eq!(bench.read("other.jsonl"), whole);
    let first = whole.lines().next().unwrap();
    bench.write("other.jsonl", format!("{first}\n{}", &first[..first.len() / 2]));
    assert_eq!(bench.mint_batch(&other).status, Some(0));
    let filled = bench.read("other.jsonl");
    assert_eq!((filled.lines().count(), filled.lines().next()), (3, Some(first)));
    assert_snapshot!(bench.mint_batch(&["-q", "--batch", "rows.txt"]), @"
    ------- stderr -------
    mintage: error[usage]: `rows.txt` is neither .csv nor .jsonl
    mintage: hint: name the batch by what it holds
    [exit status: 2]
    ");
}
