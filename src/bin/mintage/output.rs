//! Where a command's document goes: to standard output, or whole into a new file.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::files::{self, FileError, Mode, Overwrite};
use crate::render::Terminal;

/// Names the output.
#[derive(Args, Debug)]
pub(crate) struct Output {
    /// Write to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the output file if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

impl Output {
    /// Returns the file, unless the output goes to standard output.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.output.as_deref().filter(|path| *path != Path::new("-"))
    }

    pub(crate) fn overwrite(&self) -> Overwrite {
        if self.force { Overwrite::Replace } else { Overwrite::Forbid }
    }

    /// Refuses an output file that could not be written, before any work is done for it.
    pub(crate) fn check(&self) -> Result<(), FileError> {
        self.file().map_or(Ok(()), |path| files::check_target(path, self.overwrite()))
    }

    /// Writes a document.
    pub(crate) fn write(&self, data: &str, terminal: &Terminal) -> Result<(), FileError> {
        match self.file() {
            Some(path) => files::write(path, data.as_bytes(), Mode::Public, self.overwrite()),
            None => terminal.data(data.as_bytes()),
        }
    }
}
