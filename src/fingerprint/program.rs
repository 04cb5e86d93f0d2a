//! Runs the system's own programs, where a system keeps its identity in no file.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use super::reading::{Reading, ReadingState};

/// The most that is read of what a program prints.
const MOST_OUTPUT: u64 = 4 << 20;

/// Runs programs; a test gives recorded answers instead.
pub(super) trait Programs {
    /// Returns what a program prints, or `None` when it is not there, fails or prints too much.
    fn run(&self, program: &str, arguments: &[&str]) -> Option<String>;
}

/// The programs that are installed.
pub(super) struct Installed;

impl Programs for Installed {
    fn run(&self, program: &str, arguments: &[&str]) -> Option<String> {
        // A relative path would be looked up in places that a user can choose.
        if !Path::new(program).is_absolute() {
            return None;
        }
        let mut command = Command::new(program);
        command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Programs of Windows do not start without it.
        if let Some(root) = std::env::var_os("SystemRoot") {
            command.env("SystemRoot", root);
        }
        let mut child = command.spawn().ok()?;
        let mut output = Vec::new();
        let read = child.stdout.take().map(|stdout| stdout.take(MOST_OUTPUT + 1).read_to_end(&mut output));
        if !matches!(read, Some(Ok(_))) || output.len() as u64 > MOST_OUTPUT {
            // It may wait for a reader; that it has ended already is no fault.
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        child.wait().ok()?.success().then(|| String::from_utf8_lossy(&output).into_owned())
    }
}

/// Makes a reading of what a program prints; a program that gives no answer says nothing about the machine.
pub(super) fn reading(
    name: &str,
    programs: &impl Programs,
    command: (&str, &[&str]),
    parse: impl FnOnce(&str) -> Reading,
) -> Reading {
    match programs.run(command.0, command.1) {
        Some(output) => parse(&output),
        None => Reading::noted(name, ReadingState::Denied, format!("{} gave no answer", command.0)),
    }
}

/// Answers from a table, and nothing for any other program.
#[cfg(test)]
pub(super) struct Recorded(pub(super) &'static [(&'static str, &'static str)]);

#[cfg(test)]
impl Programs for Recorded {
    fn run(&self, program: &str, arguments: &[&str]) -> Option<String> {
        let line = format!("{program} {}", arguments.join(" "));
        self.0.iter().find(|(part, _)| line.contains(part)).map(|(_, output)| (*output).to_owned())
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn only_a_program_that_succeeds_gives_an_answer() {
        assert_eq!(Installed.run("/bin/echo", &["a", "b"]), Some("a b\n".to_owned()));
        for program in ["/bin/missing", "echo", "/bin/false"] {
            assert_eq!(Installed.run(program, &[]), None, "{program}");
        }
    }

    #[test]
    fn a_program_that_prints_without_end_is_stopped() {
        assert_eq!(
            Installed.run("/bin/sh", &["-c", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done"]),
            None
        );
    }
}
