//! [`Envelope`]: the DSSE envelope of every document but the license.
//!
//! `{"payload":BASE64,"payloadType":T,"signatures":[{"keyid":…,"sig":BASE64},…]}`; what is signed is
//! `DSSEv1 len(T) T len(payload) payload`, so that no document passes for another kind, and none for a license, whose
//! signed bytes begin with `{`.

mod kind;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

pub use kind::Kind;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::code::Code;
use crate::id::KeyId;
use crate::json::{self, JsonError, Value, Writer};
use crate::key::{PublicKey, SecretKey};
use crate::keyring::{Distrust, Keyring, TrustedKey};
use crate::time::Timestamp;

/// The most signatures that one envelope may carry.
pub const MAX_SIGNATURES: usize = 64;

/// How many values the JSON of an envelope may have, an object counted as eight; unknown members count as well.
pub(crate) const MAX_VALUES: usize = 1 << 16;

/// An envelope whose signatures nobody has checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    /// The bytes that are signed: a head, then the payload. A long payload is never copied to be checked.
    signed: Vec<u8>,
    head: usize,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Signature {
    /// As the envelope says; it decides nothing.
    keyid: String,
    /// Base64, as the envelope spells it.
    text: String,
    /// `None` for what no key of ours makes, such as a signature of another algorithm beside ours.
    bytes: Option<[u8; 64]>,
}

/// An envelope and the keys of a keyring that made signatures in it, whether or not they may.
#[derive(Clone, Debug)]
pub struct Signed<'a> {
    envelope: &'a Envelope,
    kind: Kind,
    keys: Vec<&'a TrustedKey>,
}

/// A payload that trusted keys signed as a document of its kind.
#[derive(Clone, Debug)]
pub struct VerifiedPayload<'a> {
    bytes: &'a [u8],
    signers: BTreeSet<KeyId>,
}

/// Says why a text is no envelope, or an envelope is not to be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// No trusted key made any of the signatures.
    BadSignature,
    /// The keys that signed are not trusted with this document.
    Distrust(Distrust),
    /// The envelope is not the JSON of one.
    Json(JsonError),
    /// Fewer keys signed than the keyring asks for; both numbers.
    Threshold(usize, usize),
    /// Nobody signed but keys that are not trusted; names the first of them.
    UnknownKey(KeyId),
    /// The envelope holds another kind of document; names both types.
    WrongKind(&'static str, String),
}

impl Envelope {
    /// Reads an envelope; the caller bounds its size by its kind.
    ///
    /// # Errors
    /// `Json` for anything but an object with the three members, each of its type.
    pub fn parse(text: &[u8]) -> Result<Self, EnvelopeError> {
        let (mut payload, mut payload_type, mut signatures) = (None, None, None);
        for (name, value) in json::parse_within(text, MAX_VALUES)?.into_object("envelope")? {
            match name.as_ref() {
                "payload" => payload = Some(value.into_text("payload")?),
                "payloadType" => payload_type = Some(value.into_string("payloadType")?.into_owned()),
                "signatures" => signatures = Some(read_signatures(value)?),
                _ => {}
            }
        }
        let payload = payload.ok_or(JsonError::Missing("payload"))?;
        let payload_type = payload_type.ok_or(JsonError::Missing("payloadType"))?;
        let signatures = signatures.ok_or(JsonError::Missing("signatures"))?;
        // The length of canonical base64 tells that of the bytes; any other spelling is refused by the decoder.
        let padding = payload.bytes().rev().take_while(|byte| *byte == b'=').count();
        let length = (payload.len() / 4 * 3).saturating_sub(padding);
        let mut signed = head_of(&payload_type, length);
        let head = signed.len();
        signed.reserve_exact(length);
        STANDARD.decode_vec(payload.as_bytes(), &mut signed).map_err(|_| not_base64("payload", payload))?;
        Ok(Self { payload_type, signed, head, signatures })
    }

    /// Signs a payload as a document of `kind` with every key.
    pub fn sign(kind: Kind, payload: Vec<u8>, keys: &[&SecretKey]) -> Self {
        let payload_type = kind.payload_type().to_owned();
        let mut signed = head_of(&payload_type, payload.len());
        let head = signed.len();
        signed.extend(payload);
        let signatures = keys.iter().map(|key| Signature::by(key, &signed)).collect();
        Self { payload_type, signed, head, signatures }
    }

    /// Adds a further key's signature over the same bytes; false when that key has signed already, or no more signatures
    /// may stand in the envelope.
    pub fn cosign(&mut self, key: &SecretKey) -> bool {
        let public = key.public();
        let has_signed = self.signatures.iter().any(|signature| signature.is_by(&public, &self.signed));
        if has_signed || self.signatures.len() >= MAX_SIGNATURES {
            return false;
        }
        self.signatures.push(Signature::by(key, &self.signed));
        true
    }

    /// Returns the envelope as canonical JSON.
    pub fn to_json(&self) -> String {
        let payload = STANDARD.encode(self.unverified_payload());
        let mut out = Writer::with_capacity(payload.len() + 256 * (1 + self.signatures.len()));
        out.begin_object();
        out.name("payload").string(&payload);
        out.name("payloadType").string(&self.payload_type);
        out.name("signatures").begin_array();
        for signature in &self.signatures {
            out.begin_object();
            out.name("keyid").string(&signature.keyid);
            out.name("sig").string(&signature.text);
            out.end_object();
        }
        out.end_array();
        out.end_object();
        out.finish()
    }

    /// Verifies the envelope as a document of `kind` issued at `issued_at`: at least `threshold` different keys must have
    /// signed it that are trusted for the kind's purpose.
    ///
    /// # Errors
    /// `WrongKind`, `UnknownKey`, `BadSignature`, `Distrust`, `Threshold`, in this order.
    pub fn verify(
        &self,
        kind: Kind,
        keyring: &Keyring,
        issued_at: Option<Timestamp>,
        threshold: usize,
    ) -> Result<VerifiedPayload<'_>, EnvelopeError> {
        // What is returned borrows from the envelope alone.
        let signers = self.signed_by(kind, keyring)?.trusted(issued_at, threshold)?.signers;
        Ok(VerifiedPayload { bytes: self.unverified_payload(), signers })
    }

    /// Verifies the envelope as a document of `kind` that one key signed, and returns its payload.
    ///
    /// # Errors
    /// `WrongKind`, and `BadSignature` when that key made none of the signatures.
    pub fn verify_by(&self, kind: Kind, key: &PublicKey) -> Result<&[u8], EnvelopeError> {
        self.is_of(kind)?;
        let signed = self.signatures.iter().any(|signature| signature.is_by(key, &self.signed));
        if signed { Ok(self.unverified_payload()) } else { Err(EnvelopeError::BadSignature) }
    }

    fn is_of(&self, kind: Kind) -> Result<(), EnvelopeError> {
        if self.payload_type == kind.payload_type() {
            return Ok(());
        }
        Err(EnvelopeError::WrongKind(kind.payload_type(), self.payload_type.clone()))
    }

    /// Finds the keys that signed, whatever they are trusted for. A document that says itself when it was issued is
    /// judged in two steps, so that its signatures are checked once.
    ///
    /// # Errors
    /// `WrongKind`; when no key of the keyring made any of the signatures `UnknownKey`, unless one of those is said to be
    /// by such a key, or by nobody: then `BadSignature`.
    pub fn signed_by<'a>(&'a self, kind: Kind, keyring: &'a Keyring) -> Result<Signed<'a>, EnvelopeError> {
        self.is_of(kind)?;
        let made = |signature: &Signature| {
            let hint = signature.key_id().map(|id| id.kid());
            keyring.candidates(hint).find(|trusted| signature.is_by(&trusted.key, &self.signed))
        };
        let keys: Vec<_> = self.signatures.iter().filter_map(made).collect();
        if !keys.is_empty() {
            return Ok(Signed { envelope: self, kind, keys });
        }
        let strangers =
            self.signatures.iter().map(|signature| signature.key_id().filter(|id| keyring.find(id).is_none()));
        Err(match strangers.collect::<Option<Vec<_>>>().as_deref() {
            Some([first, ..]) => EnvelopeError::UnknownKey(*first),
            _ => EnvelopeError::BadSignature,
        })
    }

    /// Returns the payload, which nobody has vouched for.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.signed[self.head..]
    }

    /// Returns the type that the envelope names.
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// Returns the key ids that the envelope names, as it spells them.
    pub fn unverified_key_ids(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().map(|signature| signature.keyid.as_str())
    }
}

impl Signature {
    fn by(key: &SecretKey, signed: &[u8]) -> Self {
        let bytes = key.sign(signed);
        Self { keyid: key.public().id().to_string(), text: STANDARD.encode(bytes), bytes: Some(bytes) }
    }

    fn is_by(&self, key: &PublicKey, signed: &[u8]) -> bool {
        self.bytes.is_some_and(|bytes| key.verify(signed, &bytes).is_ok())
    }

    fn key_id(&self) -> Option<KeyId> {
        KeyId::parse(&self.keyid).ok()
    }
}

impl<'a> Signed<'a> {
    /// Judges whether the keys that signed may have: at least `threshold` of them, at the moment when the document says it
    /// was issued. The window is not judged while that is not known.
    ///
    /// # Errors
    /// `Distrust`, `Threshold`, in this order.
    pub fn trusted(
        &self,
        issued_at: Option<Timestamp>,
        threshold: usize,
    ) -> Result<VerifiedPayload<'a>, EnvelopeError> {
        let mut signers = BTreeSet::new();
        let mut distrust = None;
        for trusted in &self.keys {
            match trusted.allows(self.kind.purpose(), issued_at) {
                Ok(()) => drop(signers.insert(trusted.key.id())),
                Err(reason) => distrust = distrust.or(Some(reason)),
            }
        }
        match (signers.len(), distrust) {
            (0, Some(reason)) => Err(EnvelopeError::Distrust(reason)),
            (0, None) => Err(EnvelopeError::BadSignature),
            (count, _) if count < threshold => Err(EnvelopeError::Threshold(count, threshold)),
            _ => Ok(VerifiedPayload { bytes: self.envelope.unverified_payload(), signers }),
        }
    }
}

impl VerifiedPayload<'_> {
    /// Returns the bytes that were signed.
    pub fn bytes(&self) -> &[u8] {
        self.bytes
    }

    /// Returns the trusted keys that signed them.
    pub fn signers(&self) -> &BTreeSet<KeyId> {
        &self.signers
    }
}

/// The pre-authentication encoding of DSSE v1: lengths and pieces, so that no two inputs share bytes.
pub fn encode(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    [&head_of(payload_type, payload.len()), payload].concat()
}

/// What stands before a payload of this length.
fn head_of(payload_type: &str, length: usize) -> Vec<u8> {
    format!("DSSEv1 {} {payload_type} {length} ", payload_type.len()).into_bytes()
}

fn read_signatures(value: Value<'_>) -> Result<Vec<Signature>, JsonError> {
    let items = value.into_array("signatures")?;
    if items.is_empty() || items.len() > MAX_SIGNATURES {
        return Err(JsonError::value("signatures", "an array of 1 to 64 signatures", &Value::Array(items)));
    }
    items.into_iter().map(read_signature).collect()
}

/// Reads a signature. One that is not ours decides nothing, and must not take those beside it along.
fn read_signature(value: Value<'_>) -> Result<Signature, JsonError> {
    let (mut keyid, mut text) = (String::new(), None);
    for (name, value) in value.into_object("signatures")? {
        match (name.as_ref(), value) {
            ("keyid", Value::Null) => {}
            ("keyid", value) => keyid = value.into_string("keyid")?.into_owned(),
            ("sig", value) => text = Some(value.into_text("sig")?.into_owned()),
            _ => {}
        }
    }
    let text = text.ok_or(JsonError::Missing("sig"))?;
    let bytes = STANDARD.decode(&text).ok().and_then(|bytes| bytes.try_into().ok());
    Ok(Signature { keyid, text, bytes })
}

fn not_base64(name: &str, text: Cow<'_, str>) -> JsonError {
    JsonError::value(name, "canonical base64", &Value::String(text))
}

impl EnvelopeError {
    /// Returns the code a document with this fault is refused with.
    pub fn code(&self) -> Code {
        match self {
            Self::BadSignature | Self::Threshold(..) => Code::BadSignature,
            Self::Distrust(Distrust::Purpose(..)) => Code::WrongPurpose,
            Self::Distrust(Distrust::Revoked(_)) => Code::KeyRevoked,
            Self::Distrust(Distrust::Window { .. }) => Code::KeyRetired,
            Self::Json(error) => error.code(),
            Self::UnknownKey(_) => Code::UnknownKey,
            Self::WrongKind(..) => Code::WrongKind,
        }
    }
}

impl From<JsonError> for EnvelopeError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSignature => f.write_str("no trusted key made any of the signatures over this document"),
            Self::Distrust(distrust) => distrust.fmt(f),
            Self::Json(error) => error.fmt(f),
            Self::Threshold(count, threshold) => {
                write!(f, "{count} trusted keys signed the document, and {threshold} must have")
            }
            Self::UnknownKey(id) => write!(f, "key {} signed the document, and is not trusted", id.kid()),
            Self::WrongKind(wanted, found) => {
                write!(f, "the envelope holds `{}`, and `{wanted}` is wanted", found.escape_debug())
            }
        }
    }
}

impl std::error::Error for EnvelopeError {}

#[cfg(test)]
mod tests;
