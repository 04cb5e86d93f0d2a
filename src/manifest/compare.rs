//! [`compare`]: a manifest beside what a tree holds: changed, missing, extra and moved told apart.

use std::collections::HashMap;

use super::write::write_bytes;
use super::{FileDigest, FileFacts, Manifest, TreePath};
use crate::code::Code;
use crate::json::Writer;

/// What lies at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Thing {
    /// A regular file.
    File(FileFacts),
    /// A symbolic link with this text.
    Link(Vec<u8>),
    /// A regular file whose bytes nobody asked for.
    Unread,
    /// Something that is never opened, such as a socket; names what it is.
    Special(&'static str),
    /// A file that could not be read; why.
    Unreadable(Code, String),
}

/// Something at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it lies.
    pub path: TreePath,
    /// What it is.
    pub thing: Thing,
}

/// A path at which something else lies than the manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it lies.
    pub path: TreePath,
    /// What should lie there.
    pub expected: Thing,
    /// What does.
    pub found: Thing,
}

/// A file that lies elsewhere than the manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Where it should lie.
    pub from: TreePath,
    /// Where it does.
    pub to: TreePath,
    /// What is known of it.
    pub facts: FileFacts,
}

/// How a tree differs from its manifest. Each difference stands in one list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// How many entries of the manifest were compared with what lies at their path.
    pub checked: usize,
    /// Something else lies there.
    pub changed: Vec<Change>,
    /// Nothing lies there.
    pub missing: Vec<Found>,
    /// The manifest knows nothing of it.
    pub extra: Vec<Found>,
    /// It lies elsewhere.
    pub moved: Vec<Move>,
    /// It could not be read.
    pub unreadable: Vec<Found>,
    /// How many entries of the manifest were left out of the comparison.
    pub ignored: usize,
}

/// Compares a manifest with what was found, which is sorted by path. Paths for which `ignored` says so are left out on
/// both sides.
pub fn compare(manifest: &Manifest, found: Vec<Found>, ignored: impl Fn(&TreePath) -> bool) -> Comparison {
    let files = manifest.files.iter().map(|file| (&file.path, Thing::File(file.facts.clone())));
    let links = manifest.links.iter().map(|link| (&link.path, Thing::Link(link.target.clone())));
    let mut expected: Vec<_> = files.chain(links).filter(|(path, _)| !ignored(path)).collect();
    expected.sort_by_key(|(path, _)| *path);
    let listed = manifest.files.len() + manifest.links.len();
    let mut comparison = Comparison { ignored: listed - expected.len(), ..Comparison::default() };
    let mut found = found.into_iter().filter(|found| !ignored(&found.path)).peekable();
    for (path, expected) in expected {
        while let Some(extra) = found.next_if(|found| found.path < *path) {
            comparison.extra.push(extra);
        }
        match found.next_if(|found| found.path == *path) {
            None => comparison.missing.push(Found { path: path.clone(), thing: expected }),
            Some(found) => comparison.settle(expected, found),
        }
    }
    comparison.extra.extend(found);
    let (unreadable, extra) =
        comparison.extra.into_iter().partition(|extra| matches!(extra.thing, Thing::Unreadable(..)));
    comparison.extra = extra;
    comparison.unreadable.extend::<Vec<_>>(unreadable);
    comparison.pair_moves();
    comparison
}

impl Comparison {
    /// Whether the tree is that of the manifest, extras apart.
    pub fn is_same(&self) -> bool {
        self.changed.is_empty() && self.missing.is_empty() && self.moved.is_empty()
    }

    fn settle(&mut self, expected: Thing, found: Found) {
        if let Thing::Unreadable(..) = &found.thing {
            self.unreadable.push(found);
            return;
        }
        self.checked += 1;
        let same = match (&expected, &found.thing) {
            (Thing::File(expected), Thing::File(found)) => {
                (expected.size, expected.sha256) == (found.size, found.sha256)
            }
            (Thing::Link(expected), Thing::Link(found)) => expected == found,
            _ => false,
        };
        if !same {
            self.changed.push(Change { path: found.path, expected, found: found.thing });
        }
    }

    /// Takes files with the same bytes out of `missing` and `extra`, one for one.
    fn pair_moves(&mut self) {
        let digest = |found: &Found| match &found.thing {
            Thing::File(facts) => Some((facts.size, facts.sha256)),
            _ => None,
        };
        let mut by_digest: HashMap<(u64, FileDigest), Vec<usize>> = HashMap::new();
        for (at, extra) in self.extra.iter().enumerate().rev() {
            if let Some(digest) = digest(extra) {
                by_digest.entry(digest).or_default().push(at);
            }
        }
        let mut taken = vec![false; self.extra.len()];
        let (extra, moved) = (&self.extra, &mut self.moved);
        self.missing.retain(|missing| {
            let twin = digest(missing).and_then(|digest| by_digest.get_mut(&digest)?.pop());
            let (Some(twin), Thing::File(facts)) = (twin, &missing.thing) else {
                return true;
            };
            taken[twin] = true;
            moved.push(Move { from: missing.path.clone(), to: extra[twin].path.clone(), facts: facts.clone() });
            false
        });
        let mut taken = taken.into_iter();
        self.extra.retain(|_| !taken.next().unwrap_or_default());
    }

    /// Writes the comparison, every difference of it.
    pub fn write(&self, out: &mut Writer) {
        let count = |count: usize| i128::try_from(count).unwrap_or(i128::MAX);
        out.begin_object();
        out.name("changed").begin_array();
        for change in &self.changed {
            out.begin_object();
            change.expected.write(out.name("expected"));
            change.found.write(out.name("found"));
            write_bytes(out, "path", change.path.as_bytes());
            out.end_object();
        }
        out.end_array();
        out.name("checked").integer(count(self.checked));
        write_all(out.name("extra"), &self.extra);
        out.name("ignored").integer(count(self.ignored));
        write_all(out.name("missing"), &self.missing);
        out.name("moved").begin_array();
        for moved in &self.moved {
            out.begin_object();
            Thing::File(moved.facts.clone()).write(out.name("file"));
            write_bytes(out, "from", moved.from.as_bytes());
            write_bytes(out, "to", moved.to.as_bytes());
            out.end_object();
        }
        out.end_array();
        write_all(out.name("unreadable"), &self.unreadable);
        out.end_object();
    }
}

fn write_all(out: &mut Writer, all: &[Found]) {
    out.begin_array();
    for found in all {
        out.begin_object();
        write_bytes(out, "path", found.path.as_bytes());
        found.thing.write(out.name("thing"));
        out.end_object();
    }
    out.end_array();
}

impl Thing {
    fn write(&self, out: &mut Writer) {
        out.begin_object();
        match self {
            Self::File(facts) => {
                if let Some(identity) = &facts.identity {
                    out.name("identity").begin_object();
                    identity.write(out);
                    out.end_object();
                }
                out.name("kind").string("file");
                facts.write(out);
            }
            Self::Link(target) => {
                out.name("kind").string("link");
                write_bytes(out, "target", target);
            }
            Self::Special(what) => out.name("kind").string(what),
            Self::Unread => out.name("kind").string("file"),
            Self::Unreadable(code, message) => {
                out.name("code").string(code.as_str());
                out.name("kind").string("file");
                out.name("message").string(message);
            }
        }
        out.end_object();
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{entry, manifest, path};
    use super::*;

    fn file(name: &str, content: u8) -> Found {
        let facts = FileFacts { size: 1, sha256: FileDigest([content; 32]), identity: None };
        Found { path: path(name), thing: Thing::File(facts) }
    }

    fn built(files: &[(&str, u8)]) -> Manifest {
        let mut manifest = manifest();
        manifest.links.clear();
        manifest.files = files
            .iter()
            .map(|(name, content)| {
                let mut entry = entry(*name);
                entry.facts = FileFacts { size: 1, sha256: FileDigest([*content; 32]), identity: None };
                entry
            })
            .collect();
        manifest
    }

    #[test]
    fn each_difference_stands_in_one_list() {
        let manifest = built(&[("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5)]);
        let found = vec![file("a", 1), file("b", 9), file("d.old", 4), file("x", 7), file("y/e", 5)];
        let comparison = compare(&manifest, found, |_| false);
        assert_eq!(comparison.checked, 2);
        let paths = |all: &[Found]| all.iter().map(|found| found.path.to_string()).collect::<Vec<_>>();
        assert_eq!(comparison.changed[0].path.to_string(), "b");
        assert_eq!(paths(&comparison.missing), ["c"]);
        assert_eq!(paths(&comparison.extra), ["x"]);
        let moves: Vec<_> = comparison.moved.iter().map(|moved| format!("{} {}", moved.from, moved.to)).collect();
        assert_eq!(moves, ["d d.old", "e y/e"]);
        assert!(!comparison.is_same());
    }

    #[test]
    fn copies_move_one_for_one() {
        let manifest = built(&[("a", 1), ("b", 1)]);
        let comparison = compare(&manifest, vec![file("c", 1), file("d", 1), file("e", 1)], |_| false);
        let moves: Vec<_> = comparison.moved.iter().map(|moved| format!("{} {}", moved.from, moved.to)).collect();
        assert_eq!((moves, comparison.missing.len(), comparison.extra.len()), (vec!["a c".into(), "b d".into()], 0, 1));
    }

    #[test]
    fn a_link_or_a_socket_in_the_place_of_a_file_is_a_change() {
        let manifest = built(&[("a", 1), ("b", 1)]);
        let link = Found { path: path("a"), thing: Thing::Link(b"/etc/passwd".to_vec()) };
        let socket = Found { path: path("b"), thing: Thing::Special("socket") };
        let comparison = compare(&manifest, vec![link, socket], |_| false);
        assert_eq!((comparison.changed.len(), comparison.checked), (2, 2));
    }

    #[test]
    fn what_could_not_be_read_is_neither_changed_nor_missing() {
        let manifest = built(&[("a", 1)]);
        let thing = Thing::Unreadable(Code::UnstableFile, "it changed".to_owned());
        let comparison = compare(&manifest, vec![Found { path: path("a"), thing }], |_| false);
        assert_eq!((comparison.checked, comparison.unreadable.len(), comparison.is_same()), (0, 1, true));
    }

    #[test]
    fn ignored_paths_are_left_out_on_both_sides() {
        let manifest = built(&[("a", 1), ("b", 1)]);
        let comparison = compare(&manifest, vec![file("a", 1), file("c", 1)], |path| path.as_bytes() != b"a");
        assert_eq!(comparison, Comparison { checked: 1, ignored: 1, ..Comparison::default() });
    }
}
