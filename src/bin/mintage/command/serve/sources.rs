//! [`Sources`]: where settings come from, so that they can be read again.

use std::path::{Path, PathBuf};

use super::settings::Settings;

/// Flags and variables, which stay what they were, and what fills in where they say nothing.
#[derive(Debug)]
pub(super) struct Sources {
    given: Settings,
    config: Option<PathBuf>,
}

impl Sources {
    pub(super) fn new(mut given: Settings, config: Option<PathBuf>) -> Self {
        given.take_trust();
        Self { given, config }
    }

    /// Reads the settings in force.
    pub(super) fn read(&self) -> anyhow::Result<Settings> {
        let mut settings = self.given.clone();
        if let Some(path) = &self.config {
            settings.fill(path)?;
        }
        if let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") {
            settings.take_credentials(Path::new(&folder))?;
        }
        settings.settle();
        Ok(settings)
    }
}
