//! [`App`]: what a server knows, and what it was given to know it with.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use zeroize::Zeroizing;

use super::auth::Secrets;
use super::checked::Checked;
use super::gate::Gate;
use super::host::Hosts;
use super::jobs::Jobs;
use super::limit::{Allowance, Guesses};
use super::metrics::Metrics;
use super::problem::Problem;
use super::proxies::Proxies;
use super::request_ids::RequestIds;
use super::room::Room;
use super::routes::Looked;
use crate::code::Code;
use crate::key::{PublicKey, SecretKey};
use crate::keyring::Keyring;
use crate::keyring::document::KeyringDocument;
use crate::ledger::Ledger;
use crate::operation::ledger::install::Origin;
use crate::operation::ledger::posture;
use crate::operation::ledger::rotate::{KeyStore, Rhythm};
use crate::operation::plans::Plans;
use crate::policy::{Context, RevocationsContext};
use crate::revocations::Revocations;
use crate::time::Timestamp;

/// Where a server takes time and randomness from.
pub struct World {
    /// Reads the clock; `None` when it stands where no time is.
    pub now: Box<dyn Fn() -> Option<Timestamp> + Send + Sync>,
    /// Draws 16 random bytes; `None` when the operating system gives none.
    pub fresh: Box<dyn Fn() -> Option<[u8; 16]> + Send + Sync>,
}

/// What a server was given, and so which roles it plays. It is replaced as a whole when files change.
#[derive(Clone, Debug, Default)]
pub struct Roles {
    /// Whom documents are verified against.
    pub keyring: Keyring,
    /// Licenses that were verified against these keys.
    pub checked: Arc<Checked>,
    /// The signed keyring that is handed out, as its file holds it.
    pub keyring_document: Option<String>,
    /// Signs what is minted: the vendor's role.
    pub signer: Option<Arc<SecretKey>>,
    /// The vendor's plans.
    pub plans: Option<Plans>,
    /// The vendor's book.
    pub ledger: Option<Arc<Ledger>>,
    /// Keys of the admin.
    pub admin: Secrets,
    /// Keys that reports are given for beside the admin's.
    pub license_keys: Secrets,
    /// The tenant that licenses are for where a request names none.
    pub tenant: Option<String>,
    /// Limits of the default tier.
    pub defaults: BTreeMap<String, u64>,
    /// The signed list of revocations that is handed out, as its file holds it.
    pub revocations_document: Option<String>,
    /// The same list for judging.
    pub revocations: RevocationsContext,
    /// The list that the server was started with; on a ledger, what that has withdrawn is added to it.
    pub named: Option<Arc<Revocations>>,
    /// How often the list follows the ledger, in minutes.
    pub refresh_minutes: Option<u64>,
    /// What the keyring that is handed out says.
    pub keyring_says: Option<Arc<KeyringDocument>>,
    /// How signing keys follow each other, where they do.
    pub rotation: Option<Rotation>,
    /// The license of this installation that the server was started with: the role of a customer's operator.
    pub license: Option<Given>,
    /// Hours in which a withdrawn license still counts on its machines, where the withdrawal says nothing.
    pub grace_hours: u64,
    /// Whether the log tells of every session that has ended.
    pub session_log: bool,
    /// How many wrong keys one address may give.
    pub wrong_keys: Allowance,
    /// Which names the server answers to.
    pub hosts: Hosts,
    /// Which servers in front of this one are believed.
    pub proxies: Proxies,
}

/// How signing keys follow each other.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// When.
    pub rhythm: Rhythm,
    /// Where they are kept.
    pub store: Arc<dyn KeyStore>,
    /// The key that the server was started with.
    pub own: Arc<SecretKey>,
}

/// A license that a server was started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The license, as its file or variable holds it.
    pub text: Vec<u8>,
    /// Where it stood.
    pub origin: Origin,
}

/// What a server knows.
pub struct App {
    pub(super) world: World,
    roles: RwLock<Arc<Roles>>,
    /// Held by who decides on what was given before, so that nothing newer comes in between.
    pub(super) deciding: Mutex<()>,
    /// The instance key of machines that keep none: its private half was never kept either.
    nobodys_key: OnceLock<PublicKey>,
    guesses: Guesses,
    pub(super) gate: Gate,
    pub(super) jobs: Jobs,
    pub(super) looked: Looked,
    pub(super) metrics: Metrics,
    pub(super) ids: RequestIds,
    pub(super) room: Room,
}

impl App {
    /// How much memory documents may take at once where nothing else is said, in MiB: four of the greatest length.
    pub const DOCUMENT_MEMORY_MIB: usize = 2_048;

    /// Starts with what a server was given.
    pub fn new(world: World, roles: Roles) -> Self {
        let roles = RwLock::new(Arc::new(roles));
        let (guesses, gate, jobs) = (Guesses::default(), Gate::default(), Jobs::default());
        Self {
            world,
            roles,
            deciding: Mutex::default(),
            nobodys_key: OnceLock::new(),
            guesses,
            gate,
            jobs,
            looked: Looked::default(),
            metrics: Metrics::default(),
            ids: RequestIds::default(),
            room: Room::of_mib(Self::DOCUMENT_MEMORY_MIB),
        }
    }

    /// Lets documents take so many MiB of memory at once, instead of [`Self::DOCUMENT_MEMORY_MIB`]. Of each the first 64 KiB are not counted, the
    /// rest eight times: what it may take while it is read.
    #[must_use]
    pub fn with_document_memory(self, mib: usize) -> Self {
        Self { room: Room::of_mib(mib), ..self }
    }

    /// Replaces what the server was given; requests under way end with what they began with.
    pub fn reload(&self, mut roles: Roles) {
        let _deciding = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        let mut current = self.roles.write().unwrap_or_else(PoisonError::into_inner);
        // A key that has been followed by another must not sign in between.
        roles.keep_up_with(&current);
        *current = Arc::new(roles);
    }

    /// Changes some of what the server was given.
    pub(super) fn change(&self, change: impl FnOnce(&mut Roles)) {
        let mut current = self.roles.write().unwrap_or_else(PoisonError::into_inner);
        let mut roles = Roles { checked: Arc::default(), ..Roles::clone(&current) };
        change(&mut roles);
        *current = Arc::new(roles);
    }

    /// Returns what the server was given.
    pub fn roles(&self) -> Arc<Roles> {
        Arc::clone(&self.roles.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets a peer try a key, unless too many of its were wrong.
    pub(super) fn may_guess(&self, peer: IpAddr) -> Result<(), Problem> {
        let Some(seconds) = self.guesses.must_wait(peer, self.roles().wrong_keys, Instant::now()) else {
            return Ok(());
        };
        let mut problem = Problem::new(Code::TooManyRequests, "too many wrong keys came from this address");
        problem.retry_after = Some(seconds);
        Err(problem)
    }

    /// Remembers a wrong key.
    pub(super) fn guessed_wrong(&self, peer: IpAddr) {
        self.guesses.was_wrong(peer, self.roles().wrong_keys, Instant::now());
    }

    /// Reads the clock.
    pub(super) fn now(&self) -> Result<Timestamp, Problem> {
        (self.world.now)().ok_or_else(|| Problem::internal("the clock of this machine cannot be used"))
    }

    /// Draws random bytes, at most 16.
    pub(super) fn fresh_bytes<const N: usize>(&self) -> Result<[u8; N], Problem> {
        let bytes = (self.world.fresh)();
        let bytes = bytes.ok_or_else(|| Problem::internal("the operating system gives no randomness"))?;
        bytes.get(..N).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| Problem::internal("too few random bytes"))
    }

    /// Returns a public key whose private half nobody holds, the same while the server runs.
    pub(super) fn nobodys_key(&self) -> Result<PublicKey, Problem> {
        if let Some(key) = self.nobodys_key.get() {
            return Ok(key.clone());
        }
        let (first, second): ([u8; 16], [u8; 16]) = (self.fresh_bytes()?, self.fresh_bytes()?);
        let mut seed = Zeroizing::new([0; 32]);
        seed[..16].copy_from_slice(&first);
        seed[16..].copy_from_slice(&second);
        Ok(self.nobodys_key.get_or_init(|| SecretKey::from_seed(&seed).public()).clone())
    }

    /// Draws a random id.
    pub(super) fn fresh_id(&self) -> Result<String, Problem> {
        let bytes = self.fresh_bytes()?;
        Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
    }
}

impl Roles {
    /// Returns what is served, each with the reason where it is not.
    pub fn parts(&self) -> Vec<(&'static str, Option<&'static str>)> {
        let off = |is_on: bool, why: &'static str| (!is_on).then_some(why);
        let no_key = off(self.signer.is_some(), "there is no --key");
        let no_admin = off(!self.admin.is_empty(), "there is no --admin-key-file");
        let no_ledger = off(self.ledger.is_some(), "there is no --ledger");
        let is_vendor = self.signer.is_some();
        let role = |vendor, operator| if is_vendor { vendor } else { operator };
        let readers = !self.admin.is_empty() || !self.license_keys.is_empty();
        vec![
            ("inspect", None),
            ("verify", off(!self.keyring.keys().is_empty(), "there is neither --trust nor --key")),
            ("mint, as the vendor", no_key.or(no_admin)),
            (role("the book, as the vendor", "the book, as the operator"), no_ledger.or(no_admin)),
            ("activations, as the vendor", no_ledger.or(no_key)),
            (role("seats, as the vendor", "seats of the license of this installation, counted online"), no_ledger),
            ("use of the limits of the license of this installation", no_ledger),
            (
                "sessions and reports of use",
                no_ledger.or(off(readers, "there is neither --license-key-file nor --admin-key-file")),
            ),
            ("the public key", no_key),
            ("the keyring", off(self.keyring_document.is_some(), "there is no --keyring")),
            (
                "revocations",
                off(
                    self.revocations_document.is_some() || (self.ledger.is_some() && self.signer.is_some()),
                    "there is neither --revocations nor a --ledger with --key",
                ),
            ),
            (
                "the license of this installation, as its operator",
                off(self.license.is_some() || self.ledger.is_some(), "there is neither --license nor --ledger"),
            ),
            ("installing another license, as its operator", no_ledger.or(no_admin)),
        ]
    }

    /// Starts a context with what this server knows of itself.
    pub(super) fn context(&self, now: Timestamp) -> Context {
        posture::context(self.tenant.as_ref(), &self.defaults, &self.revocations, now)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("roles", &self.roles()).finish_non_exhaustive()
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}
