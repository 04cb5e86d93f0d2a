//! What servers do by themselves, on every engine: one at a time, whoever is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use axum::body::Body;
use http_body_util::BodyExt;
use mintage::http::{App, Given, Roles, World, router};
use mintage::ledger::job::Claimed;
use mintage::ledger::seat::{Claim, Claimed as Seat};
use mintage::ledger::{Ledger, LedgerUrl};
use mintage::operation::ledger::change::{self, Change};
use mintage::operation::ledger::install::Origin;
use mintage::operation::ledger::jobs::{Job, RETRY};
use mintage::operation::ledger::{issue, seats};
use mintage::time::Timestamp;
use mintage::{Keyring, Token};
use tower::ServiceExt;

use super::{NOW, Place, at, by_ann, key, license, mint, open, record};

#[test]
fn one_of_two_servers_runs_a_job_and_the_other_takes_over_when_it_dies() {
    for mut place in Place::all() {
        let ledger = place.open("leases");
        let claim =
            |holder: &str, due: i64, now: i64| Job::ExpirySweep.claim(&ledger, holder, at(due), at(now)).unwrap();
        let finish =
            |holder: &str, well: bool, now: i64| Job::ExpirySweep.finish(&ledger, holder, well, at(now)).unwrap();
        assert_eq!(claim("a", 0, 0), Claimed::Mine(at(0)));
        assert_eq!(claim("b", 0, 1), Claimed::Held(at(300)));
        // Another job is another lease.
        assert_eq!(Job::Revalidation.claim(&ledger, "b", at(0), at(1)).unwrap(), Claimed::Mine(at(1)));
        assert!(finish("a", true, 2));
        assert_eq!(claim("b", 0, 3), Claimed::Done(at(0)));
        assert_eq!(claim("b", 60, 60), Claimed::Mine(at(0)));
        // It dies. Nobody runs the job before its lease has ended, and then somebody does.
        assert_eq!(claim("a", 60, 359), Claimed::Held(at(360)));
        assert_eq!(claim("a", 60, 360), Claimed::Mine(at(0)));
        assert!(!finish("b", true, 361));
        assert_eq!(claim("b", 60, 362), Claimed::Held(at(660)));
        // What fails is not tried again at once, by whomever.
        assert!(finish("a", false, 400));
        for holder in ["a", "b"] {
            assert_eq!(claim(holder, 60, 399 + RETRY), Claimed::Held(at(400 + RETRY)));
        }
        assert_eq!(claim("b", 60, 400 + RETRY), Claimed::Mine(at(0)));
    }
}

/// Servers on one ledger, under one clock.
pub(super) struct Fleet {
    url: String,
    clock: Arc<AtomicI64>,
}

impl Fleet {
    pub(super) fn new(place: &mut Place, name: &str) -> (Self, Ledger) {
        let (url, clock) = (place.url(name), Arc::new(AtomicI64::new(NOW)));
        let ledger = open(&url).unwrap();
        (Self { url, clock }, ledger)
    }

    /// A server with a connection of its own.
    pub(super) fn server(&self, mark: u8, roles: Roles) -> Arc<App> {
        let (clock, count) = (Arc::clone(&self.clock), AtomicU8::new(0));
        let fresh = move || [[mark; 15].as_slice(), &[count.fetch_add(1, Ordering::Relaxed)]].concat().try_into().ok();
        let now = move || Timestamp::from_seconds(clock.load(Ordering::Relaxed)).ok();
        let birth = mintage::ledger::Birth { book_id: "book-1".to_owned(), now: at(0) };
        let ledger = Some(Arc::new(Ledger::open(&LedgerUrl::parse(&self.url).unwrap(), &birth).unwrap()));
        let roles = Roles {
            ledger,
            keyring: Keyring::from(key().public()),
            signer: Some(Arc::new(key())),
            hosts: crate::http::roles().hosts,
            ..roles
        };
        Arc::new(App::new(World { now: Box::new(now), fresh: Box::new(fresh) }, roles))
    }

    pub(super) fn go_to(&self, seconds: i64) {
        self.clock.store(NOW + seconds, Ordering::Relaxed);
    }
}

fn asked(app: &Arc<App>, method: &str, path: &str, body: String) -> String {
    let request = crate::http::request(method, path, &[("content-type", "application/json")]);
    let (router, request) = (router(Arc::clone(app)), request.body(Body::from(body)).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let body = runtime.block_on(async { router.oneshot(request).await.unwrap().into_body().collect().await.unwrap() });
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

pub(super) fn get(app: &Arc<App>, path: &str) -> String {
    asked(app, "GET", path, String::new())
}

/// The value of a metric.
fn measured(app: &Arc<App>, metric: &str) -> i64 {
    let told = get(app, "/metrics");
    let line = told.lines().find(|line| line.starts_with(metric)).unwrap_or_else(|| panic!("{metric}: {told}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn listed(app: &Arc<App>) -> u64 {
    let envelope = mintage::dsse::Envelope::parse(get(app, "/api/v1/revocations").as_bytes()).unwrap();
    let keyring = Keyring::from(key().public());
    mintage::Revocations::verify(&envelope, &keyring).unwrap().list.sequence
}

#[test]
fn what_is_handed_out_follows_the_ledger_on_every_server() {
    for mut place in Place::all() {
        let (fleet, ledger) = Fleet::new(&mut place, "followed");
        record(&ledger, "lic-1", None);
        let (first, second) = (fleet.server(1, Roles::default()), fleet.server(2, Roles::default()));
        first.tick();
        second.tick();
        let begun = listed(&first);
        assert_eq!(listed(&second), begun);
        let token = Token::mint(license("lic-1"), &key());
        let verify = |app| asked(app, "POST", "/api/v1/verify", format!(r#"{{"token":"{token}"}}"#));
        assert!(verify(&second).contains(r#""verdict":"valid""#));
        let revoke = Change::Revoke { reason: None, grace_hours: Some(0) };
        change::change(&ledger, &by_ann(10), "lic-1", &revoke).unwrap();
        fleet.go_to(899);
        first.tick();
        assert_eq!(listed(&first), begun);
        fleet.go_to(900);
        second.tick();
        first.tick();
        let next = listed(&first);
        assert!(next > begun && listed(&second) == next);
        assert!(verify(&first).contains(r#""code":"revoked""#));
        assert_eq!(get(&first, "/api/v1/revocations"), get(&second, "/api/v1/revocations"));
        // Without anything new there is no new list, until the old one has lasted half of its time.
        fleet.go_to(1_800);
        first.tick();
        assert_eq!(listed(&first), next);
        fleet.go_to(900 + 12 * 3_600 + 1);
        first.tick();
        assert!(listed(&first) > next);
        assert_eq!(
            measured(&second, r#"mintage_job_last_success_timestamp_seconds{job="revocation-refresh"}"#),
            NOW + 44_101
        );
        assert_eq!(measured(&second, r#"mintage_job_failures_total{job="revocation-refresh"}"#), 0);
    }
}

#[test]
fn the_license_is_judged_anew_a_minute_after_the_start_and_every_day() {
    for mut place in Place::all() {
        let (fleet, ledger) = Fleet::new(&mut place, "judged");
        let mut own = license("own");
        own.expires_at = at(90_000);
        let given = Some(Given { text: mint(own).token.into_bytes(), origin: Origin::File });
        let server = |mark| fleet.server(mark, Roles { license: given.clone(), ..Roles::default() });
        let (first, second) = (server(1), server(2));
        first.tick();
        second.tick();
        let age = |app| measured(app, "mintage_license_last_validated_age_seconds");
        fleet.go_to(59);
        first.tick();
        assert_eq!(age(&second), 59);
        fleet.go_to(60);
        first.tick();
        assert_eq!(age(&second), 0);
        // Midnight was the start; at three it is time again, for one of the two.
        fleet.go_to(3 * 3_600 - 1);
        second.tick();
        assert_eq!(age(&first), 3 * 3_600 - 61);
        fleet.go_to(3 * 3_600);
        second.tick();
        first.tick();
        assert_eq!(age(&first), 0);
        fleet.go_to(27 * 3_600);
        first.tick();
        second.tick();
        let failures = super::story::exported(&ledger).matches("revalidate_license").count();
        assert_eq!(failures, 1);
        assert!(get(&second, "/metrics").contains("mintage_license_state{state=\"EXPIRED\"} 1"));
    }
}

#[test]
fn what_has_expired_is_swept() {
    for mut place in Place::all() {
        let (fleet, ledger) = Fleet::new(&mut place, "swept");
        let mut one_seat = license("lic-1");
        one_seat.seats = Some(1);
        issue::record(&ledger, &by_ann(0), vec![mint(one_seat)]).unwrap();
        let claim = Claim {
            license_id: "lic-1".to_owned(),
            lease_id: "lease-1".to_owned(),
            holder: "ann".to_owned(),
            username: None,
            seconds: 30,
            borrow_until: None,
            wait: false,
            now: at(0),
            actor: "ann".to_owned(),
        };
        assert!(matches!(seats::claim(&ledger, claim).unwrap(), Seat::Granted(_)));
        let app = fleet.server(1, Roles::default());
        app.tick();
        assert_eq!(seats::holders(&ledger, "lic-1").unwrap().len(), 1);
        let seats =
            |app| ["seats_held", "seats_cap", "licenses_full"].map(|name| measured(app, &format!("mintage_{name}")));
        assert_eq!(seats(&app), [1, 1, 1]);
        fleet.go_to(60);
        app.tick();
        assert_eq!(seats::holders(&ledger, "lic-1").unwrap().len(), 0);
        assert_eq!(seats(&app), [0, 1, 0]);
        fleet.go_to(1_020);
        app.tick();
        assert!(super::story::actions(&ledger, "lic-1").contains(&"expired".to_owned()));
        assert_eq!(measured(&app, r#"mintage_licenses{state="expired"}"#), 1);
        assert_eq!(measured(&app, "mintage_ledger_up"), 1);
    }
}

#[test]
fn a_server_whose_ledger_breaks_says_so_where_it_is_watched() {
    let mut place = Place::file();
    let (fleet, _ledger) = Fleet::new(&mut place, "broken");
    let app = fleet.server(1, Roles::default());
    app.tick();
    assert_eq!(measured(&app, "mintage_ledger_up{engine=\"sqlite\"}"), 1);
    let Place::File(folder) = &place else { panic!("a file") };
    let file = rusqlite::Connection::open(folder.path().join("broken")).unwrap();
    file.execute_batch("DROP TABLE waiting; DROP TABLE installed").unwrap();
    fleet.go_to(60);
    assert_eq!(measured(&app, "mintage_ledger_up"), 0);
    assert_eq!(measured(&app, "mintage_license_state{state=\"ABSENT\"}"), 1);
    app.tick();
    assert_eq!(measured(&app, "mintage_job_failures_total{job=\"revalidation\"}"), 1);
    // The others go on.
    assert_eq!(measured(&app, "mintage_job_failures_total{job=\"expiry-sweep\"}"), 0);
}
