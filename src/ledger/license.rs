//! The licenses of the ledger, as rows.

use std::fmt;

use super::earlier::EarlierToken;
use super::license_key::LicenseKey;
use super::value::{Cell, values};
use super::{LedgerError, Row, Transaction, sql};
use crate::code::Code;
use crate::json::{self, Writer};
use crate::license::License;
use crate::time::Timestamp;

/// A license as the ledger holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// What was signed last.
    pub license: License,
    /// Whether it may be used.
    pub state: HeldState,
    /// Why it is in this state, for people.
    pub reason: Option<String>,
    /// The signing key: 64 hex digits.
    pub key_id: String,
    /// The token, as it was handed out.
    pub token: String,
    /// Whether its holder has installed it here; the book's owner did not issue it.
    pub installed: bool,
    /// How many machines hold an activation now.
    pub activations: u64,
    /// When it was withdrawn.
    pub revoked_at: Option<Timestamp>,
    /// Hours after its withdrawal in which it still counts; `None` where the withdrawal said nothing of that.
    pub grace_hours: Option<u64>,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When its row was last changed.
    pub changed_at: Timestamp,
}

/// The state of a license in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum HeldState {
    /// It may be used.
    Active,
    /// Its grace period is over.
    Expired,
    /// It was withdrawn, for good.
    Revoked,
    /// It was stopped, and may be reinstated.
    Suspended,
}

/// Which licenses are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LicenseFilter {
    /// Those after this id, in bytewise order.
    pub after: String,
    /// Those of this tenant.
    pub tenant_id: Option<String>,
    /// Those in this state.
    pub state: Option<HeldState>,
    /// Those of which any token was signed by this key, also one that was renewed since: its id, or the first 16 digits of
    /// that.
    pub key_id: Option<String>,
    /// Those that expire no later than this.
    pub expiring_until: Option<Timestamp>,
}

/// Records a new license.
///
/// # Errors
/// `Refused` with `license-exists`; `Unavailable`.
pub fn insert(
    transaction: &mut Transaction<'_>,
    held: &Held,
    license_key_hash: Option<&str>,
) -> Result<(), LedgerError> {
    let license = &held.license;
    if find(transaction, &license.license_id)?.is_some() {
        let message = format!("the ledger already holds a license {}", license.license_id);
        return Err(LedgerError::refused(Code::LicenseExists, message));
    }
    let claims = license.to_payload();
    let row = values![
        &license.license_id,
        &license.tenant_id,
        &license.product,
        &license.tier,
        &license.label,
        held.state.as_str(),
        &held.reason,
        &held.key_id,
        &held.token,
        &claims,
        license_key_hash,
        license.issued_at,
        license.expires_at,
        license.grace_until(),
        license.max_activations,
        license.seats,
        held.revoked_at,
        held.grace_hours,
        held.created_at,
        held.changed_at,
        u64::from(held.installed),
    ];
    transaction.insert(sql::LICENSE, &row)?;
    transaction.insert(sql::ACTIVATION_COUNT, &values![&license.license_id, held.activations])
}

/// Finds a license.
///
/// # Errors
/// `Unavailable`.
pub fn find(transaction: &mut Transaction<'_>, license_id: &str) -> Result<Option<Held>, LedgerError> {
    transaction.find(sql::FIND_LICENSE, &values![license_id])?.map(read).transpose()
}

/// Finds the license that a license key stands for, by the hash of the key.
///
/// # Errors
/// `Unavailable`.
pub fn find_by_license_key(transaction: &mut Transaction<'_>, hash: &str) -> Result<Option<Held>, LedgerError> {
    transaction.find(sql::FIND_LICENSE_BY_LICENSE_KEY, &values![hash])?.map(read).transpose()
}

/// Finds the token of the license that a license key stands for, by the hash of the key.
///
/// # Errors
/// `Unavailable`.
pub fn token_by_license_key(transaction: &mut Transaction<'_>, hash: &str) -> Result<Option<String>, LedgerError> {
    transaction.find(sql::TOKEN_BY_LICENSE_KEY, &values![hash])?.map(|mut row| row.text()).transpose()
}

/// Finds a license and keeps everybody else from changing it until the transaction ends. It is read once it is locked: what
/// is counted of it stands in another table, and would be of before somebody was waited for.
///
/// # Errors
/// `Refused` with `unknown-license`; `Unavailable`.
pub fn lock(transaction: &mut Transaction<'_>, license_id: &str) -> Result<Held, LedgerError> {
    transaction.lock_all(sql::LOCK_LICENSES, &values![license_id])?;
    find(transaction, license_id)?.ok_or_else(|| unknown(license_id))
}

/// The refusal of an id that the ledger does not know.
pub fn unknown(license_id: &str) -> LedgerError {
    LedgerError::refused(Code::UnknownLicense, format_args!("the ledger holds no license {license_id}"))
}

/// Says which of some ids stand for licenses already.
///
/// # Errors
/// `Unavailable`.
pub fn held_ids(transaction: &mut Transaction<'_>, ids: &[&str]) -> Result<Vec<String>, LedgerError> {
    let ids: Vec<Cell<'_>> = ids.iter().copied().map(Cell::from).collect();
    let mut held = Vec::new();
    transaction.each_of_all(sql::HELD_IDS, &ids, &mut |cells| {
        held.push(Row::kept(cells).text()?);
        Ok(())
    })?;
    Ok(held)
}

/// Reads up to `most` licenses in the order of their ids.
///
/// # Errors
/// `Unavailable`.
pub fn page(transaction: &mut Transaction<'_>, filter: &LicenseFilter, most: u64) -> Result<Vec<Held>, LedgerError> {
    let parameters = values![
        &filter.after,
        &filter.tenant_id,
        filter.state.map(HeldState::as_str),
        &filter.key_id,
        filter.expiring_until,
        most,
    ];
    transaction.query(sql::LICENSE_PAGE, &parameters)?.into_iter().map(read).collect()
}

/// Names up to `most` licenses whose grace period is over, and which do not say so yet.
///
/// # Errors
/// `Unavailable`.
pub fn due(transaction: &mut Transaction<'_>, now: Timestamp, most: u64) -> Result<Vec<String>, LedgerError> {
    transaction.query(sql::DUE_LICENSES, &values![now, most])?.into_iter().map(|mut row| row.text()).collect()
}

/// Names every license but one that is installed here and active.
///
/// # Errors
/// `Unavailable`.
pub fn installed_active_but(transaction: &mut Transaction<'_>, but: &str) -> Result<Vec<String>, LedgerError> {
    transaction.query(sql::INSTALLED_ACTIVE_BUT, &values![but])?.into_iter().map(|mut row| row.text()).collect()
}

/// Saves a change of state.
///
/// # Errors
/// `Unavailable`.
pub fn save_state(transaction: &mut Transaction<'_>, held: &Held) -> Result<(), LedgerError> {
    let id = &held.license.license_id;
    let parameters = values![id, held.state.as_str(), &held.reason, held.changed_at, held.revoked_at, held.grace_hours];
    transaction.execute(sql::SET_LICENSE_STATE, &parameters).map(|_| ())
}

/// Saves a new token of the same license.
///
/// # Errors
/// `Unavailable`.
pub fn save_token(transaction: &mut Transaction<'_>, held: &Held) -> Result<(), LedgerError> {
    let license = &held.license;
    let claims = license.to_payload();
    let parameters = values![
        &license.license_id,
        held.state.as_str(),
        &held.token,
        &claims,
        &held.key_id,
        license.issued_at,
        license.expires_at,
        license.grace_until(),
        license.max_activations,
        license.seats,
        &license.product,
        &license.tier,
        &license.label,
        held.changed_at,
        &held.reason,
    ];
    transaction.execute(sql::RENEW_LICENSE, &parameters).map(|_| ())
}

/// Sets the hash of the license key; the one before stands for nothing any more.
///
/// # Errors
/// `Unavailable`.
pub fn save_license_key(
    transaction: &mut Transaction<'_>,
    license_id: &str,
    hash: &str,
    now: Timestamp,
) -> Result<(), LedgerError> {
    transaction.execute(sql::SET_LICENSE_KEY, &values![license_id, hash, now]).map(|_| ())
}

/// Says why a license may not be used now, if it may not.
pub(crate) fn usable(
    id: &str,
    state: HeldState,
    reason: Option<&str>,
    grace_until: Timestamp,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let reason = reason.map_or_else(String::new, |reason| format!(", for: {reason}"));
    match state {
        HeldState::Revoked => {
            Err(LedgerError::refused(Code::Revoked, format_args!("license {id} was withdrawn{reason}")))
        }
        HeldState::Suspended => {
            Err(LedgerError::refused(Code::Suspended, format_args!("license {id} is suspended{reason}")))
        }
        HeldState::Expired | HeldState::Active if now > grace_until => {
            Err(LedgerError::refused(Code::Expired, format_args!("license {id} expired for good on {grace_until}")))
        }
        HeldState::Expired | HeldState::Active => Ok(()),
    }
}

fn read(mut row: Row) -> Result<Held, LedgerError> {
    let license_id = row.text()?;
    let wrong = |what: &dyn fmt::Display| LedgerError::corrupted(format_args!("license {license_id}: {what}"));
    // Copies of claims, for filters.
    for _ in ["tenant_id", "product", "tier", "label"] {
        row.value()?;
    }
    let (state, reason, key_id, token, claims) =
        (row.text()?, row.maybe_text()?, row.text()?, row.text()?, row.text()?);
    let state = HeldState::parse(&state).ok_or_else(|| wrong(&format_args!("no state is called `{state}`")))?;
    let members = json::parse(claims.as_bytes()).and_then(|value| value.into_object("claims"));
    let license = License::from_members(members.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
    for _ in ["issued_at", "expires_at", "grace_until", "max_activations", "seats"] {
        row.value()?;
    }
    let (activations, revoked_at, grace_hours) = (row.count()?, row.maybe_time()?, row.maybe_count()?);
    let (created_at, changed_at, installed) = (row.time()?, row.time()?, row.integer()? != 0);
    Ok(Held {
        license,
        state,
        reason,
        key_id,
        token,
        installed,
        activations,
        revoked_at,
        grace_hours,
        created_at,
        changed_at,
    })
}

impl Held {
    /// Says why the license may not be used now, if it may not.
    ///
    /// # Errors
    /// `Refused` with `revoked`, `suspended` or `expired`.
    pub fn usable(&self, now: Timestamp) -> Result<(), LedgerError> {
        let license = &self.license;
        usable(&license.license_id, self.state, self.reason.as_deref(), license.grace_until(), now)
    }

    /// Writes the row: its license as claims in words, and its token.
    pub fn write(&self, out: &mut Writer) {
        self.spell(None, &[], out);
    }

    /// As [`Held::write`], with the license key beside it: the one time that it is shown.
    pub fn write_with(&self, license_key: Option<&LicenseKey>, out: &mut Writer) {
        self.spell(license_key, &[], out);
    }

    /// As [`Held::write`], with tokens from before its renewal that still count, if there are any.
    pub fn write_beside(&self, earlier: &[EarlierToken], out: &mut Writer) {
        self.spell(None, earlier, out);
    }

    fn spell(&self, license_key: Option<&LicenseKey>, earlier: &[EarlierToken], out: &mut Writer) {
        out.begin_object();
        out.name("activations").integer(self.activations.into());
        out.name("changedAt").plain(self.changed_at);
        out.name("createdAt").plain(self.created_at);
        if !earlier.is_empty() {
            out.name("earlierTokens").begin_array();
            earlier.iter().for_each(|token| token.write(out));
            out.end_array();
        }
        out.name("keyId").string(&self.key_id);
        self.license.write_readable(out.name("license"));
        if let Some(license_key) = license_key {
            out.name("licenseKey").string(&license_key.reveal());
        }
        match &self.reason {
            Some(reason) => out.name("reason").string(reason),
            None => out.name("reason").null(),
        }
        match self.revoked_at {
            Some(at) => out.name("revokedAt").plain(at),
            None => out.name("revokedAt").null(),
        }
        out.name("state").plain(self.state.as_str());
        out.name("token").string(&self.token);
        out.end_object();
    }
}

impl HeldState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Active, Self::Expired, Self::Revoked, Self::Suspended];

    /// Returns the state as it is written everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Suspended => "suspended",
        }
    }

    /// Reads a state.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl fmt::Display for HeldState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
