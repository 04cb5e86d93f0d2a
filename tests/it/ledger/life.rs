//! What goes on with a license day by day, told on every engine: machines that beat and are released, builds, seats,
//! sessions and caps.

use std::collections::BTreeMap;

use mintage::code::Code;
use mintage::ledger::approval::{self, Assembly};
use mintage::ledger::machine::Machine;
use mintage::ledger::release::{Beat, Heartbeat};
use mintage::ledger::seat::{Claim, Claimed, EndReason};
use mintage::ledger::session::Session;
use mintage::ledger::tenant::Used;
use mintage::ledger::{Ledger, LedgerError};
use mintage::operation::ledger::caps::{self, Take};
use mintage::operation::ledger::change::{self, Change};
use mintage::operation::ledger::install::{self, Origin};
use mintage::operation::ledger::posture::{Judge, posture};
use mintage::operation::ledger::{approve, audit, heartbeat, issue, release, renew, report, seats, sessions};
use mintage::report::{PrimaryKey, Request};
use mintage::{Keyring, State};

use super::story::{actions, exported};
use super::{Place, activate, at, by_ann, key, license, mint, record, told, told_of};

#[test]
fn every_engine_lives_the_same_life() {
    let mut books = Vec::new();
    for mut place in Place::all() {
        let ledger = place.open("life");
        machines(&ledger);
        builds(&ledger);
        seating(&ledger);
        sessioning(&ledger);
        reporting(&ledger);
        capping(&ledger);
        audit::verify(&ledger, None).unwrap();
        books.push((place, exported(&ledger)));
    }
    let book = books[0].1.clone();
    for (mut place, other) in books {
        assert_eq!(other, book);
        let copy = place.open("copy");
        super::import(&copy, &book).unwrap();
        assert_eq!(exported(&copy), book);
    }
}

fn beat(nonce: &str, fresh: &str, seconds: i64) -> Heartbeat {
    Heartbeat {
        proof_id: "proof-lic-1-m1-1".to_owned(),
        license_id: "lic-1".to_owned(),
        machine: Machine::of_digest("m1"),
        nonce: nonce.to_owned(),
        fresh_nonce: fresh.to_owned(),
        grace_hours: 24,
        now: at(seconds),
    }
}

fn machines(ledger: &Ledger) {
    record(ledger, "lic-1", Some(1));
    let first = ledger.activate(activate("lic-1", "m1", 1)).unwrap();
    let answer = heartbeat::heartbeat(ledger, beat(&first.nonce, "n2", 2)).unwrap();
    assert_eq!(answer, Beat { nonce: "n2".to_owned(), revoked: false, grace_until: None, checked_at: at(2) });
    // The answer was lost: the same again, until the new nonce is seen.
    assert_eq!(heartbeat::heartbeat(ledger, beat(&first.nonce, "n3", 3)).unwrap(), answer);
    assert_eq!(heartbeat::heartbeat(ledger, beat("n2", "n4", 4)).unwrap().nonce, "n4");
    for old in [first.nonce.as_str(), "n3", ""] {
        let refused = told(heartbeat::heartbeat(ledger, beat(old, "n5", 5)));
        assert_eq!(
            refused,
            "error[nonce-mismatch]: the nonce for activation proof-lic-1-m1-1 is not the one handed out"
        );
    }
    let wrong = |change: fn(&mut Heartbeat)| {
        let mut beat = beat("n4", "n5", 6);
        change(&mut beat);
        heartbeat::heartbeat(ledger, beat).unwrap_err().code()
    };
    assert_eq!(wrong(|beat| "lic-2".clone_into(&mut beat.license_id)), Code::LicenseMismatch);
    assert_eq!(wrong(|beat| beat.machine = Machine::of_digest("m2")), Code::WrongMachine);
    assert_eq!(wrong(|beat| "none".clone_into(&mut beat.proof_id)), Code::UnknownLicense);
    assert_eq!(wrong(|beat| beat.now = at(1_001)), Code::Expired);
    // Released, the machine beats no more, and another takes its place.
    let freed = |seconds| {
        let reason = Some("moved".to_owned());
        release::release(ledger, &by_ann(seconds), "proof-lic-1-m1-1", reason, None).unwrap()
    };
    assert_eq!((freed(10).unchanged, freed(11).unchanged), (false, true));
    assert_eq!(wrong(|_| ()), Code::Released);
    let second = ledger.activate(activate("lic-1", "m2", 12)).unwrap();
    assert!(!second.repeated);
    assert_eq!(ledger.activate(activate("lic-1", "m1", 13)).unwrap_err().code(), Code::ActivationsExhausted);
    assert_eq!(actions(ledger, "lic-1"), ["created", "activated", "deactivated", "activated"]);
    // Withdrawn, it is told so, and until when it still counts.
    change::change(ledger, &by_ann(20), "lic-1", &Change::Revoke { reason: None, grace_hours: None }).unwrap();
    let mut last = beat(&second.nonce, "n9", 21);
    (last.proof_id, last.machine) = (second.proof_id.clone(), Machine::of_digest("m2"));
    let answer = heartbeat::heartbeat(ledger, last).unwrap();
    assert_eq!((answer.revoked, answer.grace_until), (true, Some(at(20 + 24 * 3_600))));
    // A withdrawal that allows no grace is not one that says nothing of it.
    record(ledger, "lic-0", None);
    let third = ledger.activate(activate("lic-0", "m3", 22)).unwrap();
    change::change(ledger, &by_ann(23), "lic-0", &Change::Revoke { reason: None, grace_hours: Some(0) }).unwrap();
    let mut last = beat(&third.nonce, "n10", 24);
    (last.license_id, last.proof_id, last.machine) = ("lic-0".to_owned(), third.proof_id, Machine::of_digest("m3"));
    let answer = heartbeat::heartbeat(ledger, last).unwrap();
    assert_eq!((answer.revoked, answer.grace_until), (true, Some(at(23))));
}

fn builds(ledger: &Ledger) {
    record(ledger, "lic-2", None);
    let is_approved = |license: &str, digest: &str| {
        ledger.read(|transaction| approval::is_approved(transaction, license, digest)).unwrap()
    };
    let is_begun = |license: &str| ledger.read(|transaction| approval::is_begun(transaction, license)).unwrap();
    assert!(!is_begun("lic-2"));
    let assembly = |name: &str, sha256: &str| Assembly {
        name: name.to_owned(),
        version: "1.2.0".to_owned(),
        sha256: sha256.to_owned(),
        public_key_token: None,
    };
    // What is approved for one license binds no other.
    let own = [assembly("Acme.Own", "ee")];
    assert_eq!(approve::approve(ledger, &by_ann(29), &own, &["lic-2".to_owned()], "ci").unwrap(), 1);
    assert_eq!((is_begun("lic-1"), is_begun("lic-2")), (false, true));
    let official = [assembly("Acme.Core", "aa"), assembly("Acme.Web", "bb")];
    assert_eq!(approve::approve(ledger, &by_ann(30), &official, &[], "ci").unwrap(), 2);
    assert_eq!(approve::approve(ledger, &by_ann(31), &official, &[], "ci").unwrap(), 0);
    assert!(is_begun("lic-1"));
    let fork = [assembly("Acme.Core", "cc")];
    let only = ["lic-2".to_owned()];
    assert_eq!(approve::approve(ledger, &by_ann(32), &fork, &only, "manual").unwrap(), 1);
    let faults = |license: &str, asked: &[Assembly]| {
        let faults = approve::unapproved(ledger, license, asked).unwrap();
        faults.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(faults("lic-1", &official), Vec::<String>::new());
    assert_eq!(faults("lic-2", &fork), Vec::<String>::new());
    assert_eq!(faults("lic-1", &fork), ["Acme.Core@1.2.0: hash mismatch"]);
    assert_eq!(faults("lic-1", &[assembly("Acme.New", "aa")]), ["Acme.New@1.2.0: not approved"]);
    let approved = [("lic-1", "aa"), ("lic-2", "cc"), ("lic-1", "cc"), ("lic-2", "dd")];
    assert_eq!(approved.map(|(license, digest)| is_approved(license, digest)), [true, true, false, false]);
    let unknown = approve::approve(ledger, &by_ann(33), &fork, &["lic-9".to_owned()], "ci");
    assert_eq!(unknown.unwrap_err().code(), Code::UnknownLicense);
}

fn claim(holder: &str, wait: bool, seconds: i64) -> Claim {
    Claim {
        license_id: "lic-3".to_owned(),
        holder: holder.to_owned(),
        username: Some(holder.to_owned()),
        lease_id: format!("lease-{holder}-{seconds}"),
        seconds: 10,
        borrow_until: None,
        wait,
        now: at(seconds),
        actor: "ann".to_owned(),
    }
}

fn granted(answer: Result<Claimed, LedgerError>) -> String {
    match answer.unwrap() {
        Claimed::Granted(lease) => lease.lease_id,
        other => panic!("{other:?}"),
    }
}

fn seating(ledger: &Ledger) {
    let mut two = license("lic-3");
    two.seats = Some(2);
    issue::record(ledger, &by_ann(40), vec![mint(two)]).unwrap();
    let ask = |holder: &str, wait: bool, seconds: i64| seats::claim(ledger, claim(holder, wait, seconds));
    let first = granted(ask("a", false, 41));
    // After a crash the same holder gets the same lease.
    assert_eq!(granted(ask("a", false, 42)), first);
    let second = granted(ask("b", false, 43));
    assert_eq!(told(ask("c", false, 44)), "error[seats-exhausted]: 2 of 2 seats of license lic-3 are taken");
    assert_eq!(ask("c", true, 45).unwrap(), Claimed::Waiting(1));
    assert_eq!(ask("d", true, 46).unwrap(), Claimed::Waiting(2));
    assert_eq!(ask("c", true, 47).unwrap(), Claimed::Waiting(1));
    // A seat that is given back goes to the first in line, whoever asks first.
    assert!(seats::release(ledger, &by_ann(48), &first, EndReason::Released).unwrap());
    assert!(!seats::release(ledger, &by_ann(48), &first, EndReason::Released).unwrap());
    assert_eq!(ask("d", true, 49).unwrap(), Claimed::Waiting(2));
    granted(ask("c", true, 50));
    assert_eq!(seats::renew(ledger, &by_ann(51), &second, 10).unwrap().expires_at, at(61));
    let holders = |ledger| seats::holders(ledger, "lic-3").unwrap().into_iter().map(|lease| lease.holder);
    assert_eq!(holders(ledger).collect::<Vec<_>>(), ["b", "c"]);
    // Nobody renews: the seats are free a second after their leases.
    assert_eq!(seats::sweep(ledger, &by_ann(60)).unwrap(), 0);
    assert_eq!(seats::sweep(ledger, &by_ann(61)).unwrap(), 1);
    let late = told(seats::renew(ledger, &by_ann(62), &second, 10));
    assert_eq!(late, "error[lease-ended]: lease lease-b-43 ended at 2026-01-01T00:01:02Z: expired");
    // One is taken along for a while, but for no longer than the license lasts.
    let mut along = claim("e", false, 70);
    along.borrow_until = Some(at(9_000));
    let borrowed = granted(seats::claim(ledger, along));
    assert_eq!(seats::sweep(ledger, &by_ann(999)).unwrap(), 0);
    let lease = seats::holders(ledger, "lic-3").unwrap().remove(0);
    assert_eq!((lease.lease_id, lease.borrowed, lease.expires_at), (borrowed.clone(), true, at(1_000)));
    assert!(seats::release(ledger, &by_ann(999), &borrowed, EndReason::Forced).unwrap());
    change::change(ledger, &by_ann(999), "lic-3", &Change::Suspend { reason: None }).unwrap();
    assert_eq!(ask("a", false, 999).unwrap_err().code(), Code::Suspended);
    let history = actions(ledger, "lic-3");
    let count = |action: &str| history.iter().filter(|found| *found == action).count();
    assert_eq!((count("seat.claimed"), count("seat.released"), count("seat.expired")), (4, 2, 2));
    assert_eq!(told_of(ledger, "lic-3").leases, []);
}

fn sessioning(ledger: &Ledger) {
    let session = |number: i64, ended: Option<i64>| Session {
        session_id: format!("s-{number}"),
        license_id: "lic-3".to_owned(),
        machine_id: format!("m-{}", number % 3),
        username: None,
        client_username: Some("Ann".to_owned()),
        client_hostname: Some("m4p.local".to_owned()),
        is_ci: number % 2 == 0,
        version: None,
        started_at: at(number / 2),
        ended_at: ended.map(at),
    };
    sessions::record(ledger, at(5_000), (0..5_000).map(|number| session(number, None)).collect()).unwrap();
    sessions::record(ledger, at(5_000), vec![session(7, Some(99))]).unwrap();
    let (mut count, mut ended, mut last) = (0, 0, at(0));
    sessions::between(ledger, at(1), at(2_000), |session| {
        count += 1;
        ended += usize::from(session.ended_at.is_some());
        assert!(session.started_at >= last);
        last = session.started_at;
    })
    .unwrap();
    assert_eq!((count, ended, last), (4_000, 1, at(2_000)));
    // What ended once has ended, and is told of once; an id is of one license.
    let ended = |told: Session| sessions::record(ledger, at(5_000), vec![told]).map(|ended| ended.len());
    assert_eq!(ended(session(7, Some(120))), Ok(0));
    assert_eq!(ended(session(7, None)), Ok(0));
    assert_eq!(ended(session(9, Some(9))), Ok(1));
    let foreign = Session { license_id: "lic-1".to_owned(), ..session(9, Some(9)) };
    assert_eq!(told(ended(foreign)), "error[license-mismatch]: session s-9 is not of license lic-1");
    let early = "session s-11 began at 2026-01-01T00:00:05Z, and so did not end at 2026-01-01T00:00:01Z";
    assert_eq!(told(ended(session(11, Some(1)))), format!("error[malformed]: {early}"));
}

fn reporting(ledger: &Ledger) {
    let primary_key = PrimaryKey::MachineId;
    let request = Request { primary_key, from: Some(at(0)), to: Some(at(2_499)), as_of: at(3_000) };
    let made = report::usage(ledger, request, None).unwrap();
    let users: Vec<_> = made.users.iter().map(|user| (user.key.as_deref().unwrap(), user.session_count)).collect();
    assert_eq!(users, [("m-0", 1_667), ("m-1", 1_667), ("m-2", 1_666)]);
    assert_eq!((made.all_time.session_count, made.general.total_licenses), (5_000, 4));
    assert_eq!(made.steps[0].seats, 2);
    // Of one license, nothing of the others is told.
    let of = |id: &str| {
        let made = report::usage(ledger, request, Some(id)).unwrap();
        (made.all_time.session_count, made.general.total_licenses, made.users.len(), made.steps[0].seats)
    };
    assert_eq!((of("lic-3"), of("lic-1")), ((5_000, 1, 3, 2), (0, 1, 0, 0)));
}

fn capping(ledger: &Ledger) {
    let defaults = BTreeMap::from([("max_apps".to_owned(), 3), ("max_users".to_owned(), 3)]);
    let tenant = Some("acme".to_owned());
    let judge = Judge { keyring: Keyring::from(key().public()), tenant, defaults, ..Judge::default() };
    let take = |seconds, requested| {
        let take = Take { limit: "max_apps".to_owned(), requested, counted: None };
        caps::take(ledger, &by_ann(seconds), &judge, None, &take).unwrap()
    };
    assert_eq!((take(1, 3).current, take(1, 0).refused), (3, None));
    let refused = take(2, 1);
    assert_eq!((refused.current, refused.state), (3, State::Absent));
    assert_eq!(
        refused.refused.unwrap(),
        "License absent. Default tier limits apply. Cap reached for max_apps (3 of 3 used)."
    );
    let mut larger = license("lic-4");
    larger.limits.insert("max_apps".to_owned(), 25);
    let install = |license| {
        let token = mint(license).token;
        install::install(ledger, &by_ann(3), &judge, token.as_bytes(), Origin::Api).unwrap()
    };
    assert!(install(larger.clone()).is_valid());
    assert_eq!((take(4, 1).current, take(4, 0).refused), (4, None));
    let mut others = larger.clone();
    "globex".clone_into(&mut others.tenant_id);
    assert_eq!(install(others).refusals[0].code, Code::WrongTenant);
    assert!(install(larger).is_valid());
    caps::tell(ledger, at(5), "acme", vec![Used { limit: "max_users".to_owned(), current: 4 }]).unwrap();
    let posture = posture(ledger, &judge, None, at(5)).unwrap();
    let rows: Vec<String> = posture
        .rows
        .iter()
        .map(|row| format!("{} {} of {} ({})", row.limit.key, row.current, row.limit.value, row.limit.source.as_str()))
        .collect();
    assert_eq!(rows, ["max_apps 4 of 25 (license)", "max_users 4 of 3 (default)"]);
    assert!(install::revalidate(ledger, &by_ann(6), &judge, None).unwrap().is_valid());
    let expired = install::revalidate(ledger, &by_ann(2_000), &judge, None).unwrap();
    assert_eq!(expired.state, State::Expired);
    let mut told = Vec::new();
    let filter = mintage::ledger::audit::AuditFilter::default();
    audit::entries::<LedgerError>(ledger, &filter, |chained| {
        if chained.entry.action.contains("license") || chained.entry.action.contains("cap") {
            told.push(format!("{} {}", chained.entry.action, chained.entry.result.as_str()));
        }
        Ok(())
    })
    .unwrap();
    let expected = [
        "cap_exceeded FAILURE",
        "install_license SUCCESS",
        "reject_license FAILURE",
        "replace_license SUCCESS",
        "revalidate_license FAILURE",
    ];
    assert_eq!(told, expected);
    assert_eq!(renew::find(ledger, "lic-1").unwrap_err().code(), Code::Revoked);
}
