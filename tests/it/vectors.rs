//! The vectors of `tests/vectors`: one file, one fault. A small generator writes them; a walker judges every one.

pub(crate) mod crafted;
mod generated;
mod scenes;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use mintage::code::Code;
use mintage::dsse::{Envelope, Kind};
use mintage::fingerprint::Machine;
use mintage::id::decode_hex;
use mintage::key::{KeyError, PublicKey};
use mintage::keyring::{KeyStatus, Keyring, Purpose, TrustedKey};
use mintage::manifest::{BuildSource, Manifest, Scope, Symlinks, VerifiedManifest, Walk};
use mintage::operation::lines::verify_lines;
use mintage::operation::proof;
use mintage::operation::signed::{self, Beside};
use mintage::operation::verify::{self, Against};
use mintage::policy::{Context, MachineContext, RevocationsContext, judge, judge_closed};
use mintage::revocations::{LicenseHash, Revocation, Revocations};
use mintage::seal::{SealError, SealSecret};
use mintage::time::Timestamp;
use mintage::token::{Token, TokenError, VerifiedToken};
use mintage::verdict::{Refusal, State, Verdict};

use crate::harness::{example, json_line};

/// Every header that a vector may have, in the order in which it has them.
const HEADERS: [&str; 31] = [
    "expect",
    "state",
    "kind",
    "key",
    "key-status",
    "key-purpose",
    "key-not-before",
    "key-not-after",
    "now",
    "floor",
    "revocations-issued",
    "revocations-due",
    "withdrawn",
    "withdrawn-grace-hours",
    "tenant",
    "product",
    "feature",
    "usage",
    "default",
    "build-date",
    "environment",
    "product-version",
    "build-product",
    "build-version",
    "build-key",
    "released",
    "revocations-sequence",
    "fingerprint",
    "secret",
    "machine",
    "comment",
];

/// A vector: what a verifier is given, and what it must answer.
struct Vector {
    headers: Vec<(String, String)>,
    text: String,
}

/// What a verifier that follows the vectors answers.
#[derive(Debug, PartialEq)]
struct Answer {
    expect: String,
    state: String,
}

#[test]
fn every_vector_is_answered_as_it_expects() {
    let (mut count, mut faults) = (0, Vec::new());
    for (path, file) in files() {
        let vector = Vector::read(&file).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        assert_eq!(
            folder,
            vector.one("expect").unwrap(),
            "{}: a vector stands in the folder of its code",
            path.display()
        );
        let expected = Answer { expect: folder.to_owned(), state: vector.one("state").unwrap().to_owned() };
        let answer = vector.answer();
        if answer != expected {
            faults.push(format!("{}: {answer:?}", path.display()));
        }
        count += 1;
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count > 100, "{count} vectors");
}

#[test]
fn no_folder_of_vectors_is_empty() {
    for folder in fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        assert!(fs::read_dir(&folder).unwrap().next().is_some(), "{} is empty", folder.display());
    }
}

#[test]
fn the_walker_refuses_what_it_does_not_know() {
    let whole = "expect: valid\nstate: ACTIVE\nkey: vendor\nnow: 2026-07-01T00:00:00Z\n\ntext\n";
    assert!(Vector::read(whole).is_ok());
    for (from, to) in [
        ("expect: valid", "expect: perhaps"),
        ("expect: valid", "expcet: valid"),
        ("state: ACTIVE", "state: FINE"),
        ("now: 2026", "when: 2026"),
        ("now: 2026-07-01T00:00:00Z", "now: tomorrow"),
        ("key: vendor\n", ""),
        ("\n\ntext\n", "\n"),
        ("expect: valid\n", "expect: valid\nexpect: expired\n"),
    ] {
        assert!(Vector::read(&whole.replace(from, to)).is_err(), "{to}");
    }
}

impl Vector {
    fn read(file: &str) -> Result<Self, String> {
        let (head, text) = file.split_once("\n\n").ok_or("no empty line ends the headers")?;
        let mut headers = Vec::new();
        for line in head.lines() {
            let (name, value) = line.split_once(": ").ok_or_else(|| format!("`{line}` is no header"))?;
            if !HEADERS.contains(&name) {
                return Err(format!("`{name}` is no header that is known"));
            }
            headers.push((name.to_owned(), value.to_owned()));
        }
        let text = text.strip_suffix('\n').ok_or("the text does not end its last line")?;
        let vector = Self { headers, text: text.to_owned() };
        vector.check()?;
        Ok(vector)
    }

    fn check(&self) -> Result<(), String> {
        for name in ["expect", "state", "now"] {
            let count = self.all(name).len();
            if count != 1 {
                return Err(format!("`{name}` stands {count} times"));
            }
        }
        if self.all("key").is_empty() {
            return Err("no `key`".to_owned());
        }
        let expect = self.one("expect").unwrap_or_default();
        if expect != "valid" && !Code::ALL.iter().any(|code| code.as_str() == expect) {
            return Err(format!("`{expect}` is neither `valid` nor a code"));
        }
        let state = self.one("state").unwrap_or_default();
        if !["ABSENT", "ACTIVE", "EXPIRED", "GRACE", "INVALID"].contains(&state) {
            return Err(format!("`{state}` is no state"));
        }
        Timestamp::parse_rfc3339(self.one("now").unwrap_or_default()).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn one(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str()).collect()
    }

    fn time(&self, name: &str) -> Option<Timestamp> {
        self.one(name).map(|text| Timestamp::parse_rfc3339(text).unwrap())
    }

    fn counts(&self, name: &str) -> BTreeMap<String, u64> {
        let pair = |text: &str| {
            let (key, value) = text.split_once('=').unwrap();
            (key.to_owned(), value.parse().unwrap())
        };
        self.all(name).into_iter().map(pair).collect()
    }

    /// The trusted keys; what the headers say of a key they say of all of them.
    fn keyring(&self) -> Result<Keyring, KeyError> {
        let mut keyring = Keyring::default();
        for name in self.all("key") {
            let mut trusted = TrustedKey::bare(key(name)?);
            trusted.status = match self.one("key-status") {
                None => KeyStatus::Active,
                Some("retired") => KeyStatus::Retired,
                Some("revoked") => KeyStatus::Revoked,
                Some(other) => panic!("`{other}` is no status"),
            };
            if let Some(word) = self.one("key-purpose") {
                trusted.purposes = vec![*Purpose::ALL.iter().find(|purpose| purpose.as_str() == word).unwrap()];
            }
            trusted.not_before = self.time("key-not-before").unwrap_or(Timestamp::EPOCH);
            trusted.not_after = self.time("key-not-after");
            keyring.add(trusted);
        }
        Ok(keyring)
    }

    fn context(&self) -> Context {
        let mut context = Context::at(self.time("now").unwrap());
        context.floor = self.time("floor");
        context.tenant = self.one("tenant").map(str::to_owned);
        context.product = self.one("product").map(str::to_owned);
        context.features = self.all("feature").into_iter().map(str::to_owned).collect();
        context.usage = self.counts("usage");
        context.revocations = self.revocations();
        context.defaults = self.counts("default");
        context.build_date = self.time("build-date");
        context.environment = self.one("environment").map(str::to_owned);
        context.product_version = self.one("product-version").map(str::to_owned);
        context.manifest = self.build();
        context.machine = match (self.one("machine"), self.one("fingerprint")) {
            (Some("any"), None) => MachineContext::Any,
            (None, Some(text)) => MachineContext::This(Machine { exact: Some(text.to_owned()), ..Machine::default() }),
            (None, None) => MachineContext::Unknown,
            (machine, fingerprint) => panic!("machine {machine:?}, fingerprint {fingerprint:?}"),
        };
        context
    }

    /// The list of revocations at hand: `withdrawn: TIME ID` for every entry.
    fn revocations(&self) -> RevocationsContext {
        let (Some(issued_at), Some(due)) = (self.time("revocations-issued"), self.time("revocations-due")) else {
            return RevocationsContext::None;
        };
        let grace_hours = self.one("withdrawn-grace-hours").map_or(0, |hours| hours.parse().unwrap());
        let entry = |text: &str| {
            let (at, id) = text.split_once(' ').unwrap();
            let at = Timestamp::parse_rfc3339(at).unwrap();
            Revocation { id: LicenseHash::of(id), at, grace_hours, reason: None }
        };
        let entries = self.all("withdrawn").into_iter().map(entry).collect();
        let sequence = self.one("revocations-sequence").map_or(1, |sequence| sequence.parse().unwrap());
        let list = Arc::new(Revocations::new(sequence, issued_at, due, entries));
        RevocationsContext::List { list, max_age: None }
    }

    /// The manifest of the build that runs, which lists no files.
    fn build(&self) -> Option<Arc<VerifiedManifest>> {
        let key_id = key(self.one("build-key")?).unwrap().id();
        let manifest = Manifest {
            product: self.one("build-product").unwrap().to_owned(),
            version: self.one("build-version").unwrap().to_owned(),
            created_at: Timestamp::EPOCH,
            scope: Scope::Global,
            source: BuildSource::default(),
            walk: Walk { symlinks: Symlinks::Reject, excludes: Vec::new() },
            files: Vec::new(),
            links: Vec::new(),
        };
        Some(Arc::new(VerifiedManifest { manifest, key_id, signers: [key_id].into() }))
    }

    /// Judges the envelope of a proof, and the license inside it.
    fn answer_proof(&self, against: Against<'_>) -> Answer {
        let verdict = match Envelope::parse(self.text.as_bytes()) {
            Ok(envelope) => proof::verify(&envelope, against, self.time("released")),
            Err(error) => {
                let refusal = Refusal::new(error.code(), error);
                Verdict::refused(State::Invalid, refusal, against.context.now, &against.context.defaults)
            }
        };
        assert!(verdict.refusals.len() < 2, "one file, one fault: {:?}", verdict.refusals);
        let expect = verdict.refusals.first().map_or("valid".to_owned(), |refusal| refusal.code.to_string());
        Answer { expect, state: verdict.state.as_str().to_owned() }
    }

    /// Judges the envelope of a keyring, which is believed or not.
    fn answer_keyring(&self, keyring: &Keyring) -> Answer {
        let envelope = Envelope::parse(self.text.as_bytes()).unwrap();
        let beside = Beside { keyring, proof: None, now: self.time("now").unwrap() };
        let refusals = signed::verify(&envelope, Kind::Keyring, beside).findings.refusals;
        assert!(refusals.len() < 2, "one file, one fault: {refusals:?}");
        match refusals.first() {
            None => Answer { expect: "valid".to_owned(), state: "ACTIVE".to_owned() },
            Some(refusal) => Answer { expect: refusal.code.to_string(), state: "INVALID".to_owned() },
        }
    }

    fn secret(&self) -> Option<SealSecret> {
        self.one("secret").map(|hex| SealSecret::new(decode_hex::<32>(hex).unwrap().to_vec()).unwrap())
    }

    /// Judges the text as the library does, strictly; the doors that mend texts must not judge otherwise what needs no
    /// mending.
    fn answer(&self) -> Answer {
        let keyring = match self.keyring() {
            Ok(keyring) => keyring,
            // Nothing was judged, and nothing may run.
            Err(error) => return Answer { expect: error.code().to_string(), state: "INVALID".to_owned() },
        };
        let (context, secret) = (self.context(), self.secret());
        let against = Against { keyring: &keyring, context: &context, secret: secret.as_ref() };
        match self.one("kind") {
            None => {}
            Some("keyring") => return self.answer_keyring(&keyring),
            Some("proof") => return self.answer_proof(against),
            Some(other) => panic!("`{other}` is no kind"),
        }
        let parsed = Token::parse(&self.text);
        let is_whole = parsed.is_ok();
        let opened = |token: VerifiedToken| match &secret {
            Some(secret) => match token.clone().unseal(secret, &keyring) {
                Err(TokenError::Seal(SealError::WrongSecret)) => Ok(judge_closed(&token, &context)),
                opened => opened.map(|token| judge(&token, &context)),
            },
            None => Ok(judge(&token, &context)),
        };
        let verdict = match parsed.and_then(|token| token.verify(&keyring)).and_then(opened) {
            Ok(verdict) => verdict,
            Err(error) => {
                let refusal = Refusal::new(error.code(), error);
                Verdict::refused(State::Invalid, refusal, context.now, &context.defaults)
            }
        };
        if is_whole {
            let mended = verify::license(&self.text, against);
            assert_eq!((mended.to_json(), mended.repairs.len()), (verdict.to_json(&mended.repairs), 0));
            let mut line = Vec::new();
            verify_lines(self.text.as_bytes(), &mut line, against, 1).unwrap();
            assert_eq!(String::from_utf8(line).unwrap(), json_line(&verdict, 1, &[]));
        }
        assert!(verdict.refusals.len() < 2, "one file, one fault: {:?}", verdict.refusals);
        let expect = verdict.refusals.first().map_or("valid".to_owned(), |refusal| refusal.code.to_string());
        Answer { expect, state: verdict.state.as_str().to_owned() }
    }
}

/// Reads a key by its name in `keys.example`, or as 64 hex digits.
fn key(name: &str) -> Result<PublicKey, KeyError> {
    match fs::read(example(&format!("{name}.pub"))) {
        Ok(file) => PublicKey::from_file_bytes(&file),
        Err(_) => PublicKey::from_bytes(&decode_hex(name).unwrap_or_else(|| panic!("`{name}` is no key"))),
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// Every vector with its path, in the order of the paths. `UPDATE=1` has them written first.
fn files() -> Vec<(PathBuf, String)> {
    static WRITTEN: OnceLock<()> = OnceLock::new();
    if std::env::var_os("UPDATE").is_some() {
        WRITTEN.get_or_init(generated::write);
    }
    let mut files = Vec::new();
    for folder in fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let text = fs::read_to_string(&path).unwrap();
            files.push((path, text));
        }
    }
    files.sort();
    files
}

/// The codes that have a vector.
pub(crate) fn covered() -> Vec<String> {
    let mut words: Vec<String> = files()
        .iter()
        .map(|(path, _)| path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    words.dedup();
    words
}
