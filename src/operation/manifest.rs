//! `mint manifest` and `verify --dir`: a tree is read, and written down or held against what was written down.
//!
//! Everything is opened beneath the root, component by component and by descriptor; no link is followed and nothing but
//! regular files is opened. What is covered are the bytes that were read, not those that a later load finds.

pub mod ci;
mod folder;
mod hash;
mod patterns;
mod shelf;
mod twins;
mod verdict;
mod verify;
mod walk;

use std::fmt;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

pub use patterns::{PatternError, Patterns};
pub use twins::{Twins, clashes};
pub use verdict::TreeVerdict;
pub use verify::{Extras, Tree, signed, unverified, verify};

use crate::code::Code;
use crate::json::steers;
use crate::manifest::{FileEntry, LinkEntry, Manifest, PathFault, Scope, Symlinks, TreePath};
use folder::Folder;
use walk::EntryKind;

/// How a tree is read.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// Threads to hash on.
    pub threads: usize,
    /// Whether a path is the document of this very run, and so no part of the tree.
    pub own: &'a (dyn Fn(&[u8]) -> bool + Sync),
    /// Hears how far the reading is.
    pub progress: &'a (dyn Fn(Progress) + Sync),
    /// The clock that the file system takes its times from.
    pub clock: &'a (dyn Clock + Sync),
}

/// A clock, and the patience to let it go on.
pub trait Clock {
    /// Tells the time.
    fn now(&self) -> SystemTime;
    /// Waits until this much time has passed.
    fn wait(&self, time: Duration);
}

/// How far the reading of a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many files will be read.
    Found(usize),
    /// So many more bytes have been read.
    Read(u64),
    /// One more file has been read.
    Done,
}

/// Says why something in a tree cannot be read or listed.
#[derive(Debug)]
#[non_exhaustive]
pub enum TreeFault {
    /// The tree holds no file that is not left out.
    Empty,
    /// The system refused; says what.
    Io(String, io::Error),
    /// A symbolic link, which was to be refused.
    Link(TreePath),
    /// A symbolic link that leads out of the tree; names it and its text.
    LinkOutside(TreePath, String),
    /// A name that no manifest can hold.
    Path(String, PathFault),
    /// Something that is never opened; says what.
    Special(TreePath, &'static str),
    /// A text of the manifest itself cannot stand in it; names the member.
    Text(&'static str),
    /// A file changed whenever it was read.
    Unstable(TreePath),
}

/// Reads a tree into `manifest`, which says everything but the files and links.
///
/// # Errors
/// Everything in the tree that cannot be listed, sorted by path.
pub fn build(root: &Path, mut manifest: Manifest, reading: Reading<'_>) -> Result<Manifest, Vec<TreeFault>> {
    check_texts(&manifest).map_err(|fault| vec![fault])?;
    let patterns = Patterns::new(&manifest.walk.excludes).map_err(|_| vec![TreeFault::Text("walk")])?;
    let folder = open(root).map_err(|fault| vec![fault])?;
    let walked = walk::walk(&folder, &|path| patterns.matches(path) || (reading.own)(path));
    let mut faults = walked.faults;
    let (mut paths, mut links) = (Vec::new(), Vec::new());
    for entry in walked.entries {
        match entry.kind {
            EntryKind::File => paths.push(entry.path),
            EntryKind::Special(what) => faults.push(TreeFault::Special(entry.path, what)),
            EntryKind::Link(_) if manifest.walk.symlinks == Symlinks::Reject => {
                faults.push(TreeFault::Link(entry.path));
            }
            EntryKind::Link(target) if entry.path.holds_target(&target) => {
                links.push(LinkEntry { path: entry.path, target });
            }
            EntryKind::Link(target) => {
                let target = crate::manifest::path::lossless(&target).to_string();
                faults.push(TreeFault::LinkOutside(entry.path, target));
            }
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    if paths.is_empty() {
        return Err(vec![TreeFault::Empty]);
    }
    let facts = hash::read_all(&folder, &paths, reading);
    let mut files = Vec::with_capacity(paths.len());
    for (path, facts) in paths.into_iter().zip(facts) {
        match facts {
            Ok(facts) => files.push(FileEntry { path, facts }),
            Err(fault) => faults.push(fault.at(path)),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    (manifest.files, manifest.links) = (files, links);
    Ok(manifest)
}

fn open(root: &Path) -> Result<Folder, TreeFault> {
    Folder::open(root).map_err(|error| TreeFault::Io(format!("the folder `{}`", root.display()), error))
}

/// Refuses texts that are empty, too long to be read again, or steer a terminal.
fn check_texts(manifest: &Manifest) -> Result<(), TreeFault> {
    let source = &manifest.source;
    let from_ci = [&source.provider, &source.repository, &source.commit, &source.run_url];
    let ids = match &manifest.scope {
        Scope::Global => &[],
        Scope::Licenses(ids) => ids.as_slice(),
    };
    let all = [("product", &manifest.product), ("version", &manifest.version)]
        .into_iter()
        .chain(from_ci.into_iter().flatten().map(|text| ("source", text)))
        .chain(ids.iter().map(|id| ("licenseIds", id)))
        .chain(manifest.walk.excludes.iter().map(|pattern| ("excludes", pattern)));
    for (name, text) in all {
        if text.is_empty() || text.len() > 1_024 || text.chars().any(steers) {
            return Err(TreeFault::Text(name));
        }
    }
    Ok(())
}

impl TreeFault {
    /// Returns the code this fault is reported under.
    pub fn code(&self) -> Code {
        match self {
            Self::Empty | Self::Text(_) => Code::Usage,
            Self::Io(..) => Code::FileUnreadable,
            Self::Link(_) | Self::LinkOutside(..) | Self::Path(..) | Self::Special(..) => Code::NotAFile,
            Self::Unstable(_) => Code::UnstableFile,
        }
    }
}

impl fmt::Display for TreeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the folder holds no file that is not left out"),
            Self::Io(what, error) => write!(f, "{what} could not be read: {error}"),
            Self::Link(path) => write!(f, "`{path}` is a symbolic link"),
            Self::LinkOutside(path, target) => {
                write!(f, "`{path}` is a symbolic link to `{target}`, which is outside the folder")
            }
            Self::Path(path, fault) => write!(f, "the name `{path}` {fault}, so no manifest can list it"),
            Self::Special(path, what) => write!(f, "`{path}` is a {what}, which is never opened"),
            Self::Text(name) => {
                write!(f, "`{name}` is empty, longer than 1,024 bytes or holds a character that steers a terminal")
            }
            Self::Unstable(path) => write!(f, "`{path}` changed each of the three times it was read"),
        }
    }
}

impl std::error::Error for TreeFault {}
