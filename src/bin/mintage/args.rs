//! The arguments: what every command shares, and the list of commands.

use std::ffi::OsString;
use std::mem;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgMatches, Args, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

#[cfg(feature = "serve")]
use crate::command::serve;
use crate::command::{activate, completions, fingerprint, inspect, keygen, ledger, mint, verify};

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
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Print one JSON value on standard output (JSONL in a batch), also of a document that goes to a file
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use color
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Leave out notes and warnings
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Always,
    #[default]
    Auto,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Keygen(keygen::Arguments),
    Mint(Box<mint::Arguments>),
    Verify(Box<verify::Arguments>),
    Inspect(inspect::Arguments),
    Fingerprint(Box<fingerprint::Arguments>),
    Activate(Box<activate::Arguments>),
    Ledger(ledger::Arguments),
    #[cfg(feature = "serve")]
    Serve(Box<serve::Arguments>),
    Completions(completions::Arguments),
}

/// A command by its name: what builds its arguments, and what reads them.
type Alone = (&'static str, fn(clap::Command) -> clap::Command, fn(&mut ArgMatches) -> Result<Command, clap::Error>);

/// Every command; twice what is mostly called for with few arguments, those first: to build the other twenty would take
/// as long as a signature.
const COMMANDS: &[Alone] = &[
    ("keygen", keygen::Arguments::augment_args, |matches| read(matches).map(Command::Keygen)),
    ("mint", mint::Arguments::augment_args, |matches| read(matches).map(Box::new).map(Command::Mint)),
    ("verify", verify::Plain::augment_args, |matches| {
        read::<verify::Plain>(matches).map(verify::Arguments::from).map(Box::new).map(Command::Verify)
    }),
    ("verify", verify::Arguments::augment_args, |matches| read(matches).map(Box::new).map(Command::Verify)),
    ("inspect", inspect::Arguments::augment_args, |matches| read(matches).map(Command::Inspect)),
    ("fingerprint", fingerprint::Arguments::augment_args, |matches| {
        read(matches).map(Box::new).map(Command::Fingerprint)
    }),
    ("activate", activate::Arguments::augment_args, |matches| read(matches).map(Box::new).map(Command::Activate)),
    ("ledger", ledger::Arguments::augment_args, |matches| read(matches).map(Command::Ledger)),
    #[cfg(feature = "serve")]
    ("serve", serve::Arguments::augment_args, |matches| read(matches).map(Box::new).map(Command::Serve)),
    ("completions", completions::Arguments::augment_args, |matches| read(matches).map(Command::Completions)),
];

fn read<T: FromArgMatches>(matches: &mut ArgMatches) -> Result<T, clap::Error> {
    T::from_arg_matches_mut(matches)
}

/// Reads the arguments.
///
/// # Errors
/// Clap's error, which also carries help and version.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let command = command_at(&arguments);
    if let Some(command) = command.filter(|at| arguments[*at] == "mint") {
        expand_limits(&mut arguments, command + 1);
    }
    let alone = command.and_then(|at| parse_alone(at, &arguments));
    alone.map_or_else(|| Cli::try_parse_from(&arguments), Ok)
}

/// Finds the argument whose value is refused and the variable it came from, where the command line did not give it.
pub(crate) fn variable_behind<'a>(error: &'a clap::Error, arguments: &[OsString]) -> Option<(&'a str, String)> {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (argument, value) = (context(ContextKind::InvalidArg)?, context(ContextKind::InvalidValue)?);
    let flag = argument.split(' ').next()?;
    let is_given = |argument: &OsString| {
        argument
            .to_str()
            .and_then(|text| text.strip_prefix(flag))
            .is_some_and(|rest| matches!(rest.chars().next(), None | Some('=')))
    };
    let long = flag.strip_prefix("--").filter(|_| !arguments.iter().any(is_given))?;
    variable_of(&Cli::command(), long, value).map(|variable| (argument, variable))
}

/// Finds the variable of an argument, of this command or one below, that holds a value.
fn variable_of(command: &clap::Command, long: &str, value: &str) -> Option<String> {
    let own = command.get_arguments().filter(|argument| argument.get_long() == Some(long)).filter_map(Arg::get_env);
    let mut holding = own.filter(|name| std::env::var_os(name).is_some_and(|held| held == value));
    let found = holding.next().map(|name| name.to_string_lossy().into_owned());
    found.or_else(|| command.get_subcommands().find_map(|below| variable_of(below, long, value)))
}

/// Reads the arguments of one command as if they were the program's, without building those of all the others, which
/// takes longer than to verify a license. Whatever one command alone does not take, a mistake or a call for help, is
/// answered by the whole.
fn parse_alone(at: usize, arguments: &[OsString]) -> Option<Cli> {
    let (before, rest) = (&arguments[..at], &arguments[at + 1..]);
    // What follows `--` is no command to the whole.
    if before.iter().any(|argument| argument == "--") {
        return None;
    }
    let mut named = COMMANDS.iter().filter(|(known, ..)| arguments[at] == **known);
    named.find_map(|(_, augment, read_command)| {
        let alone = clap::Command::new("mintage").disable_help_flag(true);
        let mut alone = Global::augment_args(augment(alone));
        let read_matches = alone.try_get_matches_from_mut(before.iter().chain(rest));
        // The program is short-lived; taking the description apart again would be a tenth of reading the arguments.
        mem::forget(alone);
        let mut matches = read_matches.ok()?;
        Some(Cli { global: read(&mut matches).ok()?, command: read_command(&mut matches).ok()? })
    })
}

/// Finds the command: after the program's name the first word that is no flag; `--color` alone has a value before it.
fn command_at(arguments: &[OsString]) -> Option<usize> {
    let is_word = |at: &usize| !arguments[*at].as_encoded_bytes().starts_with(b"-") && arguments[at - 1] != "--color";
    (1..arguments.len()).find(is_word)
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

/// Spells `--max-foo-bar N` of `mint` as `--limit max_foo_bar=N`, from an argument on: vendors name their own limits.
fn expand_limits(arguments: &mut Vec<OsString>, from: usize) {
    let mut rest = arguments.split_off(from).into_iter();
    while let Some(argument) = rest.next() {
        let limit = argument.to_str().and_then(|text| text.strip_prefix("--max-"));
        match limit.map(|limit| limit.split_once('=').map_or((limit, None), |(name, value)| (name, Some(value)))) {
            Some((name, value)) if name != "activations" && !name.is_empty() => {
                let value = match value {
                    Some(value) => value.to_owned(),
                    None => rest.next().unwrap_or_default().to_string_lossy().into_owned(),
                };
                arguments.push("--limit".into());
                arguments.push(format!("max_{}={value}", name.replace('-', "_")).into());
            }
            _ => arguments.push(argument),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_many_commands_take_stands_under_no_heading_of_one_of_its_parts() {
        fn walk(command: &clap::Command, count: &mut usize) {
            let shared = ["batch", "force", "output", "trust"];
            for argument in command.get_arguments().filter(|argument| shared.contains(&argument.get_id().as_str())) {
                assert_eq!(argument.get_help_heading(), None, "{} {}", command.get_name(), argument.get_id());
                *count += 1;
            }
            command.get_subcommands().for_each(|below| walk(below, count));
        }
        let mut count = 0;
        walk(&Cli::command(), &mut count);
        assert!(count > 20, "{count}");
    }

    #[test]
    fn a_command_alone_reads_what_the_whole_reads() {
        let names: Vec<_> = Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
        let mut known: Vec<_> = COMMANDS.iter().map(|(name, ..)| *name).collect();
        known.dedup();
        assert_eq!(known, names);
        for line in [
            "mintage -q verify a.lic --trust k.pub --feature a --feature b --usage seats=3 --json --any-machine",
            "mintage verify",
            "mintage verify a.lic --trust k.pub --tenant t --product p --build-date 2026-06-01 --at 2026-06-01",
            "mintage verify --batch a.jsonl --any-machine",
            "mintage --color never mint --key k --tenant t --expires 90d --limit max_apps=3",
            "mintage mint revocations --key k --issued-at 2026-06-01 --color=always",
            "mintage completions bash",
            "mintage --json ledger -q list --ledger d",
            "mintage verify --quiet -- -q",
        ] {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let alone = parse_alone(command_at(&arguments).unwrap(), &arguments).expect(line);
            assert_eq!(format!("{alone:?}"), format!("{:?}", Cli::try_parse_from(&arguments).unwrap()));
        }
        for line in [
            "mintage verify --help",
            "mintage --version verify",
            "mintage -- verify",
            "mintage verify --trsut k",
            "mintage verify a.lic --batch b.jsonl",
            "mintage mint help",
        ] {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let whole = Cli::try_parse_from(&arguments).unwrap_err();
            assert_eq!(parse(arguments).unwrap_err().to_string(), whole.to_string());
        }
    }

    #[test]
    fn vendors_name_their_own_limits() {
        let expand = |line: &str| -> String {
            let mut arguments: Vec<_> = line.split(' ').map(OsString::from).collect();
            let mint = command_at(&arguments).unwrap();
            assert_eq!(arguments[mint], "mint");
            expand_limits(&mut arguments, mint + 1);
            arguments.join(" ".as_ref()).into_string().unwrap()
        };
        assert_eq!(
            expand("mintage mint --max-foo-bar 3 --max-apps=4 --max-activations 5"),
            "mintage mint --limit max_foo_bar=3 --limit max_apps=4 --max-activations 5"
        );
        assert_eq!(expand("mintage -q --color never mint --max-a 1"), "mintage -q --color never mint --limit max_a=1");
        for line in [
            "mintage verify --revocations r --max-age 3d",
            "mintage verify --tenant mint --revocations r --max-age 3d",
            "mintage --color never verify --revocations r --max-age 3d",
        ] {
            assert!(parse(line.split(' ').map(OsString::from)).is_ok(), "{line}");
        }
        assert_eq!(command_at(&["mintage", "--color", "mint", "verify"].map(OsString::from)), Some(3));
    }
}
