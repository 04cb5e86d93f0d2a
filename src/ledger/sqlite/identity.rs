//! [`Identity`]: which file stands at a path, whatever it is called.

use std::io;
use std::path::Path;

use crate::ledger::LedgerError;

/// Tells a file from another of the same name; where the system does not, all are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    #[cfg(unix)]
    device_and_inode: (u64, u64),
}

impl Identity {
    /// Identifies the file at a path.
    #[cfg(unix)]
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let facts = path.metadata()?;
        Ok(Self { device_and_inode: (facts.dev(), facts.ino()) })
    }

    /// Identifies the file at a path.
    #[cfg(not(unix))]
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        path.metadata().map(|_| Self {})
    }

    /// Confirms that this file still stands there.
    ///
    /// # Errors
    /// `Unavailable(Unreachable)` where it was removed, or another put in its place.
    pub(super) fn must_be_at(self, path: &Path, shown: &str) -> Result<(), LedgerError> {
        let what = match Self::of(path) {
            Ok(found) if found == self => return Ok(()),
            Ok(_) => "another file was put in the place of the one that is open; start the program again to use it"
                .to_owned(),
            Err(error) => format!("the file that is open is there no more: {error}"),
        };
        Err(LedgerError::unreachable(format_args!("{shown}: {what}")))
    }
}
