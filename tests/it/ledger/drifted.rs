//! A machine that has drifted is the machine that it was: it keeps its activation, and takes no second place.

use std::sync::mpsc::channel;

use insta::assert_snapshot;
use mintage::Keyring;
use mintage::code::Code;
use mintage::fingerprint::Fingerprint;
use mintage::ledger::activation::{Activate, Activated};
use mintage::ledger::license_key::LicenseKey;
use mintage::ledger::machine::Machine;
use mintage::ledger::release::Heartbeat;
use mintage::ledger::{Ledger, LedgerError};
use mintage::operation::ledger::lease::{self, Draft, Drafting, GivenUp, Seated, Seats, Shown, Terms};
use mintage::operation::ledger::release::{self, GivenBack, Right};
use mintage::operation::ledger::{audit, heartbeat, issue, seats};
use mintage::operation::proof::Fresh;
use mintage::policy::RevocationsContext;
use mintage::request::{LicenseReference, Nonce, Request};

use super::moved::{anew, schema};
use super::story::{actions, exported};
use super::{Place, at, by_ann, key, license, mint, record, told, told_of};
use crate::harness::{Bench, ISSUED, example};

/// A document of these components, and of the values that each has.
fn document(profile: &str, threshold: u32, components: &[(&str, &str, u32, u32)], veto: &str) -> Fingerprint {
    let component = |(name, kdf, weight, value): &(&str, &str, u32, u32)| {
        let mark = name.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        format!(r#"{{"digests":["{mark:016x}{value:016x}"],"kdf":"{kdf}","name":"{name}","weight":{weight}}}"#)
    };
    let total: u32 = components.iter().map(|(_, _, weight, _)| weight).sum();
    let components: Vec<_> = components.iter().map(component).collect();
    let rest = format!(r#""threshold":{threshold},"total":{total},"veto":[{veto}]}}"#);
    let format = format!(r#""format":"fp1","product":"","profile":"{profile}","salt":"AAECAwQFBgcICQoLDA0ODw==","#);
    let text = format!(r#"{{"components":[{}],{format}{rest}"#, components.join(","));
    Fingerprint::parse(&text, "fingerprint").unwrap()
}

/// A host with this disk, this network card and this machine id: 2, 2 and 3 points, of which 4 must match.
pub(super) fn host(disk: u32, card: u32, id: u32) -> Fingerprint {
    let disk = ("disk.root", "pbkdf2-200k", 2, disk);
    document("host", 4, &[disk, ("net.mac", "pbkdf2-200k", 2, card), ("os.machine-id", "hmac-sha256", 3, id)], "")
}

/// A virtual machine, all of which must match.
fn vm(uuid: u32, card: u32, id: u32) -> Fingerprint {
    let [card, id] = [("net.mac", "pbkdf2-200k", 2, card), ("os.machine-id", "hmac-sha256", 3, id)];
    document("vm", 8, &[("dmi.product-uuid", "hmac-sha256", 3, uuid), card, id], r#""dmi.product-uuid""#)
}

fn ask(machine: &Fingerprint, seconds: i64) -> Activate {
    let machine = Machine::of(machine);
    Activate { machine, ..super::activate("lic-1", &seconds.to_string(), seconds) }
}

pub(super) fn activate(ledger: &Ledger, machine: &Fingerprint, seconds: i64) -> Result<Activated, Code> {
    ledger.activate(ask(machine, seconds)).map_err(|error| error.code())
}

/// What the machine asks for a seat of the license with, whose token it shows.
pub(super) fn draft(ledger: &Ledger, token: &str, machine: &Fingerprint, second: i64) -> Draft {
    let request = Request {
        license: LicenseReference::Token(token.to_owned()),
        fingerprint: machine.clone(),
        environment: None,
        product: None,
        product_version: None,
        manifest_digest: None,
        nonce: Nonce([1; 16]),
        instance_key: key().public(),
        created_at: at(second),
    };
    let (proof_id, keyring) = (format!("lease-{second}"), Keyring::from(key().public()));
    let fresh = Fresh { proof_id, heartbeat_nonce: Nonce([1; 16]), now: at(second) };
    let (seats, revocations) = (Seats::OfIssuer, RevocationsContext::None);
    let drafting = Drafting { seats, keyring: &keyring, revocations, until: None, fresh };
    lease::draft(ledger, &Shown::Request(&request), drafting).unwrap()
}

fn fingerprints(ledger: &Ledger) -> Vec<String> {
    told_of(ledger, "lic-1").activations.into_iter().map(|one| one.fingerprint).collect()
}

#[test]
fn a_machine_with_a_new_card_keeps_its_activation() {
    for mut place in Place::all() {
        let ledger = place.open("drifted");
        record(&ledger, "lic-1", Some(1));
        let first = activate(&ledger, &host(1, 1, 1), 1).unwrap();
        let again = activate(&ledger, &host(1, 2, 1), 2).unwrap();
        assert_eq!(again, Activated { repeated: true, ..first.clone() });
        assert_eq!(fingerprints(&ledger), [Machine::of(&host(1, 2, 1)).digest()]);
        assert_eq!(activate(&ledger, &host(9, 9, 9), 3), Err(Code::ActivationsExhausted));
        // What it has become is what it is compared with from now on.
        assert_eq!(activate(&ledger, &host(2, 2, 1), 4).unwrap().proof_id, first.proof_id);
        assert_eq!(activate(&ledger, &host(1, 1, 1), 5), Err(Code::ActivationsExhausted));
        let shown = told_of(&ledger, "lic-1");
        assert_eq!((shown.held.activations, shown.activations.len()), (1, 1));
        let drifted = shown.history.iter().filter_map(|chained| chained.entry.detail.split_once("previousFingerprint"));
        let previous = [host(1, 1, 1), host(1, 2, 1)].map(|host| Machine::of(&host).digest().to_owned());
        assert!(drifted.clone().zip(&previous).all(|((_, rest), digest)| rest.contains(digest.as_str())));
        assert_eq!(
            (drifted.count(), actions(&ledger, "lic-1")),
            (2, ["created", "activated", "activated", "activated"].map(str::to_owned).to_vec())
        );
        assert!(
            shown
                .history
                .iter()
                .all(|chained| chained.entry.target.is_none() || chained.entry.target == Some(first.proof_id.clone()))
        );
        audit::verify(&ledger, None).unwrap();
    }
}

#[test]
fn a_virtual_machine_that_differs_at_all_is_another() {
    for mut place in Place::all() {
        let ledger = place.open("vm");
        record(&ledger, "lic-1", Some(1));
        let first = activate(&ledger, &vm(1, 1, 1), 1).unwrap();
        for other in [vm(1, 2, 1), vm(2, 1, 1), vm(1, 1, 2), host(1, 1, 1)] {
            assert_eq!(activate(&ledger, &other, 2), Err(Code::ActivationsExhausted));
        }
        assert_eq!(activate(&ledger, &vm(1, 1, 1), 3).unwrap().proof_id, first.proof_id);
        // Nor is a virtual machine the host that has its card and its id.
        release::release(&ledger, &by_ann(4), &first.proof_id, None, None).unwrap();
        activate(&ledger, &host(1, 1, 1), 5).unwrap();
        assert_eq!(activate(&ledger, &vm(1, 1, 1), 6), Err(Code::ActivationsExhausted));
    }
}

#[test]
fn whoever_has_most_in_common_is_the_one() {
    for mut place in Place::all() {
        let ledger = place.open("several");
        record(&ledger, "lic-1", Some(3));
        let near = activate(&ledger, &host(3, 2, 1), 1).unwrap();
        let nearer = activate(&ledger, &host(1, 4, 2), 2).unwrap();
        let third = activate(&ledger, &host(2, 5, 2), 3).unwrap();
        // Five points of the first, four of no other.
        assert_eq!(activate(&ledger, &host(9, 2, 1), 4).unwrap().proof_id, near.proof_id);
        // Five points of both others: the one that was there first.
        assert_eq!(activate(&ledger, &host(1, 5, 2), 5).unwrap().proof_id, nearer.proof_id);
        assert_eq!(activate(&ledger, &host(2, 5, 2), 6).unwrap().proof_id, third.proof_id);
        assert_eq!(told_of(&ledger, "lic-1").held.activations, 3);
    }
}

/// Machines that ask together are decided as if each had waited for the one before, whatever becomes of whom.
#[test]
fn those_who_ask_at_once_are_decided_as_those_who_take_turns() {
    let mut number = 7_u32;
    let mut any = |most: u32| {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        number >> 16 & (most - 1)
    };
    let rounds: Vec<Vec<Fingerprint>> =
        (0..6).map(|_| (0..40).map(|_| host(any(4), any(4), any(4))).collect()).collect();
    for mut place in Place::all() {
        let [together, apart] = ["together", "apart"].map(|name| {
            let ledger = place.open(name);
            record(&ledger, "lic-1", Some(6));
            ledger
        });
        for (round, seconds) in rounds.iter().zip((1..).step_by(100)) {
            let asked = || round.iter().zip(seconds..).map(|(machine, seconds)| ask(machine, seconds));
            let told = |answer: Result<Activated, LedgerError>| answer.map_err(|error| error.to_string());
            // All of them wait for the same writer, which so takes them together.
            let (let_go, held) = channel();
            together.write_then(move |_| Ok(held.recv().unwrap()), |_| {});
            let (tell, answers) = channel();
            for one in asked() {
                let tell = tell.clone();
                together.activate_then(one, move |answer| tell.send(told(answer)).unwrap());
            }
            drop(tell);
            let_go.send(at(0)).unwrap();
            let answers: Vec<_> = answers.iter().collect();
            assert_eq!(answers, asked().map(|one| told(apart.activate(one))).collect::<Vec<_>>());
            assert!(answers.iter().any(|answer| answer.as_ref().is_ok_and(|one| one.repeated)));
        }
        assert_eq!(exported(&together), exported(&apart));
        audit::verify(&together, None).unwrap();
    }
}

#[test]
fn a_machine_that_has_drifted_beats_and_gives_its_activation_back() {
    for mut place in Place::all() {
        let ledger = place.open("beats");
        let mut one = license("lic-1");
        one.max_activations = Some(1);
        let license_key = LicenseKey::from_random(&[1; 15]);
        let license_key = || license_key.clone();
        issue::record(&ledger, &by_ann(0), vec![issue::Record { license_key: Some(license_key()), ..mint(one) }])
            .unwrap();
        let first = activate(&ledger, &host(1, 1, 1), 1).unwrap();
        let beat = |machine: &Fingerprint, nonce: &str, fresh: &str| {
            let beat = Heartbeat {
                proof_id: first.proof_id.clone(),
                license_id: "lic-1".to_owned(),
                machine: Machine::of(machine),
                nonce: nonce.to_owned(),
                fresh_nonce: fresh.to_owned(),
                grace_hours: 0,
                now: at(2),
            };
            heartbeat::heartbeat(&ledger, beat).map(|beat| beat.nonce).map_err(|error| error.code())
        };
        // Before it asks anew, and after that also by the proof that it had.
        assert_eq!(beat(&host(1, 2, 1), &first.nonce, "n1").as_deref(), Ok("n1"));
        assert_eq!(activate(&ledger, &host(1, 2, 1), 3).unwrap().nonce, "n1");
        assert_eq!(beat(&host(1, 1, 1), "n1", "n2").as_deref(), Ok("n2"));
        assert_eq!(beat(&host(1, 2, 1), "n2", "n3").as_deref(), Ok("n3"));
        assert_eq!(beat(&host(9, 9, 9), "n3", "n4"), Err(Code::WrongMachine));
        let give_back = |machine: &Fingerprint, seconds| {
            let (right, machine) = (Right::LicenseKey(license_key()), Some(Machine::of(machine)));
            let asked = GivenBack { license_id: None, proof_id: None, machine, right, reason: None };
            release::give_back(&ledger, &by_ann(seconds), asked)
        };
        assert_eq!(
            told(give_back(&host(9, 9, 9), 4)),
            "error[unknown-license]: the license is not activated on this machine"
        );
        // What it shows has drifted once more; who lost the answer asks again.
        let given = give_back(&host(2, 2, 1), 5).unwrap();
        assert_eq!((given.activation.proof_id, given.unchanged), (first.proof_id.clone(), false));
        assert!(give_back(&host(2, 2, 1), 6).unwrap().unchanged);
        assert_eq!(beat(&host(2, 2, 1), "n3", "n4"), Err(Code::Released));
        // An activation that was given back is nobody's: the machine is bound anew, or another is.
        let second = activate(&ledger, &host(2, 2, 1), 7).unwrap();
        assert!(!second.repeated && second.proof_id != first.proof_id);
        assert_eq!(activate(&ledger, &host(2, 3, 1), 8).unwrap().proof_id, second.proof_id);
        release::release(&ledger, &by_ann(9), &second.proof_id, None, None).unwrap();
        assert!(!activate(&ledger, &host(9, 9, 9), 10).unwrap().repeated);
        assert_eq!(activate(&ledger, &host(2, 3, 1), 11), Err(Code::ActivationsExhausted));
    }
}

#[test]
fn a_machine_that_has_drifted_keeps_its_seat() {
    for mut place in Place::all() {
        let ledger = place.open("seat");
        let mut one = license("lic-1");
        (one.seats, one.max_activations) = (Some(1), Some(2));
        let record = mint(one);
        let token = record.token.clone();
        issue::record(&ledger, &by_ann(0), vec![record]).unwrap();
        activate(&ledger, &host(1, 1, 1), 1).unwrap();
        let draft = |machine: &Fingerprint, second| draft(&ledger, &token, machine, second);
        let claim = |machine: &Fingerprint, second| {
            let terms = Terms { seconds: 100, borrow_until: None, username: None, wait: false };
            match lease::claim(&ledger, &by_ann(second), draft(machine, second), &terms) {
                Ok(Seated::Held(leased)) => Ok(leased.lease.lease_id),
                Ok(other) => panic!("{other:?}"),
                Err(error) => Err(error.code()),
            }
        };
        assert_eq!(claim(&host(1, 1, 1), 2).as_deref(), Ok("lease-2"));
        assert_eq!(claim(&host(1, 2, 1), 3).as_deref(), Ok("lease-2"));
        assert_eq!(claim(&host(9, 9, 9), 4), Err(Code::ProofRequired));
        let renewed = lease::renew(&ledger, &by_ann(5), draft(&host(2, 1, 1), 5), 200).unwrap();
        assert_eq!((renewed.lease.lease_id.as_str(), renewed.lease.expires_at), ("lease-2", at(205)));
        activate(&ledger, &host(1, 2, 1), 6).unwrap();
        assert_eq!(claim(&host(1, 3, 1), 7).as_deref(), Ok("lease-2"));
        let give_back = |machine: &Fingerprint| {
            let (license_id, machine) = ("lic-1".to_owned(), Machine::of(machine));
            lease::release(&ledger, &by_ann(8), Some("lease-2"), lease::Right::Machine { license_id, machine })
        };
        assert_eq!(give_back(&host(9, 9, 9)).unwrap_err().code(), Code::Unauthorized);
        let given_up = GivenUp { lease_id: Some("lease-2".to_owned()), was_held: true, was_in_line: false };
        assert_eq!(give_back(&host(2, 2, 1)), Ok(given_up));
        assert!(seats::holders(&ledger, "lic-1").unwrap().is_empty());
    }
}

#[test]
fn a_machine_is_known_again_in_a_book_that_was_moved() {
    let mut books = Vec::new();
    for mut place in Place::all() {
        let ledger = place.open("book");
        record(&ledger, "lic-1", Some(2));
        let first = activate(&ledger, &host(1, 1, 1), 1).unwrap();
        let given_back = activate(&ledger, &host(7, 7, 7), 2).unwrap();
        release::release(&ledger, &by_ann(3), &given_back.proof_id, None, None).unwrap();
        ledger.activate(super::activate("lic-1", "exact", 4)).unwrap();
        books.push((place, exported(&ledger), first.proof_id));
    }
    let book = books[0].1.clone();
    // Schema 10 held no document, and did not say what is installed.
    let is_null = |line: String| {
        let line = line.replace(r#""installed":0,"#, "");
        let Some((before, rest)) = line.split_once(r#""document":"#) else { return Some(line) };
        let end = rest.find(r#","environment""#).unwrap();
        Some(format!("{before}{}", &rest[end + 1..]))
    };
    let older = anew(&book, 10, is_null);
    assert_ne!(older, book);
    for (mut place, other, proof_id) in books {
        assert_eq!(other, book);
        let copy = place.open("copy");
        super::import(&copy, &book).unwrap();
        assert_eq!(exported(&copy), book);
        assert_eq!(activate(&copy, &host(1, 2, 1), 5).unwrap().proof_id, proof_id);
        assert_eq!(activate(&copy, &host(7, 7, 8), 6), Err(Code::ActivationsExhausted));
        let copy = place.open("older");
        super::import(&copy, &older).unwrap();
        // It is known by its digest alone, until it has asked once more.
        assert_eq!(activate(&copy, &host(1, 2, 1), 5), Err(Code::ActivationsExhausted));
        assert_eq!(activate(&copy, &host(1, 1, 1), 6).unwrap().proof_id, proof_id);
        assert_eq!(actions(&copy, "lic-1").iter().filter(|action| *action == "activated").count(), 3);
        assert_eq!(activate(&copy, &host(1, 2, 1), 7).unwrap().proof_id, proof_id);
    }
    let mut place = Place::file();
    let digest = Machine::of(&host(1, 1, 1)).digest().to_owned();
    let forged = anew(&book, schema(&book), |line| {
        Some(line.replace(&format!(r#""fingerprint":"{digest}","#), r#""fingerprint":"0","#))
    });
    assert_ne!(forged, book);
    assert_eq!(
        told(super::import(&place.open("forged"), &forged)),
        format!("error[malformed]: the export is not whole: machine 0 is bound by a document with the digest {digest}")
    );
}

/// A license for one machine, and requests from folders that stand for machines.
#[cfg(target_os = "linux")]
#[test]
fn a_machine_that_asks_by_file_with_a_new_card_gets_its_proof_again() {
    use crate::fingerprint::Machine;

    let bench = Bench::new();
    let book = ["--ledger", "sqlite:book.db"];
    let terms = ["--tenant", "acme", "--activation", "proof", "--expires", "2099-12-31", "--max-activations", "1"];
    bench.write("acme.lic", bench.mint(&[&terms[..], &book].concat()));
    Machine::physical(&bench, "before", "3c:ec:ef:01:02:03", "S3Z8NB0K");
    Machine::physical(&bench, "after", "3c:ec:ef:0a:0b:0c", "S3Z8NB0K");
    Machine::physical(&bench, "other", "3c:ec:ef:0d:0e:0f", "WD-WCC4E");
    let key = example("vendor.key");
    let answer = |machine: &str, id: &str| {
        let request = format!("{id}.request");
        let asks = ["-q", "activate", "--license", "acme.lic", "--sysroot", machine, "--request-out", &request];
        let asked = bench.run(asks);
        assert_eq!(asked.status, Some(0), "{asked}");
        let fixed = ["mint", "proof", "--allow-readable-key", "--key", &key, "--issued-at", ISSUED];
        let proof = format!("{id}.proof");
        bench.run(fixed.iter().chain(&["--request", &request, "-o", &proof, "--id", id]).chain(&book))
    };
    let minted = answer("before", "p-1");
    assert_snapshot!(minted, @r"
    ------- stderr -------
    mintage: minted proof p-1 for license lic-1, until 2099-12-31T23:59:59Z
    [exit status: 0]
    ");
    // The id that it is given stays, and the proof is of the machine as it is now.
    assert!(answer("after", "p-2").stderr().contains("minted proof p-1 for license lic-1"));
    let trust = example("vendor.pub");
    let here = |machine: &str| {
        let verify = ["-q", "verify", "p-2.proof", "--trust", &trust, "--at", ISSUED, "--sysroot", machine, "--json"];
        bench.run(verify)
    };
    for (machine, matching) in [("after", 7), ("before", 5)] {
        let verdict = here(machine);
        assert!(verdict.stdout().contains(&format!("{matching} of 7 points match")), "{verdict}");
    }
    assert_snapshot!(answer("other", "p-3"), @r"
    ------- stderr -------
    mintage: error[activations-exhausted]: 1 of 1 activations of license lic-1 are in use
    mintage: hint: release a machine that no longer runs the product, or ask for more activations
    [exit status: 1]
    ");
    let audit = bench.run([&["ledger", "audit", "--action", "activated"], &book[..]].concat());
    assert_eq!((audit.stdout().lines().count(), audit.stdout().matches("previousFingerprint").count()), (2, 1));
}
