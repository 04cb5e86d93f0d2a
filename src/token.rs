//! [`Token`]: the text of a license, `BASE64(payload) "." BASE64(signature)`, and what has been proved of one.
//!
//! Text becomes an [`UnverifiedToken`], whose claims are only what somebody wrote; a keyring turns it into a
//! [`VerifiedToken`], whose claims a trusted key signed. Whether they suffice here and now is for
//! [`judge`](crate::policy::judge) to say.

mod many;

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::code::Code;
use crate::id::{KeyId, Kid};
use crate::json::{self, JsonError};
use crate::key::{PublicKey, SecretKey};
use crate::keyring::{Distrust, Keyring, Purpose};
use crate::license::{License, LicenseError, MAX_TOKEN_BYTES};
use crate::seal::{SealError, SealSecret, SealedLicense};
use crate::time::Timestamp;

/// The text of a signed license.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token(String);

/// A token whose signature nobody has checked.
#[derive(Clone, Debug)]
pub struct UnverifiedToken {
    payload: Vec<u8>,
    signature: [u8; 64],
    body: Body,
}

/// A token that a trusted key signed. It may still be expired, for another tenant, or sealed.
#[derive(Clone, Debug)]
pub struct VerifiedToken {
    body: Body,
    key: KeyId,
}

/// What a token's payload holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Body {
    /// The claims, readable by all.
    Open(Arc<License>),
    /// The claims, readable with the secret.
    Sealed(Arc<SealedLicense>),
}

/// Says why a text is no token, or a token is not to be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// No trusted key made the signature.
    BadSignature,
    /// A part is not canonical base64 with padding; names the part.
    Base64(&'static str),
    /// The key that signed is not trusted with this license.
    Distrust(Distrust),
    /// The payload is no license.
    License(LicenseError),
    /// The text does not have two parts; says how many it has.
    Parts(usize),
    /// The seal cannot be opened.
    Seal(SealError),
    /// The signature is not 64 bytes long; says how long it is.
    SignatureLength(usize),
    /// The text is longer than 64 KiB; says how long it is, in bytes.
    TooLong(usize),
    /// No trusted key made the signature, and the key it names is not among them.
    UnknownKey(Kid),
}

impl Token {
    /// Reads a token strictly: no white space, canonical padded base64, at most 64 KiB.
    ///
    /// # Errors
    /// `TooLong`, `Parts`, `Base64`, `SignatureLength` and `License`, in this order.
    pub fn parse(text: &str) -> Result<UnverifiedToken, TokenError> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong(text.len()));
        }
        let Some((payload, signature)) = text.split_once('.').filter(|(_, rest)| !rest.contains('.')) else {
            return Err(TokenError::Parts(text.split('.').count()));
        };
        if payload.is_empty() || signature.is_empty() {
            return Err(TokenError::Parts(1));
        }
        let payload = STANDARD.decode(payload).map_err(|_| TokenError::Base64("payload"))?;
        let signature = read_signature(signature)?;
        let body = Body::read(&payload)?;
        Ok(UnverifiedToken { payload, signature, body })
    }

    /// Signs a license; the license's `kid` is set to the key's.
    pub fn mint(mut license: License, key: &SecretKey) -> Self {
        license.kid = Some(key.public().id().kid());
        Self::sign(&license.to_payload(), key)
    }

    /// Signs a payload that is spelled already.
    pub fn sign(payload: &str, key: &SecretKey) -> Self {
        Self::join(payload, &key.sign(payload.as_bytes()))
    }

    /// Signs many payloads that are spelled already; each token is that of [`Token::sign`].
    #[cfg(feature = "vendor")]
    pub fn sign_many(payloads: &[&str], key: &SecretKey) -> impl Iterator<Item = Self> {
        let messages: Vec<&[u8]> = payloads.iter().map(|payload| payload.as_bytes()).collect();
        let signatures = key.sign_many(&messages);
        payloads.iter().zip(signatures).map(|(payload, signature)| Self::join(payload, &signature))
    }

    fn join(payload: &str, signature: &[u8; 64]) -> Self {
        let mut text = String::with_capacity(payload.len() * 4 / 3 + 96);
        STANDARD.encode_string(payload, &mut text);
        text.push('.');
        STANDARD.encode_string(signature, &mut text);
        Self(text)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl UnverifiedToken {
    /// Verifies the signature, and that the key may sign licenses issued when this one says it was.
    ///
    /// # Errors
    /// `BadSignature`, `UnknownKey`, and `Distrust` for a key whose purpose, window or status forbids it.
    pub fn verify(self, keyring: &Keyring) -> Result<VerifiedToken, TokenError> {
        let signer = keyring
            .candidates(self.unverified_kid())
            .find(|trusted| trusted.key.verify(&self.payload, &self.signature).is_ok());
        match signer {
            Some(trusted) => {
                trusted.allows(Purpose::License, self.unverified_issued_at()).map_err(TokenError::Distrust)?;
                Ok(VerifiedToken { key: trusted.key.id(), body: self.body })
            }
            None => Err(self.unsigned(keyring)),
        }
    }

    /// Returns the key that the token says signed it.
    pub fn unverified_kid(&self) -> Option<Kid> {
        match &self.body {
            Body::Open(license) => license.kid,
            Body::Sealed(sealed) => sealed.kid,
        }
    }

    /// Returns the payload's bytes, which nobody has vouched for.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// Returns what the payload claims, which nobody has vouched for.
    pub fn unverified_body(&self) -> &Body {
        &self.body
    }

    /// Returns the signature's bytes, R and S.
    pub fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// Whether `key` made the signature; says nothing of trust.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.verify(&self.payload, &self.signature).is_ok()
    }

    /// Returns the token's text, which its parts determine.
    pub fn to_token(&self) -> Token {
        Token(format!("{}.{}", STANDARD.encode(&self.payload), STANDARD.encode(self.signature)))
    }

    /// Returns the id of the license, as it claims; `None` where it is sealed.
    pub fn unverified_license_id(&self) -> Option<String> {
        match &self.body {
            Body::Open(license) => Some(license.license_id.clone()),
            Body::Sealed(_) => None,
        }
    }

    /// Returns when the license says it was issued. A sealed one does not say before it is opened; its key's window is
    /// judged then.
    fn unverified_issued_at(&self) -> Option<Timestamp> {
        match &self.body {
            Body::Open(license) => Some(license.issued_at),
            Body::Sealed(_) => None,
        }
    }

    fn unsigned(&self, keyring: &Keyring) -> TokenError {
        match self.unverified_kid() {
            Some(kid) if !keyring.knows(kid) => TokenError::UnknownKey(kid),
            _ => TokenError::BadSignature,
        }
    }
}

impl VerifiedToken {
    /// Returns the claims; `None` while they are sealed.
    pub fn license(&self) -> Option<&License> {
        match &self.body {
            Body::Open(license) => Some(license),
            Body::Sealed(_) => None,
        }
    }

    /// Returns the key that signed.
    pub fn key_id(&self) -> KeyId {
        self.key
    }

    /// Opens the seal; a token that is not sealed stays as it is.
    ///
    /// # Errors
    /// `Seal` when the secret does not open it, `License` when what is inside is no license, `Distrust` when the key may
    /// not have signed it then.
    pub fn unseal(self, secret: &SealSecret, keyring: &Keyring) -> Result<Self, TokenError> {
        let Body::Sealed(sealed) = &self.body else {
            return Ok(self);
        };
        let license = sealed.open(secret).map_err(TokenError::Seal)?;
        if let Some(trusted) = keyring.find(&self.key) {
            trusted.allows(Purpose::License, Some(license.issued_at)).map_err(TokenError::Distrust)?;
        }
        Ok(Self { body: Body::Open(Arc::new(license)), key: self.key })
    }

    pub(crate) fn shared_license(&self) -> Option<Arc<License>> {
        match &self.body {
            Body::Open(license) => Some(Arc::clone(license)),
            Body::Sealed(_) => None,
        }
    }
}

/// Reads a signature; one of the right length without asking for memory.
fn read_signature(text: &str) -> Result<[u8; 64], TokenError> {
    // 88 characters stand for 64 to 66 bytes.
    let mut bytes = [0; 66];
    let length = match text.len() {
        88 => STANDARD.decode_slice(text, &mut bytes).ok(),
        _ => STANDARD.decode(text).ok().map(|bytes| bytes.len()),
    };
    match (length, bytes.first_chunk()) {
        (Some(64), Some(signature)) => Ok(*signature),
        (Some(length), _) => Err(TokenError::SignatureLength(length)),
        (None, _) => Err(TokenError::Base64("signature")),
    }
}

impl Body {
    fn read(payload: &[u8]) -> Result<Self, TokenError> {
        // A DSSE document signs bytes that begin with `DSSEv1 `, a license bytes that begin with `{`: neither passes as
        // the other, because nothing in front of the object is allowed here.
        if payload.first() != Some(&b'{') {
            let reason = "a license begins with `{`".to_owned();
            return Err(TokenError::License(JsonError::Syntax(reason).into()));
        }
        let members = json::parse(payload).and_then(|value| value.into_object("payload"));
        let members = members.map_err(|error| TokenError::License(error.into()))?;
        if SealedLicense::is(&members) {
            let sealed = SealedLicense::from_members(members).map_err(TokenError::License)?;
            return Ok(Self::Sealed(Arc::new(sealed)));
        }
        Ok(Self::Open(Arc::new(License::from_members(members).map_err(TokenError::License)?)))
    }
}

impl TokenError {
    /// Returns the code this fault is refused with.
    pub fn code(&self) -> Code {
        match self {
            Self::BadSignature => Code::BadSignature,
            Self::Base64(_) | Self::Parts(_) | Self::SignatureLength(_) | Self::TooLong(_) => Code::Malformed,
            Self::Distrust(Distrust::Purpose(..)) => Code::WrongPurpose,
            Self::Distrust(Distrust::Revoked(_)) => Code::KeyRevoked,
            Self::Distrust(Distrust::Window { .. }) => Code::KeyRetired,
            // An opened seal keeps nothing back: what it held is as wrong as it would be in the open.
            Self::License(error) | Self::Seal(SealError::License(error)) => error.code(),
            Self::Seal(_) => Code::Sealed,
            Self::UnknownKey(_) => Code::UnknownKey,
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSignature => f.write_str("no trusted key made this signature over this text"),
            Self::Base64(part) => write!(f, "the {part} is not base64 in its one padded spelling"),
            Self::Distrust(distrust) => distrust.fmt(f),
            Self::License(error) => error.fmt(f),
            Self::Parts(count) => {
                write!(f, "a token has two parts with one dot between them, and this text has {count}")
            }
            Self::Seal(error) => error.fmt(f),
            Self::SignatureLength(length) => write!(f, "the signature is {length} bytes long, and must be 64"),
            Self::TooLong(length) => {
                write!(f, "the token is {length} bytes long, and at most {MAX_TOKEN_BYTES} are read")
            }
            Self::UnknownKey(kid) => write!(f, "signed by key {kid}, which is not among the trusted keys"),
        }
    }
}

impl std::error::Error for TokenError {}
