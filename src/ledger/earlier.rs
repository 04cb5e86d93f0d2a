//! Tokens from before a renewal. The book holds the newest token of a license; of those before it the audit tells who signed
//! them and how long they last, and a customer may still hold them.

use std::collections::HashMap;

use super::{LedgerError, Row, Transaction, sql};
use crate::json::{self, Value, Writer};
use crate::time::Timestamp;

/// A token that was renewed since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierToken {
    /// The key that signed it: 64 hex digits.
    pub key_id: String,
    /// The last second in which it counts, its days of grace included. Entries of before these were kept tell of its last
    /// second of validity alone.
    pub grace_until: Timestamp,
}

/// Reads the tokens that were renewed since and that a key signed, by the id of their license, the first first. The audit is
/// read once, however many licenses there are.
///
/// # Errors
/// `Unavailable`.
pub fn signed_by(
    transaction: &mut Transaction<'_>,
    key_id: &str,
) -> Result<HashMap<String, Vec<EarlierToken>>, LedgerError> {
    let mut tokens: HashMap<String, Vec<EarlierToken>> = HashMap::new();
    transaction.each(sql::TOKENS_OF_RENEWED, &[], &mut |cells| {
        let mut row = Row::kept(cells);
        let (license_id, detail) = (row.text()?, row.text()?);
        tokens.entry(license_id).or_default().extend(read(&detail));
        Ok(())
    })?;
    for tokens in tokens.values_mut() {
        // The last one that was signed is the one that the book holds.
        tokens.pop();
        tokens.retain(|token| is_named(&token.key_id, key_id));
    }
    Ok(tokens)
}

/// Whether a key is the one that is asked for: by its id, or by the first 16 digits of that.
pub fn is_named(key_id: &str, asked: &str) -> bool {
    key_id == asked || key_id.get(..16) == Some(asked)
}

/// Reads what an entry tells of a token. What somebody tampered with tells nothing; `audit --verify` finds it.
fn read(detail: &str) -> Option<EarlierToken> {
    let (mut key_id, mut expires_at, mut grace_until) = (None, None, None);
    for (name, value) in json::parse(detail.as_bytes()).ok()?.into_object("detail").ok()? {
        let Value::String(text) = value else { continue };
        match name.as_ref() {
            "expiresAt" => expires_at = Timestamp::parse_rfc3339(&text).ok(),
            "graceUntil" => grace_until = Timestamp::parse_rfc3339(&text).ok(),
            "keyId" => key_id = Some(text.into_owned()),
            _ => {}
        }
    }
    Some(EarlierToken { key_id: key_id?, grace_until: grace_until.or(expires_at)? })
}

impl EarlierToken {
    /// Writes the token.
    pub fn write(&self, out: &mut Writer) {
        out.begin_object();
        out.name("graceUntil").plain(self.grace_until);
        out.name("keyId").string(&self.key_id);
        out.end_object();
    }
}
