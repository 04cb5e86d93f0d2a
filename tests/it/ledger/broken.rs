//! A ledger that cannot be asked says why, and is never silently begun anew.

use super::{Place, activate, at, mode_of, open, record, told};
use crate::harness::Bench;

/// Opens, and returns the sentence with the folder's name taken out.
fn refusal(bench: &Bench, name: &str) -> String {
    let error = open(&format!("sqlite:{}", bench.path(name).display())).map(drop);
    told(error).replace(&format!("{}/", bench.path("").display().to_string().trim_end_matches('/')), "")
}

#[test]
fn a_ledger_is_its_owners_alone_and_never_behind_a_link() {
    let bench = Bench::new();
    let open_here = |name: &str| open(&format!("sqlite:{}", bench.path(name).display()));
    record(&open_here("book.db").unwrap(), "lic-1", None);
    assert_eq!(mode_of(&bench.path("book.db")), 0o600);
    std::os::unix::fs::symlink("book.db", bench.path("link.db")).unwrap();
    std::os::unix::fs::symlink("nothing.db", bench.path("dangling.db")).unwrap();
    for name in ["link.db", "dangling.db"] {
        let told = refusal(&bench, name);
        assert_eq!(
            told,
            format!("error[ledger-unavailable]: the ledger is unreachable: sqlite:{name}: it is no regular file")
        );
    }
    assert!(!bench.path("nothing.db").exists());
    let missing = refusal(&bench, "none/book.db");
    assert!(
        missing.starts_with("error[ledger-unavailable]: the ledger is unreachable: sqlite:none/book.db:"),
        "{missing}"
    );
}

#[test]
fn what_is_no_ledger_is_left_as_it_is() {
    let bench = Bench::new();
    let text = "hello, this is a text and no database at all, however long it may be. ".repeat(20);
    bench.write("text.db", &text);
    assert_eq!(
        refusal(&bench, "text.db"),
        "error[ledger-unavailable]: the ledger is corrupted: sqlite:text.db: file is not a database"
    );
    assert_eq!(bench.read("text.db"), text);
    let other = rusqlite::Connection::open(bench.path("other.db")).unwrap();
    other.execute_batch("CREATE TABLE t (x)").unwrap();
    drop(other);
    assert_eq!(
        refusal(&bench, "other.db"),
        "error[ledger-unavailable]: the ledger is corrupted: sqlite:other.db: the file is some other database"
    );
}

#[test]
fn a_damaged_page_is_named() {
    let bench = Bench::new();
    let ledger = open(&format!("sqlite:{}", bench.path("book.db").display())).unwrap();
    for number in 0..200 {
        record(&ledger, &format!("lic-{number}"), None);
    }
    drop(ledger);
    let mut bytes = std::fs::read(bench.path("book.db")).unwrap();
    for page in bytes.chunks_mut(4_096).skip(1) {
        page[..64].fill(0xaa);
    }
    std::fs::write(bench.path("book.db"), bytes).unwrap();
    assert!(refusal(&bench, "book.db").starts_with("error[ledger-unavailable]: the ledger is corrupted:"));
}

#[test]
fn a_newer_schema_is_refused_on_every_engine() {
    for mut place in Place::all() {
        let url = place.url("newer");
        record(&open(&url).unwrap(), "lic-1", None);
        match &place {
            Place::File(folder) => {
                let file = rusqlite::Connection::open(folder.path().join("newer")).unwrap();
                file.execute_batch("INSERT INTO mintage_schema VALUES (99)").unwrap();
            }
            Place::Server(_) => {
                let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
                client.batch_execute("INSERT INTO mintage_schema VALUES (99)").unwrap();
            }
        }
        let told = told(open(&url).map(drop));
        assert!(
            told.starts_with("error[ledger-unavailable]: the ledger is newer: its schema is version 99,"),
            "{told}"
        );
    }
}

#[test]
fn a_ledger_that_may_only_be_read_says_so_when_it_is_written() {
    let bench = Bench::new();
    let url = format!("sqlite:{}", bench.path("book.db").display());
    record(&open(&url).unwrap(), "lic-1", None);
    // Root may write everywhere; the engine's own switch stands in for a folder that is closed.
    let file = rusqlite::Connection::open(bench.path("book.db")).unwrap();
    file.execute_batch("CREATE TRIGGER closed BEFORE INSERT ON activation BEGIN SELECT RAISE(FAIL, 'closed'); END")
        .unwrap();
    let ledger = open(&url).unwrap();
    let told = told(ledger.activate(activate("lic-1", "m1", 1)));
    assert!(
        told.starts_with("error[ledger-unavailable]: the ledger is corrupted:") && told.contains("closed"),
        "{told}"
    );
    // The failure leaves nothing half done, and the next act finds its way.
    file.execute_batch("DROP TRIGGER closed").unwrap();
    assert!(!ledger.activate(activate("lic-1", "m1", 2)).unwrap().repeated);
    assert_eq!(ledger.activate(activate("lic-1", "m1", 3)).unwrap().activated_at, at(2));
}

#[test]
fn a_server_that_is_not_there_is_named_without_its_password() {
    let told = told(open("postgres://ann:s3cret@127.0.0.1:1/book").map(drop));
    assert!(
        told.starts_with("error[ledger-unavailable]: the ledger is unreachable: postgres://ann:***@127.0.0.1:1/book:"),
        "{told}"
    );
    assert!(!told.contains("s3cret"));
}

#[test]
fn an_address_that_no_server_can_have_is_a_mistake_of_who_wrote_it() {
    assert_eq!(
        told(open("postgres://ann:s3cret@db/book?sslmode=bogus").map(drop)),
        "error[usage]: the ledger's address postgres://ann:***@db/book?sslmode=bogus is not understood: invalid connection \
         string: invalid value for option `sslmode`"
    );
    assert_eq!(
        told(open("postgres://ann@db/book?sslrootcert=ca.pem").map(drop)),
        "error[usage]: the ledger's address postgres://ann@db/book?sslrootcert=ca.pem names authorities with sslrootcert, \
         and does not ask for TLS"
    );
    // What is encoded in the address names the file as it is.
    let told = told(open("postgres://ann@127.0.0.1:1/book?sslmode=verify-full&sslrootcert=no%2fsuch%20file").map(drop));
    assert!(told.contains(": `no/such file`: "), "{told}");
}
