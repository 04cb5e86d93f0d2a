//! [`Sources`]: where settings come from, so that they can be read again.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::{Args, Command};

use super::Arguments;
use super::settings::Settings;

/// Variables that are read beside those of the flags of `serve`: some by other commands, for which they are set as well.
const OTHERS: [&str; 4] = ["MINTAGE_INSTANCE_DIR", "MINTAGE_LICENSE", "MINTAGE_LICENSE_KEY", "MINTAGE_TRUST"];

/// Names the variables that look like settings and are none; those that Kubernetes makes of a service's name it makes itself.
pub(super) fn unread_variables() -> Vec<String> {
    let command = Arguments::augment_args(Command::new("serve"));
    let is_read = |name: &str| {
        OTHERS.contains(&name) || command.get_arguments().filter_map(clap::Arg::get_env).any(|known| known == name)
    };
    let ours = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let ours = ours.filter(|(name, _)| name.starts_with("MINTAGE_") && !is_read(name));
    let is_of_a_service = |name: &str, value: &OsStr| {
        name.contains("_SERVICE_")
            || name.contains("_PORT_")
            || name.ends_with("_PORT") && value.as_encoded_bytes().starts_with(b"tcp://")
    };
    let mut unread: Vec<_> = ours.filter(|(name, value)| !is_of_a_service(name, value)).map(|(name, _)| name).collect();
    unread.sort();
    unread
}

/// Flags and variables, which stay what they were, and what fills in where they say nothing.
#[derive(Clone, Debug)]
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
