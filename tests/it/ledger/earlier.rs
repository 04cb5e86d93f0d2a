//! What hangs on a key before it is rotated: also tokens that were renewed since.

use insta::assert_snapshot;
use mintage::ledger::license::LicenseFilter;
use mintage::ledger::{Ledger, LedgerError};
use mintage::operation::ledger::{issue, renew, show};
use mintage::{License, SecretKey, Token};

use super::{Place, at, by_ann, key, license, mint};
use crate::harness::{Bench, ISSUED, example};

/// Renews a license with another key.
fn renewed(ledger: &Ledger, id: &str, change: impl FnOnce(&mut License)) {
    let before = renew::find(ledger, id).unwrap();
    let (mut after, other) = (before.license.clone(), SecretKey::from_seed(&[8; 32]));
    change(&mut after);
    let token = Token::mint(after.clone(), &other).to_string();
    renew::renew(ledger, &by_ann(10), &before, after, token, other.public().id(), None).unwrap();
}

fn hanging(ledger: &Ledger, key_id: &str, seconds: i64) -> Vec<String> {
    let filter = LicenseFilter { key_id: Some(key_id.to_owned()), ..LicenseFilter::default() };
    let mut told = Vec::new();
    show::list::<LedgerError>(ledger, &filter, at(seconds), |listed| {
        let earlier = listed.earlier.iter().map(|token| format!(" {}", token.grace_until));
        told.push(format!("{}{}", listed.held.license.license_id, earlier.collect::<String>()));
        Ok(())
    })
    .unwrap();
    told
}

#[test]
fn a_token_from_before_a_renewal_hangs_on_its_key_as_long_as_it_counts() {
    for mut place in Place::all() {
        let ledger = place.open("earlier");
        // One that was never renewed, one that was, and one whose token of before has days of grace.
        let mut patient = license("lic-3");
        patient.grace_period_days = 1;
        issue::record(&ledger, &by_ann(0), vec![mint(license("lic-1")), mint(license("lic-2")), mint(patient)])
            .unwrap();
        renewed(&ledger, "lic-2", |license| license.expires_at = at(5_000));
        renewed(&ledger, "lic-3", |license| (license.expires_at, license.grace_period_days) = (at(5_000), 0));
        let old = key().public().id().to_string();
        let new = SecretKey::from_seed(&[8; 32]).public().id().to_string();
        let all = ["lic-1", "lic-2 2026-01-01T00:16:40Z", "lic-3 2026-01-02T00:16:40Z"];
        assert_eq!(hanging(&ledger, &old, 1_000), all);
        assert_eq!(hanging(&ledger, &old[..16], 1_000), all);
        assert_eq!(hanging(&ledger, &old[..15], 1_000), [""; 0]);
        assert_eq!(hanging(&ledger, "%", 1_000), [""; 0]);
        assert_eq!(hanging(&ledger, &old, 1_001), ["lic-1", "lic-3 2026-01-02T00:16:40Z"]);
        assert_eq!(hanging(&ledger, &old, 87_401), ["lic-1"]);
        assert_eq!(hanging(&ledger, &new, 1_000), ["lic-2", "lic-3"]);
    }
}

#[test]
fn a_list_tells_of_tokens_from_before_a_renewal() {
    let bench = Bench::new();
    let (book, old) = (["--ledger", "sqlite:book.db"], "ec192ae06d2b6cb0");
    bench.mint(&[&["--tenant", "acme", "--expires", "2099-12-31"], &book[..]].concat());
    let ci = example("ci.key");
    let renew = ["-q", "ledger", "renew", "lic-1", "--allow-readable-key", "--key", &ci, "--issued-at", ISSUED];
    let renewed = bench.run([&renew[..], &["--expires", "2100-12-31"], &book].concat());
    assert_eq!(renewed.status, Some(0), "{renewed}");
    assert_snapshot!(bench.run([&["ledger", "list", "--key-id", old], &book[..]].concat()), @"
    lic-1  acme  active  2100-12-31T23:59:59Z  d4e093ff67c0565a  0 of any machines
    ------- stderr -------
    mintage: of lic-1 a token from before its renewal hangs on the key too, until 2099-12-31T23:59:59Z
    mintage: 1 license
    [exit status: 0]
    ");
    let json = bench.run([&["-q", "ledger", "list", "--json", "--key-id", old], &book[..]].concat());
    assert!(
        json.stdout().contains(&format!(r#""earlierTokens":[{{"graceUntil":"2099-12-31T23:59:59Z","keyId":"{old}"#))
    );
    let all = bench.run([&["-q", "ledger", "list", "--json"], &book[..]].concat());
    assert!(!all.stdout().contains("earlierTokens"), "{all}");
}
