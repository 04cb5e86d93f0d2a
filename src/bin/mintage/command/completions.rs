//! `mintage completions`.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::render::Terminal;

/// Print a completion script for a shell
///
/// Bash: `mintage completions bash > ~/.local/share/bash-completion/completions/mintage`.
/// Zsh: into a file `_mintage` on `$fpath`. Fish: into `~/.config/fish/completions/mintage.fish`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "mintage", &mut script);
    terminal.data(&script)?;
    Ok(ExitCode::SUCCESS)
}
