//! Turns every error into a code, a sentence, hints and an exit status; nothing else prints errors.

use std::ffi::OsString;
use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use mintage::code::{Code, Exit};
use mintage::fingerprint::{EnrolError, FingerprintError};
use mintage::key::KeyError;
use mintage::ledger::LedgerError;
use mintage::operation::keyring::KeyringError;
use mintage::operation::ledger::audit::AuditError;
use mintage::operation::mint::MintError;
use mintage::operation::plans::PlanError;
use mintage::operation::problem;
use mintage::report::ReportError;
use mintage::seal::SealError;
use mintage::time::TimeError;
use mintage::trust::TrustError;

use crate::args::{self, Global};
use crate::files::FileError;
use crate::render::{Terminal, shown};

/// A failure that a command names itself.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// Fails with a code, its own hint and its own exit status.
    pub(crate) fn new(code: Code, message: impl fmt::Display) -> Self {
        Self { code, exit: code.exit(), message: message.to_string(), hint: None }
    }

    /// Gives a hint that fits better than the code's own.
    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// Fails as an error does that came too late, and says what stands in spite of it.
    pub(crate) fn too_late(error: &anyhow::Error, what: impl fmt::Display) -> Self {
        let (code, exit, _) = classify(error);
        Self { exit, ..Self::new(code.unwrap_or(Code::FileUnwritable), format_args!("{error:#}; {what}")) }
    }

    /// Says that the answer is no, whatever the code alone would mean.
    pub(crate) fn no(mut self) -> Self {
        self.exit = Exit::No;
        self
    }

    /// Whether work could not be done, and nothing was answered.
    pub(crate) fn is_unable(&self) -> bool {
        self.exit == Exit::Unable
    }

    /// Says that work could not be done, where the code alone would mean "no".
    pub(crate) fn unable(mut self) -> Self {
        self.exit = Exit::Unable;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Reports an error, and returns the exit status of its class.
pub(crate) fn report(error: &anyhow::Error, terminal: &Terminal) -> ExitCode {
    // They have read what they wanted; that the rest was not delivered, the exit status says. What came of it besides is told.
    let alone = error.chain().next().and_then(|error| error.downcast_ref::<FileError>());
    if alone.is_some_and(FileError::is_unread) {
        return ExitCode::from(Exit::Unable.status());
    }
    let (code, exit, hint) = classify(error);
    let message = format!("{error:#}");
    let hints: Vec<&str> = hint.iter().map(String::as_str).collect();
    if terminal.json {
        print_json(code, &message, &hints);
    }
    terminal.error(code, &message, &hints);
    ExitCode::from(exit.status())
}

/// Prints a failure as one JSON value on standard output.
fn print_json(code: Option<Code>, message: &str, hints: &[&str]) {
    // The same failure is told on standard error, whatever becomes of this.
    let _ = writeln!(std::io::stdout().lock(), "{}", problem::json(code, message, hints));
}

/// Reports arguments that were not understood, or prints the help or version that was asked for.
pub(crate) fn usage(error: &clap::Error, arguments: impl Iterator<Item = OsString>) -> ExitCode {
    if !error.use_stderr() {
        return match error.print() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => report(&FileError::stdout(error).into(), &Terminal::new(&Global::default())),
        };
    }
    let arguments: Vec<OsString> = arguments.collect();
    let mut text = error.render().to_string();
    // Clap names the flag alone.
    if let Some((argument, variable)) = args::variable_behind(error, &arguments) {
        let flag = format!(" for '{argument}'");
        text = text.replacen(&flag, &format!("{flag} from {variable}"), 1);
    }
    let text = text.strip_prefix("error: ").map_or(text.clone(), |rest| format!("mintage: error[usage]: {rest}"));
    // They could not be read, so `--json` is looked for where it may stand.
    if arguments.iter().skip(1).take_while(|argument| *argument != "--").any(|argument| argument == "--json") {
        let (message, hints) = sentences(&text);
        print_json(Some(Code::Usage), &message, &hints.iter().map(String::as_str).collect::<Vec<_>>());
    }
    // The text quotes arguments, which may hold anything.
    let lines: Vec<String> = text.lines().map(shown).collect();
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "{}", lines.join("\n"));
    ExitCode::from(Exit::Usage.status())
}

/// Takes clap's paragraphs apart: what was wrong, and what to do about it.
fn sentences(text: &str) -> (String, Vec<String>) {
    let text = text.strip_prefix("mintage: error[usage]: ").unwrap_or(text);
    let joined = |lines: &str| lines.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut paragraphs = text.split("\n\n");
    let message = joined(paragraphs.next().unwrap_or_default());
    let tips = text.lines().filter_map(|line| line.trim().strip_prefix("tip: ")).map(str::to_owned);
    let more = paragraphs.filter(|paragraph| paragraph.starts_with("Usage: ")).map(joined);
    (message, tips.chain(more).chain([Code::Usage.hint().to_owned()]).collect())
}

/// Finds the code of an error by the library's own errors in its chain.
pub(crate) fn classify(error: &anyhow::Error) -> (Option<Code>, Exit, Option<String>) {
    let known = |code: Code| (Some(code), code.exit(), Some(code.hint().to_owned()));
    for cause in error.chain() {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            let hint = failure.hint.clone().unwrap_or_else(|| failure.code.hint().to_owned());
            return (Some(failure.code), failure.exit, Some(hint));
        }
        if let Some(AuditError::Ledger(error)) = cause.downcast_ref::<AuditError>() {
            return (Some(error.code()), error.code().exit(), Some(error.hint().to_owned()));
        }
        if let Some(error) = cause.downcast_ref::<LedgerError>() {
            return (Some(error.code()), error.code().exit(), Some(error.hint().to_owned()));
        }
        macro_rules! by_code {
            ($($error:ty)*) => {$(
                if let Some(error) = cause.downcast_ref::<$error>() {
                    return known(error.code());
                }
            )*};
        }
        if let Some(error) = cause.downcast_ref::<FileError>() {
            let hint = error.hint().unwrap_or_else(|| error.code().hint());
            return (Some(error.code()), error.code().exit(), Some(hint.to_owned()));
        }
        // It was minted just now: nobody had asked whether it is valid.
        if let Some(MintError::Refused(_, refusal)) = cause.downcast_ref::<MintError>() {
            return (Some(refusal.code), Exit::Unable, Some(refusal.hint().to_owned()));
        }
        if let Some(error) = cause.downcast_ref::<MintError>() {
            let hint = error.hint().unwrap_or_else(|| error.code().hint());
            return (Some(error.code()), error.code().exit(), Some(hint.to_owned()));
        }
        by_code!(AuditError EnrolError FingerprintError KeyringError PlanError ReportError);
        // A key or a keyring that is not to be used leaves nothing to judge or sign with, whatever is wrong with it.
        if let Some(error) = cause.downcast_ref::<KeyError>() {
            return (Some(error.code()), Exit::Unable, Some(error.code().hint().to_owned()));
        }
        if let Some(error) = cause.downcast_ref::<TrustError>() {
            return (Some(error.code()), Exit::Unable, Some(error.code().hint().to_owned()));
        }
        if let Some(SealError::ShortSecret(_)) = cause.downcast_ref::<SealError>() {
            let hint = "make one with `head -c 32 /dev/urandom > SECRET_FILE`".to_owned();
            return (Some(Code::BadKey), Exit::Unable, Some(hint));
        }
        if cause.downcast_ref::<TimeError>().is_some() {
            let hint = "write 2027-01-31, 2027-01-31T12:00:00Z, 90d, 12h, 2w or never".to_owned();
            return (Some(Code::Usage), Exit::Usage, Some(hint));
        }
    }
    (None, Exit::Unable, None)
}
