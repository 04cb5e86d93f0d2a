//! Paths that are two here and one to some file systems: they differ by case, or by the Unicode form of their letters.

use std::collections::{HashMap, HashSet};
use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::Extras;
use crate::manifest::compare::Comparison;
use crate::manifest::{Manifest, TreePath};

/// Two paths that a file system may take for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Twins<'a> {
    /// The first of them in order; of a comparison, the one that the manifest lists.
    pub one: &'a TreePath,
    /// The other; of a comparison, the one that it does not list.
    pub other: &'a TreePath,
    /// What alone they differ by.
    pub differ_by: Spelling,
}

/// What two spellings of a path differ by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// Case.
    Case,
    /// The Unicode form, such as a letter with its accent and a letter beside one.
    Form,
    /// Both.
    CaseAndForm,
}

/// Returns the paths of a manifest that some file systems cannot tell from an earlier one.
pub fn clashes(manifest: &Manifest) -> Vec<Twins<'_>> {
    let mut seen = HashMap::with_capacity(manifest.files.len());
    listed(manifest).filter_map(|path| seen.insert(fold(path), path).map(|one| Twins::of(one, path))).collect()
}

/// What was found of spellings: reasons for a "no", and what should be known all the same.
#[derive(Debug, Default)]
pub(super) struct Spelled {
    pub(super) refused: Vec<String>,
    pub(super) warned: Vec<String>,
}

/// Judges the spellings of a manifest and of the tree it was compared with. Two names that are both there are two files,
/// and no reason for a "no"; where one of them is not, some file system or tool took them for one.
pub(super) fn judge(
    manifest: &Manifest,
    comparison: &Comparison,
    extras: Extras,
    ignored: impl Fn(&TreePath) -> bool,
) -> Spelled {
    let mut spelled = Spelled::default();
    let missing = comparison.missing.iter().map(|found| &found.path);
    let gone: HashSet<_> = missing.chain(comparison.moved.iter().map(|moved| &moved.from)).collect();
    for twins in clashes(manifest).into_iter().filter(|twins| !ignored(twins.one) && !ignored(twins.other)) {
        if gone.contains(twins.one) || gone.contains(twins.other) {
            let Twins { one, other, differ_by } = twins;
            spelled.refused.push(format!(
                "`{one}` and `{other}` differ by {differ_by} alone, and not both are here: what holds or unpacked this \
                 folder takes them for one"
            ));
        } else {
            spelled.warned.push(twins.to_string());
        }
    }
    let extra = comparison.extra.iter().map(|found| &found.path);
    let unlisted: Vec<_> = extra.chain(comparison.moved.iter().map(|moved| &moved.to)).collect();
    if unlisted.is_empty() {
        return spelled;
    }
    let by_fold: HashMap<_, _> = listed(manifest).map(|path| (fold(path), path)).collect();
    for other in unlisted {
        let Some(one) = by_fold.get(&fold(other)).copied() else { continue };
        let differ_by = Twins::of(one, other).differ_by;
        if gone.contains(one) {
            let message = format!("`{one}` is missing and `{other}` is extra: a tool changed the {differ_by} of names");
            spelled.refused.push(message);
        } else {
            let message = format!("`{other}` is extra, and differs from `{one}` by {differ_by} alone");
            match extras {
                Extras::Allow => spelled.warned.push(message),
                Extras::Refuse => spelled.refused.push(message),
            }
        }
    }
    spelled
}

fn listed(manifest: &Manifest) -> impl Iterator<Item = &TreePath> {
    manifest.files.iter().map(|file| &file.path).chain(manifest.links.iter().map(|link| &link.path))
}

/// Spells a path as a file system does that keeps neither case nor form.
fn fold(path: &TreePath) -> String {
    let text = path.to_string();
    if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        text.nfd().collect::<String>().to_lowercase().nfc().collect()
    }
}

impl<'a> Twins<'a> {
    fn of(one: &'a TreePath, other: &'a TreePath) -> Self {
        let (left, right) = (one.to_string(), other.to_string());
        let differ_by = if left.nfc().eq(right.nfc()) {
            Spelling::Form
        } else if left.to_lowercase() == right.to_lowercase() {
            Spelling::Case
        } else {
            Spelling::CaseAndForm
        };
        Self { one, other, differ_by }
    }
}

impl fmt::Display for Twins<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { one, other, differ_by } = self;
        write!(f, "`{one}` and `{other}` differ by {differ_by} alone; some systems take them for one")
    }
}

impl fmt::Display for Spelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Case => "case",
            Self::Form => "Unicode form",
            Self::CaseAndForm => "case and Unicode form",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::new(text).unwrap()
    }

    #[test]
    fn spellings_that_some_file_systems_take_for_one_are_told() {
        for (one, other, differ_by) in [
            ("README", "readme", Some(Spelling::Case)),
            ("\u{fc}ber", "u\u{308}ber", Some(Spelling::Form)),
            ("\u{dc}ber", "u\u{308}ber", Some(Spelling::CaseAndForm)),
            ("\u{c4}/x", "\u{e4}/X", Some(Spelling::Case)),
            ("a", "b", None),
            // Compatibility is not equivalence: these are two names everywhere.
            ("\u{fb01}n", "fin", None),
        ] {
            let (one, other) = (path(one), path(other));
            let found = (fold(&one) == fold(&other)).then(|| Twins::of(&one, &other).differ_by);
            assert_eq!(found, differ_by, "{one} {other}");
        }
    }
}
