//! Reading with a bound, and writing all or nothing.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use mintage::code::Code;
use tempfile::{Builder, NamedTempFile};

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
        let name = path.file_name().ok_or_else(|| fail(io::Error::other("it names no file")))?;
        let prefix = format!(".{}.", name.to_string_lossy());
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        sweep(folder, &prefix);
        let mut builder = Builder::new();
        builder.prefix(&prefix).suffix(UNFINISHED);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let bits = if mode == Mode::Private { 0o600 } else { 0o644 };
            builder.permissions(fs::Permissions::from_mode(bits));
        }
        let aside = builder.tempfile_in(folder).map_err(fail)?;
        // Held until the end: a sweep takes only what nobody holds.
        aside.as_file().try_lock().map_err(|error| fail(error.into()))?;
        Ok(Self { aside, target: path.to_owned(), overwrite })
    }

    pub(crate) fn append(&mut self, data: &[u8]) -> Result<(), FileError> {
        self.aside.write_all(data).map_err(|error| FileError::writing(&self.target, error))
    }

    /// Syncs the file and puts it in place.
    pub(crate) fn finish(self) -> Result<(), FileError> {
        let Self { aside, target, overwrite } = self;
        aside.as_file().sync_all().map_err(|error| FileError::writing(&target, error))?;
        check_target(&target, overwrite)?;
        let placed = match overwrite {
            Overwrite::Forbid => aside.persist_noclobber(&target),
            Overwrite::Replace => aside.persist(&target),
        };
        match placed {
            Ok(_) => sync_folder(&target),
            Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Err(FileError::exists(&target)),
            Err(failed) => Err(FileError::writing(&target, failed.error)),
        }
    }
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
        name.starts_with(prefix) && name.ends_with(UNFINISHED)
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
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| FileError::writing(path, error))?;
    }
    Ok(())
}

fn bounded(source: impl Read, limit: usize, name: impl Fn() -> String) -> Result<Vec<u8>, FileError> {
    let mut data = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    source.take(bound).read_to_end(&mut data).map_err(|error| FileError {
        what: format!("{} could not be read", name()),
        fault: Fault::Read,
        source: Some(error),
    })?;
    if data.len() > limit {
        let what = format!("{} is larger than the {limit} bytes that are read", name());
        return Err(FileError { what, fault: Fault::TooLarge, source: None });
    }
    Ok(data)
}

fn quoted(path: &Path) -> String {
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

    fn exists(path: &Path) -> Self {
        Self { what: format!("{} exists", quoted(path)), fault: Fault::Exists, source: None }
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
