//! Exports: those of older versions are read, and those that do not fit together are not.

use mintage::json::{self, Value};
use mintage::ledger::Ledger;
use mintage::ledger::session::Session;
use mintage::operation::ledger::change::{self, Change};
use mintage::operation::ledger::{audit, sessions};
use sha2::{Digest, Sha256};

use super::story::exported;
use super::{Place, activate, at, by_ann, record, told, told_of};

/// A book with two licenses, one of them withdrawn, and two machines.
fn book() -> (Place, Ledger) {
    let mut place = Place::file();
    let ledger = place.open("book");
    record(&ledger, "lic-1", Some(2));
    record(&ledger, "lic-2", None);
    ledger.activate(activate("lic-1", "m-1", 1)).unwrap();
    ledger.activate(activate("lic-1", "m-2", 2)).unwrap();
    change::change(&ledger, &by_ann(3), "lic-2", &Change::Revoke { reason: None, grace_hours: None }).unwrap();
    (place, ledger)
}

/// Changes the lines of an export between its ends, and counts and hashes them anew.
pub(super) fn anew(book: &str, schema: usize, change: impl Fn(String) -> Option<String>) -> String {
    let lines: Vec<&str> = book.lines().collect();
    let (_, body) = lines[..lines.len() - 1].split_first().unwrap();
    let head = format!(r#"{{"kind":"mintage/ledger/v1","schema":{schema}}}"#);
    let changed: Vec<String> =
        std::iter::once(head).chain(body.iter().filter_map(|line| change((*line).to_owned()))).collect();
    let text = changed.join("\n") + "\n";
    let digest = mintage::id::Hex(&Sha256::digest(&text)).to_string();
    format!("{text}{{\"lines\":{},\"sha256\":\"{digest}\"}}\n", changed.len())
}

/// A line as it was before documents of machines were kept, or that a license is installed.
fn undocumented(line: &str) -> String {
    line.replace(r#""document":null,"#, "").replace(r#""installed":0,"#, "")
}

pub(super) fn schema(book: &str) -> usize {
    let head = json::parse(book.lines().next().unwrap().as_bytes()).unwrap().into_object("head").unwrap();
    let found = head.into_iter().find_map(|(name, value)| (name == "schema").then_some(value));
    let Some(Value::Integer(schema)) = found else { panic!("{book}") };
    usize::try_from(schema).unwrap()
}

fn imported(name: &str, book: &str) -> (Place, Ledger, String) {
    let mut place = Place::file();
    let ledger = place.open(name);
    let told = match super::import(&ledger, book) {
        Ok(licenses) => licenses.to_string(),
        error => told(error),
    };
    (place, ledger, told)
}

#[test]
fn what_an_older_version_exported_is_carried_over() {
    let (_place, ledger) = book();
    let now = exported(&ledger);
    // Schema 5 counted machines in the license itself, and knew no withdrawal that said nothing of grace.
    let older = anew(&now, 5, |line| {
        let count = if line.contains("lic-1") { 2 } else { 0 };
        if line.ends_with(r#""table":"activation_count"}"#) {
            return None;
        }
        let license = line.ends_with(r#""table":"license"}"#);
        let line =
            if license { line.replace(r#"{"row":{"#, &format!(r#"{{"row":{{"activations":{count},"#)) } else { line };
        Some(undocumented(&line).replace(r#""grace_hours":null"#, r#""grace_hours":0"#))
    });
    assert_ne!(older, now);
    let (_other, copy, count) = imported("older", &older);
    assert_eq!((count.as_str(), exported(&copy)), ("2", now.clone()));
    audit::verify(&copy, None).unwrap();
    // Leases knew no key.
    let lease = r#"{"row":{"borrowed":1,"claimed_at":1,"end_reason":null,"ended_at":null,"expires_at":2,"holder":"m","lease_id":"l-1","license_id":"lic-1","renewed_at":1,"username":null},"table":"lease"}"#;
    let with_lease = anew(&now, 9, |line| {
        let last = line.contains(r#""table":"audit""#) && line.contains(r#""sequence":1,"#);
        Some(undocumented(&if last { format!("{lease}\n{line}") } else { line }))
    });
    // Two lines were counted as one.
    let counted = anew(&with_lease, 9, Some);
    let (_third, copy, count) = imported("leases", &counted);
    assert_eq!(count, "2");
    assert_eq!(told_of(&copy, "lic-1").leases.len(), 1);
    // What is installed was told by a reason.
    let installed = anew(&now, 11, |line| {
        Some(line.replace(r#""installed":0,"#, "").replace(r#""reason":null"#, r#""reason":"installed here""#))
    });
    let (_fourth, copy, _) = imported("installed", &installed);
    assert!(told_of(&copy, "lic-1").held.installed);
    let newer = imported("newer", &anew(&now, schema(&now) + 1, Some)).2;
    let (found, known) = (schema(&now) + 1, schema(&now));
    assert_eq!(
        newer,
        format!("error[unsupported]: the export is of schema {found}, and this mintage knows those up to {known}")
    );
}

#[test]
fn machines_are_counted_and_not_believed() {
    let (_place, ledger) = book();
    let now = exported(&ledger);
    let is_count = |line: &str| line.ends_with(r#""table":"activation_count"}"#);
    let none = anew(&now, schema(&now), |line| Some(line).filter(|line| !is_count(line)));
    let wrong = anew(&now, schema(&now), |line| Some(line.replace(r#""activations":2"#, r#""activations":0"#)));
    for (name, book) in [("none", none), ("wrong", wrong)] {
        assert_ne!(book, now, "{name}");
        let (_other, copy, _) = imported(name, &book);
        assert_eq!(told_of(&copy, "lic-1").held.activations, 2, "{name}");
        let third = told(copy.activate(activate("lic-1", "m-3", 4)));
        assert!(third.contains("2 of 2 activations"), "{name}: {third}");
    }
}

#[test]
fn a_license_that_cannot_be_read_is_not_imported() {
    let (_place, ledger) = book();
    let now = exported(&ledger);
    let weird = anew(&now, schema(&now), |line| Some(line.replace(r#""state":"revoked""#, r#""state":"weird""#)));
    let (_other, copy, told) = imported("weird", &weird);
    assert_eq!(told, "error[malformed]: the export is not whole: license lic-2: no state is called `weird`");
    assert_eq!(super::import(&copy, &now), Ok(2));
}

#[test]
fn a_book_that_holds_anything_is_in_use() {
    let (_place, ledger) = book();
    let mut place = Place::file();
    let used = place.open("used");
    let session = Session {
        session_id: "s-1".to_owned(),
        license_id: "lic-7".to_owned(),
        machine_id: "m-1".to_owned(),
        username: None,
        client_username: None,
        client_hostname: None,
        is_ci: false,
        version: None,
        started_at: at(0),
        ended_at: None,
    };
    sessions::record(&used, at(1), vec![session]).unwrap();
    let answer = told(super::import(&used, &exported(&ledger)));
    assert_eq!(answer, "error[license-exists]: the ledger is in use, and an import begins a new one");
}
