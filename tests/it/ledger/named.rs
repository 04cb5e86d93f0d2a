//! Licenses by their license keys.

use insta::assert_snapshot;

use super::commands::Vendor;

#[test]
fn a_license_key_is_shown_once_and_stored_hashed() {
    let vendor = Vendor::new();
    let minted = vendor.mint(&["--id", "lic-3", "--tenant", "acme", "--license-key", "--json"]);
    let shown = minted.stdout().split("\"licenseKey\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(shown.starts_with("MTG-") && shown.len() == 33, "{shown}");
    let book = std::fs::read(vendor.0.path("book.db")).unwrap();
    let digits = shown.replace('-', "");
    for part in [&shown[4..], &digits[3..]] {
        assert!(!book.windows(part.len()).any(|window| window == part.as_bytes()));
    }
    // Whoever has it may name the license by it, as it was typed.
    let typed = shown.replace('-', " ").to_lowercase();
    let named = vendor.run(&["ledger", "show", "-q", &typed]);
    assert!(named.stdout().starts_with("license   lic-3\n"), "{named}");
    vendor.0.write("key.txt", format!("{shown}\n"));
    let stopped = vendor.run(&["ledger", "suspend", "@key.txt"]);
    assert!(stopped.stderr().contains("license lic-3 is suspended now"), "{stopped}");
    assert_snapshot!(vendor.run(&["ledger", "show", "MTG-00000-00000-00000-00000-00000"]), @r"
    ------- stderr -------
    mintage: error[unknown-license]: the ledger knows no such license key
    mintage: hint: check the id or license key; `mintage ledger list` shows the licenses of the ledger
    [exit status: 1]
    ");
    assert_snapshot!(vendor.run(&["ledger", "revoke", "MTG-00000-00000-00000-00000-00001"]), @r"
    ------- stderr -------
    mintage: error[malformed]: the license key was mistyped: its check symbol does not fit
    mintage: hint: ask the issuer for a fresh copy
    [exit status: 1]
    ");
    let outcome = vendor.0.run(["mint", "--license-key", "--tenant", "a", "--expires", "never"]);
    assert_snapshot!(outcome, @"
    ------- stderr -------
    mintage: never expires
    mintage: error[usage]: a license key is of no use without a ledger
    mintage: hint: name one with --ledger or MINTAGE_LEDGER
    [exit status: 2]
    ");
}
