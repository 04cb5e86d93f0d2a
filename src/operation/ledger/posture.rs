//! The posture of a server towards its own license: what is installed for its tenant, what that allows, and what is used.

use std::collections::BTreeMap;

use crate::code::Code;
use crate::json::Writer;
use crate::keyring::Keyring;
use crate::ledger::tenant::{self, Installed, Used};
use crate::ledger::{Ledger, LedgerError};
use crate::operation::verify::{self, Against, Verification};
use crate::policy::{Context, MachineContext, RevocationsContext};
use crate::time::{DAY, Timestamp};
use crate::verdict::{EffectiveLimit, State, Verdict};

/// The tenant whose license is kept where a server was told of none.
pub const DEFAULT_TENANT: &str = "default";

/// How a license is judged here.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    /// The keys that are trusted.
    pub keyring: Keyring,
    /// The tenant that a license must be for; `None` takes one for anybody.
    pub tenant: Option<String>,
    /// The limits that hold without a license.
    pub defaults: BTreeMap<String, u64>,
    /// The licenses that were withdrawn.
    pub revocations: RevocationsContext,
}

/// What a tenant may do now.
#[derive(Clone, Debug)]
pub struct Posture {
    /// What is installed; nothing where the state is ABSENT.
    pub installed: Option<Installed>,
    /// The verdict on it.
    pub verdict: Verdict,
    /// What is used, limit by limit, in their order.
    pub rows: Vec<LimitRow>,
}

/// A limit, how much of it is used, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitRow {
    /// The limit.
    pub limit: EffectiveLimit,
    /// How much of it is used; 0 where nothing was told.
    pub current: u64,
}

impl Judge {
    /// Returns the tenant under whose name a license is kept.
    pub fn tenant_id(&self) -> &str {
        self.tenant.as_deref().unwrap_or(DEFAULT_TENANT)
    }

    /// Judges the text of a license as its file holds it; without one, the state is ABSENT.
    pub fn verdict(&self, text: Option<&[u8]>, now: Timestamp) -> Verdict {
        self.verification(text, now).verdict
    }

    pub(super) fn verification(&self, text: Option<&[u8]>, now: Timestamp) -> Verification {
        let context = context(self.tenant.as_ref(), &self.defaults, &self.revocations, now);
        match text {
            Some(text) => {
                verify::license_bytes(text, Against { keyring: &self.keyring, context: &context, secret: None })
            }
            None => Verification { verdict: verify::absent(&context), repairs: Vec::new() },
        }
    }

    /// Judges a license for the machines that it is for, each of which shows its own proof where the license demands one: a
    /// server that counts their seats is none of them.
    pub(super) fn for_machines(&self, text: Option<&[u8]>, now: Timestamp) -> Verdict {
        let Some(text) = text else { return self.verdict(None, now) };
        let mut context = context(self.tenant.as_ref(), &self.defaults, &self.revocations, now);
        context.machine = MachineContext::Any;
        let against = Against { keyring: &self.keyring, context: &context, secret: None };
        let mut verdict = verify::license_bytes(text, against).verdict;
        verdict.refusals.retain(|refusal| refusal.code != Code::ProofRequired);
        verdict
    }

    /// Judges what is installed, or what was refused in place of it.
    pub(super) fn standing(
        &self,
        refused: Option<&Refused>,
        installed: Option<Installed>,
        now: Timestamp,
    ) -> (Option<Installed>, Verdict) {
        if let Some(refused) = refused.filter(|refused| refused.stands_for(installed.as_ref())) {
            return (None, self.verdict(Some(&refused.text), now));
        }
        let verdict = self.verdict(installed.as_ref().map(|installed| installed.token.as_bytes()), now);
        (installed, verdict)
    }

    /// Says why a license is not to be believed, in the words that operators of the field look for.
    pub fn reason(&self, verdict: &Verdict) -> Option<String> {
        let refusal = verdict.refusals.first()?;
        let license = verdict.license.as_deref();
        Some(match (refusal.code, license, &self.tenant) {
            (Code::WrongTenant, Some(license), Some(tenant)) => {
                format!("License tenantId '{}' does not match server tenant '{tenant}'", license.tenant_id)
            }
            (Code::Expired, Some(license), _) => format!("License expired at {}", license.expires_at),
            (Code::BadSignature | Code::UnknownKey, ..) if self.keyring.keys().is_empty() => {
                "license public key not configured".to_owned()
            }
            (Code::BadSignature | Code::UnknownKey, ..) => "License signature verification failed".to_owned(),
            _ => refusal.message.clone(),
        })
    }

    /// Says the state in a sentence.
    pub fn message(&self, verdict: &Verdict) -> String {
        let days = verdict.days_remaining().unwrap_or(0);
        // Whole days that have passed, as people count them.
        let ago = match verdict.license.as_ref().map_or(0, |license| verdict.as_of.since(license.expires_at) / DAY) {
            1 => "1 day ago".to_owned(),
            days => format!("{days} days ago"),
        };
        match verdict.state {
            State::Absent => "License absent. Default tier limits apply.".to_owned(),
            State::Active => format!("License active. {days} days remaining."),
            State::Grace => format!("License expired {ago} and is in its grace period. Renew it."),
            State::Expired => format!("License expired {ago}. Default tier limits apply. Renew it."),
            State::Invalid => {
                let reason = self.reason(verdict).unwrap_or_default();
                format!("License invalid: {reason}. Default tier limits apply.")
            }
        }
    }
}

/// Starts a context with what an installation knows of itself.
pub fn context(
    tenant: Option<&String>,
    defaults: &BTreeMap<String, u64>,
    revocations: &RevocationsContext,
    now: Timestamp,
) -> Context {
    let mut context = Context::at(now);
    context.tenant = tenant.cloned();
    context.defaults.clone_from(defaults);
    context.revocations = revocations.clone();
    if let RevocationsContext::List { list, .. } = revocations {
        context.floor = Some(list.issued_at);
    }
    context
}

/// Tells what a tenant may do now. What was `refused` in place of what the ledger holds counts as long as nothing else is
/// installed.
///
/// # Errors
/// `Unavailable`.
pub fn posture(
    ledger: &Ledger,
    judge: &Judge,
    refused: Option<&Refused>,
    now: Timestamp,
) -> Result<Posture, LedgerError> {
    let tenant_id = judge.tenant_id();
    let (installed, used) = ledger
        .read(|transaction| Ok((tenant::installed(transaction, tenant_id)?, tenant::used(transaction, tenant_id)?)))?;
    let (installed, verdict) = judge.standing(refused, installed, now);
    let rows = rows(&verdict, &used);
    Ok(Posture { installed, verdict, rows })
}

/// A license that a server was started with and that was refused. It is never passed over for an older one that the ledger
/// holds; only what is installed afterwards takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The license's text.
    pub text: Vec<u8>,
    /// What the ledger held then.
    pub before: Option<Installation>,
}

impl Refused {
    /// Whether it counts in the place of what the ledger holds.
    pub(super) fn stands_for(&self, installed: Option<&Installed>) -> bool {
        self.before == installed.map(Installation::of)
    }
}

/// One act of installing: what tells it from the next one, whatever validations find in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    token: String,
    source: String,
    at: Timestamp,
}

impl Installation {
    pub(super) fn of(installed: &Installed) -> Self {
        Self { token: installed.token.clone(), source: installed.source.clone(), at: installed.installed_at }
    }
}

/// Lays what is used beside the limits that hold.
pub fn rows(verdict: &Verdict, used: &[Used]) -> Vec<LimitRow> {
    let current = |limit: &str| used.iter().find(|used| used.limit == limit).map_or(0, |used| used.current);
    let rows = verdict.effective_limits.iter();
    rows.map(|limit| LimitRow { current: current(&limit.key), limit: limit.clone() }).collect()
}

impl LimitRow {
    /// Writes the row as clients of the field read it.
    pub fn write(&self, out: &mut Writer) {
        out.begin_object();
        out.name("cap").integer(self.limit.value.into());
        out.name("current").integer(self.current.into());
        out.name("key").string(&self.limit.key);
        out.name("source").plain(self.limit.source.as_str());
        out.end_object();
    }
}
