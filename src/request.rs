//! [`Request`]: what a machine asks its vendor for, before it can be activated. It is not signed: what it claims is checked
//! against the license, and the proof that answers it names its nonce.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::code::Code;
use crate::fingerprint::{Fingerprint, FingerprintError};
use crate::id::{Hex, decode_hex};
use crate::json::{self, JsonError, Value, Writer, steers};
use crate::key::{KeyError, PublicKey};
use crate::license::MAX_TOKEN_BYTES;
use crate::time::Timestamp;

/// The longest request, in bytes.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;

/// What every request says it is.
pub const KIND: &str = "mintage/request/v1";

/// Ties a proof to the one request that it answers: 16 random bytes, base64 in documents.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce(pub [u8; 16]);

/// What a machine asks for: `{"kind":"mintage/request/v1",…}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The license to activate.
    pub license: LicenseReference,
    /// The machine.
    pub fingerprint: Fingerprint,
    /// Where the product runs there, such as `production`.
    pub environment: Option<String>,
    /// The product.
    pub product: Option<String>,
    /// Its version.
    pub product_version: Option<String>,
    /// SHA-256 of the sums text of the build that runs there: the digest of the subject of its manifest.
    pub manifest_digest: Option<[u8; 32]>,
    /// Ties the answer to this request.
    pub nonce: Nonce,
    /// The public half of the key that was made on that machine for this activation.
    pub instance_key: PublicKey,
    /// When it was made, by that machine's clock.
    pub created_at: Timestamp,
}

/// Names the license to activate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LicenseReference {
    /// By its id.
    Id(String),
    /// By the key that its holder was given for activating online.
    Key(String),
    /// The token itself.
    Token(String),
}

/// Says why a text is no request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// `crit` names a member that this version does not understand.
    Critical(String),
    /// The fingerprint is refused.
    Fingerprint(FingerprintError),
    /// The instance key is no usable key.
    InstanceKey(KeyError),
    /// The text is not the JSON of a request.
    Json(JsonError),
    /// The document is of another kind; says which it names.
    Kind(String),
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// [`RequestError`]: `Kind` first, since another kind may give every member another meaning.
    pub fn parse(text: &[u8]) -> Result<Self, RequestError> {
        let members = json::parse(text)?.into_object("request")?;
        match members.iter().find(|(name, _)| name == "kind") {
            Some((_, Value::String(kind))) if kind == KIND => {}
            Some((_, Value::String(kind))) => return Err(RequestError::Kind(kind.chars().take(64).collect())),
            _ => return Err(RequestError::Kind("document without a kind".to_owned())),
        }
        let [mut environment, mut product, mut product_version] = [const { None }; 3];
        let (mut license, mut fingerprint, mut digest, mut nonce, mut instance_key, mut created_at) =
            (None, None, None, None, None, None);
        for (name, value) in members {
            match name.as_ref() {
                "createdAt" => created_at = Some(value.into_timestamp("createdAt")?),
                "crit" => understood(value)?,
                "environment" => environment = Some(word(value, "environment")?),
                "fingerprint" => {
                    let read = Fingerprint::from_json(value, "fingerprint");
                    fingerprint = Some(read.map_err(RequestError::Fingerprint)?);
                }
                "instanceKey" => instance_key = Some(read_key(value)?),
                "license" | "licenseId" | "licenseKey" if license.is_some() => {
                    let expected = "the one member of `license`, `licenseId` and `licenseKey`";
                    return Err(JsonError::value(&name, expected, &value).into());
                }
                "license" => license = Some(LicenseReference::Token(read_token(value)?)),
                "licenseId" => license = Some(LicenseReference::Id(word(value, "licenseId")?)),
                "licenseKey" => license = Some(LicenseReference::Key(word(value, "licenseKey")?)),
                "manifestDigest" => digest = Some(read_digest(value, "manifestDigest")?),
                "nonce" => nonce = Some(read_nonce(value, "nonce")?),
                "product" => product = Some(word(value, "product")?),
                "productVersion" => product_version = Some(word(value, "productVersion")?),
                _ => {}
            }
        }
        Ok(Self {
            license: license.ok_or(JsonError::Missing("licenseId"))?,
            fingerprint: fingerprint.ok_or(JsonError::Missing("fingerprint"))?,
            environment,
            product,
            product_version,
            manifest_digest: digest,
            nonce: nonce.ok_or(JsonError::Missing("nonce"))?,
            instance_key: instance_key.ok_or(JsonError::Missing("instanceKey"))?,
            created_at: created_at.ok_or(JsonError::Missing("createdAt"))?,
        })
    }

    /// Returns the request as canonical JSON.
    pub fn to_json(&self) -> String {
        let mut out = Writer::default();
        out.begin_object();
        out.name("createdAt").integer(self.created_at.seconds().into());
        optional(&mut out, "environment", self.environment.as_deref());
        self.fingerprint.write(out.name("fingerprint"));
        out.name("instanceKey").string(&STANDARD.encode(self.instance_key.as_bytes()));
        out.name("kind").string(KIND);
        match &self.license {
            LicenseReference::Token(token) => out.name("license").string(token),
            LicenseReference::Id(id) => out.name("licenseId").string(id),
            LicenseReference::Key(key) => out.name("licenseKey").string(key),
        }
        if let Some(digest) = &self.manifest_digest {
            out.name("manifestDigest").string(&Hex(digest).to_string());
        }
        out.name("nonce").string(&self.nonce.to_string());
        optional(&mut out, "product", self.product.as_deref());
        optional(&mut out, "productVersion", self.product_version.as_deref());
        out.end_object();
        out.finish()
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Writes a member that may be absent.
pub(crate) fn optional(out: &mut Writer, name: &'static str, text: Option<&str>) {
    if let Some(text) = text {
        out.name(name).string(text);
    }
}

/// Takes a text of 1 to 1,024 bytes that steers no terminal.
pub(crate) fn word(value: Value<'_>, name: &str) -> Result<String, JsonError> {
    let text = value.into_string(name)?;
    if text.is_empty() || text.chars().any(steers) {
        let expected = "a text of 1 to 1,024 bytes without control characters";
        return Err(JsonError::value(name, expected, &Value::String(text)));
    }
    Ok(text.into_owned())
}

/// Takes the text of a token, which is read where it is verified.
pub(crate) fn read_token(value: Value<'_>) -> Result<String, JsonError> {
    let text = value.into_text("license")?;
    if text.len() > MAX_TOKEN_BYTES {
        return Err(JsonError::value("license", "a token of at most 65,536 bytes", &Value::String(text)));
    }
    Ok(text.into_owned())
}

pub(crate) fn read_digest(value: Value<'_>, name: &str) -> Result<[u8; 32], JsonError> {
    let text = value.into_string(name)?;
    decode_hex(&text).ok_or_else(|| JsonError::value(name, "64 lower-case hex digits", &Value::String(text)))
}

pub(crate) fn read_nonce(value: Value<'_>, name: &str) -> Result<Nonce, JsonError> {
    let text = value.into_string(name)?;
    let bytes = STANDARD.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(Nonce).ok_or_else(|| JsonError::value(name, "base64 of 16 bytes", &Value::String(text)))
}

/// Refuses a `crit` that names anything: no member of these documents is optional to understand and critical.
pub(crate) fn understood(value: Value<'_>) -> Result<(), RequestError> {
    match value.into_array("crit")?.into_iter().next() {
        Some(name) => Err(RequestError::Critical(name.into_string("crit")?.into_owned())),
        None => Ok(()),
    }
}

pub(crate) fn read_key(value: Value<'_>) -> Result<PublicKey, RequestError> {
    let text = value.into_string("instanceKey")?;
    let bytes = STANDARD.decode(text.as_bytes()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let fault = || JsonError::value("instanceKey", "base64 of 32 bytes", &Value::String(text.clone()));
    PublicKey::from_bytes(&bytes.ok_or_else(fault)?).map_err(RequestError::InstanceKey)
}

impl RequestError {
    /// Returns the code a document with this fault is refused with.
    pub fn code(&self) -> Code {
        match self {
            Self::Critical(_) => Code::Unsupported,
            Self::Fingerprint(error) => error.code(),
            Self::InstanceKey(error) => error.code(),
            Self::Json(error) => error.code(),
            Self::Kind(_) => Code::WrongKind,
        }
    }
}

impl From<JsonError> for RequestError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Critical(name) => {
                write!(
                    f,
                    "the document demands that `{}` be understood, and this version does not",
                    name.escape_debug()
                )
            }
            Self::Fingerprint(error) => error.fmt(f),
            Self::InstanceKey(error) => write!(f, "the member `instanceKey`: {error}"),
            Self::Json(error) => error.fmt(f),
            Self::Kind(kind) => write!(f, "this is a `{}`, and a `{KIND}` is wanted", kind.escape_debug()),
        }
    }
}

impl std::error::Error for RequestError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SecretKey;

    fn request() -> Request {
        Request {
            license: LicenseReference::Id("lic-1".to_owned()),
            fingerprint: Fingerprint::Exact("node-1".to_owned()),
            environment: Some("production".to_owned()),
            product: None,
            product_version: Some("1.2.0".to_owned()),
            manifest_digest: Some([7; 32]),
            nonce: Nonce([1; 16]),
            instance_key: SecretKey::from_seed(&[2; 32]).public(),
            created_at: Timestamp::EPOCH,
        }
    }

    fn code(text: &str) -> Code {
        Request::parse(text.as_bytes()).unwrap_err().code()
    }

    #[test]
    fn what_is_written_reads_back_canonically() {
        for license in ["lic-1", "MTG-1"].map(str::to_owned) {
            for license in [
                LicenseReference::Id(license.clone()),
                LicenseReference::Key(license.clone()),
                LicenseReference::Token(license),
            ] {
                let request = Request { license, ..request() };
                let text = request.to_json();
                assert_eq!(Request::parse(text.as_bytes()), Ok(request));
                assert_eq!(json::canonical(&json::parse(text.as_bytes()).unwrap()), text);
            }
        }
    }

    #[test]
    fn every_member_that_counts_is_demanded_and_held_to_its_type() {
        let whole = request().to_json();
        for (from, to, expected) in [
            ("mintage/request/v1", "mintage/request/v2", Code::WrongKind),
            ("\"licenseId\":\"lic-1\"", "\"licenseId\":7", Code::Malformed),
            ("\"licenseId\":\"lic-1\"", "\"licenseId\":\"\"", Code::Malformed),
            ("\"licenseId\":\"lic-1\"", "\"licenseId\":\"a\",\"licenseKey\":\"b\"", Code::Malformed),
            ("\"licenseId\"", "\"other\"", Code::Malformed),
            ("\"nonce\":\"AQ", "\"nonce\":\"", Code::Malformed),
            ("\"nonce\"", "\"nonc\"", Code::Malformed),
            ("\"fingerprint\"", "\"finger\"", Code::Malformed),
            ("\"instanceKey\"", "\"instance\"", Code::Malformed),
            ("\"createdAt\":0", "\"createdAt\":\"0\"", Code::Malformed),
            ("\"environment\":\"production\"", "\"environment\":null", Code::Malformed),
            ("\"productVersion\":\"1.2.0\"", "\"productVersion\":1.2", Code::Malformed),
            ("\"createdAt\":0", "\"createdAt\":0,\"createdAt\":0", Code::DuplicateMember),
            ("\"createdAt\":0", "\"createdAt\":0,\"crit\":[\"tpm\"]", Code::Unsupported),
            ("{", "[", Code::Malformed),
        ] {
            assert!(whole.contains(from), "{from}");
            assert_eq!(code(&whole.replacen(from, to, 1)), expected, "{from} -> {to}");
        }
        let weak = STANDARD.encode([0; 32]);
        let key = STANDARD.encode(request().instance_key.as_bytes());
        assert_eq!(code(&whole.replace(&key, &weak)), Code::WeakKey);
    }
}
