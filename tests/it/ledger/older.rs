//! A book that an older version wrote is carried over when it is opened.

use super::{Place, activate, open, record, told, told_of};

/// Takes a book back to schema 5, where the license itself held the count of its machines.
const BACK: &str = "ALTER TABLE license ADD COLUMN activations BIGINT NOT NULL DEFAULT 0;
    UPDATE license SET activations =
        (SELECT activations FROM activation_count WHERE activation_count.license_id = license.license_id);
    DROP TABLE activation_count;
    DROP INDEX activation_released;
    CREATE INDEX activation_by_license ON activation (license_id, activated_at);
    CREATE INDEX IF NOT EXISTS audit_by_license ON audit (license_id, sequence);
    DROP INDEX approval_by_license;
    DROP INDEX approval_by_sha256;
    ALTER TABLE lease DROP COLUMN instance_key;
    ALTER TABLE lease DROP COLUMN release;
    DROP TABLE activation_component;
    ALTER TABLE activation DROP COLUMN document;
    DROP INDEX license_installed;
    ALTER TABLE license DROP COLUMN installed;
    UPDATE license SET reason = 'installed here' WHERE license_id = 'lic-2';
    DELETE FROM mintage_schema WHERE version >= 6;";

#[test]
fn machines_that_were_counted_before_still_count() {
    for mut place in Place::all() {
        let url = place.url("older");
        let ledger = open(&url).unwrap();
        record(&ledger, "lic-1", Some(2));
        record(&ledger, "lic-2", Some(2));
        ledger.activate(activate("lic-1", "m-1", 1)).unwrap();
        ledger.activate(activate("lic-1", "m-2", 2)).unwrap();
        drop(ledger);
        match &place {
            Place::File(folder) => {
                rusqlite::Connection::open(folder.path().join("older")).unwrap().execute_batch(BACK).unwrap();
            }
            Place::Server(_) => {
                postgres::Client::connect(&url, postgres::NoTls).unwrap().batch_execute(BACK).unwrap();
            }
        }
        let ledger = open(&url).unwrap();
        assert_eq!(["lic-1", "lic-2"].map(|id| told_of(&ledger, id).held.activations), [2, 0]);
        assert_eq!(told_of(&ledger, "lic-1").activations.len(), 2);
        assert!(ledger.activate(activate("lic-1", "m-1", 3)).unwrap().repeated);
        assert_eq!(
            told(ledger.activate(activate("lic-1", "m-3", 4))),
            "error[activations-exhausted]: 2 of 2 activations of license lic-1 are in use"
        );
        assert!(!ledger.activate(activate("lic-2", "m-3", 5)).unwrap().repeated);
        assert_eq!(["lic-1", "lic-2"].map(|id| told_of(&ledger, id).held.installed), [false, true]);
    }
}
