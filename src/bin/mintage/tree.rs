//! What minting and verifying a manifest share: how a tree is read before someone's eyes, and which file in it is the
//! document itself.

use std::path::Path;
use std::thread::available_parallelism;

use mintage::operation::manifest::{self, Reading};

use crate::clock;
use crate::files::UNFINISHED;
use crate::progress::Progress;
use crate::render::Terminal;

/// The document of this run, where it lies within the tree.
#[derive(Debug, Default)]
pub(crate) struct Own {
    /// The folder, with a slash behind each name, and the name in it; `None` when it lies elsewhere.
    place: Option<(Vec<u8>, Vec<u8>)>,
    leftovers: Leftovers,
}

/// Whether what killed runs left of an output counts as the output, which sweeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Leftovers {
    #[default]
    Count,
    Own,
}

impl Own {
    /// Finds out whether a document that is read lies within a folder.
    pub(crate) fn input(document: &Path, folder: &Path) -> Self {
        Self { place: place(document, folder), leftovers: Leftovers::Count }
    }

    /// Finds out whether a document that will be written lies within a folder.
    pub(crate) fn output(document: &Path, folder: &Path) -> Self {
        Self { place: place(document, folder), leftovers: Leftovers::Own }
    }

    fn is(&self, path: &[u8]) -> bool {
        let Some((folder, own)) = &self.place else { return false };
        let Some(name) = path.strip_prefix(folder.as_slice()) else { return false };
        let is_left = || {
            let rest = name.strip_prefix(b".").and_then(|name| name.strip_prefix(own.as_slice()));
            rest.is_some_and(|rest| {
                rest.starts_with(b".") && rest.ends_with(UNFINISHED.as_bytes()) && !rest.contains(&b'/')
            })
        };
        name == own.as_slice() || (self.leftovers == Leftovers::Own && is_left())
    }
}

fn place(document: &Path, folder: &Path) -> Option<(Vec<u8>, Vec<u8>)> {
    if document == Path::new("-") {
        return None;
    }
    let parent = document.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (parent, folder) = (parent.canonicalize().ok()?, folder.canonicalize().ok()?);
    let below = parent.strip_prefix(folder).ok()?;
    let names = below.components().map(|component| component.as_os_str().as_encoded_bytes());
    let folder = names.flat_map(|name| [name, b"/"]).flatten().copied().collect();
    Some((folder, document.file_name()?.as_encoded_bytes().to_vec()))
}

/// Reads with every core, a line for who looks on, and without the document itself.
pub(crate) fn reading<T>(own: &Own, terminal: &Terminal, work: impl FnOnce(Reading<'_>) -> T) -> T {
    let shown = Progress::new(("reading", "files"), terminal);
    let progress = |progress: manifest::Progress| match progress {
        manifest::Progress::Found(files) => shown.expect(files),
        manifest::Progress::Read(bytes) => shown.read(bytes),
        manifest::Progress::Done => shown.advance(1),
    };
    let threads = available_parallelism().map_or(1, usize::from);
    work(Reading { threads, own: &|path| own.is(path), progress: &progress, clock: &clock::System })
}
