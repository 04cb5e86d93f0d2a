//! The license that a server runs under: installed for its tenant, replaced, judged anew every day.

use super::Stamp;
use super::caps::failure;
use super::posture::{Installation, Judge, Refused};
use crate::ledger::audit::Entry;
use crate::ledger::tenant::{self, Installed};
use crate::ledger::{Ledger, LedgerError, Transaction};
use crate::operation::verify;
use crate::verdict::Verdict;

/// Where a license came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Somebody sent it.
    Api,
    /// A variable of the environment.
    Env,
    /// A file.
    File,
}

impl Origin {
    /// Returns the word that the ledger and its audit keep.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Env => "env",
            Self::File => "file",
        }
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
    text: &[u8],
    origin: Origin,
) -> Result<Verdict, LedgerError> {
    let act = Act::new(stamp, judge, text, origin);
    let answer = act.verdict.clone();
    ledger.write(move |transaction| act.run(transaction).map(drop))?;
    Ok(answer)
}

/// Installs the license that a server is started with, unless it is the one that the ledger holds already; returns it when
/// it was refused.
///
/// # Errors
/// `Unavailable`.
pub fn adopt(
    ledger: &Ledger,
    stamp: &Stamp,
    judge: &Judge,
    text: &[u8],
    origin: Origin,
) -> Result<Option<Refused>, LedgerError> {
    let act = Act::new(stamp, judge, text, origin);
    let is_valid = act.verdict.is_valid();
    let before = ledger.write(move |transaction| {
        let before = tenant::installed(transaction, &act.tenant_id)?;
        match &before {
            Some(before) if is_valid && before.token == act.token => {
                tenant::validated(transaction, &act.tenant_id, Some(act.stamp.now), None)?;
            }
            _ => act.run(transaction)?,
        }
        Ok(before)
    })?;
    Ok((!is_valid).then(|| Refused { text: text.to_owned(), before: before.as_ref().map(Installation::of) }))
}

/// What is to be installed, judged.
struct Act {
    stamp: Stamp,
    tenant_id: String,
    token: String,
    origin: Origin,
    verdict: Verdict,
    reason: String,
}

impl Act {
    fn new(stamp: &Stamp, judge: &Judge, text: &[u8], origin: Origin) -> Self {
        let verdict = judge.verdict(Some(text), stamp.now);
        let token = verify::read_bytes(text, &mut Vec::new()).ok();
        Self {
            stamp: stamp.clone(),
            tenant_id: judge.tenant_id().to_owned(),
            token: token.map_or_else(String::new, |token| token.to_token().to_string()),
            origin,
            reason: judge.reason(&verdict).unwrap_or_default(),
            verdict,
        }
    }

    fn run(&self, transaction: &mut Transaction<'_>) -> Result<(), LedgerError> {
        let Self { stamp, tenant_id, origin, .. } = self;
        let license = self.verdict.license.as_ref().filter(|_| self.verdict.is_valid());
        let Some(license) = license else {
            failure(transaction, stamp, "reject_license", None, tenant_id, |out| {
                out.name("reason").string(&self.reason);
                out.name("source").plain(origin.as_str());
            });
            return Ok(());
        };
        let before = tenant::installed(transaction, tenant_id)?;
        // What came later is told by this from what it replaces, also within one second.
        let after = before.as_ref().map(|before| before.installed_at.saturating_add(1));
        tenant::install(
            transaction,
            &Installed {
                tenant_id: tenant_id.clone(),
                license_id: license.license_id.clone(),
                token: self.token.clone(),
                source: origin.as_str().to_owned(),
                installed_at: after.map_or(stamp.now, |after| stamp.now.max(after)),
                installed_by: stamp.actor.clone(),
                validated_at: Some(stamp.now),
                invalid_reason: None,
            },
        )?;
        let action = if before.is_some() { "replace_license" } else { "install_license" };
        let entry = Entry::new(stamp.now, &stamp.actor, action, &license.license_id).target(tenant_id);
        transaction.record(entry.detail(|out| {
            out.name("expiresAt").plain(license.expires_at);
            out.name("installedBy").string(&stamp.actor);
            out.name("licenseId").string(&license.license_id);
            if let Some(before) = &before {
                out.name("previousLicenseId").string(&before.license_id);
            }
            out.name("source").plain(origin.as_str());
        }));
        Ok(())
    }
}

/// Judges anew what is installed, as is done every day; a license that does not hold now is audited. Returns the verdict on
/// what counts here: where a license was refused in place of what the ledger holds, on that.
///
/// # Errors
/// `Unavailable`.
pub fn revalidate(
    ledger: &Ledger,
    stamp: &Stamp,
    judge: &Judge,
    refused: Option<Refused>,
) -> Result<Verdict, LedgerError> {
    let (stamp, judge) = (stamp.clone(), judge.clone());
    ledger.write(move |transaction| {
        let tenant_id = judge.tenant_id();
        let Some(installed) = tenant::installed(transaction, tenant_id)? else {
            return Ok(judge.standing(refused.as_ref(), None, stamp.now).1);
        };
        let verdict = judge.verdict(Some(installed.token.as_bytes()), stamp.now);
        if verdict.is_valid() {
            tenant::validated(transaction, tenant_id, Some(stamp.now), None)?;
        } else {
            let reason = judge.reason(&verdict).unwrap_or_default();
            tenant::validated(transaction, tenant_id, installed.validated_at, Some(&reason))?;
            let license_id = Some(installed.license_id.as_str());
            failure(transaction, &stamp, "revalidate_license", license_id, tenant_id, |out| {
                out.name("licenseId").string(&installed.license_id);
                out.name("reason").string(&reason);
            });
        }
        Ok(judge.standing(refused.as_ref(), Some(installed), stamp.now).1)
    })
}
