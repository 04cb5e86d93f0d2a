//! The builds and assemblies that may be activated: for every license, or for one.

use std::fmt;

use sha2::{Digest, Sha256};

use super::audit::Entry;
use super::value::values;
use super::{LedgerError, Transaction, license, sql};
use crate::id::Hex;
use crate::time::Timestamp;

/// What a program consists of: an assembly by its name, or a whole build by its product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembly {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its bytes: hex in lower case.
    pub sha256: String,
    /// The public key token of .NET.
    pub public_key_token: Option<String>,
}

/// Lets an assembly be activated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The assembly.
    pub assembly: Assembly,
    /// The license it is approved for; every one if left out.
    pub license_id: Option<String>,
    /// Who found it right: `ci`, `manual`.
    pub source: String,
    /// The time.
    pub now: Timestamp,
    /// Who does it.
    pub actor: String,
}

/// Why an assembly may not be activated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unapproved {
    /// It is approved with other bytes; names it and its version.
    HashMismatch(String, String),
    /// It is not approved for this license; names it and its version.
    NotApproved(String, String),
}

/// Approves an assembly; says whether it was not approved before.
///
/// # Errors
/// `Refused` with `unknown-license`; `Unavailable`.
pub fn approve(transaction: &mut Transaction<'_>, approval: &Approval) -> Result<bool, LedgerError> {
    let Approval { assembly, license_id, source, now, actor } = approval;
    if let Some(id) = license_id
        && license::find(transaction, id)?.is_none()
    {
        return Err(license::unknown(id));
    }
    let (key, scope) = (approval.key(), license_id.as_deref().unwrap_or_default());
    if transaction.find(sql::FIND_APPROVAL, &values![&key])?.is_some() {
        return Ok(false);
    }
    let row = values![
        &key,
        &assembly.name,
        &assembly.version,
        &assembly.sha256,
        &assembly.public_key_token,
        license_id,
        source,
        *now,
        actor,
    ];
    transaction.insert(sql::APPROVAL, &row)?;
    let mut entry =
        Entry::new(*now, actor, "approved", scope).target(&format!("{}@{}", assembly.name, assembly.version));
    entry.license_id.clone_from(license_id);
    transaction.record(entry.detail(|out| {
        out.name("scope").string(if license_id.is_some() { "license" } else { "global" });
        out.name("sha256").string(&assembly.sha256);
        out.name("source").string(source);
    }));
    Ok(true)
}

/// Lists the assemblies that a license may not be activated with.
///
/// # Errors
/// `Unavailable`.
pub fn unapproved(
    transaction: &mut Transaction<'_>,
    license_id: &str,
    assemblies: &[Assembly],
) -> Result<Vec<Unapproved>, LedgerError> {
    let mut faults = Vec::new();
    for Assembly { name, version, sha256, .. } in assemblies {
        let rows = transaction.query(sql::APPROVALS_OF, &values![name, version, license_id])?;
        let known = rows.into_iter().map(|mut row| row.text()).collect::<Result<Vec<_>, _>>()?;
        if known.is_empty() {
            faults.push(Unapproved::NotApproved(name.clone(), version.clone()));
        } else if !known.contains(sha256) {
            faults.push(Unapproved::HashMismatch(name.clone(), version.clone()));
        }
    }
    Ok(faults)
}

/// Whether anything is approved for a license, or for every one. Until then its machines may run what they like.
///
/// # Errors
/// `Unavailable`.
pub fn is_begun(transaction: &mut Transaction<'_>, license_id: &str) -> Result<bool, LedgerError> {
    Ok(transaction.find(sql::ANY_APPROVAL, &values![license_id])?.is_some())
}

/// Whether a build is approved for a license or for every one.
///
/// # Errors
/// `Unavailable`.
pub fn is_approved(transaction: &mut Transaction<'_>, license_id: &str, sha256: &str) -> Result<bool, LedgerError> {
    Ok(transaction.find(sql::APPROVAL_OF, &values![sha256, license_id])?.is_some())
}

impl Approval {
    /// One approval is one row, however often it is given.
    fn key(&self) -> String {
        let mut hash = Sha256::new();
        let license = self.license_id.as_deref().unwrap_or_default();
        for part in [&self.assembly.name, &self.assembly.version, &self.assembly.sha256, license] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Hex(&hash.finalize()).to_string()
    }
}

impl fmt::Display for Unapproved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HashMismatch(name, version) => write!(f, "{name}@{version}: hash mismatch"),
            Self::NotApproved(name, version) => write!(f, "{name}@{version}: not approved"),
        }
    }
}
