//! What a customer sent as their machine's fingerprint, held to the rule of its profile before it is signed.

use insta::assert_snapshot;
use mintage::fingerprint::Fingerprint;
use mintage::key::SecretKey;
use mintage::license::License;
use mintage::time::Timestamp;
use mintage::{Context, Keyring, Token, json, judge};

use crate::harness::{Bench, Outcome};
use crate::verify::{TERM, bench};

/// A host as `mintage fingerprint` prints one.
const HOST: &str = concat!(
    r#"{"components":[{"digests":["00000000000000000000000000000001","00000000000000000000000000000002"],"#,
    r#""kdf":"pbkdf2-200k","name":"net.mac","weight":2},"#,
    r#"{"digests":["ffffffffffffffffffffffffffffffff"],"kdf":"hmac-sha256","name":"os.machine-id","weight":3}],"#,
    r#""format":"fp1","product":"acme","profile":"host","salt":"AAECAwQFBgcICQoLDA0ODw==","#,
    r#""threshold":3,"total":5,"veto":[]}"#
);

/// The same with its machine id alone.
const WEAK: &str = concat!(
    r#"{"components":[{"digests":["ffffffffffffffffffffffffffffffff"],"kdf":"hmac-sha256","name":"os.machine-id","#,
    r#""weight":3}],"format":"fp1","product":"","profile":"host","salt":"AAECAwQFBgcICQoLDA0ODw==","#,
    r#""threshold":2,"total":3,"veto":[]}"#
);

fn bound(bench: &Bench, document: &str, more: &[&str]) -> Outcome {
    bench.write("machine.json", document);
    bench.minting(&[&TERM[..], &["-q", "--fingerprint", "@machine.json"], more].concat())
}

#[test]
fn a_fingerprint_that_lets_other_machines_pass_is_not_signed() {
    let bench = bench();
    assert_eq!(bound(&bench, HOST, &[]).status, Some(0));
    assert_snapshot!(bound(&bench, &HOST.replace(r#""threshold":3"#, r#""threshold":1"#), &[]), @"
    ------- stderr -------
    mintage: error[weak-fingerprint]: the fingerprint lets 1 of 5 points pass, and 3 make a host
    mintage: hint: ask for one as `mintage fingerprint` prints it, unchanged; --allow-weak accepts one of a single component
    [exit status: 1]
    ");
    for (part, changed, named) in [
        (r#""weight":3"#, r#""weight":9"#, "has a total of 5"),
        (r#""weight":2"#, r#""weight":3"#, "net.mac weighs 3 in the fingerprint, and 2 belongs there"),
        (r#""kdf":"pbkdf2-200k""#, r#""kdf":"hmac-sha256""#, "net.mac is digested by hmac-sha256"),
        (r#""profile":"host""#, r#""profile":"vm""#, "lets 3 of 5 points pass, and 5 make a vm"),
        (r#""veto":[]"#, r#""veto":["net.mac"]"#, "are net.mac in the fingerprint, and none for this host"),
        ("net.mac", "net.own", "a component `net.own`"),
        (r#"["ffff"#, r#"["0fffffffffffffffffffffffffffffff","ffff"#, "os.machine-id has 2 digests"),
        ("AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0O", "16 bytes in base64"),
    ] {
        let changed = HOST.replacen(part, changed, 1).replace(r#""weight":9"#, r#""weight":9,"x":1"#);
        let changed = if named.starts_with("net.mac weighs") {
            changed.replace(r#""threshold":3,"total":5"#, r#""threshold":4,"total":6"#)
        } else {
            changed
        };
        let outcome = bound(&bench, &changed, &[]);
        assert!(matches!(outcome.status, Some(1 | 2)) && outcome.stdout().is_empty(), "{named}: {outcome}");
        if !named.contains("total") {
            assert!(outcome.stderr().contains(named), "{named}: {outcome}");
        }
    }
}

#[test]
fn one_component_is_signed_only_when_the_issuer_says_so() {
    let bench = bench();
    assert_snapshot!(bound(&bench, WEAK, &[]), @"
    ------- stderr -------
    mintage: error[weak-fingerprint]: only os.machine-id identifies the machine in the fingerprint, and two components are needed
    mintage: hint: ask for a fingerprint of more (--privileged, --component), or accept this one with --allow-weak
    [exit status: 1]
    ");
    assert_eq!(bound(&bench, WEAK, &["--allow-weak"]).status, Some(0));
    let changed = WEAK.replace(r#""threshold":2"#, r#""threshold":1"#);
    assert_eq!(bound(&bench, &changed, &["--allow-weak"]).status, Some(1));
}

#[test]
fn rows_are_held_to_the_rule_too() {
    let bench = bench();
    let loose = HOST.replace(r#""threshold":3"#, r#""threshold":1"#);
    let quoted = |text: &str| text.replace('"', "\"\"");
    bench.write("good.csv", format!("tenantId,exp,fingerprint\na,never,\"{}\"\n", quoted(HOST)));
    bench.write("loose.csv", format!("tenantId,exp,fingerprint\na,never,\"{}\"\n", quoted(&loose)));
    bench.write("good.jsonl", format!(r#"{{"tenantId":"a","exp":"never","fingerprint":{HOST}}}"#));
    bench.write("loose.jsonl", format!(r#"{{"tenantId":"a","exp":"never","fingerprint":{loose}}}"#));
    bench.write("weak.jsonl", format!(r#"{{"tenantId":"a","exp":"never","fingerprint":{WEAK}}}"#));
    for (file, more, status) in [
        ("good.csv", "", 0),
        ("loose.csv", "", 1),
        ("good.jsonl", "", 0),
        ("loose.jsonl", "", 1),
        ("weak.jsonl", "", 1),
        ("weak.jsonl", "--allow-weak", 0),
    ] {
        let outcome =
            bench.mint_batch(&[&["-q", "--batch", file][..], &more.split_whitespace().collect::<Vec<_>>()].concat());
        assert_eq!(outcome.status, Some(status), "{file}: {outcome}");
        assert_eq!(outcome.stderr().contains("row 1: "), status == 1, "{file}: {outcome}");
        assert_eq!(outcome.stderr().contains("error[weak-fingerprint]: row 1: "), status == 1, "{file}: {outcome}");
    }
    // What was written as JSON is bound as fp1, not as the text it is.
    let dry = bench.mint_batch(&["-q", "--batch", "good.csv", "--dry-run"]);
    assert!(dry.stdout().contains(r#""fingerprint":{"components":"#), "{dry}");
}

/// An issuer may have had another rule; what was signed counts as it was signed.
#[test]
fn a_signed_license_is_judged_by_the_rule_it_carries() {
    let loose = HOST.replace(r#""threshold":3"#, r#""threshold":1"#).replace(r#""weight":3"#, r#""weight":3,"n":0"#);
    let fingerprint = Fingerprint::from_json(json::parse(loose.as_bytes()).unwrap(), "fingerprint").unwrap();
    let mut license = License::new("lic-1".to_owned(), "acme".to_owned(), Timestamp::EPOCH, Timestamp::NEVER);
    license.fingerprint = Some(fingerprint);
    let key = SecretKey::from_seed(&[1; 32]);
    let token = Token::mint(license, &key);
    let verified = Token::parse(token.as_str()).unwrap().verify(&Keyring::from(key.public())).unwrap();
    let verdict = judge(&verified, &Context::at(Timestamp::EPOCH));
    let codes: Vec<_> = verdict.refusals.iter().map(|refusal| refusal.code.as_str()).collect();
    assert_eq!(codes, ["machine-unreadable"], "nothing was read, and nothing else stands against it");
    let Some(Fingerprint::Fp1(carried)) = &verdict.license.as_ref().unwrap().fingerprint else { panic!() };
    assert_eq!(carried.threshold, 1);
}

#[test]
fn a_row_names_a_file_beside_the_batch() {
    let bench = bench();
    bench.write("orders/sent/machine.json", HOST);
    bench.write("orders/node.txt", "node-1\n");
    bench.write(
        "orders/rows.csv",
        "licenseId,tenantId,exp,fingerprint\na,a,never,@sent/machine.json\nb,b,never,@node.txt\n",
    );
    bench.write(
        "orders/rows.jsonl",
        r#"{"licenseId":"a","tenantId":"a","exp":"never","fingerprint":"@sent/machine.json"}"#,
    );
    let minted = bench.mint_batch(&["-q", "--batch", "orders/rows.csv", "--dry-run"]);
    let lines: Vec<&str> = minted.stdout().lines().collect();
    assert!(lines[0].contains(r#""fingerprint":{"components":"#), "{minted}");
    assert!(lines[1].contains(r#""fingerprint":"node-1""#), "{minted}");
    let jsonl = bench.mint_batch(&["-q", "--batch", "orders/rows.jsonl", "--dry-run"]);
    assert_eq!(jsonl.stdout().lines().next(), Some(lines[0]), "{jsonl}");
    bench.write("rows.csv", "tenantId,exp,fingerprint\na,never,@sent/machine.json\n");
    assert_snapshot!(bench.mint_batch(&["-q", "--batch", "rows.csv"]), @"
    ------- stderr -------
    mintage: error[file-unreadable]: row 1: `sent/machine.json` could not be read: No such file or directory (os error 2)
    mintage: error[malformed]: 1 of 1 rows cannot be minted; nothing was signed
    mintage: hint: mend the rows and run the same command again
    [exit status: 1]
    ");
    // What a finished row was bound to is part of it.
    let batch = ["-q", "--batch", "orders/rows.csv", "-o", "minted.jsonl"];
    assert_eq!(bench.mint_batch(&batch).status, Some(0));
    std::fs::rename(bench.path("minted.jsonl"), bench.path("minted.jsonl.partial")).unwrap();
    bench.write("orders/node.txt", "node-2\n");
    let changed = bench.mint_batch(&[&batch[..], &["--resume"]].concat());
    assert!(changed.status == Some(1) && changed.stderr().contains("row 2: the row"), "{changed}");
}
