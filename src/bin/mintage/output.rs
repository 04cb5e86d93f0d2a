//! Where a command's output goes: to standard output, or whole into a new file.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::files::{self, FileError, Mode, Overwrite, Placed, Unfinished};
use crate::render::Terminal;

/// Names the output.
#[derive(Args, Debug, Default)]
pub(crate) struct Output {
    /// Write to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the output file if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

/// A document that is where it was wanted; until programs were told of it, a failure takes its file back.
#[derive(Debug)]
#[must_use = "tell of it, or it is taken back"]
pub(crate) struct HandedOut(Option<Placed>);

/// A document that only has to be put in its place; dropped, nothing of it stays.
#[derive(Debug)]
pub(crate) struct Prepared<D> {
    document: D,
    file: Option<Unfinished>,
}

impl Output {
    /// Returns the file, unless the output goes to standard output.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.output.as_deref().filter(|path| *path != Path::new("-"))
    }

    /// Says of a dry run that the output it names is left alone: what it prints is no license.
    pub(crate) fn unwritten(&self) -> String {
        self.file().map_or_else(String::new, |path| format!(", and `{}` was not written", path.display()))
    }

    pub(crate) fn overwrite(&self) -> Overwrite {
        if self.force { Overwrite::Replace } else { Overwrite::Forbid }
    }

    /// Refuses an output file that could not be written, before any work is done for it.
    pub(crate) fn check(&self) -> Result<(), FileError> {
        self.file().map_or(Ok(()), |path| files::check_target(path, self.overwrite()))
    }

    /// Writes an answer, which is one JSON value where that is wanted.
    pub(crate) fn write(&self, answer: &str, terminal: &Terminal) -> Result<(), FileError> {
        match self.file() {
            Some(path) => files::write(path, answer.as_bytes(), Mode::Public, self.overwrite()),
            None => terminal.data(answer.as_bytes()),
        }
    }

    /// Writes a document that is handed on. With `--json` standard output has its value: beside its file, or in its place.
    pub(crate) fn hand_out(
        &self,
        document: impl AsRef<[u8]>,
        value: impl FnOnce() -> String,
        terminal: &Terminal,
    ) -> Result<(), FileError> {
        self.place(document, terminal)?.tell(value, terminal)
    }

    /// Writes a document as [`Output::hand_out`] does, and leaves its value to be told.
    pub(crate) fn place(&self, document: impl AsRef<[u8]>, terminal: &Terminal) -> Result<HandedOut, FileError> {
        self.prepare(document)?.place(terminal)
    }

    /// Writes a document aside where it goes to a file, so that a folder that is not there and a disk that is full are found
    /// before anything is done that cannot be taken back.
    pub(crate) fn prepare<D: AsRef<[u8]>>(&self, document: D) -> Result<Prepared<D>, FileError> {
        let file = self.file().map(|path| {
            let mut file = Unfinished::create(path, Mode::Public, self.overwrite())?;
            file.append(document.as_ref())?;
            Ok(file)
        });
        Ok(Prepared { document, file: file.transpose()? })
    }
}

impl<D: AsRef<[u8]>> Prepared<D> {
    /// Puts the document where it was wanted.
    pub(crate) fn place(self, terminal: &Terminal) -> Result<HandedOut, FileError> {
        match self.file {
            Some(file) => file.place().map(|placed| HandedOut(Some(placed))),
            None if terminal.json => Ok(HandedOut(None)),
            None => terminal.data(self.document.as_ref()).map(|()| HandedOut(None)),
        }
    }
}

impl HandedOut {
    /// Tells programs of it, and lets it stay.
    pub(crate) fn tell(self, value: impl FnOnce() -> String, terminal: &Terminal) -> Result<(), FileError> {
        terminal.value(value)?;
        self.0.into_iter().for_each(Placed::keep);
        Ok(())
    }
}
