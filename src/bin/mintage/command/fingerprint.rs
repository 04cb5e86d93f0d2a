//! `mintage fingerprint`.

use std::process::ExitCode;

use clap::Args;

use crate::machine::Source;
use crate::render::Terminal;

/// Show this machine's fingerprint
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let readings = arguments.source.read(mintage::fingerprint::ReadOptions::default())?;
    for reading in &readings {
        terminal.line(&format!("{} {}", reading.name, reading.state.as_str()))?;
    }
    Ok(ExitCode::SUCCESS)
}
