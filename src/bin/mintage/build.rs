//! Lays the released program out so that it starts quickly. What the linker at hand does not take is left out: the
//! program is the same without, and only starts more slowly.

use std::env;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Asks the linker for what is listed here: the functions that a start runs through, side by side. Elsewhere they lie
/// scattered over ten megabytes, and each is a page to be fetched.
const START: &str = "src/bin/mintage/start.ld";

/// The unwinder as part of the program, which panics alone need: one library less to be found, mapped and bound.
const UNWINDER: &str = "static:-bundle=gcc_eh";

/// One address for the program, where its constants stay as the linker wrote them. At a random one each start writes
/// some fifty pages of them anew. Whoever wants that one names it: `-C relocation-model=pie`.
const FIXED: &str = "-no-pie";

fn main() {
    println!("cargo::rerun-if-changed=src/bin/mintage/build.rs");
    println!("cargo::rerun-if-changed={START}");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let is_released = env::var_os("CARGO_FEATURE_CLI").is_some() && is("PROFILE", "release");
    if !is_released || !is("CARGO_CFG_TARGET_OS", "linux") {
        return;
    }
    let start = Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join(START);
    if let Some(start) = start.to_str()
        && links(&["-C", "link-arg=-T", "-C", &format!("link-arg={start}")])
    {
        println!("cargo::rustc-link-arg-bins=-T");
        println!("cargo::rustc-link-arg-bins={start}");
    }
    let is_static = env::var("CARGO_CFG_TARGET_FEATURE").is_ok_and(|all| all.split(',').any(|one| one == "crt-static"));
    if !is("CARGO_CFG_TARGET_ENV", "gnu") || is_static {
        return;
    }
    if links(&["-l", UNWINDER]) {
        println!("cargo::rustc-link-lib={UNWINDER}");
    }
    let is_placed = env::var("CARGO_ENCODED_RUSTFLAGS").is_ok_and(|flags| flags.contains("relocation-model="));
    if !is_placed && links(&["-C", &format!("link-arg={FIXED}")]) {
        println!("cargo::rustc-link-arg-bins={FIXED}");
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
