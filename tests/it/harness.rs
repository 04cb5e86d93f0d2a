//! [`Bench`]: an empty folder, a known environment and the program; one snapshot shows all three streams.

use std::ffi::OsStr;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mintage::Verdict;
use mintage::armor::Repair;
use mintage::json::Writer;
use tempfile::TempDir;

/// Moments that the tests name, so that no output depends on the day.
pub(crate) const ISSUED: &str = "2026-01-01T00:00:00Z";

/// An empty folder to run the program in.
pub(crate) struct Bench {
    folder: TempDir,
}

/// What a run left: printed as standard output, then standard error, then the exit status.
#[must_use = "snapshot the output or assert the exit status"]
pub(crate) struct Outcome {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) status: Option<i32>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::with_prefix("mintage-test-").unwrap() }
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, data: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, data).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The program, with nothing in its environment but a PATH and this folder as its home.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("mintage"));
        command.current_dir(self.folder.path()).env_clear();
        command.env("HOME", self.folder.path()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn run<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, arguments: I) -> Outcome {
        self.run_with(arguments, "")
    }

    /// Runs with a text on standard input.
    pub(crate) fn run_with<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(
        &self,
        arguments: I,
        stdin: impl AsRef<[u8]>,
    ) -> Outcome {
        let mut command = self.command();
        command.args(arguments);
        feed(command, stdin.as_ref())
    }

    /// Runs with further variables in the environment.
    pub(crate) fn run_in<const N: usize>(&self, variables: [(&str, &str); N], arguments: &[&str]) -> Outcome {
        let mut command = self.command();
        command.envs(variables).args(arguments);
        feed(command, b"")
    }

    /// Mints with the example key, issued at [`ISSUED`] under a fixed id; returns the token.
    pub(crate) fn mint(&self, arguments: &[&str]) -> String {
        let key = example("vendor.key");
        let fixed = ["-q", "mint", "--allow-readable-key", "--key", &key, "--issued-at", ISSUED];
        let id: &[&str] = if arguments.contains(&"--id") { &[] } else { &["--id", "lic-1"] };
        let outcome = self.run(fixed.iter().chain(id).chain(arguments));
        assert_eq!(outcome.status, Some(0), "{outcome}");
        String::from_utf8(outcome.stdout).unwrap().trim_end().to_owned()
    }
}

/// Runs a command to its end with a text on its standard input.
pub(crate) fn feed(mut command: Command, stdin: &[u8]) -> Outcome {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let stdin = stdin.to_owned();
    // The program may end without reading all of it.
    let writer = std::thread::spawn(move || drop(pipe.write_all(&stdin)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Outcome { stdout: output.stdout, stderr: output.stderr, status: output.status.code() }
}

/// Spells a verdict as `verify --batch` does.
pub(crate) fn json_line(verdict: &Verdict, line: u64, repairs: &[Repair]) -> String {
    let mut out = Writer::default();
    verdict.write_line(&mut out, line, repairs);
    out.finish()
}

/// Returns the path of a published example key.
pub(crate) fn example(name: &str) -> String {
    format!("{}/keys.example/{name}", env!("CARGO_MANIFEST_DIR"))
}

impl Outcome {
    pub(crate) fn stdout(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    pub(crate) fn stderr(&self) -> &str {
        std::str::from_utf8(&self.stderr).unwrap()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.stdout))?;
        if !self.stderr.is_empty() {
            write!(f, "------- stderr -------\n{}", String::from_utf8_lossy(&self.stderr))?;
        }
        match self.status {
            Some(status) => write!(f, "[exit status: {status}]"),
            None => f.write_str("[killed]"),
        }
    }
}
