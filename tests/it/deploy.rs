//! The examples of running a server: what they name is there, and the programs that read them can.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use mintage::json::{self, Value};

use crate::harness::Bench;
use crate::http::usage::everything_told;
use crate::interop::present;
use crate::languages::foreign;

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/deploy").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(deploy(name)).unwrap()
}

/// The metrics that a text names.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
    words.filter(|word| word.starts_with("mintage_")).collect()
}

/// Every metric of a server with a ledger, as it is asked for.
fn told() -> BTreeSet<String> {
    let told = everything_told();
    let kinds = told.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    kinds
        .flat_map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            let endings: &[&str] = match kind {
                "counter" => &["_total"],
                "histogram" => &["_bucket", "_count", "_sum"],
                _ => &[""],
            };
            endings.iter().map(|ending| format!("{name}{ending}")).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_metric_that_is_watched_is_told() {
    let told = told();
    for name in ["prometheus-rules.yaml", "grafana/dashboard.json"] {
        let text = text(name);
        let named = named(&text);
        assert!(named.len() >= 8, "{name}: {named:?}");
        let missing: Vec<_> = named.into_iter().filter(|metric| !told.contains(*metric)).collect();
        assert!(missing.is_empty(), "{name} watches what no server tells: {missing:?}");
    }
}

#[test]
fn what_is_told_of_the_ledger_is_shown() {
    let dashboard = text("grafana/dashboard.json");
    let shown = named(&dashboard);
    let of_the_ledger = |metric: &&String| {
        let watched = ["mintage_ledger", "mintage_seats", "mintage_activations", "mintage_licenses", "mintage_job"];
        watched.iter().any(|start| metric.starts_with(start))
    };
    let told = told();
    let missing: Vec<_> = told.iter().filter(of_the_ledger).filter(|metric| !shown.contains(metric.as_str())).collect();
    assert!(missing.is_empty(), "the dashboard does not show {missing:?}");
}

#[test]
fn the_dashboard_is_json_without_two_panels_in_one_place() {
    let text = text("grafana/dashboard.json");
    let members = json::parse(text.trim().as_bytes()).unwrap().into_object("dashboard").unwrap();
    let panels = members.into_iter().find(|(name, _)| name == "panels").unwrap().1.into_array("panels").unwrap();
    let mut taken = BTreeSet::new();
    for panel in panels {
        let panel = panel.into_object("panel").unwrap();
        let at = panel.into_iter().find(|(name, _)| name == "gridPos").unwrap().1.into_object("gridPos").unwrap();
        let side = |name: &str| match at.iter().find(|(found, _)| found == name) {
            Some((_, Value::Integer(number))) => i64::try_from(*number).unwrap(),
            other => panic!("{other:?}"),
        };
        assert!(side("x") + side("w") <= 24);
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(taken.insert((x, y)), "two panels cover {x}, {y}");
            }
        }
    }
}

#[test]
fn prometheus_reads_the_rules() {
    let promtool = std::env::var("MINTAGE_TEST_PROMTOOL").unwrap_or_else(|_| "promtool".to_owned());
    if !present(&promtool, ["--version"]) {
        return;
    }
    let rules = deploy("prometheus-rules.yaml");
    let written = std::fs::read_to_string(&rules).unwrap().matches("- alert: ").count();
    let told = foreign(&Bench::new(), &promtool, ["check", "rules", &rules.display().to_string()]);
    assert_eq!(told.status, Some(0), "{told}");
    assert!(written > 0 && told.stdout().contains(&format!(" {written} rules found")), "{written}: {told}");
}

#[test]
fn systemd_reads_the_unit_and_finds_little_exposed() {
    if !present("systemd-analyze", ["--version"]) {
        return;
    }
    let bench = Bench::new();
    let program = assert_cmd::cargo::cargo_bin!("mintage").display().to_string();
    let unit = text("mintage.service").replace("/usr/local/bin/mintage", &program).replace("man:mintage-serve(1)", "");
    bench.write("mintage.service", unit);
    let told = foreign(&bench, "systemd-analyze", ["verify", "--man=no", "mintage.service"]);
    assert_eq!((told.status, told.stderr()), (Some(0), ""), "{told}");
    let rated = foreign(&bench, "systemd-analyze", ["security", "--offline=true", "--threshold=20", "mintage.service"]);
    assert_eq!(rated.status, Some(0), "{rated}");
}

#[test]
fn the_compose_file_is_one() {
    let wheels = std::env::var("MINTAGE_TEST_COMPOSE").unwrap_or_else(|_| "target/compose".to_owned());
    let wheels = Path::new(env!("CARGO_MANIFEST_DIR")).join(wheels).display().to_string();
    let probe = format!("import glob, jsonschema, yaml; assert glob.glob({wheels:?} + '/docker_compose-*.whl')");
    if !present("python3", ["-c", &probe]) {
        return;
    }
    let (script, compose) = (beside("compose.py"), deploy("compose.yaml").display().to_string());
    assert_snapshot!(foreign(&Bench::new(), "python3", [&script, &wheels, &compose]), @"
    database, mintage
    [exit status: 0]
    ");
}

#[test]
fn helm_renders_the_chart_under_the_values_of_the_field() {
    if !present("python3", ["-c", "import helm_python, yaml"]) {
        return;
    }
    let told = foreign(&Bench::new(), "python3", [beside("chart.py"), deploy("helm").display().to_string()]);
    assert_snapshot!(told, @"
    as it comes: Deployment, PersistentVolumeClaim, Service, ServiceAccount
      1 of mintage: MINTAGE_LISTEN MINTAGE_LOG MINTAGE_SESSION_LOG MINTAGE_DOCUMENT_MEMORY MINTAGE_LOG_LEVEL MINTAGE_ALLOW_READABLE_KEY MINTAGE_INSECURE_LISTEN MINTAGE_LEDGER
    a vendor on PostgreSQL: Deployment, Service, ServiceAccount
      3 of mintage: MINTAGE_LISTEN MINTAGE_LOG MINTAGE_SESSION_LOG MINTAGE_DOCUMENT_MEMORY MINTAGE_LOG_LEVEL MINTAGE_ALLOW_READABLE_KEY MINTAGE_HOST MINTAGE_TLS_CERT MINTAGE_TLS_KEY CREDENTIALS_DIRECTORY MINTAGE_LEDGER
    the values of the field: Deployment, Namespace, PersistentVolumeClaim, Secret, Secret, Service, ServiceAccount
      1 of mintage: MINTAGE_LISTEN MINTAGE_LOG MINTAGE_SESSION_LOG MINTAGE_DOCUMENT_MEMORY MINTAGE_LOG_LEVEL MINTAGE_ALLOW_READABLE_KEY MINTAGE_INSECURE_LISTEN MINTAGE_LICENSE_KEY_FILE MINTAGE_TRUST MINTAGE_TENANT MINTAGE_LICENSE_FILE MINTAGE_LEDGER
    a secret of the cluster: Deployment, PersistentVolumeClaim, Service, ServiceAccount
      1 of mintage: MINTAGE_LISTEN MINTAGE_LOG MINTAGE_SESSION_LOG MINTAGE_DOCUMENT_MEMORY MINTAGE_LOG_LEVEL MINTAGE_ALLOW_READABLE_KEY MINTAGE_INSECURE_LISTEN MINTAGE_LICENSE_KEY_FILE MINTAGE_LEDGER
    two servers on one file: refused: replicas
    two keys: refused: key
    [exit status: 0]
    ");
}

fn beside(script: &str) -> String {
    format!("{}/tests/it/deploy/{script}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_file_of_settings_holds_every_one() {
    let (bench, file) = (Bench::new(), text("serve.toml"));
    // A remark begins with a space, a setting that is not made does not.
    let made = |line: &str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned();
    let lines: Vec<String> = file.lines().map(made).collect();
    bench.write("serve.toml", lines.join("\n"));
    let outcome = bench.run(["serve", "--config", "serve.toml", "--print-config"]);
    assert_eq!(outcome.status, Some(0), "{outcome}");
    let name = |line: &str| Some(line.trim_start_matches("# ").split_once(' ')?.0.to_owned());
    let known: BTreeSet<_> = outcome.stdout().lines().filter_map(name).collect();
    let settings = lines.iter().filter(|line| !line.starts_with('#'));
    assert_eq!(settings.filter_map(|line| name(line)).collect::<BTreeSet<_>>(), known);
}
