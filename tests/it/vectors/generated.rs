//! Writes the vectors from the scenes, and fails when what is there is not what would be written.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::scenes::{Scene, all};
use super::{HEADERS, files, root};

impl Scene {
    /// Spells the vector: headers in their one order, an empty line, the text.
    fn spell(&self) -> String {
        let rank = |name: &str| HEADERS.iter().position(|header| *header == name).unwrap();
        let mut headers = self.headers.clone();
        headers.sort_by_key(|(name, _)| rank(name));
        let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        format!("{}\n{}\n", lines.concat(), self.text)
    }

    fn path(&self) -> PathBuf {
        root().join(self.folder).join(self.name).with_extension("txt")
    }
}

#[test]
fn the_vectors_are_those_that_the_generator_writes() {
    let written: BTreeMap<PathBuf, String> = files().into_iter().collect();
    let expected: BTreeMap<PathBuf, String> = all().iter().map(|scene| (scene.path(), scene.spell())).collect();
    assert_eq!(expected.len(), all().len(), "two scenes have one name");
    for (path, text) in &expected {
        assert!(written.get(path) == Some(text), "{} has drifted; UPDATE=1 cargo test writes it again", path.display());
    }
    for path in written.keys() {
        assert!(expected.contains_key(path), "no scene makes {}; UPDATE=1 cargo test removes it", path.display());
    }
}

/// Writes every vector, and removes those that no scene makes.
pub(super) fn write() {
    let scenes = all();
    for folder in fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if !scenes.iter().any(|scene| scene.path() == path) {
                fs::remove_file(path).unwrap();
            }
        }
    }
    for scene in scenes {
        fs::create_dir_all(scene.path().parent().unwrap()).unwrap();
        fs::write(scene.path(), scene.spell()).unwrap();
    }
}
