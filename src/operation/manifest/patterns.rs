//! [`Patterns`]: which paths are left out.

use std::fmt;

use globset::{Candidate, GlobBuilder, GlobSet, GlobSetBuilder};

/// The most patterns that a manifest may hold.
const MAX_PATTERNS: usize = 256;

/// Patterns over whole paths: `*` and `?` stay within one name, `**` spans folders, `[a-z]` and `{a,b}` choose, `\` takes
/// the next character as it is. A folder that matches is left out with all that is in it.
#[derive(Clone, Debug)]
pub struct Patterns(GlobSet);

/// Says which pattern is none, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError(String);

impl Patterns {
    /// Reads patterns.
    ///
    /// # Errors
    /// [`PatternError`] for the first that is none, or when there are more than 256.
    pub fn new(patterns: &[String]) -> Result<Self, PatternError> {
        if patterns.len() > MAX_PATTERNS {
            return Err(PatternError(format!("there are more than {MAX_PATTERNS} patterns")));
        }
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            // The same on every system: a backslash is never a separator.
            let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build();
            set.add(glob.map_err(|error| PatternError(format!("`{pattern}` is no pattern: {}", error.kind())))?);
        }
        set.build().map(Self).map_err(|error| PatternError(error.to_string()))
    }

    /// Whether a path is left out.
    pub fn matches(&self, path: &[u8]) -> bool {
        !self.0.is_empty() && self.0.is_match_candidate(&Candidate::from_bytes(path))
    }

    /// Whether a path or a folder that holds it is left out.
    pub fn cover(&self, path: &[u8]) -> bool {
        let folders = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &path[..at]);
        !self.0.is_empty() && folders.chain([path]).any(|path| self.matches(path))
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PatternError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Patterns::new(&[pattern.to_owned()]).unwrap().matches(path.as_bytes())
    }

    #[test]
    fn a_pattern_is_over_the_whole_path() {
        assert!(matches("*.pdb", "a.pdb") && !matches("*.pdb", "bin/a.pdb"));
        assert!(matches("**/*.pdb", "a.pdb") && matches("**/*.pdb", "bin/x/a.pdb"));
        assert!(matches("obj", "obj") && !matches("obj", "src/obj"));
        assert!(matches("{a,b}/?", "a/x") && !matches("{a,b}/?", "a/xy"));
        assert!(matches("a\\*b", "a*b") && !matches("a\\*b", "axb"));
    }

    #[test]
    fn bytes_that_are_not_text_match_as_well() {
        assert!(Patterns::new(&["*".to_owned()]).unwrap().matches(b"\xff\xfe"));
    }

    #[test]
    fn what_lies_in_a_folder_that_matches_is_covered() {
        let patterns = Patterns::new(&["obj".to_owned(), "**/cache".to_owned()]).unwrap();
        assert!(patterns.cover(b"obj/x/y") && patterns.cover(b"a/cache/b") && patterns.cover(b"obj"));
        assert!(!patterns.cover(b"object/x") && !patterns.cover(b"a/obj"));
    }

    #[test]
    fn what_is_no_pattern_is_named() {
        for pattern in ["[", "{a", "a\\"] {
            let error = Patterns::new(&[pattern.to_owned()]).unwrap_err();
            assert!(error.to_string().contains(pattern), "{error}");
        }
    }
}
