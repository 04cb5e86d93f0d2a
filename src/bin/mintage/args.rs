//! The arguments: what every command shares, and the list of commands.

use std::ffi::{OsStr, OsString};

use clap::{Args, ColorChoice, Parser, Subcommand, ValueEnum};

use crate::command::{activate, completions, fingerprint, inspect, keygen, mint, verify};

/// Mint, verify and inspect software licenses offline
#[derive(Debug, Parser)]
#[command(name = "mintage", version, arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "Exit status: 0 yes or done, 1 no, 2 usage, 3 could not tell or could not do it.\n\
    Codes are listed in mintage-codes(7), formats in mintage-formats(5).")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Print one JSON value on standard output (JSONL in a batch)
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use color
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Leave out notes and warnings
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Always,
    Auto,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Keygen(keygen::Arguments),
    Mint(Box<mint::Arguments>),
    Verify(Box<verify::Arguments>),
    Inspect(inspect::Arguments),
    Fingerprint(fingerprint::Arguments),
    Activate(Box<activate::Arguments>),
    Completions(completions::Arguments),
}

/// Reads the arguments.
///
/// # Errors
/// Clap's error, which also carries help and version.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(expand_limits(arguments.into_iter().collect()))
}

impl From<Color> for ColorChoice {
    fn from(color: Color) -> Self {
        match color {
            Color::Always => Self::Always,
            Color::Auto => Self::Auto,
            Color::Never => Self::Never,
        }
    }
}

/// Spells `--max-foo-bar N` of `mint` as `--limit max_foo_bar=N`: vendors name their own limits.
fn expand_limits(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut expanded = Vec::with_capacity(arguments.len() + 4);
    let mut command: Option<OsString> = None;
    let mut rest = arguments.into_iter();
    while let Some(argument) = rest.next() {
        let limit = argument
            .to_str()
            .filter(|_| command.as_deref() == Some(OsStr::new("mint")))
            .and_then(|text| text.strip_prefix("--max-"));
        match limit.map(|limit| limit.split_once('=').map_or((limit, None), |(name, value)| (name, Some(value)))) {
            Some((name, value)) if name != "activations" && !name.is_empty() => {
                let value = match value {
                    Some(value) => value.to_owned(),
                    None => rest.next().unwrap_or_default().to_string_lossy().into_owned(),
                };
                expanded.push("--limit".into());
                expanded.push(format!("max_{}={value}", name.replace('-', "_")).into());
            }
            _ => {
                // The first word is the program, the next that is no flag the command; `--color` alone has a value before it.
                let is_word = !argument.to_string_lossy().starts_with('-');
                let is_value = expanded.last().is_some_and(|before| before == "--color");
                if command.is_none() && !expanded.is_empty() && is_word && !is_value {
                    command = Some(argument.clone());
                }
                expanded.push(argument);
            }
        }
    }
    expanded
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn vendors_name_their_own_limits() {
        let expand = |line: &str| -> Vec<String> {
            let arguments = line.split(' ').map(OsString::from).collect();
            expand_limits(arguments).into_iter().map(|argument| argument.into_string().unwrap()).collect()
        };
        assert_eq!(
            expand("mintage mint --max-foo-bar 3 --max-apps=4 --max-activations 5").join(" "),
            "mintage mint --limit max_foo_bar=3 --limit max_apps=4 --max-activations 5"
        );
        for line in [
            "mintage verify --max-age 3d",
            "mintage verify --tenant mint --max-age 3d",
            "mintage --color mint verify --max-age 3d",
        ] {
            assert_eq!(expand(line).join(" "), line);
        }
        assert_eq!(
            expand("mintage -q --color never mint --max-a 1").join(" "),
            "mintage -q --color never mint --limit max_a=1"
        );
    }
}
