//! The results of a batch while it runs: `OUTPUT.partial`, appended to, synced as it grows, renamed when whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use mintage::code::Code;
use mintage::operation::batch::{Done, read_done};
use tempfile::TempPath;

use crate::failure::Failure;
use crate::files::{self, FileError, Overwrite};

/// Results that may be lost with the power, in bytes; lost ones were shown to nobody and are minted again.
const SYNC_BYTES: usize = 8 << 20;

/// What to do with a last line that was cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TornLine {
    Cut,
    Keep,
}

/// Names the two files of a batch that writes to a file.
#[derive(Debug)]
pub(crate) struct Journal {
    output: PathBuf,
    partial: PathBuf,
    overwrite: Overwrite,
}

/// What a batch goes on from.
#[derive(Debug)]
pub(crate) enum Start {
    Nothing,
    /// The journal of a run that was interrupted, and its length in bytes.
    Journal(u64),
    /// An output without a journal: its whole lines, and whether there is nothing behind them.
    Output {
        lines: Vec<u8>,
        is_whole: bool,
    },
}

/// A journal that is being written.
#[derive(Debug)]
pub(crate) struct OpenJournal {
    names: Journal,
    file: File,
    unsynced: usize,
    /// Bytes of whole lines.
    whole: u64,
    finished: bool,
}

impl Journal {
    pub(crate) fn of(output: &Path, overwrite: Overwrite) -> Self {
        let mut partial = output.as_os_str().to_owned();
        partial.push(".partial");
        Self { output: output.to_owned(), partial: PathBuf::from(partial), overwrite }
    }

    /// Refuses to start over what an interrupted batch has minted.
    pub(crate) fn refuse_unfinished(&self) -> anyhow::Result<()> {
        files::check_target(&self.output, self.overwrite)?;
        match fs::symlink_metadata(&self.partial) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            _ if self.overwrite == Overwrite::Replace => Ok(()),
            _ => {
                let message = format!("`{}` holds what an interrupted batch has minted", self.partial.display());
                let hint = "go on with --resume, or start over with --force";
                Err(Failure::new(Code::FileExists, message).hint(hint).into())
            }
        }
    }

    /// Reads what was minted before the interruption: from the journal, else from the output itself, which may have been cut
    /// short on its way. A last line that was cut short does not count.
    pub(crate) fn read(&self, torn: TornLine) -> anyhow::Result<(Vec<Done>, Start)> {
        // Neither through a link nor from a pipe: what is read here is cut and appended to.
        files::check_target(&self.partial, Overwrite::Replace)?;
        let mut file = match OpenOptions::new().read(true).write(true).open(&self.partial) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.read_output(),
            opened => opened.map_err(|error| FileError::reading(&self.partial, error))?,
        };
        files::check_target(&self.output, self.overwrite)?;
        self.lock(&file)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(|error| FileError::reading(&self.partial, error))?;
        let whole = whole_lines(&text);
        let done = done(&text[..whole], &self.partial)?;
        // Not before all of it is known to be ours.
        if whole < text.len() && torn == TornLine::Cut {
            file.set_len(whole as u64).map_err(|error| FileError::writing(&self.partial, error))?;
        }
        Ok((done, Start::Journal(whole as u64)))
    }

    fn read_output(&self) -> anyhow::Result<(Vec<Done>, Start)> {
        files::check_target(&self.output, Overwrite::Update)?;
        let mut text = match fs::read(&self.output) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), Start::Nothing)),
            read => read.map_err(|error| FileError::reading(&self.output, error))?,
        };
        let whole = whole_lines(&text);
        let is_whole = whole == text.len();
        text.truncate(whole);
        Ok((done(&text, &self.output)?, Start::Output { lines: text, is_whole }))
    }

    /// Opens the journal for what comes next.
    pub(crate) fn open(mut self, start: &Start) -> anyhow::Result<OpenJournal> {
        if matches!(start, Start::Output { .. }) {
            // What comes holds all of what is there.
            self.overwrite = Overwrite::Update;
        }
        let fail = |error| FileError::writing(&self.partial, error);
        // Once more, now that the key is known too: what would be refused at the end is refused before a row is signed.
        files::check_target(&self.output, self.overwrite)?;
        let mut options = OpenOptions::new();
        options.write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
        if matches!(start, Start::Journal(_)) {
            // It was read a moment ago.
        } else if self.overwrite == Overwrite::Replace {
            files::check_target(&self.partial, Overwrite::Replace)?;
            options.create(true);
        } else {
            options.create_new(true);
        }
        let mut file = options.open(&self.partial).map_err(|error| match error.kind() {
            // It was not there a moment ago: another run has begun since.
            io::ErrorKind::AlreadyExists => self.busy(),
            _ => fail(error).into(),
        })?;
        self.lock(&file)?;
        if !matches!(start, Start::Journal(_)) {
            // Only now is it known that nobody is writing.
            file.set_len(0).map_err(fail)?;
        }
        let whole = file.seek(SeekFrom::End(0)).map_err(fail)?;
        // Another run has gone on with it since it was read, and has come to its end.
        if matches!(start, Start::Journal(read) if *read != whole) {
            return Err(self.busy());
        }
        let mut journal = OpenJournal { names: self, file, unsynced: 0, whole, finished: false };
        if let Start::Output { lines, .. } = start {
            journal.append(lines)?;
        }
        Ok(journal)
    }

    /// Keeps a second run from the journal of one that is alive, wherever locks are known.
    fn lock(&self, file: &File) -> anyhow::Result<()> {
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) { Err(self.busy()) } else { Ok(()) }
    }

    fn busy(&self) -> anyhow::Error {
        let message = format!("another run is writing `{}`", self.partial.display());
        Failure::new(Code::FileUnwritable, message).hint("let it end first").into()
    }
}

/// Counts the bytes of whole lines.
fn whole_lines(text: &[u8]) -> usize {
    text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

fn done(text: &[u8], path: &Path) -> anyhow::Result<Vec<Done>> {
    let lines = text.split(|byte| *byte == b'\n').zip(1..).filter(|(line, _)| !line.is_empty());
    let read = lines.map(|(line, number)| {
        read_done(line).map_err(|error| {
            let message = format!("line {number} of `{}`: {error}", path.display());
            Failure::new(Code::Malformed, message).hint("start over with --force").into()
        })
    });
    read.collect()
}

impl OpenJournal {
    pub(crate) fn append(&mut self, lines: &[u8]) -> Result<(), FileError> {
        let fail = |error| FileError::writing(&self.names.partial, error);
        let mut written = 0;
        while written < lines.len() {
            match self.file.write(&lines[written..]) {
                Ok(0) => return Err(fail(io::ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.whole += whole_lines(&lines[..written]) as u64;
                    return Err(fail(error));
                }
            }
        }
        self.whole += lines.len() as u64;
        self.unsynced += lines.len();
        if self.unsynced >= SYNC_BYTES { self.sync() } else { Ok(()) }
    }

    /// Waits until what was appended is on the disk.
    pub(crate) fn sync(&mut self) -> Result<(), FileError> {
        self.file.sync_data().map_err(|error| FileError::writing(&self.names.partial, error))?;
        self.unsynced = 0;
        Ok(())
    }

    /// Puts the whole result in place.
    pub(crate) fn finish(mut self) -> Result<(), FileError> {
        let Journal { output, partial, overwrite } = &self.names;
        let fail = |error| FileError::writing(output, error);
        self.file.sync_all().map_err(fail)?;
        files::check_target(output, *overwrite)?;
        if *overwrite == Overwrite::Forbid {
            let whole = TempPath::try_from_path(partial).map_err(fail)?;
            if let Err(failed) = whole.persist_noclobber(output) {
                // What was minted stays, to go on with.
                let _ = failed.path.keep();
                return Err(match failed.error.kind() {
                    io::ErrorKind::AlreadyExists => FileError::exists(output),
                    _ => fail(failed.error),
                });
            }
        } else {
            fs::rename(partial, output).map_err(fail)?;
        }
        self.finished = true;
        files::sync_folder(output)
    }
}

impl Drop for OpenJournal {
    /// Leaves only what there is to go on with.
    fn drop(&mut self) {
        if !self.finished && self.whole == 0 {
            // The failure that led here is being reported already.
            let _ = fs::remove_file(&self.names.partial);
        }
    }
}
