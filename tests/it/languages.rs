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
    /// What stands before the key.
    launch: Vec<OsString>,
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
        Self { program: program.into(), launch }
    }

    /// Runs `KEY FILE EXPECTED`.
    fn answer(&self, bench: &Bench, arguments: [&str; 3]) -> Outcome {
        foreign(bench, &self.program, self.launch.iter().map(OsString::as_os_str).chain(arguments.map(OsStr::new)))
    }

    /// Exit status 0 is a yes, and nothing else is.
    fn agrees(&self, bench: &Bench) {
        let vendor = example("vendor.pub");
        let is_yes = |told: &Outcome, name: &str| {
            let is_yes = told.status == Some(0);
            assert!(is_yes || (told.status.is_some() && told.stdout.is_empty()), "{name}: {told}");
            is_yes
        };
        for scene in licenses(bench) {
            let told = self.answer(bench, [&scene.key, &scene.file, &scene.tenant]);
            let judged = bench.run(["-q", "verify", &scene.file, "--trust", &scene.key, "--tenant", &scene.tenant]);
            let name = scene.name;
            let yes = is_yes(&told, name);
            match scene.expect {
                Expect::AsMintage => {
                    assert_eq!(yes, judged.status == Some(0), "{name}: {told}\nmintage: {judged}");
                    let state = format!(", {}, as of", told.stdout().trim_end());
                    assert!(!yes || judged.stdout().contains(&state), "{name}: {told}\n{judged}");
                }
                Expect::Strict => {
                    let mended = [Some(0), Some(1)].contains(&judged.status);
                    assert!(mended && !yes, "{name}: {told}\nmintage: {judged}");
                }
                Expect::Closed => {
                    assert!(!yes, "{name}: {told}");
                    assert_ne!(judged.status, Some(0), "{name}: {judged}");
                }
            }
        }
        for scene in documents(bench) {
            let told = self.answer(bench, [&vendor, &scene.file, scene.payload_type]);
            let name = scene.name;
            assert_eq!(is_yes(&told, name), scene.payload.is_some(), "{name}: {told}");
            assert_eq!(told.stdout, scene.payload.unwrap_or_default(), "{name}");
        }
        for (key, file) in [("missing.pub", "valid.lic"), ("no-text.lic", "valid.lic"), (&*vendor, "missing.lic")] {
            assert!(!is_yes(&self.answer(bench, [key, file, "acme"]), file), "{key}, {file}");
        }
        assert!(!is_yes(&foreign(bench, &self.program, &self.launch), "no arguments"));
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
        Example::new("node", [source("verify.mjs")]).agrees(&Bench::new());
    }
}

#[test]
fn the_shell_answers_as_mintage_does() {
    if present("openssl", ["version"]) && present("jq", ["--version"]) {
        Example::new("sh", [source("verify.sh")]).agrees(&Bench::new());
    }
}

/// Where Debian keeps Gson.
const GSON: &str = "/usr/share/java/gson.jar";

#[test]
fn java_answers_as_mintage_does() {
    if !present("java", ["-version"]) || !present("test", ["-e", GSON]) {
        return;
    }
    let bench = Bench::new();
    let launched =
        Example::new("java", [Path::new("-cp"), Path::new(GSON), &source("Verify.java")].map(Path::to_owned));
    if !found("javac", &["-version"]) {
        return launched.agrees(&bench);
    }
    // Launched as a single file it is compiled anew each time.
    bench.write("license.lic", bench.mint(&["--tenant", "acme", "--expires", "never"]));
    let told = launched.answer(&bench, [&example("vendor.pub"), "license.lic", "acme"]);
    assert_eq!((told.status, told.stdout()), (Some(0), "ACTIVE\n"), "{told}");
    let source = source("Verify.java").into_os_string();
    let compiled = foreign(&bench, "javac", ["-cp".into(), GSON.into(), "-d".into(), ".".into(), source]);
    assert_eq!(compiled.status, Some(0), "{compiled}");
    let path = format!("{GSON}:.");
    Example::new("java", ["-XX:TieredStopAtLevel=1", "-cp", &path, "Verify"].map(PathBuf::from)).agrees(&bench);
}

#[test]
fn go_answers_as_mintage_does() {
    if !present("go", ["version"]) {
        return;
    }
    let bench = Bench::new();
    let mut command = Command::new("go");
    command.args(["build", "-o", "verify-go"]).arg(source("verify.go")).current_dir(bench.path(""));
    command.env("GOCACHE", bench.path("cache")).env("GOTOOLCHAIN", "local").env("GOFLAGS", "");
    let built = feed(command, b"");
    assert_eq!(built.status, Some(0), "{built}");
    Example::new(bench.path("verify-go"), []).agrees(&bench);
}

/// Where Debian keeps Json.NET.
const JSON_NET: &str = "/usr/lib/cli/Newtonsoft.Json-5.0/Newtonsoft.Json.dll";

#[test]
fn csharp_answers_as_mintage_does_under_mono() {
    if !present("mcs", ["--version"]) || !present("mono", ["--version"]) || !present("test", ["-e", JSON_NET]) {
        return;
    }
    let bench = Bench::new();
    // The lines that name packages are for `dotnet run`.
    let text = std::fs::read_to_string(source("Verify.cs")).unwrap();
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("#:")).collect();
    bench.write("Verify.cs", kept.join("\n"));
    std::fs::copy(JSON_NET, bench.path("Newtonsoft.Json.dll")).unwrap();
    // Without the package for developers the library has the number of its version in its name.
    bench.write(
        "Verify.exe.config",
        "<configuration><dllmap dll=\"libsodium\" target=\"libsodium.so.23\"/></configuration>",
    );
    let compiled = foreign(&bench, "mcs", ["-r:Newtonsoft.Json.dll", "-r:System.Core.dll", "Verify.cs"]);
    assert_eq!(compiled.status, Some(0), "{compiled}");
    Example::new("mono", [PathBuf::from("Verify.exe")]).agrees(&bench);
}

#[test]
fn csharp_answers_as_mintage_does_under_dotnet() {
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
