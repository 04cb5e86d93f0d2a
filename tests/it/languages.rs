//! The examples in other languages answer as mintage does, and never say yes where it says no.
#![cfg(unix)]

mod scenes;

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Bench, Outcome, example, feed};
use crate::interop::present;
use scenes::{Expect, documents, licenses};

/// An example, ready to run.
struct Example {
    program: OsString,
    /// What stands before the mode.
    launch: Vec<OsString>,
    /// Whether it refuses members that stand twice.
    knows_duplicates: bool,
}

fn found(program: &str, probe: &[&str]) -> bool {
    Command::new(program).args(probe).output().is_ok_and(|output| output.status.success())
}

/// Says that a test is skipped for want of what no test demands.
fn skip(what: &str) {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    // Past the capture of the test runner: a test that did not run is said to every reader.
    let mut stderr = std::io::stderr();
    writeln!(stderr, "skipped {test}: `{what}` does not run here").unwrap();
}

/// Runs a program of another maker in the bench with the environment of this process.
pub(crate) fn foreign<S: AsRef<OsStr>>(
    bench: &Bench,
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = S>,
) -> Outcome {
    let mut command = Command::new(program);
    command.current_dir(bench.path("")).args(arguments);
    feed(command, b"")
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

impl Example {
    fn new(program: impl Into<OsString>, launch: impl IntoIterator<Item = PathBuf>) -> Self {
        let launch = launch.into_iter().map(PathBuf::into_os_string).collect();
        Self { program: program.into(), launch, knows_duplicates: true }
    }

    /// Runs `MODE KEY FILE EXPECTED`.
    fn answer(&self, bench: &Bench, arguments: [&str; 4]) -> Outcome {
        foreign(bench, &self.program, self.launch.iter().map(OsString::as_os_str).chain(arguments.map(OsStr::new)))
    }

    fn agrees(&self, bench: &Bench) {
        let vendor = example("vendor.pub");
        for scene in licenses(bench) {
            let arguments = ["license", &scene.key, &scene.file, &scene.tenant];
            let told = self.answer(bench, arguments);
            let judged = bench.run(["-q", "verify", &scene.file, "--trust", &scene.key, "--tenant", &scene.tenant]);
            let name = scene.name;
            match scene.expect {
                Expect::AsMintage => {
                    assert_eq!(told.status, judged.status, "{name}: {told}\nmintage: {judged}");
                    let state = format!(", {}, as of", told.stdout().trim_end());
                    assert!(told.status != Some(0) || judged.stdout().contains(&state), "{name}: {told}\n{judged}");
                }
                Expect::Strict => {
                    let mended = [Some(0), Some(1)].contains(&judged.status);
                    assert!(mended && told.status == Some(1), "{name}: {told}\nmintage: {judged}");
                }
                Expect::Twice if !self.knows_duplicates => {}
                Expect::Closed | Expect::Twice => {
                    assert!(matches!(told.status, Some(1 | 3)), "{name}: {told}");
                    assert_ne!(judged.status, Some(0), "{name}: {judged}");
                }
            }
        }
        for scene in documents(bench) {
            let told = self.answer(bench, ["document", &vendor, &scene.file, scene.payload_type]);
            let name = scene.name;
            match scene.payload {
                Some(payload) => {
                    assert_eq!((told.status, told.stdout), (Some(0), payload), "{name}");
                }
                None => assert_eq!((told.status, told.stdout()), (Some(1), ""), "{name}: {told}"),
            }
        }
        for (key, file) in [("missing.pub", "valid.lic"), ("no-text.lic", "valid.lic"), (&*vendor, "missing.lic")] {
            let told = self.answer(bench, ["license", key, file, "acme"]);
            assert_eq!((told.status, told.stdout()), (Some(3), ""), "{key}, {file}: {told}");
        }
        let usage = foreign(bench, &self.program, &self.launch);
        assert_eq!(usage.status, Some(2), "{usage}");
    }
}

#[test]
fn python_answers_as_mintage_does() {
    if present("python3", ["-c", "import cryptography"]) {
        Example::new("python3", [source("verify.py")]).agrees(&Bench::new());
    }
}

#[test]
fn node_answers_as_mintage_does() {
    if present("node", ["--version"]) {
        let example = Example::new("node", [source("verify.mjs")]);
        Example { knows_duplicates: false, ..example }.agrees(&Bench::new());
    }
}

#[test]
fn the_shell_answers_as_mintage_does() {
    if present("openssl", ["version"]) {
        Example::new("sh", [source("verify.sh")]).agrees(&Bench::new());
    }
}

#[test]
fn java_answers_as_mintage_does() {
    if !present("java", ["-version"]) {
        return;
    }
    let bench = Bench::new();
    let launched = Example::new("java", [source("Verify.java")]);
    if !found("javac", &["-version"]) {
        return launched.agrees(&bench);
    }
    // Launched as a single file it is compiled anew each time.
    bench.write("license.lic", bench.mint(&["--tenant", "acme", "--expires", "never"]));
    let told = launched.answer(&bench, ["license", &example("vendor.pub"), "license.lic", "acme"]);
    assert_eq!((told.status, told.stdout()), (Some(0), "ACTIVE\n"), "{told}");
    let compiled =
        foreign(&bench, "javac", [OsStr::new("-d"), bench.path("").as_os_str(), source("Verify.java").as_os_str()]);
    assert_eq!(compiled.status, Some(0), "{compiled}");
    Example::new("java", ["-XX:TieredStopAtLevel=1", "-cp", ".", "Verify"].map(PathBuf::from)).agrees(&bench);
}

#[test]
fn go_answers_as_mintage_does() {
    if !found("go", &["version"]) {
        skip("go version");
        return;
    }
    let bench = Bench::new();
    let mut command = Command::new("go");
    command.args(["build", "-o", "verify-go"]).arg(source("verify.go")).current_dir(bench.path(""));
    command.env("GOCACHE", bench.path("cache")).env("GOTOOLCHAIN", "local").env("GOFLAGS", "");
    let built = feed(command, b"");
    assert_eq!(built.status, Some(0), "{built}");
    Example { knows_duplicates: false, ..Example::new(bench.path("verify-go"), []) }.agrees(&bench);
}

#[test]
fn csharp_answers_as_mintage_does() {
    let version = Command::new("dotnet").arg("--version").output().ok();
    let major = version.and_then(|output| String::from_utf8(output.stdout).ok()?.split('.').next()?.parse().ok());
    if major.is_none_or(|major: u32| major < 10) {
        skip("dotnet 10");
        return;
    }
    let bench = Bench::new();
    let arguments = [OsStr::new("build"), source("Verify.cs").as_os_str(), OsStr::new("-o"), OsStr::new("built")]
        .map(OsStr::to_owned);
    let built = foreign(&bench, "dotnet", arguments);
    assert_eq!(built.status, Some(0), "{built}");
    Example::new("dotnet", [PathBuf::from("built/Verify.dll")]).agrees(&bench);
}
