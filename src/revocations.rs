//! [`Revocations`]: which licenses were withdrawn, as a list that can be handed to anyone because it names only hashes.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::code::Code;
use crate::dsse::{Envelope, EnvelopeError, Kind};
use crate::id::{Hex, KeyId, decode_hex};
use crate::json::{self, JsonError, Value, Writer};
use crate::keyring::{Keyring, Purpose};
use crate::state::{SequenceError, paced};
use crate::time::Timestamp;

/// The longest list, in bytes: a million entries take 120 MB in their envelope, and room is left for a reason each.
pub const MAX_REVOCATIONS_BYTES: usize = 256 << 20;

/// Members that this version understands, and so may stand in `crit`.
const UNDERSTOOD: [&str; 9] =
    ["at", "crit", "entries", "graceHours", "id", "issuedAt", "nextUpdate", "reason", "sequence"];

/// The hash under which a license stands in the list: SHA-256 of its id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LicenseHash([u8; 32]);

/// A list of withdrawn licenses: `{"entries":[…],"issuedAt","nextUpdate","sequence"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocations {
    /// Grows with every issue.
    pub sequence: u64,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When its successor is due.
    pub next_update: Timestamp,
    /// Sorted by hash.
    entries: Vec<Revocation>,
}

/// A list that a trusted key signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRevocations {
    /// What it says.
    pub list: Revocations,
    /// The key that signed it; the first of several.
    pub signer: KeyId,
}

/// One withdrawn license.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The hash of its id.
    pub id: LicenseHash,
    /// When it was withdrawn.
    pub at: Timestamp,
    /// Hours after `at` in which it still counts.
    pub grace_hours: u64,
    /// Why, for people.
    pub reason: Option<Box<str>>,
}

/// Says why a list is not to be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevocationsError {
    /// The envelope is refused.
    Envelope(EnvelopeError),
    /// The payload is no list of revocations.
    Json(JsonError),
    /// The sequence is not one that an issuer can have come to.
    Sequence(SequenceError),
}

impl LicenseHash {
    /// Hashes a license id.
    pub fn of(license_id: &str) -> Self {
        Self(Sha256::digest(license_id).into())
    }
}

impl fmt::Debug for LicenseHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hex(&self.0), f)
    }
}

impl Revocation {
    /// Returns the first second in which the license counts no longer.
    pub fn grace_until(&self) -> Timestamp {
        let hours = i64::try_from(self.grace_hours).unwrap_or(i64::MAX);
        self.at.saturating_add(hours.saturating_mul(3_600))
    }
}

impl Revocations {
    /// Makes a list; of two entries for one license the earlier counts.
    pub fn new(sequence: u64, issued_at: Timestamp, next_update: Timestamp, mut entries: Vec<Revocation>) -> Self {
        entries.sort_by(|left, right| left.id.cmp(&right.id).then(left.at.cmp(&right.at)));
        entries.dedup_by_key(|entry| entry.id);
        Self { sequence, issued_at, next_update, entries }
    }

    /// Reads a list that a key trusted for `revocations` signed.
    ///
    /// # Errors
    /// `Envelope`, `Json`, `Sequence`.
    pub fn verify(envelope: &Envelope, keyring: &Keyring) -> Result<VerifiedRevocations, RevocationsError> {
        let threshold = keyring.threshold(Purpose::Revocations);
        let by = envelope.signed_by(Kind::Revocations, keyring).map_err(RevocationsError::Envelope)?;
        let trusted = |at| by.trusted(at, threshold).map_err(RevocationsError::Envelope);
        let list = Self::parse(trusted(None)?.bytes()).map_err(RevocationsError::Json)?;
        // Only now is it known when the signer says it signed.
        let verified = trusted(Some(list.issued_at))?;
        let signer = verified.signers().first().copied();
        let signer = signer.ok_or(RevocationsError::Envelope(EnvelopeError::BadSignature))?;
        paced(list.sequence, list.issued_at).map_err(RevocationsError::Sequence)?;
        Ok(VerifiedRevocations { list, signer })
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`JsonError`] names the member at fault; entries out of order or twice are refused, and so is a list whose `crit`
    /// names what this version does not understand.
    pub fn parse(payload: &[u8]) -> Result<Self, JsonError> {
        let (mut sequence, mut issued_at, mut next_update, mut listed) = (None, None, None, false);
        let mut entries: Vec<Revocation> = Vec::new();
        let members = json::parse_list(payload, "entries", |value| {
            let entry = read_entry(value)?;
            if entries.last().is_some_and(|last| last.id >= entry.id) {
                let found = Value::String(format!("{:?}", entry.id).into());
                return Err(JsonError::value("entries", "sorted by id, each once", &found));
            }
            entries.push(entry);
            Ok(())
        })?;
        for (name, value) in members {
            match name.as_ref() {
                "sequence" => sequence = Some(value.into_count("sequence")?),
                "issuedAt" => issued_at = Some(value.into_timestamp("issuedAt")?),
                "nextUpdate" => next_update = Some(value.into_timestamp("nextUpdate")?),
                "entries" => listed = true,
                "crit" => value.into_critical(&UNDERSTOOD)?,
                _ => {}
            }
        }
        if !listed {
            return Err(JsonError::Missing("entries"));
        }
        Ok(Self {
            sequence: sequence.ok_or(JsonError::Missing("sequence"))?,
            issued_at: issued_at.ok_or(JsonError::Missing("issuedAt"))?,
            next_update: next_update.ok_or(JsonError::Missing("nextUpdate"))?,
            entries,
        })
    }

    /// Returns the payload in its one canonical spelling.
    pub fn to_payload(&self) -> String {
        let mut out = Writer::default();
        out.begin_object();
        out.name("entries").begin_array();
        for entry in &self.entries {
            out.begin_object();
            out.name("at").integer(entry.at.seconds().into());
            if entry.grace_hours > 0 {
                out.name("graceHours").integer(entry.grace_hours.into());
            }
            out.name("id").string(&Hex(&entry.id.0).to_string());
            if let Some(reason) = &entry.reason {
                out.name("reason").string(reason);
            }
            out.end_object();
        }
        out.end_array();
        out.name("issuedAt").integer(self.issued_at.seconds().into());
        out.name("nextUpdate").integer(self.next_update.seconds().into());
        out.name("sequence").integer(self.sequence.into());
        out.end_object();
        out.finish()
    }

    /// Returns the entry of a license.
    pub fn find(&self, license_id: &str) -> Option<&Revocation> {
        let id = LicenseHash::of(license_id);
        self.entries.binary_search_by_key(&id, |entry| entry.id).ok().map(|at| &self.entries[at])
    }

    /// Returns the entries, sorted by hash.
    pub fn entries(&self) -> &[Revocation] {
        &self.entries
    }
}

fn read_entry(value: Value<'_>) -> Result<Revocation, JsonError> {
    let (mut id, mut at, mut grace_hours, mut reason) = (None, None, 0, None);
    for (name, value) in value.into_object("entries")? {
        match name.as_ref() {
            "id" => {
                let text = value.into_string("id")?;
                let hash = decode_hex(&text).map(LicenseHash);
                id =
                    Some(hash.ok_or_else(|| JsonError::value("id", "64 lower-case hex digits", &Value::String(text)))?);
            }
            "at" => at = Some(value.into_timestamp("at")?),
            "graceHours" => grace_hours = value.into_count("graceHours")?,
            "reason" => reason = Some(value.into_string("reason")?.into()),
            _ => {}
        }
    }
    let (id, at) = (id.ok_or(JsonError::Missing("id"))?, at.ok_or(JsonError::Missing("at"))?);
    Ok(Revocation { id, at, grace_hours, reason })
}

impl RevocationsError {
    /// Returns the code this fault is refused with.
    pub fn code(&self) -> Code {
        match self {
            Self::Envelope(error) => error.code(),
            Self::Json(error) => error.code(),
            Self::Sequence(error) => error.code(),
        }
    }
}

impl fmt::Display for RevocationsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Envelope(error) => write!(f, "the revocations are not to be believed: {error}"),
            Self::Sequence(error) => write!(f, "the revocations are not to be believed: {error}"),
            Self::Json(error) => write!(f, "this is no list of revocations: {error}"),
        }
    }
}

impl std::error::Error for RevocationsError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SecretKey;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    fn list() -> Revocations {
        let entry = |id: &str, grace_hours| Revocation {
            id: LicenseHash::of(id),
            at: at(1_000),
            grace_hours,
            reason: Some("refund".into()),
        };
        Revocations::new(3, at(1_000), at(9_000), vec![entry("b", 2), entry("a", 0), entry("c", 0), entry("a", 0)])
    }

    #[test]
    fn a_license_is_found_by_the_hash_of_its_id() {
        let list = list();
        assert_eq!(list.entries().len(), 3);
        assert_eq!(list.find("b").map(Revocation::grace_until), Some(at(1_000 + 7_200)));
        assert_eq!(list.find("d"), None);
        assert!(!list.to_payload().contains("\"b\""));
    }

    #[test]
    fn what_is_written_reads_back_and_is_verified_by_its_kind() {
        let payload = list().to_payload();
        assert_eq!(Revocations::parse(payload.as_bytes()), Ok(list()));
        assert_eq!(json::canonical(&json::parse(payload.as_bytes()).unwrap()), payload);
        let key = SecretKey::from_seed(&[1; 32]);
        let envelope = Envelope::sign(Kind::Revocations, payload.clone().into_bytes(), &[&key]);
        let verified = Revocations::verify(&envelope, &Keyring::from(key.public())).unwrap();
        assert_eq!((verified.list, verified.signer), (list(), key.public().id()));
        let other = Envelope::sign(Kind::Keyring, payload.into_bytes(), &[&key]);
        let refused = Revocations::verify(&other, &Keyring::from(key.public())).unwrap_err();
        assert_eq!(refused.code(), Code::WrongKind);
    }

    #[test]
    fn entries_out_of_order_or_twice_are_refused() {
        let payload = list().to_payload();
        let twice = payload.replacen("\"entries\":[", &format!("\"entries\":[{},", entry_text(&payload)), 1);
        assert!(Revocations::parse(twice.as_bytes()).is_err());
    }

    #[test]
    fn a_list_that_demands_more_than_is_understood_is_refused() {
        let demanding = |names: &str| {
            let payload = list().to_payload().replacen('{', &format!("{{\"crit\":[{names}],\"scope\":1,"), 1);
            Revocations::parse(payload.as_bytes())
        };
        assert_eq!(demanding(""), Ok(list()));
        assert_eq!(demanding("\"graceHours\",\"entries\""), Ok(list()));
        let refused = demanding("\"sequence\",\"scope\"").unwrap_err();
        assert_eq!((refused.code(), refused), (Code::Unsupported, JsonError::Critical("scope".to_owned())));
        assert_eq!(demanding("1").unwrap_err().code(), Code::Malformed);
    }

    fn entry_text(payload: &str) -> String {
        let start = payload.find('[').unwrap() + 1;
        payload[start..=start + payload[start..].find('}').unwrap()].to_owned()
    }
}
