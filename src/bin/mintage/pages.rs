//! The checked-in pages under `man/`: printed from the arguments and from the list of codes; a test fails when they drift.
//! `UPDATE=1 cargo test` rewrites them.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Arg, Command, CommandFactory};
use mintage::code::Code;

use crate::args::Cli;

#[test]
fn pages_are_those_of_the_arguments() {
    let mut pages = Vec::new();
    let mut command = Cli::command().disable_help_flag(true);
    command.build();
    collect(&command, &mut pages);
    pages.push(("mintage-codes.7".to_owned(), codes()));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    for (name, page) in &pages {
        settle(&folder.join(name), page);
    }
    let mut known: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).chain(["mintage-formats.5"]).collect();
    known.sort_unstable();
    let mut found: Vec<String> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, known, "man/ holds a page that nothing prints, or lacks one");
}

#[cfg(feature = "serve")]
#[test]
fn the_page_of_a_server_names_the_variable_of_every_setting() {
    let mut command = Cli::command();
    command.build();
    let serve = command.find_subcommand("serve").unwrap();
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("man/mintage-serve.1")).unwrap();
    let variables: Vec<_> = serve.get_arguments().filter_map(|argument| argument.get_env()?.to_str()).collect();
    assert!(variables.len() > 25, "{variables:?}");
    for variable in variables.into_iter().chain(["MINTAGE_TRUST"]) {
        assert!(page.contains(&format!("[env: {variable}]")), "{variable}");
    }
}

/// Prints the page of a command and of everything below it.
fn collect(command: &Command, pages: &mut Vec<(String, String)>) {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    // Clap borrows names for ever.
    let shown: &'static str = name.clone().leak();
    let mut page = Vec::new();
    // No date: a page would drift every day.
    clap_mangen::Man::new(command.clone().name(shown).mut_args(with_variable)).date("").render(&mut page).unwrap();
    pages.push((format!("{name}.1"), String::from_utf8(page).unwrap()));
    command.get_subcommands().for_each(|below| collect(below, pages));
}

/// Names the variable that stands for an argument, as `--help` does.
fn with_variable(argument: Arg) -> Arg {
    let Some(variable) = argument.get_env().map(|name| name.to_string_lossy().into_owned()) else { return argument };
    let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
    argument.long_help(format!("{help} [env: {variable}]"))
}

fn codes() -> String {
    let mut page = String::from(
        ".TH mintage-codes 7 \"\" mintage\n.SH NAME\nmintage\\-codes \\- every reason that mintage gives\n.SH DESCRIPTION\n\
         A command names its reasons on standard error as\n.BR error[ CODE ],\nand under\n.B refusals\nor\n.B code\n\
         in JSON. The exit status is that of the class: 1 for a certain no, 2 for a command that was not understood, 3 for\n\
         what could not be told or done. Of several reasons, a certain no decides; where the fault is in what was to be judged\n\
         with, as in a keyring named by\n.BR \\-\\-trust ,\nnothing could be told. Over HTTP a verdict is 200 either way;\n\
         the other statuses stand where there was nothing to judge.\n.SH CODES\n",
    );
    for code in Code::ALL {
        let word = code.as_str().replace('-', "\\-");
        let (exit, http) = (code.exit().status(), code.http_status());
        let text = format!("{}. {}.", capital(code.meaning()), capital(code.hint())).replace('-', "\\-");
        writeln!(page, ".TP\n.BR {word} \" (exit {exit}, HTTP {http})\"\n{text}").unwrap();
    }
    page.push_str(".SH SEE ALSO\n.BR mintage (1),\n.BR mintage-formats (5)\n");
    page
}

fn capital(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn settle(path: &PathBuf, page: &str) {
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, page).unwrap();
    }
    let checked_in = fs::read_to_string(path).unwrap_or_default();
    assert!(checked_in == page, "{} has drifted; `UPDATE=1 cargo test` rewrites it", path.display());
}
