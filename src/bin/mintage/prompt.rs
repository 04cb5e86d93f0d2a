//! Passphrases: from a terminal or a file, never from an argument or the environment.

#[cfg(unix)]
mod terminal;

use std::path::{Path, PathBuf};

use mintage::code::Code;
use mintage::key::Passphrase;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::files;

#[cfg(unix)]
use terminal::Terminal;

/// The console, where rpassword keeps the echo off.
#[cfg(not(unix))]
struct Terminal;

#[cfg(not(unix))]
impl Terminal {
    fn open() -> std::io::Result<Self> {
        Ok(Self)
    }

    fn ask(&mut self, question: &str) -> std::io::Result<String> {
        rpassword::prompt_password(question)
    }
}

/// Asks for the passphrase of a key that exists.
pub(crate) fn passphrase(file: Option<&PathBuf>, key: &Path) -> anyhow::Result<Passphrase> {
    if let Some(file) = file {
        return from_file(file);
    }
    let key = crate::render::shown(&key.display().to_string());
    ask(&mut terminal()?, &format!("passphrase of `{key}`: "))
}

/// Asks for the passphrase of a new key, twice at a terminal; weak ones are refused.
pub(crate) fn new_passphrase(file: Option<&PathBuf>) -> anyhow::Result<Passphrase> {
    if let Some(file) = file {
        let passphrase = from_file(file)?;
        check(&passphrase)?;
        return Ok(passphrase);
    }
    let mut terminal = terminal()?;
    let passphrase = ask(&mut terminal, "new passphrase: ")?;
    check(&passphrase)?;
    if ask(&mut terminal, "the same again: ")?.reveal() != passphrase.reveal() {
        return Err(Failure::new(Code::BadPassphrase, "the two passphrases differ").hint("try again").into());
    }
    Ok(passphrase)
}

fn check(passphrase: &Passphrase) -> anyhow::Result<()> {
    match passphrase.weakness() {
        None => Ok(()),
        Some(weakness) => Err(Failure::new(Code::WeakPassphrase, weakness).into()),
    }
}

/// Takes the first line.
fn from_file(path: &Path) -> anyhow::Result<Passphrase> {
    let data = files::read(path, files::SECRET_BYTES).map_err(|error| {
        if error.is_too_large() { Failure::new(Code::BadPassphrase, error).into() } else { anyhow::Error::from(error) }
    });
    let data = Zeroizing::new(data?);
    let line = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match std::str::from_utf8(line) {
        Ok(text) => Ok(Passphrase::new(text.to_owned())),
        Err(_) => Err(Failure::new(Code::BadPassphrase, format_args!("`{}` is not UTF-8", path.display())).into()),
    }
}

/// Opens the terminal to ask at.
fn terminal() -> anyhow::Result<Terminal> {
    Terminal::open().map_err(|error| no_answer(&error))
}

fn ask(terminal: &mut Terminal, question: &str) -> anyhow::Result<Passphrase> {
    let answer = Passphrase::new(terminal.ask(question).map_err(|error| no_answer(&error))?);
    // What stands in for typed bytes that are not UTF-8 would be part of a passphrase that nobody can type again.
    if answer.reveal().contains(char::REPLACEMENT_CHARACTER) {
        return Err(Failure::new(Code::BadPassphrase, "what was typed is not UTF-8")
            .hint("set the terminal to UTF-8, or type ASCII")
            .into());
    }
    Ok(answer)
}

fn no_answer(error: &std::io::Error) -> anyhow::Error {
    let message = format!("a passphrase is needed, and none was typed at a terminal: {error}");
    Failure::new(Code::BadPassphrase, message).hint("name a file with --passphrase-file").into()
}
