//! The posture of a server towards its own license: what is installed for a tenant, what it allows, and what is used.

use std::collections::BTreeMap;

use super::Stamp;
use crate::json::Writer;
use crate::keyring::Keyring;
use crate::ledger::audit::{Entry, Outcome};
use crate::ledger::tenant::{self, Installed, Used};
use crate::ledger::{Ledger, LedgerError, Transaction};
use crate::policy::Context;
use crate::time::Timestamp;
use crate::verdict::{EffectiveLimit, Source, State, Verdict, effective_limits};

use crate::operation::verify::{self, Against};

/// How a license is judged here.
#[derive(Clone, Debug)]
pub struct Judge {
    /// The keys that are trusted.
    pub keyring: Keyring,
    /// The limits that hold without a license.
    pub defaults: BTreeMap<String, u64>,
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

/// Whether something may be created.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CapCheck {
    /// It may; how much is used with it.
    Within(u64),
    /// It may not.
    Reached {
        /// The limit.
        limit: String,
        /// How much is used.
        current: u64,
        /// How much may be.
        cap: u64,
        /// The state of the license.
        state: State,
        /// The reason, as people read it.
        message: String,
    },
}

impl Judge {
    /// Judges a token for a tenant; without one, the state is ABSENT.
    pub fn verdict(&self, token: Option<&str>, tenant_id: &str, now: Timestamp) -> Verdict {
        let Some(token) = token else {
            let limits = effective_limits(None, &self.defaults);
            let refusal = crate::verdict::Refusal::new(crate::code::Code::NoLicense, "no license is configured");
            let mut verdict = Verdict::refused(State::Absent, refusal, now, &self.defaults);
            verdict.effective_limits = limits;
            return verdict;
        };
        let mut context = Context::at(now);
        context.tenant = Some(tenant_id.to_owned());
        context.machine = crate::policy::MachineContext::Any;
        context.defaults.clone_from(&self.defaults);
        verify::license(token, Against { keyring: &self.keyring, context: &context, secret: None }).verdict
    }
}

/// Installs a license for a tenant, or refuses it; either is audited. A license in its grace period may be installed.
///
/// # Errors
/// `Unavailable`; a license that is refused is in the verdict.
pub fn install(
    ledger: &Ledger,
    stamp: &Stamp,
    judge: &Judge,
    tenant_id: &str,
    token: &str,
    source: &str,
) -> Result<Verdict, LedgerError> {
    let verdict = judge.verdict(Some(token), tenant_id, stamp.now);
    let (stamp, tenant_id, source, answer) = (stamp.clone(), tenant_id.to_owned(), source.to_owned(), verdict.clone());
    let token = token.trim().to_owned();
    ledger.write(move |transaction| {
        let license = verdict.license.as_ref().filter(|_| verdict.is_valid());
        let Some(license) = license else {
            let reason = reason(&verdict);
            failure(transaction, &stamp, "reject_license", None, &tenant_id, |out| {
                out.name("reason").string(&reason);
                out.name("source").string(&source);
            });
            return Ok(());
        };
        let before = tenant::installed(transaction, &tenant_id)?;
        tenant::install(
            transaction,
            &Installed {
                tenant_id: tenant_id.clone(),
                license_id: license.license_id.clone(),
                token: token.clone(),
                source: source.clone(),
                installed_at: stamp.now,
                installed_by: stamp.actor.clone(),
                validated_at: Some(stamp.now),
                invalid_reason: None,
            },
        )?;
        let action = if before.is_some() { "replace_license" } else { "install_license" };
        let entry = Entry::new(stamp.now, &stamp.actor, action, &license.license_id).target(&tenant_id);
        transaction.record(entry.detail(|out| {
            out.name("expiresAt").plain(license.expires_at);
            out.name("installedBy").string(&stamp.actor);
            out.name("licenseId").string(&license.license_id);
            if let Some(before) = &before {
                out.name("previousLicenseId").string(&before.license_id);
            }
            out.name("source").string(&source);
        }));
        Ok(())
    })?;
    Ok(answer)
}

/// Tells what a tenant may do now.
///
/// # Errors
/// `Unavailable`.
pub fn posture(ledger: &Ledger, judge: &Judge, tenant_id: &str, now: Timestamp) -> Result<Posture, LedgerError> {
    let (installed, used) = ledger
        .read(|transaction| Ok((tenant::installed(transaction, tenant_id)?, tenant::used(transaction, tenant_id)?)))?;
    let verdict = judge.verdict(installed.as_ref().map(|installed| installed.token.as_str()), tenant_id, now);
    let current = |limit: &str| used.iter().find(|used| used.limit == limit).map_or(0, |used| used.current);
    let rows = verdict.effective_limits.iter();
    let rows = rows.map(|limit| LimitRow { current: current(&limit.key), limit: limit.clone() }).collect();
    Ok(Posture { installed, verdict, rows })
}

/// Takes `requested` more of a limit, unless that would be over its cap; a refusal is audited. What has no cap is counted
/// and never refused.
///
/// # Errors
/// `Unavailable`.
pub fn take(
    ledger: &Ledger,
    stamp: &Stamp,
    judge: &Judge,
    tenant_id: &str,
    limit: &str,
    requested: u64,
) -> Result<CapCheck, LedgerError> {
    let (stamp, judge, tenant_id, limit) = (stamp.clone(), judge.clone(), tenant_id.to_owned(), limit.to_owned());
    ledger.write(move |transaction| {
        let installed = tenant::installed(transaction, &tenant_id)?;
        let verdict =
            judge.verdict(installed.as_ref().map(|installed| installed.token.as_str()), &tenant_id, stamp.now);
        let current = tenant::lock_used(transaction, &tenant_id, &limit)?;
        let after = current.saturating_add(requested);
        let cap = verdict.effective_limits.iter().find(|effective| effective.key == limit).map(|limit| limit.value);
        match cap.filter(|cap| after > *cap) {
            None => {
                tenant::set_used(transaction, &tenant_id, &Used { limit: limit.clone(), current: after }, stamp.now)?;
                Ok(CapCheck::Within(after))
            }
            Some(cap) => {
                let license_id = installed.as_ref().map(|installed| installed.license_id.as_str());
                failure(transaction, &stamp, "cap_exceeded", license_id, &limit, |out| {
                    out.name("cap").integer(cap.into());
                    out.name("current").integer(current.into());
                    out.name("limit").string(&limit);
                    out.name("requested").integer(requested.into());
                    out.name("state").string(verdict.state.as_str());
                });
                let message = format!("{} Cap reached for {limit} ({current} of {cap} used).", message(&verdict));
                Ok(CapCheck::Reached { limit: limit.clone(), current, cap, state: verdict.state, message })
            }
        }
    })
}

/// Says how much of a limit is used, as a program has counted it.
///
/// # Errors
/// `Unavailable`.
pub fn tell(ledger: &Ledger, now: Timestamp, tenant_id: &str, used: &Used) -> Result<(), LedgerError> {
    let (tenant_id, used) = (tenant_id.to_owned(), used.clone());
    ledger.write(move |transaction| tenant::set_used(transaction, &tenant_id, &used, now))
}

/// Judges anew what is installed, as is done every day; a license that is invalid now is audited.
///
/// # Errors
/// `Unavailable`.
pub fn revalidate(ledger: &Ledger, stamp: &Stamp, judge: &Judge, tenant_id: &str) -> Result<Verdict, LedgerError> {
    let (stamp, judge, tenant_id) = (stamp.clone(), judge.clone(), tenant_id.to_owned());
    ledger.write(move |transaction| {
        let Some(installed) = tenant::installed(transaction, &tenant_id)? else {
            return Ok(judge.verdict(None, &tenant_id, stamp.now));
        };
        let verdict = judge.verdict(Some(&installed.token), &tenant_id, stamp.now);
        if verdict.is_valid() {
            tenant::validated(transaction, &tenant_id, Some(stamp.now), None)?;
        } else {
            let reason = reason(&verdict);
            tenant::validated(transaction, &tenant_id, installed.validated_at, Some(&reason))?;
            let license_id = Some(installed.license_id.as_str());
            failure(transaction, &stamp, "revalidate_license", license_id, &tenant_id, |out| {
                out.name("licenseId").string(&installed.license_id);
                out.name("reason").string(&reason);
            });
        }
        Ok(verdict)
    })
}

/// Tells the state of a license as the seed's users read it.
pub fn message(verdict: &Verdict) -> String {
    let days = verdict.days_remaining().unwrap_or(0);
    match verdict.state {
        State::Absent => "License absent. Default tier limits apply.".to_owned(),
        State::Active => format!("License active. {days} days remaining."),
        State::Grace => format!("License expired and in its grace period. {days} days remaining. Renew the license."),
        State::Expired => "License expired. Default tier limits apply. Renew the license.".to_owned(),
        _ => format!("License invalid: {}. Default tier limits apply.", reason(verdict)),
    }
}

fn reason(verdict: &Verdict) -> String {
    verdict.refusals.iter().map(|refusal| refusal.message.as_str()).collect::<Vec<_>>().join("; ")
}

fn failure(
    transaction: &mut Transaction<'_>,
    stamp: &Stamp,
    action: &str,
    license_id: Option<&str>,
    target: &str,
    detail: impl FnOnce(&mut Writer),
) {
    let mut entry = Entry::new(stamp.now, &stamp.actor, action, "").target(target).detail(detail);
    entry.license_id = license_id.map(str::to_owned);
    entry.result = Outcome::Failure;
    transaction.record(entry);
}

impl LimitRow {
    /// Writes the row as the seed's clients read it.
    pub fn write(&self, out: &mut Writer) {
        out.begin_object();
        out.name("cap").integer(self.limit.value.into());
        out.name("current").integer(self.current.into());
        out.name("key").string(&self.limit.key);
        out.name("source").plain(if self.limit.source == Source::License { "license" } else { "default" });
        out.end_object();
    }
}
