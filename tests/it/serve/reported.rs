//! The field's page on reports of use, walked as it is printed: the address is another, and the license key is the operator's.

use insta::assert_snapshot;

use super::running::Running;
use crate::harness::{Bench, feed};
use crate::interop::present;
use crate::languages::foreign;

/// As a page of the field prints it.
const REPORT: &str = "curl \"mirrord-operator-license-server.mirrord.svc.cluster.local/api/v1/reports/usage?format=xlsx\" \
                      --header 'x-license-key: <operator API license key>' --output report.xlsx";

/// What the operator chose.
const KEY: &str = "5d0c7e2f9b1a4836";

fn shell(bench: &Bench, line: &str) -> String {
    let mut command = bench.command_of("sh");
    command.args(["-c", line]);
    let outcome = feed(command, b"");
    assert_eq!(outcome.status, Some(0), "{line}: {outcome}");
    outcome.stdout().to_owned()
}

#[test]
fn a_utilisation_report_is_fetched_and_sessions_are_logged() {
    if !present("curl", ["--version"]) {
        return;
    }
    let bench = Bench::new();
    bench.write("license-key", KEY);
    let mut server =
        Running::start(&bench, &["--ledger", "sqlite:book.db", "--license-key-file", "license-key", "--session-log"]);
    let address = server.address.clone();
    let began = r#"{"sessionId":"s-1","machineId":"jNgtjp7x9nqsYOOz","username":"minikube-user","clientUsername":"Some Username","clientHostname":"m4p.local","startedAt":"2026-01-31T03:55:25Z"}"#;
    let ended = r#"{"sessionId":"s-1","machineId":"jNgtjp7x9nqsYOOz","endedAt":"2026-02-01T03:55:25Z"}"#;
    for (session, expected) in [(began, r#""ended":0"#), (ended, r#""ended":1"#), (ended, r#""ended":0"#)] {
        let line = format!(
            "curl -sS {address}/api/v1/sessions -H 'x-license-key: {KEY}' -H 'content-type: application/json' \
             -d '{{\"sessions\":[{session}]}}'"
        );
        let told = shell(&bench, &line);
        assert!(told.contains(expected), "{told}");
    }
    let line = REPORT.replace("mirrord-operator-license-server.mirrord.svc.cluster.local", &address);
    shell(&bench, &line.replace("<operator API license key>", KEY));
    if present("python3", ["-c", "import openpyxl"]) {
        let script = format!("{}/tests/it/report/workbook.py", env!("CARGO_MANIFEST_DIR"));
        let cells = foreign(&bench, "python3", [&script, "report.xlsx"]);
        let users: Vec<_> = cells.stdout().lines().filter(|line| line.starts_with("Per-user stats|")).collect();
        assert_snapshot!(users.join("\n"), @r"
        Per-user stats|A1|s|'machine_id'
        Per-user stats|B1|s|'first_active'
        Per-user stats|C1|s|'last_seen'
        Per-user stats|D1|s|'total_session_time_in_days'
        Per-user stats|E1|s|'total_session_count'
        Per-user stats|F1|s|'average_session_duration_in_days'
        Per-user stats|G1|s|'average_daily_sessions'
        Per-user stats|A2|s|'jNgtjp7x9nqsYOOz'
        Per-user stats|B2|d|datetime.datetime(2026, 1, 31, 3, 55, 25)
        Per-user stats|C2|d|datetime.datetime(2026, 2, 1, 3, 55, 25)
        Per-user stats|D2|n|1
        Per-user stats|E2|n|1
        Per-user stats|F2|n|1
        Per-user stats|G2|n|0.003
        ");
    }
    // The key is replaced while the server runs.
    bench.write("license-key", "0b8e6f4d2a1c9375");
    server.signal("HUP");
    let status = |key: &str| {
        let ask = format!(
            "curl -s -o out -w '%{{http_code}}' {address}/api/v1/reports/usage?format=json -H 'x-license-key: {key}'"
        );
        shell(&bench, &ask)
    };
    server.wait_for("read everything again");
    assert_eq!(status("0b8e6f4d2a1c9375"), "200");
    assert_eq!(status(KEY), "401");
    server.signal("TERM");
    assert_eq!(server.status(), Some(0));
    let told: Vec<_> = server.lines.iter().filter(|line| line.contains("Session event")).collect();
    assert_eq!(told.len(), 1, "{:?}", server.lines);
    let (record, timestamp) = told[0].split_once(",\"timestamp\":").unwrap();
    assert_snapshot!(record, @r#"{"fields":{"hostname":"m4p.local","kubernetes_username":"minikube-user","message":"Session event","user_id":"jNgtjp7x9nqsYOOz","username":"Some Username"},"level":"INFO""#);
    assert_eq!(timestamp.len(), "\"2026-02-01T03:55:25.050620Z\"}".len(), "{timestamp}");
}
