//! What another program does between a look and the lock that follows it.

use mintage::code::Code;
use mintage::ledger::activation::Activate;
use mintage::ledger::machine::Machine;
use mintage::operation::ledger::change::{self, Change};
use mintage::operation::ledger::lease::{self, Terms};
use mintage::operation::ledger::{issue, release};

use super::drifted::{activate, draft, host};
use super::spoilt::wait_for_waiting;
use super::{Place, by_ann, license, mint, record};

#[test]
fn who_gives_its_activation_back_meanwhile_takes_no_seat() {
    let Some(mut place) = Place::all().into_iter().nth(1) else { return };
    let url = place.url("meanwhile_seat");
    let ledgers = [super::open(&url).unwrap(), super::open(&url).unwrap()];
    let mut one = license("lic-1");
    (one.max_activations, one.seats) = (Some(1), Some(1));
    let minted = mint(one);
    let token = minted.token.clone();
    issue::record(&ledgers[0], &by_ann(0), vec![minted]).unwrap();
    let proof = activate(&ledgers[0], &host(1, 1, 1), 1).unwrap().proof_id;
    let mut other = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    let mut watcher = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    other.batch_execute("BEGIN; SELECT * FROM license FOR UPDATE").unwrap();
    let terms = Terms { seconds: 3_600, borrow_until: None, username: None, wait: false };
    let drafted = draft(&ledgers[0], &token, &host(1, 1, 1), 2);
    let claimed = std::thread::scope(|scope| {
        let released = scope.spawn(|| release::release(&ledgers[1], &by_ann(2), &proof, None, None));
        wait_for_waiting(&mut watcher, 1);
        let claimed = scope.spawn(|| lease::claim(&ledgers[0], &by_ann(2), drafted, &terms));
        wait_for_waiting(&mut watcher, 2);
        other.batch_execute("ROLLBACK").unwrap();
        assert!(!released.join().unwrap().unwrap().unchanged);
        claimed.join().unwrap()
    });
    assert_eq!(claimed.map(drop).unwrap_err().code(), Code::ProofRequired);
}

#[test]
fn machines_that_came_while_a_license_was_waited_for_are_counted() {
    let Some(mut place) = Place::all().into_iter().nth(1) else { return };
    let url = place.url("meanwhile_count");
    let ledger = super::open(&url).unwrap();
    record(&ledger, "lic-1", Some(5));
    let mut other = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    let mut watcher = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    // As an activation does it elsewhere.
    other.batch_execute("BEGIN; SELECT * FROM license FOR UPDATE").unwrap();
    other.batch_execute("UPDATE activation_count SET activations = 3").unwrap();
    let suspend = Change::Suspend { reason: None };
    let changed = std::thread::scope(|scope| {
        let changed = scope.spawn(|| change::change(&ledger, &by_ann(2), "lic-1", &suspend));
        wait_for_waiting(&mut watcher, 1);
        other.batch_execute("COMMIT").unwrap();
        changed.join().unwrap().unwrap()
    });
    assert_eq!(changed.held.activations, 3);
}

#[test]
fn nothing_is_left_of_a_machine_that_is_released_while_it_is_named() {
    let Some(mut place) = Place::all().into_iter().nth(1) else { return };
    let url = place.url("meanwhile_release");
    let ledgers = [super::open(&url).unwrap(), super::open(&url).unwrap()];
    record(&ledgers[0], "lic-1", Some(1));
    let digest = Machine::of(&host(1, 1, 1)).digest().to_owned();
    let bare = Activate { machine: Machine::of_digest(digest), ..super::activate("lic-1", "1", 1) };
    let proof = ledgers[0].activate(bare).unwrap().proof_id;
    let mut other = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    let mut watcher = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    other.batch_execute("BEGIN; SELECT * FROM license FOR UPDATE").unwrap();
    std::thread::scope(|scope| {
        let named = scope.spawn(|| activate(&ledgers[1], &host(1, 1, 1), 2));
        wait_for_waiting(&mut watcher, 1);
        let released = scope.spawn(|| release::release(&ledgers[0], &by_ann(2), &proof, None, None));
        wait_for_waiting(&mut watcher, 2);
        other.batch_execute("ROLLBACK").unwrap();
        assert!(named.join().unwrap().unwrap().repeated);
        assert!(!released.join().unwrap().unwrap().unchanged);
    });
    let left = watcher.query_one("SELECT count(*) FROM activation_component", &[]).unwrap().get::<_, i64>(0);
    assert_eq!(left, 0);
}
