//! A SQLite file that is moved, removed or replaced while it is open.

use std::fs;

use mintage::ledger::{Cause, LedgerError};

use super::{activate, open, record};

#[test]
fn nothing_is_acknowledged_in_a_file_that_is_gone_or_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let (path, aside) = (folder.path().join("book.db"), folder.path().join("aside.db"));
    let url = format!("sqlite:{}", path.display());
    let ledger = open(&url).unwrap();
    record(&ledger, "lic-1", None);
    fs::rename(&path, &aside).unwrap();
    let is_told = |what: &str| {
        let written = ledger.activate(activate("lic-1", "m1", 1)).unwrap_err();
        let read = ledger.read(|_| Ok(())).unwrap_err();
        for error in [written, read] {
            let LedgerError::Unavailable(Cause::Unreachable, told) = &error else { panic!("{error:?}") };
            assert!(told.contains(what), "{told}");
        }
    };
    is_told("is there no more");
    assert!(!path.exists(), "no other file may be begun in its place");
    fs::copy(&aside, &path).unwrap();
    is_told("another file was put in the place");
    // The one that is open may come back.
    fs::rename(&aside, &path).unwrap();
    assert!(ledger.activate(activate("lic-1", "m1", 1)).is_ok());
}
