//! Paths that are two here and one to some file systems: they differ by case, or by the Unicode form of their letters.

use std::collections::HashMap;
use std::fmt;

use unicode_normalization::UnicodeNormalization;

use crate::manifest::compare::Comparison;
use crate::manifest::{Manifest, TreePath};

/// Two paths that a file system may take for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Twins<'a> {
    /// The first of them in order; of a comparison, the one that is missing.
    pub one: &'a TreePath,
    /// The other; of a comparison, the one that is extra.
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
    let paths = manifest.files.iter().map(|file| &file.path).chain(manifest.links.iter().map(|link| &link.path));
    paths.filter_map(|path| seen.insert(fold(path), path).map(|one| Twins::of(one, path))).collect()
}

/// Returns a missing and an extra path that differ in their spelling alone, as some tools leave them behind.
pub fn twins(comparison: &Comparison) -> Option<Twins<'_>> {
    let missing: HashMap<_, _> = comparison.missing.iter().map(|found| (fold(&found.path), &found.path)).collect();
    comparison.extra.iter().find_map(|extra| missing.get(&fold(&extra.path)).map(|one| Twins::of(one, &extra.path)))
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
