//! [`Folder`]: a folder that is held open, so that nothing on the way to it can be exchanged for a link.

use std::fs::{File, Metadata};
use std::io;
use std::time::{Duration, SystemTime};

use super::walk::EntryKind;

#[cfg(not(unix))]
pub(super) use by_path::Folder;
#[cfg(unix)]
pub(super) use descriptor::Folder;

/// A name in a folder, and what it stands for; `None` for a folder.
pub(super) type Child = (Vec<u8>, Option<EntryKind>);

/// What the system says of a file; where it differs before and after, the file changed in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The length, in bytes.
    pub(super) size: u64,
    modified: Option<SystemTime>,
    /// The modification time can be set back; this cannot.
    pub(super) changed: Option<SystemTime>,
    place: (u64, u64),
}

impl Stamp {
    /// Reads the stamp of a regular file; `None` for anything else.
    pub(super) fn of(file: &File) -> io::Result<Option<Self>> {
        let facts = file.metadata()?;
        Ok(facts.is_file().then(|| Self {
            size: facts.len(),
            modified: facts.modified().ok(),
            changed: changed(&facts),
            place: place(&facts),
        }))
    }

    /// Whether the file changed so recently that a change in this moment could leave the stamp as it is: the clock of a
    /// file system ticks slowly.
    pub(super) fn is_fresh(&self, now: SystemTime, tick: Duration) -> bool {
        // A time in the future comes from another clock, of which nothing is known.
        self.changed.is_none_or(|changed| now.duration_since(changed).is_ok_and(|age| age < tick))
    }
}

#[cfg(unix)]
fn changed(facts: &Metadata) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt;
    let seconds = u64::try_from(facts.ctime()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, u32::try_from(facts.ctime_nsec()).ok()?))
}

#[cfg(unix)]
fn place(facts: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (facts.dev(), facts.ino())
}

#[cfg(not(unix))]
fn changed(facts: &Metadata) -> Option<SystemTime> {
    facts.modified().ok()
}

#[cfg(not(unix))]
fn place(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

#[cfg(unix)]
mod descriptor {
    use std::ffi::OsStr;
    use std::fs::File;
    use std::io;
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, readlinkat, statat};

    use super::super::walk::EntryKind;
    use super::Child;

    #[derive(Debug)]
    pub(in super::super) struct Folder(OwnedFd);

    impl Folder {
        /// Opens the root; a link that the caller names is followed.
        pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
        }

        /// Opens a folder in this one; a link is refused.
        pub(in super::super) fn folder(&self, name: &[u8]) -> io::Result<Self> {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            Ok(Self(openat(&self.0, OsStr::from_bytes(name), flags, Mode::empty())?))
        }

        /// Opens a file in this folder; a link is refused, and a FIFO that took its place does not hold us here.
        pub(in super::super) fn file(&self, name: &[u8]) -> io::Result<File> {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            Ok(File::from(openat(&self.0, OsStr::from_bytes(name), flags, Mode::empty())?))
        }

        /// Lists the folder in no order.
        pub(in super::super) fn children(&self) -> io::Result<Vec<Child>> {
            let mut children = Vec::new();
            for entry in Dir::read_from(&self.0)? {
                let entry = entry?;
                let name = entry.file_name().to_bytes();
                if matches!(name, b"." | b"..") {
                    continue;
                }
                let name = name.to_vec();
                let kind = match entry.file_type() {
                    // Some file systems do not say.
                    FileType::Unknown => FileType::from_raw_mode(
                        statat(&self.0, OsStr::from_bytes(&name), AtFlags::SYMLINK_NOFOLLOW)?.st_mode,
                    ),
                    known => known,
                };
                let kind = match kind {
                    FileType::Directory => None,
                    FileType::RegularFile => Some(EntryKind::File),
                    FileType::Symlink => {
                        Some(EntryKind::Link(readlinkat(&self.0, OsStr::from_bytes(&name), Vec::new())?.into_bytes()))
                    }
                    FileType::Fifo => Some(EntryKind::Special("FIFO")),
                    FileType::Socket => Some(EntryKind::Special("socket")),
                    FileType::BlockDevice | FileType::CharacterDevice => Some(EntryKind::Special("device")),
                    FileType::Unknown => Some(EntryKind::Special("thing of unknown kind")),
                };
                children.push((name, kind));
            }
            Ok(children)
        }
    }
}

/// Where folders cannot be opened by descriptor, every component is looked at before it is entered.
#[cfg(not(unix))]
mod by_path {
    use std::fs::{self, File};
    use std::io;
    use std::path::{Path, PathBuf};

    use super::super::walk::EntryKind;
    use super::Child;

    #[derive(Debug)]
    pub(in super::super) struct Folder(PathBuf);

    impl Folder {
        pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
            fs::read_dir(path)?;
            Ok(Self(path.to_owned()))
        }

        pub(in super::super) fn folder(&self, name: &[u8]) -> io::Result<Self> {
            let path = self.child(name)?;
            if path.symlink_metadata()?.is_dir() { Ok(Self(path)) } else { Err(io::ErrorKind::NotADirectory.into()) }
        }

        pub(in super::super) fn file(&self, name: &[u8]) -> io::Result<File> {
            let path = self.child(name)?;
            if path.symlink_metadata()?.is_file() {
                File::open(path)
            } else {
                Err(io::Error::other("it is not a regular file"))
            }
        }

        pub(in super::super) fn children(&self) -> io::Result<Vec<Child>> {
            let mut children = Vec::new();
            for entry in fs::read_dir(&self.0)? {
                let entry = entry?;
                let kind = entry.file_type()?;
                let kind = if kind.is_dir() {
                    None
                } else if kind.is_file() {
                    Some(EntryKind::File)
                } else if kind.is_symlink() {
                    Some(EntryKind::Link(fs::read_link(entry.path())?.as_os_str().as_encoded_bytes().to_vec()))
                } else {
                    Some(EntryKind::Special("thing of unknown kind"))
                };
                children.push((entry.file_name().as_encoded_bytes().to_vec(), kind));
            }
            Ok(children)
        }

        /// A name that the system did not give is none of ours.
        fn child(&self, name: &[u8]) -> io::Result<PathBuf> {
            let name = std::str::from_utf8(name).map_err(|_| io::ErrorKind::InvalidFilename)?;
            Ok(self.0.join(name))
        }
    }
}
