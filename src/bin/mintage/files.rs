//! Reading with a bound, and writing all or nothing.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::mem;
use std::path::{Path, PathBuf};

use mintage::code::Code;
use tempfile::{Builder, NamedTempFile, TempPath};

/// Marks files that are being written; one left behind by a killed run is swept by the next.
pub(crate) const UNFINISHED: &str = ".mintage-unfinished";

/// The largest file that holds a secret, in bytes.
pub(crate) const SECRET_BYTES: usize = 64 << 10;

/// Says why a file could not be read or written.
#[derive(Debug)]
pub(crate) struct FileError {
    what: String,
    fault: Fault,
    source: Option<io::Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Exists,
    Exposed,
    Read,
    TooLarge,
    Write,
}

/// What to do with a file that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overwrite {
    Forbid,
    Replace,
}

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The owner alone: 0600.
    Private,
    /// Anyone whom the umask lets: 0644.
    Public,
}

/// Whether a private key may be readable by others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exposure {
    Accept,
    Refuse,
}

/// Reads a file, or standard input for `-`, of at most `limit` bytes; a longer one is refused without reading on.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, FileError> {
    if path == Path::new("-") {
        return bounded(io::stdin().lock(), limit, || "standard input".to_owned());
    }
    let file = File::open(path).map_err(|error| FileError::reading(path, error))?;
    bounded(file, limit, || quoted(path))
}

/// Reads what a document is judged or made with, as opposed to the document itself: too large a file is no answer then, but
/// one more that could not be used.
pub(crate) fn read_setting(path: &Path, limit: usize) -> Result<Vec<u8>, FileError> {
    read(path, limit).map_err(|error| match error.fault {
        Fault::TooLarge => FileError { fault: Fault::Read, ..error },
        _ => error,
    })
}

/// Reads a file of lines, or standard input for `-`; a file or a line that is longer than its limit is refused without
/// reading on.
pub(crate) fn read_lines(path: &Path, limit: usize, line_limit: usize) -> Result<Vec<u8>, FileError> {
    let source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(|error| FileError::reading(path, error))?)
    };
    let (mut source, mut data, mut line) = (source, Vec::new(), 0);
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
        let (what, most) = if line > line_limit { ("a line of ", line_limit) } else { ("", limit) };
        if line > line_limit || data.len() > limit {
            let what = format!("{what}{} is larger than the {most} bytes that are read", quoted(path));
            return Err(FileError { what, fault: Fault::TooLarge, source: None });
        }
    }
}

/// Reads a private key file: a regular file that others cannot read.
pub(crate) fn read_private(path: &Path, limit: usize, exposure: Exposure) -> Result<Vec<u8>, FileError> {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // A FIFO without a writer would hold us here for ever.
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path).map_err(|error| FileError::reading(path, error))?;
    let facts = file.metadata().map_err(|error| FileError::reading(path, error))?;
    if !facts.is_file() {
        return Err(FileError::reading(path, io::Error::other("it is not a regular file")));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = facts.permissions().mode() & 0o777;
        if mode & 0o077 != 0 && exposure == Exposure::Refuse {
            let what = format!("the private key `{}` has mode {mode:04o}", path.display());
            return Err(FileError { what, fault: Fault::Exposed, source: None });
        }
    }
    bounded(file, limit, || quoted(path))
}

/// Writes a file whole: aside first, synced, then renamed into place, so that a failure leaves what was there before.
pub(crate) fn write(path: &Path, data: &[u8], mode: Mode, overwrite: Overwrite) -> Result<(), FileError> {
    let mut unfinished = Unfinished::create(path, mode, overwrite)?;
    unfinished.append(data)?;
    unfinished.finish()
}

/// Removes a file that turned out to be wrong.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    fs::remove_file(path).map_err(|error| FileError::writing(path, error))
}

/// A file that is being written aside and is not there yet; dropped unfinished, nothing of it stays.
#[derive(Debug)]
pub(crate) struct Unfinished {
    aside: NamedTempFile,
    target: PathBuf,
    overwrite: Overwrite,
}

impl Unfinished {
    /// Starts a file, after the checks that tell early what the end would refuse.
    pub(crate) fn create(path: &Path, mode: Mode, overwrite: Overwrite) -> Result<Self, FileError> {
        check_target(path, overwrite)?;
        let fail = |error| FileError::writing(path, error);
        let prefix = aside_prefix(path).ok_or_else(|| fail(io::Error::other("it names no file")))?;
        let folder = folder_of(path);
        sweep(folder, &prefix);
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(if mode == Mode::Private { 0o600 } else { 0o644 });
        }
        let mut builder = Builder::new();
        builder.prefix(&prefix).suffix(UNFINISHED);
        loop {
            let aside = builder.make_in(folder, |name| options.open(name)).map_err(fail)?;
            // Held until the end: a sweep takes only what nobody holds. Where locks are unknown, nothing is swept.
            let swept = matches!(aside.as_file().try_lock(), Err(TryLockError::WouldBlock)) || !aside.path().exists();
            if !swept {
                return Ok(Self { aside, target: path.to_owned(), overwrite });
            }
        }
    }

    pub(crate) fn append(&mut self, data: &[u8]) -> Result<(), FileError> {
        self.aside.write_all(data).map_err(|error| FileError::writing(&self.target, error))
    }

    /// Syncs the file and puts it in place for good.
    pub(crate) fn finish(self) -> Result<(), FileError> {
        self.place().map(Placed::keep)
    }

    /// Syncs the file and puts it in place, until it is kept or taken back.
    pub(crate) fn place(self) -> Result<Placed, FileError> {
        let Self { aside, target, overwrite } = self;
        let fail = |error| FileError::writing(&target, error);
        aside.as_file().sync_all().map_err(fail)?;
        check_target(&target, overwrite)?;
        let previous = match overwrite {
            Overwrite::Forbid => Previous::None,
            Overwrite::Replace => Previous::set_aside(&target).map_err(fail)?,
        };
        let placed = match overwrite {
            Overwrite::Forbid => aside.persist_noclobber(&target),
            Overwrite::Replace => aside.persist(&target),
        };
        match placed {
            Ok(_) => {}
            Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(FileError::exists(&target));
            }
            Err(failed) => return Err(fail(failed.error)),
        }
        // From here on a failure takes the file back.
        let placed = Placed { target, previous, kept: false };
        sync_folder(&placed.target)?;
        Ok(placed)
    }
}

/// A file that is in place; dropped without being kept, what was there before is there again.
#[must_use = "keep it, or it is taken back"]
#[derive(Debug)]
pub(crate) struct Placed {
    target: PathBuf,
    previous: Previous,
    kept: bool,
}

/// What stood where a file was placed.
#[derive(Debug)]
enum Previous {
    None,
    /// It has a second name, under which it is found again.
    Aside(TempPath),
    /// The file system has no second names.
    Lost,
}

impl Placed {
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // The failure that led here is being reported already.
        let _ = match mem::replace(&mut self.previous, Previous::Lost) {
            Previous::None => fs::remove_file(&self.target),
            Previous::Aside(previous) => previous.persist(&self.target).map_err(|failed| failed.error),
            Previous::Lost => Ok(()),
        };
    }
}

impl Previous {
    /// Gives a file that is about to be replaced a second name.
    fn set_aside(target: &Path) -> io::Result<Self> {
        let prefix = aside_prefix(target).unwrap_or_default();
        let link = |name: &Path| match fs::hard_link(target, name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            linked => Ok(linked),
        };
        let linked = Builder::new().prefix(&prefix).suffix(UNFINISHED).make_in(folder_of(target), link)?;
        let (linked, name) = linked.into_parts();
        Ok(match linked {
            Ok(()) => Self::Aside(name),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::None,
            Err(_) => Self::Lost,
        })
    }
}

fn aside_prefix(path: &Path) -> Option<String> {
    Some(format!(".{}.", path.file_name()?.to_string_lossy()))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Refuses a target that could not be written: one that exists, a link, or no regular file.
pub(crate) fn check_target(path: &Path, overwrite: Overwrite) -> Result<(), FileError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(FileError::writing(path, error)),
        Ok(facts) if facts.is_symlink() => Err(FileError::writing(path, io::Error::other("it is a symbolic link"))),
        Ok(facts) if !facts.is_file() => Err(FileError::writing(path, io::Error::other("it is not a regular file"))),
        Ok(_) if overwrite == Overwrite::Forbid => Err(FileError::exists(path)),
        Ok(_) => Ok(()),
    }
}

/// Removes what killed runs left of the same output. A run that is alive holds a lock on its own.
fn sweep(folder: &Path, prefix: &str) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let left = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        is_file && name.starts_with(prefix) && name.ends_with(UNFINISHED)
    });
    for entry in left {
        let abandoned = File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        if abandoned {
            // Should it stay, it is in nobody's way.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A rename is durable once its folder is synced.
pub(crate) fn sync_folder(path: &Path) -> Result<(), FileError> {
    #[cfg(unix)]
    {
        File::open(folder_of(path))
            .and_then(|folder| folder.sync_all())
            .map_err(|error| FileError::writing(path, error))?;
    }
    Ok(())
}

pub(crate) fn bounded(source: impl Read, limit: usize, name: impl Fn() -> String) -> Result<Vec<u8>, FileError> {
    // A secret fits from the start: growing would leave copies of it in memory that nobody wipes.
    let mut data = Vec::with_capacity(limit.min(SECRET_BYTES) + 1);
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    source.take(bound).read_to_end(&mut data).map_err(|error| FileError {
        what: format!("{} could not be read", name()),
        fault: Fault::Read,
        source: Some(error),
    })?;
    if data.len() > limit { Err(FileError::too_large(&name(), limit)) } else { Ok(data) }
}

pub(crate) fn quoted(path: &Path) -> String {
    format!("`{}`", path.display())
}

impl FileError {
    /// Says that standard output could not be written.
    pub(crate) fn stdout(error: io::Error) -> Self {
        let what = "standard output could not be written".to_owned();
        Self { what, fault: Fault::Write, source: Some(error) }
    }

    pub(crate) fn reading(path: &Path, error: io::Error) -> Self {
        Self { what: format!("{} could not be read", quoted(path)), fault: Fault::Read, source: Some(error) }
    }

    pub(crate) fn writing(path: &Path, error: io::Error) -> Self {
        Self { what: format!("{} could not be written", quoted(path)), fault: Fault::Write, source: Some(error) }
    }

    pub(crate) fn too_large(name: &str, limit: usize) -> Self {
        let what = format!("{name} is larger than the {limit} bytes that are read");
        Self { what, fault: Fault::TooLarge, source: None }
    }

    fn exists(path: &Path) -> Self {
        Self { what: format!("{} exists", quoted(path)), fault: Fault::Exists, source: None }
    }

    /// Whether the file was larger than what is read of its kind.
    pub(crate) fn is_too_large(&self) -> bool {
        self.fault == Fault::TooLarge
    }

    pub(crate) fn code(&self) -> Code {
        match self.fault {
            Fault::Exists => Code::FileExists,
            Fault::Exposed => Code::KeyExposed,
            Fault::Read => Code::FileUnreadable,
            Fault::TooLarge => Code::Malformed,
            Fault::Write => Code::FileUnwritable,
        }
    }
}

impl std::fmt::Display for FileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}
