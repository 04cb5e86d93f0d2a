//! What is refused has done nothing.

use insta::assert_snapshot;

use super::commands::{Vendor, told};

#[test]
fn a_list_that_is_not_made_withdraws_nothing() {
    let vendor = Vendor::new();
    for (ids, output, code) in [
        (["lic-1", "lic-9"], "list-3.json", "unknown-license"),
        (["lic-1", "lic-2"], "none/list-3.json", "file-unwritable"),
    ] {
        let more = ["--revoke", ids[0], "--revoke", ids[1], "-o", output];
        let refused = vendor.signed(&["mint", "revocations"], &more);
        assert!(refused.stderr().contains(&format!("error[{code}]")), "{refused}");
        let shown = vendor.run(&["ledger", "show", "lic-1"]);
        assert!(shown.stdout().contains("state     active"), "{shown}");
    }
}

#[test]
fn a_batch_with_an_id_that_is_taken_signs_nothing() {
    let vendor = Vendor::new();
    vendor.0.write("orders.csv", "licenseId,tenantId,exp\nlic-3,acme,never\nlic-1,acme,never\n");
    assert_snapshot!(told(&vendor.signed(&["mint"], &["--batch", "orders.csv", "-o", "minted.jsonl"])), @"
    ------- stderr -------
    mintage: error[license-exists]: row 2: the ledger already holds a license lic-1
    mintage: error[malformed]: 1 of 2 rows cannot be minted; nothing was signed
    mintage: hint: mend the rows and run the same command again
    [exit status: 1]
    ");
    assert!(!vendor.0.path("minted.jsonl.partial").exists());
}

#[test]
fn what_no_entry_is_of_is_asked_for_in_vain() {
    let vendor = Vendor::new();
    for (asked, expected) in [
        (vec!["audit", "--license", "lic-9"], "error[unknown-license]: the ledger holds no license lic-9"),
        (vec!["audit", "--from", "2027-01-01", "--to", "2026-01-01"], "error[usage]: the period would begin at "),
        (vec!["report", "usage", "--license", "lic-9"], "error[unknown-license]: the ledger holds no license lic-9"),
    ] {
        let refused = vendor.run(&[&["ledger"][..], &asked].concat());
        assert!(refused.stderr().contains(expected), "{refused}");
    }
}
