//! Reading with a bound, and writing all or nothing.

mod behind;
mod read;

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::mem;
use std::path::{Path, PathBuf};

use mintage::code::Code;
use tempfile::{Builder, NamedTempFile, TempPath};

use behind::Behind;

pub(crate) use read::{SECRET_BYTES, named, open, read, read_by_head, read_lines, read_private, read_setting};

/// Marks files that are being written; one left behind by a killed run is swept by the next.
pub(crate) const UNFINISHED: &str = ".mintage-unfinished";

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
    Input,
    NotAFile,
    Read,
    TooLarge,
    Twice,
    Unread,
    Write,
}

/// What to do with a file that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overwrite {
    Forbid,
    /// Replace it, unless this run has read it: what is read with one name is not meant to be lost under another.
    Replace,
    /// Replace it, read or not.
    Update,
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
    behind: Behind,
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
                return Ok(Self { aside, behind: Behind::default(), target: path.to_owned(), overwrite });
            }
        }
    }

    pub(crate) fn append(&mut self, data: &[u8]) -> Result<(), FileError> {
        let written = self.aside.write_all(data).and_then(|()| self.behind.wrote(data.len(), self.aside.as_file()));
        written.map_err(|error| FileError::writing(&self.target, error))
    }

    /// Syncs the file and puts it in place for good.
    pub(crate) fn finish(self) -> Result<(), FileError> {
        self.place().map(Placed::keep)
    }

    /// Syncs the file and puts it in place, until it is kept or taken back.
    pub(crate) fn place(self) -> Result<Placed, FileError> {
        let Self { aside, behind, target, overwrite } = self;
        let fail = |error| FileError::writing(&target, error);
        behind.finish().and_then(|()| aside.as_file().sync_all()).map_err(fail)?;
        check_target(&target, overwrite)?;
        let previous = match overwrite {
            Overwrite::Forbid => Previous::None,
            Overwrite::Replace | Overwrite::Update => Previous::set_aside(&target).map_err(fail)?,
        };
        let placed = match overwrite {
            Overwrite::Forbid => aside.persist_noclobber(&target),
            Overwrite::Replace | Overwrite::Update => aside.persist(&target),
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
    /// It has a second name, under which it is found again; a lock keeps others from sweeping that.
    Aside {
        name: TempPath,
        _lock: Option<File>,
    },
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
            Previous::Aside { name, .. } => name.persist(&self.target).map_err(|failed| failed.error),
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
            Ok(()) => {
                let lock = File::open(&name).ok().filter(|file| file.try_lock().is_ok());
                Self::Aside { name, _lock: lock }
            }
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
        Ok(_) if overwrite == Overwrite::Replace && read::was_read(path) => {
            let what = format!("{} is what this command has read, and would be lost", quoted(path));
            Err(FileError { what, fault: Fault::Input, source: None })
        }
        Ok(_) => Ok(()),
    }
}

/// Removes what killed runs left of the same output. A run that is alive holds a lock on its own.
fn sweep(folder: &Path, prefix: &str) {
    let left = children(folder).unwrap_or_default().into_iter().filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_file = path.symlink_metadata().is_ok_and(|facts| facts.is_file());
        is_file && name.starts_with(prefix) && name.ends_with(UNFINISHED)
    });
    for path in left {
        let Ok(file) = File::open(&path) else { continue };
        // The lock is held until the name is gone: whoever has just made the file finds it taken.
        if file.try_lock().is_ok() {
            // Should it stay, it is in nobody's way.
            let _ = fs::remove_file(&path);
        }
    }
}

/// Lists a folder in the order of its names.
pub(crate) fn children(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut children = entries(folder)?;
    children.sort();
    Ok(children)
}

/// The standard library panics when a folder that was read cannot be closed.
#[cfg(unix)]
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    use std::os::unix::ffi::OsStrExt;
    let mut children = Vec::new();
    for entry in rustix::fs::Dir::read_from(File::open(folder)?)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            children.push(folder.join(std::ffi::OsStr::from_bytes(name)));
        }
    }
    Ok(children)
}

#[cfg(not(unix))]
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

/// Waits until no other run changes several files of this file's folder as one, and keeps others waiting until it is
/// dropped. Where folders or locks are unknown, there is none.
pub(crate) fn lock_folder(path: &Path) -> Option<File> {
    File::open(folder_of(path)).ok().filter(|folder| folder.lock().is_ok())
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

pub(crate) fn quoted(path: &Path) -> String {
    format!("`{}`", path.display())
}

impl FileError {
    /// Says that standard output could not be written.
    pub(crate) fn stdout(error: io::Error) -> Self {
        let what = "standard output could not be written".to_owned();
        let fault = if error.kind() == io::ErrorKind::BrokenPipe { Fault::Unread } else { Fault::Write };
        Self { what, fault, source: Some(error) }
    }

    /// Says that standard error could not be written.
    pub(crate) fn stderr(error: io::Error) -> Self {
        let what = "standard error could not be written".to_owned();
        Self { what, fault: Fault::Write, source: Some(error) }
    }

    pub(crate) fn reading(path: &Path, error: io::Error) -> Self {
        Self { what: format!("{} could not be read", quoted(path)), fault: Fault::Read, source: Some(error) }
    }

    pub(crate) fn writing(path: &Path, error: io::Error) -> Self {
        Self { what: format!("{} could not be written", quoted(path)), fault: Fault::Write, source: Some(error) }
    }

    pub(crate) fn exists(path: &Path) -> Self {
        Self { what: format!("{} exists", quoted(path)), fault: Fault::Exists, source: None }
    }

    /// Whether a private key was refused because others can read it.
    pub(crate) fn is_exposed(&self) -> bool {
        self.fault == Fault::Exposed
    }

    /// Returns the hint where another than the code's helps.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self.fault {
            Fault::Input => Some("write to another name"),
            Fault::NotAFile => Some("name a file; what comes through a pipe is read as `-`"),
            Fault::Twice => Some("name a file for one of the two"),
            _ => None,
        }
    }

    /// Whether whoever reads standard output went away, as `head` does once it has enough.
    pub(crate) fn is_unread(&self) -> bool {
        self.fault == Fault::Unread
    }

    /// Whether the file was larger than what is read of its kind.
    pub(crate) fn is_too_large(&self) -> bool {
        self.fault == Fault::TooLarge
    }

    pub(crate) fn code(&self) -> Code {
        match self.fault {
            Fault::Exists | Fault::Input => Code::FileExists,
            Fault::Exposed => Code::KeyExposed,
            Fault::NotAFile => Code::NotAFile,
            Fault::Read => Code::FileUnreadable,
            Fault::TooLarge => Code::Malformed,
            Fault::Twice => Code::Usage,
            Fault::Unread | Fault::Write => Code::FileUnwritable,
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
