//! The text that GNU `sha256sum` writes of a tree, and `sha256sum -c --strict` accepts.

use sha2::{Digest, Sha256};

use super::{FileDigest, Manifest};
use crate::id::Hex;

impl Manifest {
    /// Returns the sums text, one line for each file. A name with a backslash, a line feed or a carriage return has them
    /// escaped, and its line then begins with a backslash.
    pub fn to_sums(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.files.len() * 128);
        self.each_line(|line| text.extend_from_slice(line));
        text
    }

    /// Returns the digest of the sums text: that of the one subject.
    pub fn sums_digest(&self) -> FileDigest {
        let mut hasher = Sha256::new();
        self.each_line(|line| hasher.update(line));
        FileDigest(hasher.finalize().into())
    }

    fn each_line(&self, mut line: impl FnMut(&[u8])) {
        let mut text = Vec::new();
        for file in &self.files {
            let name = file.path.as_bytes();
            text.clear();
            let escaped = name.iter().any(|byte| escape(*byte).is_some());
            text.extend(escaped.then_some(b'\\'));
            text.extend_from_slice(Hex(&file.facts.sha256.0).to_string().as_bytes());
            text.extend_from_slice(b"  ");
            for byte in name {
                match escape(*byte) {
                    Some(letter) => text.extend([b'\\', letter]),
                    None => text.push(*byte),
                }
            }
            text.push(b'\n');
            line(&text);
        }
    }
}

fn escape(byte: u8) -> Option<u8> {
    match byte {
        b'\\' => Some(b'\\'),
        b'\n' => Some(b'n'),
        b'\r' => Some(b'r'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{entry, manifest};
    use super::*;

    #[test]
    fn names_are_escaped_as_coreutils_does() {
        let mut manifest = manifest();
        manifest.files = vec![entry("a b"), entry("a\rb"), entry("c\\d"), entry("n\nl")];
        let text = String::from_utf8(manifest.to_sums()).unwrap();
        let digest = manifest.files[0].facts.sha256;
        let expected = format!("{digest}  a b\n\\{digest}  a\\rb\n\\{digest}  c\\\\d\n\\{digest}  n\\nl\n");
        assert_eq!(text, expected);
        assert_eq!(manifest.sums_digest(), FileDigest(Sha256::digest(text).into()));
    }
}
