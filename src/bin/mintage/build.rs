//! Lays the released program out so that it starts quickly. What the linker at hand does not take is left out: the
//! program is the same without, and only starts more slowly.

use std::env;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Asks the linker for what is listed here, in a static program: the functions that a start runs through, side by side.
/// Elsewhere they lie scattered over ten megabytes, and each is a page to be fetched.
const START: &str = "src/bin/mintage/start.ld";

/// The unwinder as part of the program, which panics alone need: one library less to be found, mapped and bound.
const UNWINDER: &str = "static:-bundle=gcc_eh";

fn main() {
    println!("cargo::rerun-if-changed=src/bin/mintage/build.rs");
    println!("cargo::rerun-if-changed={START}");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let is_released = env::var_os("CARGO_FEATURE_CLI").is_some() && is("PROFILE", "release");
    if !is_released || !is("CARGO_CFG_TARGET_OS", "linux") {
        return;
    }
    let is_static = env::var("CARGO_CFG_TARGET_FEATURE").is_ok_and(|all| all.split(',').any(|one| one == "crt-static"));
    let start = Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join(START);
    // In the other program it would cost a server a fifth of the time of each verification.
    if let Some(start) = start.to_str()
        && is_static
        && links(&["-C", "link-arg=-T", "-C", &format!("link-arg={start}")])
    {
        println!("cargo::rustc-link-arg-bins=-T");
        println!("cargo::rustc-link-arg-bins={start}");
    }
    if is("CARGO_CFG_TARGET_ENV", "gnu") && !is_static && links(&["-l", UNWINDER]) {
        println!("cargo::rustc-link-lib={UNWINDER}");
    }
}

/// Whether an empty program links with these flags, by the very linker that will link ours.
fn links(flags: &[&str]) -> bool {
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.args(["--crate-name", "probe", "--crate-type", "bin", "--target", &variable("TARGET"), "-"]);
    rustc.arg("-o").arg(Path::new(&variable("OUT_DIR")).join("probe"));
    rustc.args(variable("CARGO_ENCODED_RUSTFLAGS").split('\u{1f}').filter(|flag| !flag.is_empty()));
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        rustc.arg("-C").arg(format!("linker={}", linker.to_string_lossy()));
    }
    rustc.args(flags).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut probe) = rustc.spawn() else { return false };
    let written = probe.stdin.take().is_some_and(|mut source| source.write_all(b"fn main() {}").is_ok());
    written && probe.wait().is_ok_and(|status| status.success())
}
