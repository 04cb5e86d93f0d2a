//! The ledger: one story that both engines must tell alike, what happens in races and crashes, and the commands.

mod audited;
mod broken;
mod cluster;
mod commands;
mod crashes;
mod drifted;
mod earlier;
mod faulty;
mod handed_out;
#[cfg(feature = "serve")]
mod instances;
#[cfg(feature = "serve")]
mod jobs;
mod life;
mod meanwhile;
mod moved;
mod named;
mod older;
mod proofs;
mod races;
mod replaced;
#[cfg(feature = "serve")]
mod rotated;
mod said;
mod seats;
mod seats_by_file;
mod spoilt;
mod story;
mod taken;
mod told;
mod true_up;
mod undone;

use std::path::Path;

use mintage::ledger::activation::Activate;
use mintage::ledger::machine::Machine;
use mintage::ledger::{Birth, Ledger, LedgerError, LedgerUrl};
use mintage::operation::ledger::Stamp;
use mintage::operation::ledger::issue::{self, Record};
use mintage::operation::ledger::show::{self, Shown};
use mintage::operation::ledger::transfer::{self, Export};
use mintage::time::Timestamp;
use mintage::{License, SecretKey, Token};

use cluster::Cluster;

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600;

/// Somewhere to keep a ledger; it is gone when this is dropped.
enum Place {
    File(tempfile::TempDir),
    Server(Cluster),
}

impl Place {
    fn file() -> Self {
        Self::File(tempfile::TempDir::with_prefix("mintage-ledger-").unwrap())
    }

    /// A file, and a server where its programs are.
    fn all() -> Vec<Self> {
        std::iter::once(Self::file()).chain(Cluster::start().map(Self::Server)).collect()
    }

    /// The address of a ledger of this name.
    fn url(&mut self, name: &str) -> String {
        match self {
            Self::File(folder) => format!("sqlite:{}", folder.path().join(name).display()),
            Self::Server(cluster) => cluster.database(name),
        }
    }

    fn open(&mut self, name: &str) -> Ledger {
        open(&self.url(name)).unwrap()
    }
}

fn open(url: &str) -> Result<Ledger, LedgerError> {
    Ledger::open(&LedgerUrl::parse(url).unwrap(), &Birth { book_id: "book-1".to_owned(), now: at(0) })
}

/// A moment, in seconds after [`NOW`].
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(NOW + seconds).unwrap()
}

fn by_ann(seconds: i64) -> Stamp {
    Stamp { actor: "ann".to_owned(), now: at(seconds) }
}

fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

/// A license that lasts 1,000 seconds.
fn license(id: &str) -> License {
    License::new(id.to_owned(), "acme".to_owned(), at(0), at(1_000))
}

fn mint(mut license: License) -> Record {
    let key = key();
    license.kid = Some(key.public().id().kid());
    let token = Token::mint(license.clone(), &key).to_string();
    Record { license, token, key_id: key.public().id(), license_key: None }
}

/// Records a license for so many machines.
fn record(ledger: &Ledger, id: &str, machines: Option<u64>) {
    let mut license = license(id);
    license.max_activations = machines;
    issue::record(ledger, &by_ann(0), vec![mint(license)]).unwrap();
}

/// A machine that asks for the license, with ids of its own.
fn activate(id: &str, machine: &str, seconds: i64) -> Activate {
    Activate {
        license_id: id.to_owned(),
        machine: Machine::of_digest(machine),
        proof_id: format!("proof-{id}-{machine}-{seconds}"),
        nonce: format!("nonce-{machine}-{seconds}"),
        instance_key: None,
        environment: Some("production".to_owned()),
        product_version: None,
        expires_at: at(900),
        now: at(seconds),
        actor: "ann".to_owned(),
    }
}

/// An error as people read it.
/// Puts an export into a ledger, and returns how many licenses it holds.
fn import(ledger: &Ledger, book: &str) -> Result<u64, LedgerError> {
    transfer::import(ledger, Export::parse(book.as_bytes())?)
}

fn told<T: std::fmt::Debug>(answer: Result<T, LedgerError>) -> String {
    let error = answer.unwrap_err();
    format!("error[{}]: {error}", error.code())
}

fn mode_of(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions()) & 0o777
}

/// Everything that a ledger knows of a license.
fn told_of(ledger: &Ledger, license_id: &str) -> Shown {
    show::show(ledger, license_id, Timestamp::NEVER).unwrap()
}
