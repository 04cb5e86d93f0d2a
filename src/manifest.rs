//! [`Manifest`]: which files a build consists of, each with its digest, and for which licenses the build is approved.
//!
//! It is an in-toto Statement with one subject: the text that `sha256sum` would write of the tree. Subjects are
//! alternatives to in-toto tools, so a list of files there would verify with half the tree gone.

pub mod compare;
pub mod export;
pub mod identity;
pub mod path;
mod read;
mod sums;
mod write;

use std::collections::BTreeSet;
use std::fmt;

pub use identity::Identity;
pub use path::{PathFault, TreePath};

use crate::code::Code;
use crate::dsse::{Envelope, EnvelopeError, Kind};
use crate::id::{Hex, KeyId};
use crate::json::JsonError;
use crate::keyring::{Keyring, Purpose};
use crate::time::Timestamp;

/// The longest manifest, in bytes.
pub const MAX_MANIFEST_BYTES: usize = 64 << 20;

/// The type of the statement that a manifest is.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// The type of what the statement says.
pub const PREDICATE_TYPE: &str = "https://mintage.dev/build-manifest/v1";

/// The name of the one subject.
pub const SUBJECT: &str = "SHA256SUMS";

/// What a build consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The product.
    pub product: String,
    /// Its version.
    pub version: String,
    /// When the manifest was made.
    pub created_at: Timestamp,
    /// Which licenses the build is approved for.
    pub scope: Scope,
    /// Who made the build.
    pub source: BuildSource,
    /// How the tree was walked.
    pub walk: Walk,
    /// The files, sorted bytewise by path.
    pub files: Vec<FileEntry>,
    /// The symbolic links, sorted bytewise by path.
    pub links: Vec<LinkEntry>,
}

/// Which licenses a build is approved for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every license.
    Global,
    /// The licenses with these ids.
    Licenses(Vec<String>),
}

/// Who made a build, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildSource {
    /// The CI system; `None` when someone ran the command by hand.
    pub provider: Option<String>,
    /// The repository's address.
    pub repository: Option<String>,
    /// The commit.
    pub commit: Option<String>,
    /// The page of the run.
    pub run_url: Option<String>,
}

/// How a tree was walked; a verifier walks it likewise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// What was done with symbolic links.
    pub symlinks: Symlinks,
    /// Patterns of paths that were left out.
    pub excludes: Vec<String>,
}

/// What is done with symbolic links. None is ever followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symlinks {
    /// Their targets are listed.
    Record,
    /// A tree that holds one is refused.
    Reject,
}

/// One file of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Where it lies.
    pub path: TreePath,
    /// What is known of it.
    pub facts: FileFacts,
}

/// What is known of a file. The digest decides; the identity only tells people what they look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Its length, in bytes.
    pub size: u64,
    /// The digest of its bytes.
    pub sha256: FileDigest,
    /// What it says it is.
    pub identity: Option<Identity>,
}

/// One symbolic link of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkEntry {
    /// Where it lies.
    pub path: TreePath,
    /// Its text, which is never followed.
    pub target: Vec<u8>,
}

/// SHA-256 of the bytes of a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileDigest(pub [u8; 32]);

/// A manifest that a trusted key signed.
#[derive(Clone, Debug)]
pub struct VerifiedManifest {
    /// What it says.
    pub manifest: Manifest,
    /// The key that signed it; the first of several.
    pub key_id: KeyId,
    /// Every trusted key that signed it.
    pub signers: BTreeSet<KeyId>,
}

/// Says why a manifest is not to be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManifestError {
    /// `crit` names a member that this version does not understand.
    Critical(String),
    /// Two entries have one path.
    Duplicate(TreePath),
    /// The envelope is refused.
    Envelope(EnvelopeError),
    /// The payload is no statement about a build.
    Json(JsonError),
    /// A path leads out of the tree or has no one meaning; names it and its fault.
    Path(String, PathFault),
    /// The statement says something else than a build manifest; names its type.
    Predicate(String),
    /// The digest of the subject is not that of the files listed.
    Subject,
}

impl Manifest {
    /// Reads a manifest that a key trusted for `manifest` signed.
    ///
    /// # Errors
    /// `Envelope`, then as [`Manifest::parse`].
    pub fn verify(envelope: &Envelope, keyring: &Keyring) -> Result<VerifiedManifest, ManifestError> {
        let threshold = keyring.threshold(Purpose::Manifest);
        let signed = envelope.signed_by(Kind::Manifest, keyring).map_err(ManifestError::Envelope)?;
        let trusted = |at| signed.trusted(at, threshold).map_err(ManifestError::Envelope);
        let manifest = Self::parse(trusted(None)?.bytes())?;
        // Only now is it known when the signer says it signed.
        let verified = trusted(Some(manifest.created_at))?;
        // Signatures of which none was made by anyone have been refused above.
        let key_id = verified.signers().first().copied();
        let key_id = key_id.ok_or(ManifestError::Envelope(EnvelopeError::BadSignature))?;
        Ok(VerifiedManifest { manifest, key_id, signers: verified.signers().clone() })
    }
}

impl Scope {
    /// Returns the word that documents use.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Licenses(_) => "license",
        }
    }
}

impl BuildSource {
    /// Returns the word that documents use: `ci` when a CI system is named.
    pub fn kind(&self) -> &'static str {
        if self.provider.is_some() { "ci" } else { "manual" }
    }
}

impl Symlinks {
    /// Returns the word that documents and arguments use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Reject => "reject",
        }
    }
}

impl fmt::Display for FileDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for FileDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ManifestError {
    /// Returns the code this fault is refused with.
    pub fn code(&self) -> Code {
        match self {
            Self::Critical(_) => Code::Unsupported,
            Self::Envelope(error) => error.code(),
            Self::Json(error) => error.code(),
            Self::Duplicate(_) | Self::Path(..) | Self::Subject => Code::Malformed,
            Self::Predicate(_) => Code::WrongKind,
        }
    }
}

impl From<JsonError> for ManifestError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Critical(name) => {
                write!(f, "the manifest demands `{}`, which this version does not understand", name.escape_debug())
            }
            Self::Duplicate(path) => write!(f, "the manifest lists `{path}` twice"),
            Self::Envelope(error) => write!(f, "the manifest is not to be believed: {error}"),
            Self::Json(error) => write!(f, "this is no build manifest: {error}"),
            Self::Path(path, fault) => write!(f, "the manifest lists `{}`, which {fault}", path.escape_debug()),
            Self::Predicate(found) => {
                write!(f, "the statement is a `{}`, and `{PREDICATE_TYPE}` is wanted", found.escape_debug())
            }
            Self::Subject => write!(f, "the digest of `{SUBJECT}` is not that of the files the manifest lists"),
        }
    }
}

impl std::error::Error for ManifestError {}

#[cfg(test)]
mod tests;
