//! The license that is installed for a tenant, and what the tenant uses of it.

use super::value::values;
use super::{LedgerError, Transaction, sql};
use crate::time::Timestamp;

/// A license that was installed for a tenant. There is one at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// The tenant.
    pub tenant_id: String,
    /// The license.
    pub license_id: String,
    /// Its token.
    pub token: String,
    /// Where it came from: `env`, `file`, `db` or `api`.
    pub source: String,
    /// When.
    pub installed_at: Timestamp,
    /// By whom.
    pub installed_by: String,
    /// When it was found valid last.
    pub validated_at: Option<Timestamp>,
    /// Why it was found invalid last.
    pub invalid_reason: Option<String>,
}

/// How much of a limit is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// The limit.
    pub limit: String,
    /// How much.
    pub current: u64,
}

/// Finds what is installed for a tenant.
///
/// # Errors
/// `Unavailable`.
pub fn installed(transaction: &mut Transaction<'_>, tenant_id: &str) -> Result<Option<Installed>, LedgerError> {
    let row = transaction.find(sql::FIND_INSTALLED, &values![tenant_id])?;
    row.map(|mut row| {
        Ok(Installed {
            tenant_id: row.text()?,
            license_id: row.text()?,
            token: row.text()?,
            source: row.text()?,
            installed_at: row.time()?,
            installed_by: row.text()?,
            validated_at: row.maybe_time()?,
            invalid_reason: row.maybe_text()?,
        })
    })
    .transpose()
}

/// Installs a license in place of the one before.
///
/// # Errors
/// `Unavailable`.
pub fn install(transaction: &mut Transaction<'_>, installed: &Installed) -> Result<(), LedgerError> {
    let row = values![
        &installed.tenant_id,
        &installed.license_id,
        &installed.token,
        &installed.source,
        installed.installed_at,
        &installed.installed_by,
        installed.validated_at,
        &installed.invalid_reason,
    ];
    // Of two that install at once the later one stands, and neither fails.
    transaction.execute(sql::SET_INSTALLED, &row).map(|_| ())
}

/// Keeps what a validation has found.
///
/// # Errors
/// `Unavailable`.
pub fn validated(
    transaction: &mut Transaction<'_>,
    tenant_id: &str,
    at: Option<Timestamp>,
    invalid_reason: Option<&str>,
) -> Result<(), LedgerError> {
    transaction.execute(sql::SET_VALIDATED, &values![tenant_id, at, invalid_reason]).map(|_| ())
}

/// Reads what a tenant uses, by limit.
///
/// # Errors
/// `Unavailable`.
pub fn used(transaction: &mut Transaction<'_>, tenant_id: &str) -> Result<Vec<Used>, LedgerError> {
    let rows = transaction.query(sql::USAGE_OF, &values![tenant_id])?;
    rows.into_iter().map(|mut row| Ok(Used { limit: row.text()?, current: row.count()? })).collect()
}

/// Reads how much of one limit a tenant uses, and keeps others from changing it.
///
/// # Errors
/// `Unavailable`.
pub fn lock_used(transaction: &mut Transaction<'_>, tenant_id: &str, limit: &str) -> Result<u64, LedgerError> {
    let key = key(tenant_id, limit);
    // The row must be there to be locked.
    transaction.execute(sql::ENSURE_USAGE, &values![&key, tenant_id, limit])?;
    let row = transaction.find(sql::LOCK_USAGE, &values![&key])?;
    row.map_or(Ok(0), |mut row| row.count())
}

/// Says how much of a limit a tenant uses now.
///
/// # Errors
/// `Unavailable`.
pub fn set_used(
    transaction: &mut Transaction<'_>,
    tenant_id: &str,
    used: &Used,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let key = key(tenant_id, &used.limit);
    let parameters = values![&key, tenant_id, &used.limit, used.current, now];
    transaction.execute(sql::SET_USAGE, &parameters).map(|_| ())
}

/// One row for each limit of each tenant; lengths keep two pairs from sharing one.
fn key(tenant_id: &str, limit: &str) -> String {
    format!("{}:{tenant_id}:{limit}", tenant_id.len())
}
