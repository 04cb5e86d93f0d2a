//! The page in a real browser: headless Chromium, driven by playwright-core of the folder `MINTAGE_TEST_NODE_MODULES`.

use std::path::Path;

use insta::assert_snapshot;
use mintage::ledger::seat::Claim;
use mintage::ledger::{Birth, Ledger, LedgerUrl};
use mintage::operation::ledger::seats;
use mintage::time::Timestamp;

use super::running::Running;
use crate::harness::{Bench, ISSUED, example};
use crate::interop::present;
use crate::languages::foreign;

#[test]
fn people_read_what_the_server_says() {
    let modules = std::env::var("MINTAGE_TEST_NODE_MODULES").unwrap_or_else(|_| "target/node/node_modules".to_owned());
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join(modules).display().to_string();
    let browser = std::env::var("MINTAGE_TEST_CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    if !present("node", ["-e", &format!("require({modules:?} + '/playwright-core')")])
        || !present(&browser, ["--version"])
    {
        return;
    }
    let bench = Bench::new();
    let label = "<img src=x onerror=alert(1)><script>alert(2)</script>";
    let token = bench.mint(&["--tenant", "acme", "--expires", "2099-12-31", "--max-apps", "25", "--label", label]);
    bench.write("token", token);
    let minted = bench.run([
        "-q",
        "mint",
        "--allow-readable-key",
        "--key",
        &example("vendor.key"),
        "--ledger",
        "sqlite:book.db",
        "--tenant",
        "acme",
        "--id",
        "lic-7",
        "--seats",
        "3",
        "--expires",
        "20d",
    ]);
    assert_eq!(minted.status, Some(0), "{minted}");
    seated(&bench);
    bench.write("defaults.json", r#"{"max_apps":3}"#);
    bench.write("admin", "b7e1c2a4d6f80913");
    let key = example("vendor.key");
    let server = Running::start(
        &bench,
        &[
            "--key",
            &key,
            "--allow-readable-key",
            "--admin-key-file",
            "admin",
            "--ledger",
            "sqlite:book.db",
            "--defaults",
            "defaults.json",
        ],
    );
    let script = format!("{}/tests/it/serve/page.mjs", env!("CARGO_MANIFEST_DIR"));
    let told = foreign(&bench, "node", [script.as_str(), &modules, &server.address, "token", "b7e1c2a4d6f80913", "."]);
    assert_eq!(told.status, Some(0), "{told}");
    let undated: Vec<String> =
        told.stdout().lines().map(|line| line.split(", as of").next().unwrap().to_owned()).collect();
    assert_snapshot!(undated.join("\n"), @r#"
    375 verify Valid, ACTIVE
    375 refused [ 'wrong-tenant' ]
    375 inspect license
    375 elements of a hostile label 0
    375 drop dropped text
    375 wrong key the admin key is wrong
    375 book Licenses (1), Expiring within 30 days (1), Seats held (1), Limits that hold here, Audit, newest first
    375 seats lic-7 ann
    375 limits max_apps 0 3 default
    375 audit seat.claimed, created
    375 report usage.csv machine_id,first_active,last_seen,total_session_time_in_days,total_session_count,average_session_duration_in_days,average_daily_sessions
    375 measured {"overflow":false,"unlabelled":0,"enough":true,"small":0}
    375 focus document tenant verify inspect choose
    375 complaints []
    1280 verify Valid, ACTIVE
    1280 refused [ 'wrong-tenant' ]
    1280 inspect license
    1280 elements of a hostile label 0
    1280 drop dropped text
    1280 wrong key the admin key is wrong
    1280 book Licenses (1), Expiring within 30 days (1), Seats held (1), Limits that hold here, Audit, newest first
    1280 seats lic-7 ann
    1280 limits max_apps 0 3 default
    1280 audit seat.claimed, created
    1280 report usage.csv machine_id,first_active,last_seen,total_session_time_in_days,total_session_count,average_session_duration_in_days,average_daily_sessions
    1280 measured {"overflow":false,"unlabelled":0,"enough":true,"small":0}
    1280 focus document tenant verify inspect choose
    1280 complaints []
    "#);
}

/// Ann takes a seat of the license, for longer than any test lasts.
fn seated(bench: &Bench) {
    let url = LedgerUrl::parse(&format!("sqlite:{}", bench.path("book.db").display())).unwrap();
    let now = Timestamp::parse_rfc3339(ISSUED).unwrap();
    let ledger = Ledger::open(&url, &Birth { book_id: "book".to_owned(), now }).unwrap();
    let claim = Claim {
        license_id: "lic-7".to_owned(),
        holder: "m-1".to_owned(),
        username: Some("ann".to_owned()),
        lease_id: "lease-1".to_owned(),
        seconds: 600,
        borrow_until: Some(Timestamp::NEVER),
        wait: false,
        now,
        actor: "ann".to_owned(),
    };
    seats::claim(&ledger, claim).unwrap();
}
