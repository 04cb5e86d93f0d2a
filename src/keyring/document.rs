//! The keyring as a document: `{"issuedAt","keys":[…],"sequence","thresholds"?}`.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{KeyStatus, Keyring, Purpose, TrustedKey};
use crate::code::Code;
use crate::json::{self, JsonError, Value, Writer};
use crate::key::{KeyError, PublicKey};
use crate::time::Timestamp;

/// The longest keyring, in bytes.
pub const MAX_KEYRING_BYTES: usize = 1 << 20;

/// Members that this version understands, and so may stand in `crit`.
const UNDERSTOOD: [&str; 11] = [
    "crit",
    "issuedAt",
    "keyid",
    "keys",
    "notAfter",
    "notBefore",
    "public",
    "purposes",
    "sequence",
    "status",
    "thresholds",
];

/// What a keyring document says.
#[derive(Clone, Debug)]
pub struct KeyringDocument {
    /// Grows with every issue; of several keyrings the highest counts.
    pub sequence: u64,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The keys, sorted by id.
    pub keys: Vec<TrustedKey>,
    /// How many different keys must sign a document of a purpose; one where nothing is said.
    pub thresholds: BTreeMap<Purpose, u64>,
}

/// Says why a payload is no keyring.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DocumentError {
    /// The payload is not the JSON of a keyring.
    Json(JsonError),
    /// A key that it lists is no usable key.
    Key(KeyError),
}

impl KeyringDocument {
    /// Reads a payload.
    ///
    /// # Errors
    /// `Json` names the member at fault: a key whose id is not its own, a key that stands twice, a window that ends before
    /// it begins, a retired key without an end, `crit` when it names what this version does not understand. `Key` for a
    /// key that is of small order, not on the curve or not canonically encoded.
    pub fn parse(payload: &[u8]) -> Result<Self, DocumentError> {
        let (mut sequence, mut issued_at, mut keys, mut thresholds) = (None, None, None, BTreeMap::new());
        for (name, value) in json::parse(payload)?.into_object("keyring")? {
            match name.as_ref() {
                "sequence" => sequence = Some(value.into_count("sequence")?),
                "issuedAt" => issued_at = Some(value.into_timestamp("issuedAt")?),
                "keys" => {
                    keys = Some(value.into_array("keys")?.into_iter().map(read_key).collect::<Result<Vec<_>, _>>()?);
                }
                "thresholds" => thresholds = read_thresholds(value)?,
                "crit" => value.into_critical(&UNDERSTOOD)?,
                _ => {}
            }
        }
        let mut keys = keys.ok_or(JsonError::Missing("keys"))?;
        keys.sort_by_key(|trusted| trusted.key.id());
        if let Some(pair) = keys.windows(2).find(|pair| pair[0].key == pair[1].key) {
            return Err(JsonError::Duplicate(pair[0].key.id().to_string()).into());
        }
        let sequence = sequence.ok_or(JsonError::Missing("sequence"))?;
        Ok(Self { sequence, issued_at: issued_at.ok_or(JsonError::Missing("issuedAt"))?, keys, thresholds })
    }

    /// Returns the payload in its one canonical spelling.
    pub fn to_payload(&self) -> String {
        let mut out = Writer::default();
        out.begin_object();
        out.name("issuedAt").integer(self.issued_at.seconds().into());
        out.name("keys").begin_array();
        self.keys.iter().for_each(|trusted| write_key(&mut out, trusted));
        out.end_array();
        out.name("sequence").integer(self.sequence.into());
        if !self.thresholds.is_empty() {
            out.name("thresholds").begin_object();
            for (purpose, count) in &self.thresholds {
                out.name(purpose.as_str()).integer((*count).into());
            }
            out.end_object();
        }
        out.end_object();
        out.finish()
    }

    /// Returns how many different keys must sign a document of a purpose.
    pub fn threshold(&self, purpose: Purpose) -> usize {
        self.thresholds.get(&purpose).map_or(1, |count| usize::try_from(*count).unwrap_or(usize::MAX))
    }

    /// Returns the keys for looking up.
    pub fn keyring(&self) -> Keyring {
        let mut keyring = Keyring::default();
        self.keys.iter().cloned().for_each(|trusted| keyring.add(trusted));
        keyring
    }
}

impl KeyStatus {
    /// Returns the word that documents use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
        }
    }
}

impl DocumentError {
    /// Returns the code a document with this fault is refused with.
    pub fn code(&self) -> Code {
        match self {
            Self::Json(error) => error.code(),
            Self::Key(error) => error.code(),
        }
    }
}

impl From<JsonError> for DocumentError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => error.fmt(f),
            Self::Key(error) => write!(f, "the member `public`: {error}"),
        }
    }
}

impl std::error::Error for DocumentError {}

fn write_key(out: &mut Writer, trusted: &TrustedKey) {
    out.begin_object();
    out.name("keyid").string(&trusted.key.id().to_string());
    if let Some(last) = trusted.not_after {
        out.name("notAfter").integer(last.seconds().into());
    }
    out.name("notBefore").integer(trusted.not_before.seconds().into());
    out.name("public").string(&STANDARD.encode(trusted.key.as_bytes()));
    out.name("purposes").begin_array();
    trusted.purposes.iter().for_each(|purpose| out.string(purpose.as_str()));
    out.end_array();
    out.name("status").string(trusted.status.as_str());
    out.end_object();
}

fn read_key(value: Value<'_>) -> Result<TrustedKey, DocumentError> {
    let (mut id, mut key, mut purposes, mut start, mut end, mut status) = (None, None, None, None, None, None);
    for (name, value) in value.into_object("keys")? {
        match name.as_ref() {
            "keyid" => id = Some(value.into_string("keyid")?.into_owned()),
            "public" => key = Some(read_public(value)?),
            "purposes" => {
                let items = value.into_array("purposes")?;
                purposes = Some(items.iter().map(read_purpose).collect::<Result<Vec<_>, _>>()?);
            }
            "notBefore" => start = Some(value.into_timestamp("notBefore")?),
            "notAfter" => end = Some(value.into_timestamp("notAfter")?),
            "status" => status = Some(read_status(&value)?),
            _ => {}
        }
    }
    let key: PublicKey = key.ok_or(JsonError::Missing("public"))?;
    let id = id.ok_or(JsonError::Missing("keyid"))?;
    if id != key.id().to_string() {
        return Err(JsonError::value("keyid", "the id of the key beside it", &Value::String(id.into())).into());
    }
    let not_before = start.ok_or(JsonError::Missing("notBefore"))?;
    if let Some(last) = end.filter(|last| *last < not_before) {
        let found = Value::Integer(last.seconds().into());
        return Err(JsonError::value("notAfter", "no earlier than notBefore", &found).into());
    }
    let status = status.ok_or(JsonError::Missing("status"))?;
    if status == KeyStatus::Retired && end.is_none() {
        return Err(JsonError::Missing("notAfter").into());
    }
    let mut purposes = purposes.ok_or(JsonError::Missing("purposes"))?;
    purposes.sort_unstable();
    purposes.dedup();
    Ok(TrustedKey { key, purposes, not_before, not_after: end, status })
}

fn read_public(value: Value<'_>) -> Result<PublicKey, DocumentError> {
    let text = value.into_string("public")?;
    PublicKey::parse(&text).map_err(|error| match error {
        KeyError::Weak(_) => DocumentError::Key(error),
        _ => JsonError::value("public", "an Ed25519 public key", &Value::String(text)).into(),
    })
}

fn read_purpose(value: &Value<'_>) -> Result<Purpose, JsonError> {
    let known = match value {
        Value::String(text) => Purpose::ALL.into_iter().find(|purpose| purpose.as_str() == text),
        _ => None,
    };
    known.ok_or_else(|| JsonError::value("purposes", "license, proof, manifest, revocations or keyring", value))
}

fn read_status(value: &Value<'_>) -> Result<KeyStatus, JsonError> {
    let all = [KeyStatus::Active, KeyStatus::Retired, KeyStatus::Revoked];
    let known = match value {
        Value::String(text) => all.into_iter().find(|status| status.as_str() == text),
        _ => None,
    };
    known.ok_or_else(|| JsonError::value("status", "active, retired or revoked", value))
}

fn read_thresholds(value: Value<'_>) -> Result<BTreeMap<Purpose, u64>, JsonError> {
    let members = value.into_object("thresholds")?;
    let entry = |(name, value): (std::borrow::Cow<'_, str>, Value<'_>)| {
        let purpose = read_purpose(&Value::String(name))?;
        match value.into_count("thresholds")? {
            0 => Err(JsonError::value("thresholds", "at least 1", &Value::Integer(0))),
            // A token has room for one: to pass over what is asked for would be to trust less than was said.
            count if purpose == Purpose::License && count > 1 => Err(JsonError::value(
                "thresholds",
                "1 for licenses, which carry one signature",
                &Value::Integer(count.into()),
            )),
            count => Ok((purpose, count)),
        }
    };
    members.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SecretKey;

    fn document() -> KeyringDocument {
        let mut keys: Vec<_> =
            (1..4).map(|seed| TrustedKey::bare(SecretKey::from_seed(&[seed; 32]).public())).collect();
        keys.sort_by_key(|trusted| trusted.key.id());
        keys[1].status = KeyStatus::Retired;
        keys[1].not_after = Some(Timestamp::NEVER);
        let thresholds = [(Purpose::Keyring, 2)].into();
        KeyringDocument { sequence: 7, issued_at: Timestamp::EPOCH, keys, thresholds }
    }

    #[test]
    fn what_is_written_reads_back() {
        let payload = document().to_payload();
        assert_eq!(KeyringDocument::parse(payload.as_bytes()).unwrap().to_payload(), payload);
        assert_eq!(json::canonical(&json::parse(payload.as_bytes()).unwrap()), payload);
    }

    #[test]
    fn a_key_under_another_ids_name_is_refused() {
        let payload = document().to_payload();
        let (first, second) = (document().keys[0].key.id().to_string(), document().keys[1].key.id().to_string());
        let swapped = payload.replacen(&first, &second, 1);
        assert!(
            matches!(KeyringDocument::parse(swapped.as_bytes()), Err(DocumentError::Json(JsonError::Value { member, .. })) if member == "keyid")
        );
    }

    #[test]
    fn a_keyring_that_demands_more_than_is_understood_is_refused() {
        let demanding = |names: &str| {
            let payload = document().to_payload().replacen('{', &format!("{{\"crit\":[{names}],\"hardware\":1,"), 1);
            KeyringDocument::parse(payload.as_bytes()).map(|document| document.sequence)
        };
        assert_eq!(demanding("\"notBefore\",\"thresholds\""), Ok(7));
        assert_eq!(demanding("\"keys\",\"hardware\""), Err(JsonError::Critical("hardware".to_owned()).into()));
    }

    #[test]
    fn a_retired_key_needs_an_end_and_a_threshold_is_at_least_one() {
        let payload = document().to_payload();
        let endless = payload.replace("\"notAfter\":253402300799,", "");
        assert_eq!(KeyringDocument::parse(endless.as_bytes()).unwrap_err(), JsonError::Missing("notAfter").into());
        let zero = payload.replace("\"keyring\":2", "\"keyring\":0");
        assert!(KeyringDocument::parse(zero.as_bytes()).is_err());
        let two_on_a_token = payload.replace("\"keyring\":2", "\"license\":2");
        assert!(KeyringDocument::parse(two_on_a_token.as_bytes()).is_err());
    }
}
