//! One story from the first license to the last, told on every engine.

use mintage::Keyring;
use mintage::ledger::Ledger;
use mintage::ledger::audit::{ACTIONS, AuditFilter};
use mintage::ledger::license::{HeldState, LicenseFilter};
use mintage::ledger::license_key::LicenseKey;
use mintage::operation::ledger::change::{self, Change};
use mintage::operation::ledger::{audit, issue, renew, show, transfer, withdraw};
use mintage::revocations::LicenseHash;

use super::{Place, activate, at, by_ann, key, license, mint, record, told, told_of};

#[test]
fn every_engine_tells_the_same_story() {
    let mut books = Vec::new();
    for mut place in Place::all() {
        let ledger = place.open("story");
        issuing(&ledger);
        machines(&ledger);
        changing(&ledger);
        renewing(&ledger);
        withdrawing(&ledger);
        expiring(&ledger);
        auditing(&ledger);
        let book = exported(&ledger);
        drop(ledger);
        // What was written is there when it is opened again.
        assert_eq!(exported(&place.open("story")), book);
        books.push((place, book));
    }
    let told: Vec<&String> = books.iter().map(|(_, book)| book).collect();
    assert!(told.iter().all(|book| *book == told[0]), "{told:#?}");
    // Each takes over what the other has written.
    let book = told[0].clone();
    for (place, _) in &mut books {
        let ledger = place.open("copy");
        assert_eq!(super::import(&ledger, &book).unwrap(), 4);
        assert_eq!(exported(&ledger), book);
        let again = told_of_import(&ledger, &book);
        assert_eq!(again, "error[license-exists]: the ledger is in use, and an import begins a new one");
        audit::verify(&ledger, None).unwrap();
    }
}

fn told_of_import(ledger: &Ledger, book: &str) -> String {
    told(super::import(ledger, book))
}

pub(super) fn exported(ledger: &Ledger) -> String {
    let mut text = String::new();
    transfer::export::<mintage::ledger::LedgerError>(ledger, |line| {
        text.push_str(line);
        Ok(())
    })
    .unwrap();
    text
}

fn listed(ledger: &Ledger, filter: &LicenseFilter) -> Vec<String> {
    let mut ids = Vec::new();
    show::list::<mintage::ledger::LedgerError>(ledger, filter, at(2), |listed| {
        let held = listed.held;
        ids.push(format!("{} {}", held.license.license_id, held.state));
        Ok(())
    })
    .unwrap();
    ids
}

pub(super) fn actions(ledger: &Ledger, license_id: &str) -> Vec<String> {
    let history = told_of(ledger, license_id).history;
    history.iter().map(|chained| chained.entry.action.clone()).collect()
}

fn issuing(ledger: &Ledger) {
    record(ledger, "lic-1", Some(2));
    record(ledger, "lic-2", None);
    let mut other = license("Lic-3");
    "globex \u{e9}\u{1f600}".clone_into(&mut other.tenant_id);
    other.expires_at = at(5_000);
    let mut minted = mint(other);
    let license_key = LicenseKey::from_random(&[1; 15]);
    minted.license_key = Some(license_key.clone());
    issue::record(ledger, &by_ann(1), vec![minted.clone()]).unwrap();
    assert_eq!(
        told(issue::record(ledger, &by_ann(2), vec![mint(license("lic-4")), mint(license("lic-2"))])),
        "error[license-exists]: the ledger already holds a license lic-2"
    );
    // All of them or none, and a batch that was interrupted goes on.
    assert_eq!(listed(ledger, &LicenseFilter::default()), ["Lic-3 active", "lic-1 active", "lic-2 active"]);
    issue::record_missing(ledger, &by_ann(2), vec![minted, mint(license("lic-4"))]).unwrap();
    let of = |change: fn(&mut LicenseFilter)| {
        let mut filter = LicenseFilter::default();
        change(&mut filter);
        listed(ledger, &filter).len()
    };
    assert_eq!(of(|filter| filter.tenant_id = Some("acme".to_owned())), 3);
    assert_eq!(of(|filter| filter.key_id = Some(key().public().id().to_string())), 4);
    assert_eq!(of(|filter| filter.key_id = Some(key().public().id().kid().to_string())), 4);
    assert_eq!(of(|filter| filter.key_id = Some("0".repeat(16))), 0);
    assert_eq!(of(|filter| filter.state = Some(HeldState::Revoked)), 0);
    assert_eq!(of(|filter| filter.expiring_until = Some(at(1_000))), 3);
    let found = ledger
        .read(|transaction| mintage::ledger::license::find_by_license_key(transaction, &license_key.hash()))
        .unwrap();
    assert_eq!(found.unwrap().license.tenant_id, "globex \u{e9}\u{1f600}");
    assert!(!exported(ledger).contains(&license_key.reveal()[4..9]));
}

fn machines(ledger: &Ledger) {
    let first = ledger.activate(activate("lic-1", "m1", 10)).unwrap();
    assert!(!first.repeated);
    let again = ledger.activate(activate("lic-1", "m1", 20)).unwrap();
    assert_eq!((again.proof_id, again.nonce, again.repeated), (first.proof_id, first.nonce, true));
    ledger.activate(activate("lic-1", "m2", 30)).unwrap();
    assert_eq!(
        told(ledger.activate(activate("lic-1", "m3", 40))),
        "error[activations-exhausted]: 2 of 2 activations of license lic-1 are in use"
    );
    assert!(ledger.activate(activate("lic-1", "m2", 50)).unwrap().repeated);
    for machine in 0..100 {
        ledger.activate(activate("lic-2", &format!("m{machine}"), 60)).unwrap();
    }
    assert_eq!(
        told(ledger.activate(activate("lic-9", "m1", 70))),
        "error[unknown-license]: the ledger holds no license lic-9"
    );
    assert_eq!(
        told(ledger.activate(activate("lic-1", "m1", 1_001))),
        "error[expired]: license lic-1 expired for good on 2026-01-01T00:16:40Z"
    );
    let shown = told_of(ledger, "lic-1");
    assert_eq!((shown.held.activations, shown.activations.len()), (2, 2));
    assert_eq!(told_of(ledger, "lic-2").held.activations, 100);
}

fn changing(ledger: &Ledger) {
    let suspend = Change::Suspend { reason: Some("not paid".to_owned()) };
    assert!(!change::change(ledger, &by_ann(100), "lic-1", &suspend).unwrap().unchanged);
    assert!(change::change(ledger, &by_ann(101), "lic-1", &suspend).unwrap().unchanged);
    assert_eq!(
        told(ledger.activate(activate("lic-1", "m1", 102))),
        "error[suspended]: license lic-1 is suspended, for: not paid"
    );
    let reinstated = change::change(ledger, &by_ann(103), "lic-1", &Change::Reinstate).unwrap().held;
    assert_eq!((reinstated.state, reinstated.reason), (HeldState::Active, None));
    assert!(change::change(ledger, &by_ann(104), "lic-1", &Change::Reinstate).unwrap().unchanged);
    assert_eq!(
        told(change::change(ledger, &by_ann(105), "lic-9", &suspend)),
        "error[unknown-license]: the ledger holds no license lic-9"
    );
}

fn renewing(ledger: &Ledger) {
    let before = renew::find(ledger, "lic-1").unwrap();
    let mut after = before.license.clone();
    (after.expires_at, after.max_activations) = (at(2_000), Some(3));
    after.limits.insert("max_apps".to_owned(), 5);
    let differences: Vec<String> = renew::differences(&before.license, &after)
        .into_iter()
        .map(|difference| format!("{} {:?} {:?}", difference.claim, difference.before, difference.after))
        .collect();
    assert_eq!(
        differences,
        [
            r#"expiresAt Some("2026-01-01T00:16:40Z") Some("2026-01-01T00:33:20Z")"#,
            r#"limits.max_apps None Some("5")"#,
            r#"maxActivations Some("2") Some("3")"#,
        ]
    );
    let minted = mint(after.clone());
    let renew = |seconds| {
        renew::renew(ledger, &by_ann(seconds), &before, after.clone(), minted.token.clone(), minted.key_id, None)
    };
    renew(200).unwrap();
    assert_eq!(told(renew(201)), "error[forked]: license lic-1 was renewed by somebody else at 2026-01-01T00:03:20Z");
    ledger.activate(activate("lic-1", "m3", 210)).unwrap();
    assert_eq!(told_of(ledger, "lic-1").held.license, after);
}

fn withdrawing(ledger: &Ledger) {
    let revoke = Change::Revoke { reason: Some("refund".to_owned()), grace_hours: Some(2) };
    change::change(ledger, &by_ann(300), "lic-2", &revoke).unwrap();
    assert!(change::change(ledger, &by_ann(301), "lic-2", &revoke).unwrap().unchanged);
    let refused = told(change::change(ledger, &by_ann(302), "lic-2", &Change::Reinstate));
    assert_eq!(refused, "error[revoked]: license lic-2 was withdrawn for good");
    let refused = told(ledger.activate(activate("lic-2", "m1", 303)));
    assert_eq!(refused, "error[revoked]: license lic-2 was withdrawn, for: refund");
    let list = |seconds| withdraw::list(ledger, &by_ann(seconds), None, at(9_000)).unwrap().unwrap();
    let (first, second) = (list(310), list(310));
    assert_eq!(first.find("lic-2").map(|entry| (entry.at, entry.grace_hours)), Some((at(300), 2)));
    assert_eq!(first.entries().len(), 1);
    assert_eq!(first.entries()[0].id, LicenseHash::of("lic-2"));
    assert!(second.sequence > first.sequence, "a number is never used twice");
    // A copy that was restored has forgotten both, and its clock has not.
    assert!(first.sequence >= at(310).seconds().unsigned_abs());
    let third = withdraw::list(ledger, &by_ann(311), Some(&list(311)), at(9_000)).unwrap().unwrap();
    assert!(third.sequence > second.sequence);
}

fn expiring(ledger: &Ledger) {
    assert_eq!(change::sweep(ledger, &by_ann(1_000)).unwrap(), 0);
    assert_eq!(change::sweep(ledger, &by_ann(1_001)).unwrap(), 1);
    let all = listed(ledger, &LicenseFilter::default());
    assert_eq!(all, ["Lic-3 active", "lic-1 active", "lic-2 revoked", "lic-4 expired"]);
    // A renewal brings it back.
    let before = renew::find(ledger, "lic-4").unwrap();
    let mut after = before.license.clone();
    after.expires_at = at(3_000);
    let minted = mint(after.clone());
    let held = renew::renew(ledger, &by_ann(1_002), &before, after, minted.token, minted.key_id, None).unwrap();
    assert_eq!(held.state, HeldState::Active);
    assert_eq!(actions(ledger, "lic-4"), ["created", "expired", "renewed"]);
}

fn auditing(ledger: &Ledger) {
    let expected = ["created", "activated", "activated", "suspended", "reinstated", "renewed", "activated"];
    assert_eq!(actions(ledger, "lic-1"), expected);
    let count = |filter: &AuditFilter| {
        let mut count = 0;
        audit::entries::<mintage::ledger::LedgerError>(ledger, filter, |_| {
            count += 1;
            Ok(())
        })
        .unwrap();
        count
    };
    assert_eq!(count(&AuditFilter { action: Some("activated".to_owned()), ..AuditFilter::default() }), 103);
    assert_eq!(count(&AuditFilter { from: at(300), to: at(310), ..AuditFilter::default() }), 1);
    let named = |action: &str| count(&AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() });
    assert_eq!(ACTIONS.map(named).iter().sum::<i32>(), count(&AuditFilter::default()));
    let end = audit::verify(ledger, None).unwrap();
    let (checkpoint, envelope) = audit::checkpoint(ledger, &key(), at(2_000)).unwrap();
    assert_eq!(checkpoint.link, end);
    assert_eq!(audit::Checkpoint::verify(&envelope, &Keyring::from(key().public())).unwrap(), checkpoint);
    audit::verify(ledger, Some(&checkpoint)).unwrap();
}
