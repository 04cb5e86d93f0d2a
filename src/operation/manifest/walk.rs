//! Walks a tree without following anything.

use super::TreeFault;
use super::folder::Folder;
use crate::manifest::TreePath;
use crate::manifest::path::lossless;

/// What was found, sorted bytewise by path, and what could not be listed.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) entries: Vec<Entry>,
    pub(super) faults: Vec<TreeFault>,
}

/// Something in a tree.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: TreePath,
    pub(super) kind: EntryKind,
}

/// What an entry is, by its type; none has been opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EntryKind {
    File,
    Link(Vec<u8>),
    Special(&'static str),
}

/// Walks a tree; what `left_out` says is left out, whatever it is, a folder with all that is in it. Folders themselves are
/// not listed.
pub(super) fn walk(root: &Folder, left_out: &dyn Fn(&[u8]) -> bool) -> Walked {
    let mut walked = Walked::default();
    enter(root, &[], left_out, &mut walked);
    walked
}

fn enter(folder: &Folder, path: &[u8], left_out: &dyn Fn(&[u8]) -> bool, walked: &mut Walked) {
    let mut children = match folder.children() {
        Ok(children) => children,
        Err(error) => return walked.faults.push(unreadable(path, error)),
    };
    // A folder sorts as its path goes on: `a.txt` stands before `a/b`.
    children.sort_by(|(left, left_kind), (right, right_kind)| {
        let key = |is_folder: bool| is_folder.then_some(b'/');
        let left = left.iter().copied().chain(key(left_kind.is_none()));
        left.cmp(right.iter().copied().chain(key(right_kind.is_none())))
    });
    for (name, kind) in children {
        let child = if path.is_empty() { name.clone() } else { [path, b"/", &name].concat() };
        if left_out(&child) {
            continue;
        }
        let path = match TreePath::new(child) {
            Ok(path) => path,
            Err(fault) => {
                let child = if path.is_empty() { name } else { [path, b"/", &name].concat() };
                walked.faults.push(TreeFault::Path(lossless(&child).to_string(), fault));
                continue;
            }
        };
        match kind {
            Some(kind) => walked.entries.push(Entry { path, kind }),
            None => match folder.folder(&name) {
                Ok(folder) => enter(&folder, path.as_bytes(), left_out, walked),
                Err(error) => walked.faults.push(unreadable(path.as_bytes(), error)),
            },
        }
    }
}

fn unreadable(path: &[u8], error: std::io::Error) -> TreeFault {
    let what =
        if path.is_empty() { "the folder itself".to_owned() } else { format!("the folder `{}`", lossless(path)) };
    TreeFault::Io(what, error)
}
