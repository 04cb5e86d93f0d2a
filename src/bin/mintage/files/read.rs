//! Reading with a bound: regular files, and descriptors that the caller opened for us. Everything else is refused by its
//! type before it is opened, because a FIFO or a device can hold a run for ever.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{Exposure, Fault, FileError, quoted};

/// The largest file that holds a secret, in bytes.
pub(crate) const SECRET_BYTES: usize = 64 << 10;

/// What was read so far. A command reads files in many places, and must not write over any of them.
static READ: Mutex<Vec<Identity>> = Mutex::new(Vec::new());

/// Whether standard input has been read.
static STANDARD_INPUT: AtomicBool = AtomicBool::new(false);

/// Tells two names of one file: its device and inode, where there are such; else its canonical path.
type Identity = (u64, u64, PathBuf);

/// Opens what is read as a document: standard input for `-`, a regular file, or a descriptor that the caller has opened,
/// named `/dev/stdin` or, as a shell's `<(…)` does, `/dev/fd/N`.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read>, FileError> {
    if path == Path::new("-") {
        take_standard_input()?;
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(open_file(path)?))
}

fn open_file(path: &Path) -> Result<File, FileError> {
    let fail = |error| FileError::reading(path, error);
    if is_descriptor(path) {
        let file = File::open(path).map_err(fail)?;
        note(path, &file.metadata().map_err(fail)?);
        return Ok(file);
    }
    refuse_other_types(path, &fs::metadata(path).map_err(fail)?)?;
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // Should it have become a FIFO since, it is refused below and not waited for.
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path).map_err(fail)?;
    let facts = file.metadata().map_err(fail)?;
    refuse_other_types(path, &facts)?;
    note(path, &facts);
    Ok(file)
}

/// Whether a path names a descriptor of this process, which only its caller can have opened.
fn is_descriptor(path: &Path) -> bool {
    let number = |folder: &str| path.strip_prefix(folder).is_ok_and(|rest| rest.to_str().is_some_and(is_number));
    cfg!(unix) && (path == Path::new("/dev/stdin") || number("/dev/fd") || number("/proc/self/fd"))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn refuse_other_types(path: &Path, facts: &Metadata) -> Result<(), FileError> {
    if facts.is_file() {
        return Ok(());
    }
    let what = format!("{} is {}, not a file", quoted(path), type_of(facts));
    Err(FileError { what, fault: Fault::NotAFile, source: None })
}

fn type_of(facts: &Metadata) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = facts.file_type();
        if kind.is_fifo() {
            return "a FIFO";
        } else if kind.is_socket() {
            return "a socket";
        } else if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    if facts.is_dir() { "a folder" } else { "something else" }
}

#[cfg(unix)]
fn identity(_: &Path, facts: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (facts.dev(), facts.ino(), PathBuf::new())
}

#[cfg(not(unix))]
fn identity(path: &Path, _: &Metadata) -> Identity {
    (0, 0, fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()))
}

fn note(path: &Path, facts: &Metadata) {
    READ.lock().unwrap_or_else(PoisonError::into_inner).push(identity(path, facts));
}

/// Takes standard input for the one document that it holds.
fn take_standard_input() -> Result<(), FileError> {
    if STANDARD_INPUT.swap(true, Ordering::Relaxed) {
        let what = "standard input is named twice, and holds one document".to_owned();
        return Err(FileError { what, fault: Fault::Twice, source: None });
    }
    note_standard_input();
    Ok(())
}

/// Notes the file that a shell's `<FILE` gave, if it did.
fn note_standard_input() {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        let facts = io::stdin().as_fd().try_clone_to_owned().and_then(|stdin| File::from(stdin).metadata());
        // What cannot be told apart from others cannot be written over by its name either.
        if let Ok(facts) = facts {
            note(Path::new("-"), &facts);
        }
    }
}

/// Whether a file that is there is one that was read.
pub(super) fn was_read(path: &Path) -> bool {
    let read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    fs::metadata(path).is_ok_and(|facts| read.contains(&identity(path, &facts)))
}

/// Reads a document of at most `limit` bytes; a longer one is refused without reading on.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, FileError> {
    bounded(open(path)?, limit, || named(path))
}

/// Reads a document whose first `head` bytes tell how long it may be.
pub(crate) fn read_by_head(path: &Path, head: usize, limit: impl FnOnce(&[u8]) -> usize) -> Result<Vec<u8>, FileError> {
    let mut source = open(path)?;
    let mut data = Vec::with_capacity(SECRET_BYTES + 1);
    let fail = |error| FileError::reading(path, error);
    source.by_ref().take(head as u64).read_to_end(&mut data).map_err(fail)?;
    let limit = limit(&data);
    let rest = (limit + 1).saturating_sub(data.len());
    source.take(rest as u64).read_to_end(&mut data).map_err(fail)?;
    if data.len() > limit { Err(too_large(&named(path), limit)) } else { Ok(data) }
}

/// Reads what a document is judged or made with, as opposed to the document itself: too large a file is no answer then, but
/// one more that could not be used.
pub(crate) fn read_setting(path: &Path, limit: usize) -> Result<Vec<u8>, FileError> {
    read(path, limit).map_err(|error| match error.fault {
        Fault::TooLarge => FileError { fault: Fault::Read, ..error },
        _ => error,
    })
}

/// Reads a document of lines; one that is longer than its limit, as a whole or in a line, is refused without reading on.
pub(crate) fn read_lines(path: &Path, limit: usize, line_limit: usize) -> Result<Vec<u8>, FileError> {
    let (mut source, mut data, mut line) = (open(path)?, Vec::new(), 0);
    loop {
        let start = data.len();
        let read = source.by_ref().take(line_limit as u64).read_to_end(&mut data);
        if read.map_err(|error| FileError::reading(path, error))? == 0 {
            return Ok(data);
        }
        line = match data[start..].iter().rposition(|byte| *byte == b'\n') {
            Some(end) => data.len() - start - end - 1,
            None => line + data.len() - start,
        };
        if line > line_limit {
            return Err(too_large(&format!("a line of {}", named(path)), line_limit));
        }
        if data.len() > limit {
            return Err(too_large(&named(path), limit));
        }
    }
}

/// Reads a private key file: a regular file, always, that others cannot read.
pub(crate) fn read_private(path: &Path, limit: usize, exposure: Exposure) -> Result<Vec<u8>, FileError> {
    let fail = |error| FileError::reading(path, error);
    if path == Path::new("-") {
        take_standard_input()?;
        // Its buffer would keep a copy that nobody wipes.
        #[cfg(unix)]
        let source = File::from(std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned().map_err(fail)?);
        #[cfg(not(unix))]
        let source = io::stdin().lock();
        return bounded(source, limit, || named(path));
    }
    refuse_other_types(path, &fs::metadata(path).map_err(fail)?)?;
    let file = open_file(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().map_err(fail)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 && exposure == Exposure::Refuse {
            let what = format!("the private key `{}` has mode {mode:04o}", path.display());
            return Err(FileError { what, fault: Fault::Exposed, source: None });
        }
    }
    bounded(file, limit, || named(path))
}

fn bounded(source: impl Read, limit: usize, name: impl Fn() -> String) -> Result<Vec<u8>, FileError> {
    // A secret fits from the start: growing would leave copies of it in memory that nobody wipes. What may be longer is none.
    let mut data = Vec::with_capacity(if limit <= SECRET_BYTES { limit + 1 } else { 0 });
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    source.take(bound).read_to_end(&mut data).map_err(|error| FileError {
        what: format!("{} could not be read", name()),
        fault: Fault::Read,
        source: Some(error),
    })?;
    if data.len() > limit { Err(too_large(&name(), limit)) } else { Ok(data) }
}

fn too_large(name: &str, limit: usize) -> FileError {
    let what = format!("{name} is larger than the {limit} bytes that are read");
    FileError { what, fault: Fault::TooLarge, source: None }
}

/// Names a file as people do.
pub(crate) fn named(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { quoted(path) }
}
