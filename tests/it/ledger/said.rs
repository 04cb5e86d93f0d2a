//! What is said of a license: why it was stopped, and what was done to it.

use insta::assert_snapshot;
use mintage::ledger::audit::{ACTIONS, AuditFilter};
use mintage::ledger::session::Session;
use mintage::ledger::withdrawn;
use mintage::operation::ledger::change::{self, Change};
use mintage::operation::ledger::{audit, release, sessions};
use mintage::time::Timestamp;

use super::{Place, activate, at, by_ann, open, record, told, told_of};
use crate::harness::Bench;

fn revoke(reason: Option<&str>, grace_hours: Option<u64>) -> Change {
    Change::Revoke { reason: reason.map(str::to_owned), grace_hours }
}

#[test]
fn what_is_said_last_of_a_license_holds() {
    let mut place = Place::file();
    let ledger = place.open("said");
    record(&ledger, "lic-1", None);
    let change = |seconds, change: &Change| change::change(&ledger, &by_ann(seconds), "lic-1", change).unwrap();
    change(1, &Change::Suspend { reason: Some("not paid".to_owned()) });
    let again = change(2, &Change::Suspend { reason: Some("not paid for May".to_owned()) });
    assert_eq!((again.reworded, again.held.reason.as_deref()), (true, Some("not paid for May")));
    assert!(change(3, &Change::Suspend { reason: None }).unchanged);
    change(4, &revoke(Some("refund"), Some(48)));
    // Who says nothing changes nothing; the withdrawal stands since it was made.
    assert!(change(5, &revoke(None, None)).unchanged && change(5, &revoke(Some("refund"), Some(48))).unchanged);
    let later = change(6, &revoke(None, Some(24)));
    assert_eq!((later.held.grace_hours, later.held.reason.as_deref()), (Some(24), Some("refund")));
    let reworded = change(7, &revoke(Some("returned"), None)).held;
    assert_eq!((reworded.grace_hours, reworded.revoked_at), (Some(24), Some(at(4))));
    let withdrawn = ledger.read(withdrawn::all).unwrap().remove(0);
    assert_eq!((withdrawn.at, withdrawn.grace_hours, withdrawn.reason.as_deref()), (at(4), 24, Some("returned")));
    let history = told_of(&ledger, "lic-1").history;
    let history: Vec<String> =
        history.iter().map(|chained| format!("{} {}", chained.entry.action, chained.entry.detail)).collect();
    assert_snapshot!(history[1..].join("\n"), @r#"
    suspended {"reason":"not paid"}
    suspended {"reason":"not paid for May"}
    revoked {"graceHours":48,"reason":"refund"}
    revoked {"graceHours":24,"reason":"refund"}
    revoked {"reason":"returned"}
    "#);
    assert!(history.iter().all(|line| ACTIONS.contains(&line.split(' ').next().unwrap())));
}

#[test]
fn a_reason_steers_no_terminal() {
    let mut place = Place::file();
    let ledger = place.open("reasons");
    record(&ledger, "lic-1", None);
    ledger.activate(activate("lic-1", "m-1", 1)).unwrap();
    let hostile = Some("gone\u{1b}[2J".to_owned());
    let expected = "error[usage]: the reason holds the control character \\u{1b}";
    for change in [Change::Suspend { reason: hostile.clone() }, revoke(hostile.as_deref(), None)] {
        assert_eq!(told(change::change(&ledger, &by_ann(2), "lic-1", &change)), expected);
    }
    let proof = "proof-lic-1-m-1-1";
    assert_eq!(told(release::release(&ledger, &by_ann(2), proof, hostile, None)), expected);
    assert_eq!(told_of(&ledger, "lic-1").history.len(), 2);
    let bench = Bench::new();
    let key = crate::harness::example("vendor.key");
    let list = ["mint", "revocations", "--allow-readable-key", "--key", &key, "--revoke", "lic-1=gone\nforever"];
    assert_snapshot!(bench.run(list), @r"
    ------- stderr -------
    mintage: error[usage]: the reason for license lic-1 holds the control character \u{a}
    mintage: hint: write the reason as one line of text
    [exit status: 2]
    ");
}

#[test]
fn a_session_does_not_end_in_the_future() {
    let mut place = Place::file();
    let ledger = place.open("sessions");
    let session = |started: i64, ended_at: Option<Timestamp>| Session {
        session_id: format!("s-{started}"),
        license_id: "lic-1".to_owned(),
        machine_id: "m-1".to_owned(),
        username: None,
        client_username: None,
        client_hostname: None,
        is_ci: false,
        version: None,
        started_at: at(started),
        ended_at,
    };
    let record = |session: Session| sessions::record(&ledger, at(1_000), vec![session]);
    assert_eq!(
        told(record(session(0, Some(Timestamp::NEVER)))),
        format!("error[malformed]: session s-0 ended at {}, and it is 2026-01-01T00:16:40Z here", Timestamp::NEVER)
    );
    assert_eq!(
        told(record(session(1_301, None))),
        "error[malformed]: session s-1301 began at 2026-01-01T00:21:41Z, and it is 2026-01-01T00:16:40Z here"
    );
    // Clocks differ by minutes.
    assert_eq!(record(session(0, Some(at(1_300)))).unwrap().len(), 1);
    // One that was told of before is ended no later either.
    assert!(record(session(5, None)).unwrap().is_empty());
    assert!(told(record(session(5, Some(at(9_000))))).contains("session s-5 ended at"));
}

#[test]
fn an_entry_before_the_first_shows() {
    let mut place = Place::file();
    let ledger = place.open("stray");
    record(&ledger, "lic-1", None);
    let Place::File(folder) = &place else { panic!("no file") };
    let stray =
        "INSERT INTO audit SELECT -3, at, actor, action, license_id, target, result, detail, previous, hash FROM audit";
    rusqlite::Connection::open(folder.path().join("stray")).unwrap().execute_batch(stray).unwrap();
    assert_eq!(audit::verify(&ledger, None).unwrap_err().to_string(), "audit entry -3 is none: the first is 1");
}

#[test]
fn what_the_audit_would_not_heed_is_no_question_to_it() {
    let bench = Bench::new();
    let audit = |more: &[&str]| bench.run([&["ledger", "audit", "--ledger", "sqlite:book.db"], more].concat());
    for more in [
        &["--verify", "--license", "lic-1"][..],
        &["--verify", "--from", "2026-01-01"],
        &["--verify", "--action", "renewed"],
        &["--checkpoint", "c.json", "--to", "2026-01-01"],
    ] {
        assert_eq!(audit(more).status, Some(2), "{more:?}");
    }
}

/// Imported books may hold words of another program; what nobody has ever written is a slip.
#[test]
fn an_action_of_which_nothing_could_tell_is_refused() {
    const RENAMED: &str = "UPDATE audit SET action = 'issued'";
    for mut place in Place::all() {
        let url = place.url("words");
        let ledger = open(&url).unwrap();
        record(&ledger, "lic-1", None);
        let known = |action: &str| {
            let filter = AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
            audit::known(&ledger, &filter)
        };
        assert!(known("renewed").is_ok());
        assert_eq!(told(known("renewd")), "error[usage]: no action is called `renewd`; did you mean `renewed`?");
        assert!(told(known("issued")).contains("`issued`; there are `activated`, `approved`, "));
        match &place {
            Place::File(folder) => {
                rusqlite::Connection::open(folder.path().join("words")).unwrap().execute_batch(RENAMED).unwrap();
            }
            Place::Server(_) => {
                postgres::Client::connect(&url, postgres::NoTls).unwrap().batch_execute(RENAMED).unwrap();
            }
        }
        assert!(known("issued").is_ok());
    }
    let bench = Bench::new();
    bench.mint(&["--tenant", "acme", "--expires", "2099-12-31", "--ledger", "sqlite:book.db"]);
    assert_snapshot!(bench.run(["ledger", "audit", "--ledger", "sqlite:book.db", "--action", "renewd"]), @r"
    ------- stderr -------
    mintage: error[usage]: no action is called `renewd`; did you mean `renewed`?
    mintage: hint: run it with --help
    [exit status: 2]
    ");
}
