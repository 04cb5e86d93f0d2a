//! [`TreePath`]: where something lies in a tree, in a form that cannot lead out of it.

use std::fmt;

/// The longest path, in bytes.
pub const MAX_PATH_BYTES: usize = 4_096;

/// The deepest path, in components.
pub const MAX_PATH_DEPTH: usize = 256;

/// A relative path, its components joined by `/`, in the bytes of the file system. Ordered bytewise.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TreePath(Vec<u8>);

/// Says why bytes are no path within a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathFault {
    /// It starts at the root of a file system or names a network share.
    Absolute,
    /// It has a component `.` or `..`.
    Dots,
    /// It begins with a drive letter.
    Drive,
    /// It is empty, or has an empty component.
    Empty,
    /// It holds a NUL byte.
    Nul,
    /// It is spelled in base64 though it is UTF-8, or not in base64 at all.
    Spelling,
    /// It is longer than [`MAX_PATH_BYTES`] or deeper than [`MAX_PATH_DEPTH`].
    TooLong,
}

impl TreePath {
    /// Takes the bytes of a path. A backslash may stand in a name; where it would lead out of the tree if it were a
    /// separator, as it is on Windows, the path is refused.
    ///
    /// # Errors
    /// [`PathFault`] names the first fault.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, PathFault> {
        let bytes = bytes.into();
        let components = || bytes.split(|byte| *byte == b'/');
        if bytes.contains(&0) {
            Err(PathFault::Nul)
        } else if matches!(bytes.first(), Some(b'/' | b'\\')) {
            Err(PathFault::Absolute)
        } else if matches!(bytes.as_slice(), [letter, b':', ..] if letter.is_ascii_alphabetic()) {
            Err(PathFault::Drive)
        } else if components().any(<[u8]>::is_empty) {
            Err(PathFault::Empty)
        } else if bytes.split(|byte| matches!(byte, b'/' | b'\\')).any(|part| matches!(part, b"." | b"..")) {
            Err(PathFault::Dots)
        } else if bytes.len() > MAX_PATH_BYTES || components().count() > MAX_PATH_DEPTH {
            Err(PathFault::TooLong)
        } else {
            Ok(Self(bytes))
        }
    }

    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the path as text, unless it is not UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Returns the folder, empty at the top of the tree, and the name in it.
    pub fn split(&self) -> (&[u8], &[u8]) {
        match self.0.iter().rposition(|byte| *byte == b'/') {
            Some(at) => (&self.0[..at], &self.0[at + 1..]),
            None => (&[], &self.0),
        }
    }

    /// Whether a link here with this text would stay within the tree.
    pub fn holds_target(&self, target: &[u8]) -> bool {
        let outside = target.is_empty()
            || matches!(target, [b'/' | b'\\', ..] | [_, b':', ..])
            || target.contains(&0)
            || target.len() > MAX_PATH_BYTES;
        let mut depth = self.0.split(|byte| *byte == b'/').count() - 1;
        // A link that another link on the way leads elsewhere is judged by its text: nothing here follows either.
        !outside
            && target.split(|byte| matches!(byte, b'/' | b'\\')).all(|part| match part {
                b".." => depth.checked_sub(1).map(|up| depth = up).is_some(),
                b"" | b"." => true,
                _ => {
                    depth += 1;
                    true
                }
            })
    }
}

/// Spells bytes for people: what is not UTF-8 as `\xff`.
pub fn lossless(bytes: &[u8]) -> impl fmt::Display {
    struct Bytes<'a>(&'a [u8]);

    impl fmt::Display for Bytes<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.utf8_chunks().try_for_each(|chunk| {
                f.write_str(chunk.valid())?;
                chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))
            })
        }
    }

    Bytes(bytes)
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        lossless(&self.0).fmt(f)
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absolute => f.write_str("is an absolute path"),
            Self::Dots => f.write_str("has a component `.` or `..`"),
            Self::Drive => f.write_str("begins with a drive letter"),
            Self::Empty => f.write_str("has an empty component"),
            Self::Nul => f.write_str("holds a NUL byte"),
            Self::Spelling => f.write_str("is not base64 of bytes that are not UTF-8"),
            Self::TooLong => write!(f, "is longer than {MAX_PATH_BYTES} bytes or {MAX_PATH_DEPTH} components"),
        }
    }
}

impl std::error::Error for PathFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_tree() {
        for (path, fault) in [
            ("", PathFault::Empty),
            ("/", PathFault::Absolute),
            ("/etc/passwd", PathFault::Absolute),
            ("//host/share", PathFault::Absolute),
            ("\\\\host\\share", PathFault::Absolute),
            ("\\windows", PathFault::Absolute),
            ("..", PathFault::Dots),
            (".", PathFault::Dots),
            ("../x", PathFault::Dots),
            ("a/../x", PathFault::Dots),
            ("a/..", PathFault::Dots),
            ("./a", PathFault::Dots),
            ("a/./b", PathFault::Dots),
            ("..\\x", PathFault::Dots),
            ("a\\..\\x", PathFault::Dots),
            ("a/b\\..", PathFault::Dots),
            ("a//b", PathFault::Empty),
            ("a/", PathFault::Empty),
            ("c:", PathFault::Drive),
            ("C:\\x", PathFault::Drive),
            ("c:/x", PathFault::Drive),
            ("z:x", PathFault::Drive),
            ("a\0", PathFault::Nul),
            ("a\0/../x", PathFault::Nul),
        ] {
            assert_eq!(TreePath::new(path), Err(fault), "{path:?}");
        }
        assert_eq!(TreePath::new("a".repeat(MAX_PATH_BYTES + 1)), Err(PathFault::TooLong));
        assert_eq!(TreePath::new(vec!["a"; MAX_PATH_DEPTH + 1].join("/")), Err(PathFault::TooLong));
    }

    #[test]
    fn odd_names_are_names_all_the_same() {
        for name in [&b"a\\b"[..], b"...", b"..a", b"ab:c", b"1:b", b"\xff\xfe", b"a\nb", b" ", b"-rf", b"lib/a\\x2db"]
        {
            assert!(TreePath::new(name).is_ok(), "{}", lossless(name));
        }
        assert_eq!(TreePath::new(&b"a\xffb"[..]).unwrap().to_string(), "a\\xffb");
    }

    #[test]
    fn a_link_stays_within_the_tree_or_is_refused() {
        let link = TreePath::new("lib/sub/link").unwrap();
        for target in ["x", "../x", "../../x", "./x", "../../lib/sub/x", "a/../x"] {
            assert!(link.holds_target(target.as_bytes()), "{target}");
        }
        for target in ["", "/etc/passwd", "../../../x", "a/../../../../x", "..\\..\\..\\x", "c:\\x", "\\\\host\\x"] {
            assert!(!link.holds_target(target.as_bytes()), "{target}");
        }
    }
}
