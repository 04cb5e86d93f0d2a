//! Use that a customer without a network reports, and the vendor takes in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use insta::assert_snapshot;
use mintage::SecretKey;
use mintage::code::Code;
use mintage::dsse::{Envelope, Kind};
use mintage::key::file::KeyFile;
use mintage::ledger::activation::Activate;
use mintage::ledger::session::Session;
use mintage::operation::document;
use mintage::operation::ledger::sessions::record as record_sessions;
use mintage::operation::ledger::{report, true_up};
use mintage::report::{PrimaryKey, Request, Signed, json};
use mintage::time::Timestamp;

use super::story::exported;
use super::{Place, activate, at, by_ann, open, record, told_of};
use crate::harness::{Bench, ISSUED, Outcome, example};

const BOOK: [&str; 2] = ["--ledger", "sqlite:book.db"];

/// The ledger of the customer.
const SITE: [&str; 2] = ["--ledger", "sqlite:site.db"];

/// A vendor with a license that is activated on `node-1`, and the customer in the same folder, whose ledger holds two
/// sessions.
fn scene() -> Bench {
    let bench = Bench::new();
    let terms = ["--tenant", "acme", "--activation", "proof", "--expires", "2099-12-31", "--max-activations", "2"];
    bench.write("acme.lic", bench.mint(&[&terms[..], &BOOK].concat()));
    bench.activates("node-1", "p-1");
    let sessions = [("s-1", "m-1", "2026-02-01T08:00:00Z"), ("s-2", "m-2", "2026-02-02T08:00:00Z")];
    bench.used(&sessions);
    bench
}

impl Bench {
    fn activates(&self, machine: &str, id: &str) {
        let (key, request, proof) = (example("vendor.key"), format!("{machine}.request"), format!("{machine}.proof"));
        let asks = ["-q", "activate", "--license", "acme.lic", "--fingerprint", machine, "--request-out", &request];
        let mints = ["-q", "mint", "proof", "--allow-readable-key", "--key", &key, "--issued-at", ISSUED, "--id", id];
        for outcome in
            [self.run(asks), self.run(mints.iter().chain(&["--request", &request, "-o", &proof]).chain(&BOOK))]
        {
            assert_eq!(outcome.status, Some(0), "{outcome}");
        }
    }

    /// Records sessions of an hour in the customer's ledger, as its server does.
    fn used(&self, times: &[(&str, &str, &str)]) {
        let ledger = open(&format!("sqlite:{}", self.path("site.db").display())).unwrap();
        let sessions = times.iter().map(|(id, machine, from)| {
            let started_at = Timestamp::parse_rfc3339(from).unwrap();
            Session {
                session_id: (*id).to_owned(),
                license_id: "lic-1".to_owned(),
                machine_id: (*machine).to_owned(),
                username: None,
                client_username: None,
                client_hostname: None,
                is_ci: false,
                version: None,
                started_at,
                ended_at: Some(started_at.saturating_add(3_600)),
            }
        });
        record_sessions(&ledger, Timestamp::NEVER, sessions.collect()).unwrap();
    }

    fn signs(&self, proof: &str, arguments: &[&str]) -> Outcome {
        self.run([&["ledger", "report", "usage", "--sign", "--proof", proof], arguments, &SITE].concat())
    }

    fn imports(&self, file: &str) -> Outcome {
        self.run([&["ledger", "import", file], &BOOK[..]].concat())
    }
}

/// Takes out what differs from run to run.
fn masked(outcome: &Outcome) -> String {
    let text = outcome.to_string();
    let text = text.split(", as of ").next().unwrap();
    text.split("instance key ").next().unwrap().to_owned()
}

#[test]
fn a_signed_report_is_mailed_verified_and_taken_in_once() {
    let bench = scene();
    let period = ["--from", "2026-02-01T00:00:00Z", "--to", "2026-02-28T23:59:59Z", "--armor", "-o", "usage.mail"];
    assert_snapshot!(masked(&bench.signs("node-1.proof", &period)), @r"
    ------- stderr -------
    mintage: 2 sessions of 2 users of license lic-1
    mintage: signed for activation p-1 by
    ");
    assert!(bench.read("usage.mail").starts_with("-----BEGIN MINTAGE USAGE-----"), "{}", bench.read("usage.mail"));
    let trust = example("vendor.pub");
    let verdict = bench.run(["-q", "verify", "usage.mail", "--proof", "node-1.proof", "--trust", &trust]);
    assert_eq!(verdict.status, Some(0), "{verdict}");
    assert!(verdict.stdout().contains("the use of license lic-1 as of "), "{verdict}");
    assert_snapshot!(masked(&bench.imports("usage.mail")), @r"
    ------- stderr -------
    mintage: imported the use of license lic-1 by activation p-1
    ");
    // Mail may bring it twice.
    assert_snapshot!(masked(&bench.imports("usage.mail")), @r"
    ------- stderr -------
    mintage: the use of license lic-1 by activation p-1 was imported before
    ");
    let shown = bench.run([&["ledger", "show", "lic-1"], &BOOK[..]].concat());
    let usage: Vec<_> = shown.stdout().lines().filter(|line| line.starts_with("usage")).collect();
    assert_snapshot!(usage.join("\n"), @"usage     2026-02-01T00:00:00Z to 2026-02-28T23:59:59Z: 2 sessions of 2 users, at most 0 seats at once, by p-1");
    let audit = bench.run([&["ledger", "audit", "--action", "usage.imported"], &BOOK[..]].concat());
    assert_eq!(audit.stdout().matches("usage.imported").count(), 1, "{audit}");
    // Another of the same moment, and one that is older.
    let mut next = payload(&bench, "usage.mail");
    bench.write("older.json", signed(&bench, &next.replacen("\"totalSessionCount\":2", "\"totalSessionCount\":1", 1)));
    let forked = bench.imports("older.json");
    assert!(forked.stderr().contains("error[forked]") && forked.status == Some(1), "{forked}");
    let as_of = next.split("\"asOf\":").nth(1).unwrap().split(',').next().unwrap().to_owned();
    next = next.replacen(&as_of, "1767225600", 1);
    bench.write("older.json", signed(&bench, &next));
    let older = bench.imports("older.json");
    assert!(older.stderr().contains("error[rolled-back]") && older.status == Some(1), "{older}");
}

#[test]
fn every_engine_takes_reports_in_alike() {
    let mut books = Vec::new();
    for mut place in Place::all() {
        let ledger = place.open("true_up");
        record(&ledger, "lic-1", Some(2));
        let machine = SecretKey::from_seed(&[5; 32]);
        let instance_key = Some(STANDARD.encode(machine.public().as_bytes()));
        ledger.activate(Activate { instance_key, ..activate("lic-1", "m1", 1) }).unwrap();
        let sign = |to: i64, second: i64| {
            let primary_key = PrimaryKey::MachineId;
            let request = Request { primary_key, from: Some(at(0)), to: Some(at(to)), as_of: at(second) };
            let report = report::usage(&ledger, request, None).unwrap();
            let signed = Signed { proof_id: "proof-lic-1-m1-1".to_owned(), license_id: "lic-1".to_owned(), report };
            Envelope::sign(Kind::Usage, json::payload(&signed).into_bytes(), &[&machine])
        };
        let import_of = |to: i64, second: i64, now: i64| {
            true_up::import(&ledger, &by_ann(now), &sign(to, second))
                .map(|(_, is_new)| is_new)
                .map_err(|error| error.code())
        };
        let import = |second: i64, now: i64| import_of(9, second, now);
        assert_eq!((import(10, 11), import(10, 12), import(20, 21)), (Ok(true), Ok(false), Ok(true)));
        assert_eq!((import(15, 22), import(900, 22)), (Err(Code::RolledBack), Err(Code::ClockRolledBack)));
        // Another period is another report, however late it comes.
        assert_eq!((import_of(5, 15, 23), import_of(5, 12, 24)), (Ok(true), Err(Code::RolledBack)));
        let usage = told_of(&ledger, "lic-1").usage;
        assert_eq!(
            usage.iter().map(|one| (one.as_of, one.imported_at)).collect::<Vec<_>>(),
            [(at(10), at(11)), (at(15), at(23)), (at(20), at(21))]
        );
        let book = exported(&ledger);
        super::import(&place.open("true_up_copy"), &book).unwrap();
        assert_eq!(exported(&place.open("true_up_copy")), book);
        books.push(book);
    }
    assert!(books.iter().all(|book| *book == books[0]), "{books:#?}");
}

/// What a signed document says.
fn payload(bench: &Bench, file: &str) -> String {
    let opened = document::open(bench.read(file).as_bytes()).unwrap();
    let envelope = opened.document.envelope(Kind::Usage).unwrap();
    String::from_utf8(envelope.unverified_payload().to_vec()).unwrap()
}

/// Signs another payload with the key of `node-1`.
fn signed(bench: &Bench, payload: &str) -> String {
    let inspected = bench.run(["inspect", "--json", "node-1.proof"]);
    let instance = inspected.stdout().split("\"instanceKey\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let folder = bench.path(".local/state/mintage");
    let keys = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let key = keys
        .filter(|path| path.extension().is_some_and(|ending| ending == "key"))
        .map(|path| KeyFile::parse(&std::fs::read(path).unwrap()).unwrap().open(None).unwrap())
        .find(|key| STANDARD.encode(key.public().as_bytes()) == instance);
    Envelope::sign(Kind::Usage, payload.as_bytes().to_vec(), &[&key.unwrap()]).to_json()
}

#[test]
fn only_the_machine_of_an_activation_reports_for_it() {
    let bench = scene();
    assert_eq!(bench.signs("node-1.proof", &["-o", "usage.json"]).status, Some(0));
    let payload = payload(&bench, "usage.json");
    let stranger = SecretKey::from_seed(&[9; 32]);
    bench.write("strange.json", Envelope::sign(Kind::Usage, payload.clone().into_bytes(), &[&stranger]).to_json());
    for (file, payload, expected) in [
        ("strange.json", None, "bad-signature"),
        ("other.json", Some(payload.replace("\"p-1\"", "\"p-9\"")), "unknown-license"),
        (
            "license.json",
            Some(payload.replace("\"licenseId\":\"lic-1\"", "\"licenseId\":\"lic-2\"")),
            "license-mismatch",
        ),
        ("future.json", Some(payload.replacen("\"asOf\":1", "\"asOf\":9", 1)), "clock-rolled-back"),
        ("none.json", Some("{}".to_owned()), "malformed"),
    ] {
        if let Some(payload) = payload {
            bench.write(file, signed(&bench, &payload));
        }
        let refused = bench.imports(file);
        assert_eq!(refused.status, Some(1), "{file}: {refused}");
        assert!(refused.stderr().contains(&format!("error[{expected}]")), "{file}: {refused}");
    }
    // Beside another activation's proof it is not that one's.
    bench.activates("node-2", "p-2");
    let trust = example("vendor.pub");
    let verify = |file: &str| bench.run(["-q", "verify", file, "--proof", "node-2.proof", "--trust", &trust]);
    assert!(verify("usage.json").stderr().contains("error[bad-signature]"), "{}", verify("usage.json"));
    // Away from the machine there is no key to sign with.
    let away = bench.signs("node-1.proof", &["--instance-dir", "elsewhere"]);
    assert_eq!(away.status, Some(1), "{away}");
    assert!(away.stderr().contains("error[wrong-machine]"), "{away}");
    assert_eq!(bench.run(["ledger", "report", "usage", "--sign", "--ledger", "sqlite:site.db"]).status, Some(2));
}
