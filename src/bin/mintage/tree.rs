//! What minting and verifying a manifest share: how a tree is read before someone's eyes, and which file in it is the
//! document itself.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use mintage::operation::manifest::{Progress, Reading};

use crate::files::UNFINISHED;
use crate::render::Terminal;

/// The document of this run, where it lies within the tree, and what killed runs left of it.
#[derive(Debug, Default)]
pub(crate) struct Own(Option<(Vec<u8>, Vec<u8>)>);

impl Own {
    /// Finds out whether a document lies within a folder.
    pub(crate) fn of(document: &Path, folder: &Path) -> Self {
        let parent = document.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let (Ok(parent), Ok(folder), Some(name)) = (parent.canonicalize(), folder.canonicalize(), document.file_name())
        else {
            return Self(None);
        };
        let Ok(below) = parent.strip_prefix(folder) else { return Self(None) };
        let names = below.components().map(|component| component.as_os_str().as_encoded_bytes());
        let folder: Vec<u8> = names.flat_map(|name| [name, b"/"]).flatten().copied().collect();
        Self(Some((folder, name.as_encoded_bytes().to_vec())))
    }

    fn is(&self, path: &[u8]) -> bool {
        let Some((folder, own)) = &self.0 else { return false };
        let Some(name) = path.strip_prefix(folder.as_slice()) else { return false };
        let aside = || {
            let rest = name.strip_prefix(b".").and_then(|name| name.strip_prefix(own.as_slice()));
            rest.is_some_and(|rest| {
                rest.starts_with(b".") && rest.ends_with(UNFINISHED.as_bytes()) && !rest.contains(&b'/')
            })
        };
        name == own.as_slice() || aside()
    }
}

/// Reads with every core, a bar for who looks on, and without the document itself.
pub(crate) fn reading<T>(own: &Own, terminal: &Terminal, work: impl FnOnce(Reading<'_>) -> T) -> T {
    let bar = if terminal.shows_progress() { ProgressBar::no_length() } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("reading {bar:40} {pos}/{len} files, {msg}");
    let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let bytes = AtomicU64::new(0);
    let progress = |progress: Progress| match progress {
        Progress::Found(files) => bar.set_length(files as u64),
        Progress::Read(read) if !bar.is_hidden() => {
            let bytes = bytes.fetch_add(read, Ordering::Relaxed) + read;
            bar.set_message(HumanBytes(bytes).to_string());
        }
        Progress::Done if !bar.is_hidden() => bar.inc(1),
        _ => {}
    };
    let threads = available_parallelism().map_or(1, usize::from);
    let done = work(Reading { threads, own: &|path| own.is(path), progress: &progress });
    bar.finish_and_clear();
    done
}
