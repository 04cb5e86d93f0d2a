//! Holds a tree against its manifest.

use std::collections::BTreeMap;
use std::path::Path;

use super::hash::{self, HashFault};
use super::twins;
use super::verdict::TreeVerdict;
use super::walk::{self, EntryKind};
use super::{Patterns, Reading, TreeFault};
use crate::code::Code;
use crate::dsse::{self, Envelope, EnvelopeError, Kind};
use crate::json::{self, Value};
use crate::keyring::Keyring;
use crate::manifest::compare::{Comparison, Found, Thing, compare};
use crate::manifest::{Manifest, ManifestError, Scope, TreePath, VerifiedManifest};
use crate::time::{CLOCK_TOLERANCE, Timestamp};
use crate::verdict::{Refusal, Verdict};

/// What to do with files that the manifest does not list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extras {
    /// They are left alone.
    Allow,
    /// They are a reason for a "no".
    Refuse,
}

/// A tree, and what its manifest is judged against.
#[derive(Clone, Copy)]
pub struct Tree<'a> {
    /// The folder.
    pub root: &'a Path,
    /// Paths that are not compared, beside those that the manifest leaves out itself.
    pub ignore: &'a Patterns,
    /// What to do with files that the manifest does not list.
    pub extras: Extras,
    /// The product that runs.
    pub product: Option<&'a str>,
    /// What was found of the license beside it, if there is one.
    pub license: Option<&'a Verdict>,
    /// The time it is judged for.
    pub now: Timestamp,
    /// A time that has certainly passed; a clock earlier than it by more than 300 s was set back.
    pub floor: Option<Timestamp>,
    /// How the tree is read.
    pub reading: Reading<'a>,
}

/// Verifies the text of a manifest, alone or in a Sigstore bundle, and then the tree. Nothing in the tree is opened for a
/// manifest that is not believed.
pub fn verify(text: &[u8], keyring: &Keyring, tree: Tree<'_>) -> TreeVerdict {
    let mut verdict = TreeVerdict::new(tree.now);
    let VerifiedManifest { manifest, key_id, .. } = match signed(text, keyring) {
        Ok(verified) => verified,
        Err(error) => {
            verdict.findings.fail("signature", error.code(), error);
            return verdict;
        }
    };
    let what = format!("{} {}, signed by key {}", manifest.product, manifest.version, key_id.kid());
    verdict.findings.pass("signature", what);
    verdict.key_id = Some(key_id);
    judge_clock(&manifest, tree, &mut verdict);
    judge_product(&manifest, tree, &mut verdict);
    judge_scope(&manifest, tree, &mut verdict);
    judge_files(&manifest, tree, &mut verdict);
    verdict.manifest = Some(manifest);
    verdict
}

fn envelope(text: &[u8]) -> Result<Envelope, ManifestError> {
    let bundled = json::parse_within(text, dsse::MAX_VALUES)?
        .into_object("document")?
        .into_iter()
        .find(|(name, _)| name == "dsseEnvelope");
    let parsed = match bundled {
        Some((_, envelope @ Value::Object(_))) => Envelope::parse(json::canonical(&envelope).as_bytes()),
        _ => Envelope::parse(text),
    };
    parsed.map_err(ManifestError::Envelope)
}

/// Reads a manifest without believing it.
///
/// # Errors
/// [`ManifestError`] for what is no manifest.
pub fn unverified(text: &[u8]) -> Result<Manifest, ManifestError> {
    let envelope = envelope(text)?;
    if envelope.payload_type() != Kind::Manifest.payload_type() {
        let found = envelope.payload_type().to_owned();
        return Err(ManifestError::Envelope(EnvelopeError::WrongKind(Kind::Manifest.payload_type(), found)));
    }
    Manifest::parse(envelope.unverified_payload())
}

/// Reads a manifest that a trusted key signed, alone or in a Sigstore bundle; the tree is not looked at.
///
/// # Errors
/// [`ManifestError`] for what is no manifest, or not to be believed.
pub fn signed(text: &[u8], keyring: &Keyring) -> Result<VerifiedManifest, ManifestError> {
    Manifest::verify(&envelope(text)?, keyring)
}

fn judge_clock(manifest: &Manifest, tree: Tree<'_>, verdict: &mut TreeVerdict) {
    let (made, now) = (manifest.created_at, tree.now);
    if made.since(now) > CLOCK_TOLERANCE {
        let message = format!("the manifest was made at {made}, and it is {now} here");
        return verdict.findings.fail("clock", Code::ClockRolledBack, message);
    }
    match tree.floor {
        Some(floor) if floor.since(now) > CLOCK_TOLERANCE => {
            let message = format!("this machine has seen {floor} already, and it is {now} now");
            verdict.findings.fail("clock", Code::ClockRolledBack, message);
        }
        _ => verdict.findings.pass("clock", format!("made at {made}")),
    }
}

fn judge_product(manifest: &Manifest, tree: Tree<'_>, verdict: &mut TreeVerdict) {
    match tree.product {
        None => {}
        Some(product) if product == manifest.product => verdict.findings.pass("product", product.to_owned()),
        Some(product) => {
            let message = format!("the manifest is for product `{}`, and `{product}` runs", manifest.product);
            verdict.findings.fail("product", Code::WrongProduct, message);
        }
    }
}

/// A manifest for some licenses counts only beside one of them, and that license must hold itself.
fn judge_scope(manifest: &Manifest, tree: Tree<'_>, verdict: &mut TreeVerdict) {
    let license = tree.license.and_then(|verdict| verdict.license.as_ref());
    if let Some(judged) = tree.license {
        match judged.refusals.as_slice() {
            [] => {
                verdict.findings.pass("license", license.map(|license| license.license_id.clone()).unwrap_or_default());
            }
            refusals => refusals.iter().for_each(|refusal| verdict.findings.refuse("license", refusal.clone())),
        }
    }
    let Scope::Licenses(ids) = &manifest.scope else {
        return verdict.findings.pass("scope", "global");
    };
    let named = ids.join(", ");
    match license {
        Some(license) if ids.contains(&license.license_id) => {
            verdict.findings.pass("scope", format!("approved for license {}", license.license_id));
        }
        Some(license) => {
            let message = format!("the build is approved for {named}, not for {}", license.license_id);
            verdict.findings.fail("scope", Code::ManifestScope, message);
        }
        None => {
            let message = format!("the build is approved for {named} alone, and no verified license is beside it");
            verdict.findings.fail("scope", Code::ManifestScope, message);
        }
    }
}

fn judge_files(manifest: &Manifest, tree: Tree<'_>, verdict: &mut TreeVerdict) {
    let excludes = match Patterns::new(&manifest.walk.excludes) {
        Ok(excludes) => excludes,
        Err(error) => return verdict.findings.fail("files", Code::Malformed, error),
    };
    let ignored = |path: &TreePath| tree.ignore.cover(path.as_bytes());
    let (found, faults) = match find(manifest, &excludes, tree) {
        Ok(found) => found,
        Err(fault) => return verdict.findings.fail("files", fault.code(), fault),
    };
    let allowed = |fault: &TreeFault| matches!(fault, TreeFault::Path(..)) && tree.extras == Extras::Allow;
    let faults = faults.into_iter().filter(|fault| !allowed(fault)).map(|fault| match fault {
        // No manifest lists it, so it is one file too many.
        TreeFault::Path(..) => (Code::ManifestMismatch, fault.to_string()),
        _ => (fault.code(), fault.to_string()),
    });
    by_reason(faults).into_iter().for_each(|refusal| verdict.findings.refuse("folder", refusal));
    let comparison = compare(manifest, found, ignored);
    let spelled = twins::judge(manifest, &comparison, tree.extras, ignored);
    let clashes = by_reason(spelled.refused.into_iter().map(|message| (Code::PathClash, message)));
    clashes.into_iter().for_each(|refusal| verdict.findings.refuse("names", refusal));
    verdict.warnings.extend(spelled.warned.into_iter().map(|message| Refusal::new(Code::PathClash, message)));
    verdict.judge(comparison, tree.extras);
}

/// Walks the tree and reads what must be compared: the files that the manifest lists, and others where it matters what
/// they are.
fn find(manifest: &Manifest, excludes: &Patterns, tree: Tree<'_>) -> Result<(Vec<Found>, Vec<TreeFault>), TreeFault> {
    let root = super::open(tree.root)?;
    let left_out = |path: &[u8]| excludes.matches(path) || tree.ignore.matches(path) || (tree.reading.own)(path);
    let walked = walk::walk(&root, &left_out);
    let listed = |path: &TreePath| manifest.files.binary_search_by_key(&path, |file| &file.path).is_ok();
    let mut found: Vec<Found> = walked
        .entries
        .into_iter()
        .map(|entry| {
            let thing = match entry.kind {
                EntryKind::File => Thing::Unread,
                EntryKind::Link(target) => Thing::Link(target),
                EntryKind::Special(what) => Thing::Special(what),
            };
            Found { path: entry.path, thing }
        })
        .collect();
    let unread = |found: &Found| found.thing == Thing::Unread;
    let here = found.iter().filter(|found| unread(found) && listed(&found.path)).count();
    // Where nothing is missing, nothing can have moved, and what is allowed need not be read.
    let all = tree.extras == Extras::Refuse || here < manifest.files.len();
    let wanted = |found: &Found| unread(found) && (all || listed(&found.path));
    let paths: Vec<TreePath> = found.iter().filter(|found| wanted(found)).map(|found| found.path.clone()).collect();
    let mut facts = hash::read_all(&root, &paths, tree.reading).into_iter();
    for found in &mut found {
        if wanted(found) {
            found.thing = match facts.next() {
                Some(Ok(facts)) => Thing::File(facts),
                Some(Err(fault)) => unreadable(fault, found.path.clone()),
                None => Thing::Unread,
            };
        }
    }
    Ok((found, walked.faults))
}

fn unreadable(fault: HashFault, path: TreePath) -> Thing {
    let fault = fault.at(path);
    Thing::Unreadable(fault.code(), fault.to_string())
}

/// Gives the first of each reason, and how many more share it.
fn by_reason(faults: impl Iterator<Item = (Code, String)>) -> Vec<Refusal> {
    let mut reasons: BTreeMap<Code, (String, usize)> = BTreeMap::new();
    for (code, message) in faults {
        reasons.entry(code).or_insert((message, 0)).1 += 1;
    }
    let refusal = |(code, (message, count)): (Code, (String, usize))| match count {
        1 => Refusal::new(code, message),
        _ => Refusal::new(code, format_args!("{message}; so it went with {} more", count - 1)),
    };
    reasons.into_iter().map(refusal).collect()
}

impl TreeVerdict {
    /// Judges a comparison: everything that was to be compared must be the same, and something must have been.
    fn judge(&mut self, comparison: Comparison, extras: Extras) {
        let unreadable = comparison.unreadable.iter().filter_map(|found| match &found.thing {
            Thing::Unreadable(code, message) => Some((*code, message.clone())),
            _ => None,
        });
        self.findings.refusals.extend(by_reason(unreadable));
        let counts = [
            (comparison.changed.len(), "changed"),
            (comparison.missing.len(), "missing"),
            (comparison.extra.len(), "extra"),
            (comparison.moved.len(), "moved"),
            (comparison.unreadable.len(), "unreadable"),
        ];
        let told: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        let mut detail = format!("{} checked", comparison.checked);
        if !told.is_empty() {
            detail = format!("{detail}, {}", told.join(", "));
        }
        if comparison.ignored > 0 {
            detail = format!("{detail}, {} ignored", comparison.ignored);
        }
        let differs = !comparison.is_same() || (extras == Extras::Refuse && !comparison.extra.is_empty());
        if differs {
            self.findings.fail("files", Code::ManifestMismatch, detail);
        } else if comparison.checked == 0 {
            let message = "no file of the manifest was checked";
            self.findings.fail("files", Code::ManifestMismatch, message);
        } else if comparison.unreadable.is_empty() {
            self.findings.pass("files", detail);
        } else {
            self.findings.note_failure("files", detail);
        }
        self.comparison = Some(comparison);
    }
}
