//! A ledger that is locked, closed to writers, or behind TLS: what commands say of it, and with which status they end.

use std::path::Path;
use std::process::Command;

use super::cluster::{Server, programs};
use super::{Place, activate, open, record, told};
use crate::harness::{Bench, Outcome};
use crate::interop::present;

fn here(bench: &Bench) -> String {
    format!("sqlite:{}", bench.path("book.db").display())
}

fn suspend(bench: &Bench, url: &str) -> Outcome {
    bench.run(["ledger", "suspend", "lic-1", "--ledger", url])
}

#[test]
fn a_file_that_another_process_holds_is_locked() {
    let bench = Bench::new();
    record(&open(&here(&bench)).unwrap(), "lic-1", None);
    let other = rusqlite::Connection::open(bench.path("book.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let outcome = suspend(&bench, "sqlite:book.db");
    assert_eq!(outcome.status, Some(3), "{outcome}");
    let said = "mintage: error[ledger-unavailable]: the ledger is locked: sqlite:book.db: database is locked\n\
                mintage: hint: wait for the other process to end, and try again\n";
    assert_eq!(outcome.stderr(), said);
    // Who only reads is not held up, and nothing was half done.
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(suspend(&bench, "sqlite:book.db").status, Some(0));
}

#[test]
fn a_server_on_which_another_holds_the_row_is_locked() {
    let Some(mut place) = Place::all().into_iter().nth(1) else { return };
    let bench = Bench::new();
    let url = place.url("locked");
    record(&open(&url).unwrap(), "lic-1", None);
    let mut other = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    other.batch_execute("BEGIN; SELECT * FROM license WHERE license_id = 'lic-1' FOR UPDATE").unwrap();
    // After as long as the address says, and by itself too.
    for url in [format!("{url}&options=-c%20lock_timeout%3D200"), url.clone()] {
        let outcome = suspend(&bench, &url);
        assert_eq!(outcome.status, Some(3), "{outcome}");
        let locked = "mintage: error[ledger-unavailable]: the ledger is locked: ";
        assert!(outcome.stderr().starts_with(locked), "{outcome}");
    }
    other.batch_execute("ROLLBACK").unwrap();
    assert_eq!(suspend(&bench, &url).status, Some(0));
}

#[test]
fn a_connection_that_the_server_ends_is_replaced_and_nothing_is_done_twice() {
    let Some(mut place) = Place::all().into_iter().nth(1) else { return };
    let url = place.url("ended");
    let ledger = open(&url).unwrap();
    record(&ledger, "lic-1", Some(3));
    let mut other = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    for number in 1..=3 {
        let ended = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
                     WHERE application_name = 'mintage' AND datname = current_database()";
        assert!(!other.query(ended, &[]).unwrap().is_empty());
        let activated = ledger.activate(activate("lic-1", &format!("machine-{number}"), number)).unwrap();
        assert!(!activated.repeated);
    }
    let counted = other.query_one("SELECT activations FROM activation_count WHERE license_id = 'lic-1'", &[]).unwrap();
    assert_eq!(counted.get::<_, i64>(0), 3);
    let told = other.query_one("SELECT count(*) FROM audit WHERE action = 'activated'", &[]).unwrap();
    assert_eq!(told.get::<_, i64>(0), 3);
}

#[test]
fn who_asks_alone_needs_one_connection() {
    let Some(mut place) = Place::all().into_iter().nth(1) else { return };
    let url = place.url("alone");
    let ledger = open(&url).unwrap();
    let mut other = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    for number in 0..16 {
        let license = format!("lic-{number}");
        record(&ledger, &license, None);
        ledger.activate(activate(&license, "machine", 1)).unwrap();
    }
    let open = "SELECT count(*) FROM pg_stat_activity \
                WHERE application_name = 'mintage' AND datname = current_database()";
    assert_eq!(other.query_one(open, &[]).unwrap().get::<_, i64>(0), 1);
}

#[test]
fn a_server_that_takes_no_changes_is_read_only() {
    let Some(mut place) = Place::all().into_iter().nth(1) else { return };
    let bench = Bench::new();
    let url = place.url("closed");
    record(&open(&url).unwrap(), "lic-1", None);
    let closed = format!("{url}&options=-c%20default_transaction_read_only%3Don");
    let outcome = suspend(&bench, &closed);
    assert_eq!(outcome.status, Some(3), "{outcome}");
    assert!(outcome.stderr().starts_with("mintage: error[ledger-unavailable]: the ledger is read-only: "), "{outcome}");
    assert!(outcome.stderr().contains("hint: check who may write to its file, its folder or its tables"), "{outcome}");
    // It may be read all the same.
    let listed = bench.run(["ledger", "list", "--ledger", &closed]);
    assert!(listed.status == Some(0) && listed.stdout().contains("lic-1"), "{listed}");
}

#[test]
fn a_file_that_may_not_be_written_is_read_only() {
    let bench = Bench::new();
    record(&open(&here(&bench)).unwrap(), "lic-1", None);
    let program = assert_cmd::cargo::cargo_bin!("mintage");
    let script = if rustix::process::geteuid().is_root() {
        // Root may write everywhere, so somebody else tries.
        "chmod 755 . && chmod 644 book.db && exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$0\" \"$@\""
    } else {
        "chmod 444 book.db && exec \"$0\" \"$@\""
    };
    let mut command = Command::new("sh");
    command.current_dir(bench.path("")).arg("-c").arg(script).arg(program);
    command.args(["ledger", "suspend", "lic-1", "--ledger", "sqlite:book.db"]);
    let outcome = crate::harness::feed(command, b"");
    assert_eq!(outcome.status, Some(3), "{outcome}");
    assert!(outcome.stderr().starts_with("mintage: error[ledger-unavailable]: the ledger is read-only: "), "{outcome}");
}

#[test]
fn commands_name_a_corrupted_file_and_a_newer_schema() {
    let bench = Bench::new();
    bench.write("text.db", "this is a text and no database at all. ".repeat(40));
    let corrupted = suspend(&bench, "sqlite:text.db");
    assert_eq!(corrupted.status, Some(3), "{corrupted}");
    assert!(corrupted.stderr().contains("the ledger is corrupted: "), "{corrupted}");
    record(&open(&here(&bench)).unwrap(), "lic-1", None);
    let file = rusqlite::Connection::open(bench.path("book.db")).unwrap();
    file.execute_batch("INSERT INTO mintage_schema VALUES (99)").unwrap();
    let newer = suspend(&bench, "sqlite:book.db");
    assert_eq!(newer.status, Some(3), "{newer}");
    assert!(
        newer.stderr().contains("the ledger is newer: its schema is version 99, and this mintage knows"),
        "{newer}"
    );
}

/// Makes an authority and a certificate of it for `localhost`, for servers to present.
fn certified(bench: &Bench, name: &str) {
    let script = format!(
        "set -e
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN={name} \
            -addext basicConstraints=critical,CA:TRUE -keyout {name}.key -out {name}.pem 2>/dev/null
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout {name}-server.key \
            -out {name}-server.csr 2>/dev/null
        printf 'subjectAltName=DNS:localhost\\nbasicConstraints=CA:FALSE\\n' > {name}.ext
        openssl x509 -req -in {name}-server.csr -CA {name}.pem -CAkey {name}.key -CAcreateserial -days 30 \
            -extfile {name}.ext -out {name}-server.pem 2>/dev/null"
    );
    let status = Command::new("sh").current_dir(bench.path("")).args(["-c", &script]).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_server_that_shall_prove_itself_does_or_is_refused() {
    let Some(programs) = programs() else { return };
    if !present("openssl", ["version"]) {
        return;
    }
    let bench = Bench::new();
    ["ours", "theirs"].iter().for_each(|name| certified(&bench, name));
    let server = Server::with_tls(&programs, Some((&bench.path("ours-server.pem"), &bench.path("ours-server.key"))));
    let url = |host: &str, mode: &str, authority: &Path| {
        let authority = authority.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{host}:{}/postgres?sslmode={mode}&sslrootcert={authority}", server.port)
    };
    let (ours, theirs) = (bench.path("ours.pem"), bench.path("theirs.pem"));
    record(&open(&url("localhost", "verify-full", &ours)).unwrap(), "lic-1", None);
    record(&open(&url("localhost", "require", &ours)).unwrap(), "lic-2", None);
    for (url, why) in [
        (url("localhost", "verify-full", &theirs), "UnknownIssuer"),
        (url("127.0.0.1", "verify-full", &ours), "not valid for name"),
        (url("localhost", "verify-full", &bench.path("none.pem")), "none.pem"),
        (format!("postgres://postgres@localhost:{}/postgres?sslmode=verify-full", server.port), "UnknownIssuer"),
    ] {
        let told = told(open(&url).map(drop));
        assert!(
            told.starts_with("error[ledger-unavailable]: the ledger is unreachable: ") && told.contains(why),
            "{told}"
        );
    }
    let plain = Server::with_tls(&programs, None);
    let demanded = format!("postgres://postgres@localhost:{}/postgres?sslmode=verify-full", plain.port);
    let told = told(open(&demanded).map(drop));
    assert!(told.starts_with("error[ledger-unavailable]: the ledger is unreachable: "), "{told}");
    assert!(told.contains("server does not support TLS"), "{told}");
    open(&format!("postgres://postgres@localhost:{}/postgres?sslmode=disable", plain.port)).unwrap();
}
