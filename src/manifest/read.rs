//! Reads a manifest; whatever it lists has passed the rules for paths.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{
    BuildSource, FileDigest, FileEntry, FileFacts, Identity, LinkEntry, Manifest, ManifestError, PREDICATE_TYPE,
    PathFault, STATEMENT_TYPE, SUBJECT, Scope, Symlinks, TreePath, Walk,
};
use crate::id::decode_hex;
use crate::json::{self, JsonError, Value};

/// The most patterns of paths to leave out.
pub(super) const MAX_EXCLUDES: usize = 256;

/// Members that this version understands wherever in a manifest they stand, and so may stand in `crit`.
const UNDERSTOOD: [&str; 35] = [
    "_type",
    "buildId",
    "commit",
    "createdAt",
    "crit",
    "culture",
    "digest",
    "excludes",
    "files",
    "identity",
    "informationalVersion",
    "kind",
    "licenseIds",
    "links",
    "name",
    "path",
    "pathB64",
    "predicate",
    "predicateType",
    "product",
    "provider",
    "publicKeyToken",
    "repository",
    "runUrl",
    "scope",
    "sha256",
    "size",
    "source",
    "subject",
    "symlinks",
    "target",
    "targetB64",
    "type",
    "version",
    "walk",
];

/// How many values a payload may have, an object counted as eight: half a million files, as many as fit into it.
const MAX_VALUES: usize = 5 << 20;

impl Manifest {
    /// Reads a payload.
    ///
    /// # Errors
    /// `Predicate` for a statement about anything else, `Json`, `Path`, `Duplicate`, `Critical`, and `Subject` when the
    /// sums rebuilt from the files are not those of the subject.
    pub fn parse(payload: &[u8]) -> Result<Self, ManifestError> {
        let (mut kind, mut predicate_type, mut predicate, mut subject) = (None, None, None, None);
        for (name, value) in json::parse_within(payload, MAX_VALUES)?.into_object("statement")? {
            match name.as_ref() {
                "_type" => kind = Some(value.into_string("_type")?.into_owned()),
                "predicateType" => predicate_type = Some(value.into_string("predicateType")?.into_owned()),
                "predicate" => predicate = Some(value),
                "subject" => subject = Some(read_subject(value)?),
                "crit" => read_critical(value)?,
                _ => {}
            }
        }
        let kind = kind.ok_or(JsonError::Missing("_type"))?;
        if kind != STATEMENT_TYPE {
            return Err(JsonError::value("_type", STATEMENT_TYPE, &Value::String(kind.into())).into());
        }
        let predicate_type = predicate_type.ok_or(JsonError::Missing("predicateType"))?;
        if predicate_type != PREDICATE_TYPE {
            return Err(ManifestError::Predicate(predicate_type));
        }
        let manifest = read_predicate(predicate.ok_or(JsonError::Missing("predicate"))?)?;
        if subject.ok_or(JsonError::Missing("subject"))? != manifest.sums_digest() {
            return Err(ManifestError::Subject);
        }
        Ok(manifest)
    }
}

/// Reads the one subject.
fn read_subject(value: Value<'_>) -> Result<FileDigest, JsonError> {
    let items = value.into_array("subject")?;
    let found = Value::Integer(i128::try_from(items.len()).unwrap_or(i128::MAX));
    let mut items = items.into_iter();
    let (Some(item), None) = (items.next(), items.next()) else {
        return Err(JsonError::value("subject", "an array of one", &found));
    };
    let (mut subject, mut digest) = (None, None);
    for (name, value) in item.into_object("subject")? {
        match name.as_ref() {
            "name" => subject = Some(value.into_string("name")?),
            "digest" => {
                let members = value.into_object("digest")?;
                let sha256 = members.into_iter().find(|(name, _)| name == "sha256");
                digest = Some(read_digest(sha256.ok_or(JsonError::Missing("sha256"))?.1)?);
            }
            _ => {}
        }
    }
    let subject = subject.ok_or(JsonError::Missing("name"))?;
    if subject != SUBJECT {
        return Err(JsonError::value("name", SUBJECT, &Value::String(subject)));
    }
    digest.ok_or(JsonError::Missing("digest"))
}

fn read_predicate(value: Value<'_>) -> Result<Manifest, ManifestError> {
    let (mut product, mut version, mut created_at, mut scope, mut source) = (None, None, None, None, None);
    let (mut walk, mut files, mut links) = (None, None, Vec::new());
    for (name, value) in value.into_object("predicate")? {
        match name.as_ref() {
            "product" => product = Some(value.into_string("product")?.into_owned()),
            "version" => version = Some(value.into_string("version")?.into_owned()),
            "createdAt" => created_at = Some(value.into_timestamp("createdAt")?),
            "scope" => scope = Some(read_scope(value)?),
            "source" => source = Some(read_source(value)?),
            "walk" => walk = Some(read_walk(value)?),
            "files" => files = Some(read_all(value, "files", read_file)?),
            "links" => links = read_all(value, "links", read_link)?,
            "crit" => read_critical(value)?,
            _ => {}
        }
    }
    let files = files.ok_or(JsonError::Missing("files"))?;
    in_order("files", files.iter().map(|file| &file.path))?;
    in_order("links", links.iter().map(|link| &link.path))?;
    if let Some(link) = links.iter().find(|link| files.binary_search_by_key(&&link.path, |file| &file.path).is_ok()) {
        return Err(ManifestError::Duplicate(link.path.clone()));
    }
    Ok(Manifest {
        product: product.ok_or(JsonError::Missing("product"))?,
        version: version.ok_or(JsonError::Missing("version"))?,
        created_at: created_at.ok_or(JsonError::Missing("createdAt"))?,
        scope: scope.ok_or(JsonError::Missing("scope"))?,
        source: source.ok_or(JsonError::Missing("source"))?,
        walk: walk.ok_or(JsonError::Missing("walk"))?,
        files,
        links,
    })
}

fn read_all<T>(
    value: Value<'_>,
    name: &str,
    read: impl Fn(Value<'_>) -> Result<T, ManifestError>,
) -> Result<Vec<T>, ManifestError> {
    value.into_array(name)?.into_iter().map(read).collect()
}

/// Refuses paths that stand twice or not in their order, so that a tree has one spelling.
fn in_order<'a>(name: &str, paths: impl Iterator<Item = &'a TreePath> + Clone) -> Result<(), ManifestError> {
    for (before, path) in paths.clone().zip(paths.skip(1)) {
        if before == path {
            return Err(ManifestError::Duplicate(path.clone()));
        }
        if before > path {
            let found = Value::String(path.to_string().into());
            return Err(JsonError::value(name, "sorted bytewise by path", &found).into());
        }
    }
    Ok(())
}

fn read_file(value: Value<'_>) -> Result<FileEntry, ManifestError> {
    let (mut path, mut size, mut sha256, mut identity) = (None, None, None, None);
    for (name, value) in value.into_object("files")? {
        match name.as_ref() {
            "path" | "pathB64" => once(&mut path, read_path(&name, value)?, "path")?,
            "size" => size = Some(value.into_count("size")?),
            "sha256" => sha256 = Some(read_digest(value)?),
            "identity" => identity = Identity::read(value)?,
            _ => {}
        }
    }
    let sha256 = sha256.ok_or(JsonError::Missing("sha256"))?;
    let facts = FileFacts { size: size.ok_or(JsonError::Missing("size"))?, sha256, identity };
    Ok(FileEntry { path: path.ok_or(JsonError::Missing("path"))?, facts })
}

fn read_link(value: Value<'_>) -> Result<LinkEntry, ManifestError> {
    let (mut path, mut target) = (None, None);
    for (name, value) in value.into_object("links")? {
        match name.as_ref() {
            "path" | "pathB64" => once(&mut path, read_path(&name, value)?, "path")?,
            "target" | "targetB64" => once(&mut target, read_bytes(&name, value)?, "target")?,
            _ => {}
        }
    }
    let (path, target) = (path.ok_or(JsonError::Missing("path"))?, target.ok_or(JsonError::Missing("target"))?);
    if !path.holds_target(&target) {
        let found = Value::String(String::from_utf8_lossy(&target));
        return Err(JsonError::value("target", "within the tree", &found).into());
    }
    Ok(LinkEntry { path, target })
}

/// Puts a value in its place; a second spelling of the member is refused.
fn once<T>(place: &mut Option<T>, value: T, name: &str) -> Result<(), JsonError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(JsonError::Duplicate(name.to_owned())),
    }
}

fn read_path(name: &str, value: Value<'_>) -> Result<TreePath, ManifestError> {
    let bytes = read_bytes(name, value)?;
    let shown = super::path::lossless(&bytes).to_string();
    TreePath::new(bytes).map_err(|fault| ManifestError::Path(shown, fault))
}

/// Reads `NAME` as text and `NAMEB64` as bytes that are not UTF-8: every path has one spelling.
fn read_bytes(name: &str, value: Value<'_>) -> Result<Vec<u8>, ManifestError> {
    let text = value.into_text(name)?;
    if !name.ends_with("B64") {
        return Ok(text.into_owned().into_bytes());
    }
    match STANDARD.decode(text.as_bytes()) {
        Ok(bytes) if std::str::from_utf8(&bytes).is_err() => Ok(bytes),
        _ => Err(ManifestError::Path(text.into_owned(), PathFault::Spelling)),
    }
}

fn read_digest(value: Value<'_>) -> Result<FileDigest, JsonError> {
    let text = value.into_string("sha256")?;
    let digest = decode_hex(&text).map(FileDigest);
    digest.ok_or_else(|| JsonError::value("sha256", "64 lower-case hex digits", &Value::String(text)))
}

fn read_scope(value: Value<'_>) -> Result<Scope, JsonError> {
    let (mut kind, mut ids) = (None, None);
    for (name, value) in value.into_object("scope")? {
        match name.as_ref() {
            "kind" => kind = Some(value.into_string("kind")?),
            "licenseIds" => ids = Some(read_strings(value, "licenseIds")?),
            _ => {}
        }
    }
    match (kind.ok_or(JsonError::Missing("kind"))?, ids) {
        (kind, None) if kind == "global" => Ok(Scope::Global),
        (kind, Some(ids)) if kind == "license" && !ids.is_empty() => Ok(Scope::Licenses(ids)),
        (kind, _) if kind == "license" => Err(JsonError::Missing("licenseIds")),
        (kind, _) => Err(JsonError::value("scope", "global, or license with the ids it is for", &Value::String(kind))),
    }
}

fn read_source(value: Value<'_>) -> Result<BuildSource, JsonError> {
    let mut kind = None;
    let mut source = BuildSource::default();
    for (name, value) in value.into_object("source")? {
        let place = match name.as_ref() {
            "kind" => &mut kind,
            "provider" => &mut source.provider,
            "repository" => &mut source.repository,
            "commit" => &mut source.commit,
            "runUrl" => &mut source.run_url,
            _ => continue,
        };
        *place = Some(value.into_string(&name)?.into_owned());
    }
    let kind = kind.ok_or(JsonError::Missing("kind"))?;
    if kind != source.kind() {
        let found = Value::String(kind.into());
        return Err(JsonError::value("source", "ci with its provider, or manual without one", &found));
    }
    Ok(source)
}

fn read_walk(value: Value<'_>) -> Result<Walk, JsonError> {
    let (mut symlinks, mut excludes) = (None, Vec::new());
    for (name, value) in value.into_object("walk")? {
        match name.as_ref() {
            "symlinks" => {
                let word = value.into_string("symlinks")?;
                let known = [Symlinks::Record, Symlinks::Reject].into_iter().find(|known| known.as_str() == word);
                let expected = "record or reject";
                symlinks = Some(known.ok_or_else(|| JsonError::value("symlinks", expected, &Value::String(word)))?);
            }
            "excludes" => excludes = read_strings(value, "excludes")?,
            _ => {}
        }
    }
    if excludes.len() > MAX_EXCLUDES {
        let found = Value::Integer(i128::try_from(excludes.len()).unwrap_or(i128::MAX));
        return Err(JsonError::value("excludes", "at most 256 patterns", &found));
    }
    Ok(Walk { symlinks: symlinks.ok_or(JsonError::Missing("symlinks"))?, excludes })
}

fn read_strings(value: Value<'_>, name: &str) -> Result<Vec<String>, JsonError> {
    value.into_array(name)?.into_iter().map(|item| item.into_string(name).map(Cow::into_owned)).collect()
}

fn read_critical(value: Value<'_>) -> Result<(), ManifestError> {
    value.into_critical(&UNDERSTOOD).map_err(|error| match error {
        JsonError::Critical(name) => ManifestError::Critical(name),
        error => error.into(),
    })
}
