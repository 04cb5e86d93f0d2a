//! `--qr`: what is shown can be scanned, and what was scanned can be read.
#![cfg(unix)]

use insta::assert_snapshot;

use crate::harness::{Bench, ISSUED, Outcome, example};
use crate::interop::{present, run};

const SHORT: [&str; 4] = ["--tenant", "acme", "--expires", "never"];

fn has_scanner() -> bool {
    present("zbarimg", ["--version"])
}

/// Arguments for a license of some kilobytes.
fn long() -> Vec<String> {
    let meta = (0_u64..90).map(|number| format!("--meta=k{number}={:x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    SHORT.iter().map(|&word| word.to_owned()).chain(meta).collect()
}

impl Bench {
    /// Mints a license with its codes; returns the token and what was shown.
    fn pictured(&self, license: &[impl AsRef<str>], more: &[&str]) -> (String, String) {
        let arguments: Vec<&str> = license.iter().map(AsRef::as_ref).chain(more.iter().copied()).collect();
        let minted = self.minting(&arguments);
        assert_eq!(minted.status, Some(0), "{minted}");
        (minted.stdout().trim_end().to_owned(), minted.stderr().to_owned())
    }

    fn scanned(&self, files: &[String]) -> String {
        let files = files.iter().map(String::as_str);
        String::from_utf8(run(self, "zbarimg", ["-q", "--raw"].into_iter().chain(files))).unwrap()
    }

    fn judged(&self, text: &str) -> Outcome {
        self.run_with(["verify", "--at", ISSUED, "--trust", &example("vendor.pub"), "-"], text)
    }

    /// Writes what a terminal shows, as a camera sees it: each row of characters is two of squares.
    fn photograph(&self, name: &str, rows: &[&str], ground: u8) {
        let width = rows.iter().map(|row| row.chars().count()).max().unwrap();
        let mut pixels = Vec::new();
        for row in rows {
            let halves = |char| match char {
                '█' => (true, true),
                '▀' => (true, false),
                '▄' => (false, true),
                _ => (false, false),
            };
            let halves: Vec<(bool, bool)> =
                row.chars().map(halves).chain(std::iter::repeat((false, false))).take(width).collect();
            let line = |half: fn(&(bool, bool)) -> bool| -> Vec<u8> {
                let squares = halves.iter().map(|both| if half(both) { 255 - ground } else { ground });
                squares.flat_map(|square| [square; 4]).collect()
            };
            (0..4).for_each(|_| pixels.extend(line(|both| both.0)));
            (0..4).for_each(|_| pixels.extend(line(|both| both.1)));
        }
        let head = format!("P5\n{} {}\n255\n", width * 4, rows.len() * 8);
        self.write(name, [head.as_bytes(), &pixels].concat());
    }
}

#[test]
fn a_license_that_one_code_holds_is_carried_as_it_is() {
    let bench = Bench::new();
    let (token, told) = bench.pictured(&SHORT, &["--qr=acme.png"]);
    assert_snapshot!(told, @"
    mintage: never expires
    mintage: issued 2026-01-01T00:00:00Z
    mintage: minted license lic-1 for tenant acme, signed by key ec192ae06d2b6cb0
    mintage: wrote `acme.png`
    ");
    if has_scanner() {
        assert_eq!(bench.scanned(&["acme.png".to_owned()]), format!("{token}\n"));
    }
}

#[test]
fn a_longer_one_is_split_and_joined_in_any_order() {
    let bench = Bench::new();
    let (token, told) = bench.pictured(&long(), &["--qr=acme.png"]);
    assert_snapshot!(told, @"
    mintage: never expires
    mintage: issued 2026-01-01T00:00:00Z
    mintage: minted license lic-1 for tenant acme, signed by key ec192ae06d2b6cb0
    mintage: wrote `acme-1.png`
    mintage: wrote `acme-2.png`
    mintage: wrote `acme-3.png`
    mintage: wrote `acme-4.png`
    ");
    if !has_scanner() {
        return;
    }
    let files: Vec<String> =
        (1..=told.matches(".png").count()).rev().map(|number| format!("acme-{number}.png")).collect();
    assert!(files.len() > 2, "{told}");
    let text = bench.scanned(&files);
    let verified = bench.judged(&text);
    assert_eq!(verified.status, Some(0), "{verified}");
    let inspected = bench.run_with(["inspect", "--json"], &text);
    assert_eq!(inspected.stdout(), bench.run_with(["inspect", "--json"], &token).stdout());
    let lost = bench.scanned(&files[1..]);
    assert_snapshot!(bench.judged(&lost).stderr(), @"
    mintage: judged as of 2026-01-01T00:00:00Z, not as of now
    mintage: error[damaged-text]: part 4 of 4 is missing
    mintage: hint: copy it again, whole, or ask for it as a file or with --armor
    ");
}

/// With colour it is black on white; without, the light squares are drawn, for a dark ground.
#[test]
fn a_terminal_shows_codes_that_can_be_scanned() {
    if !has_scanner() {
        return;
    }
    let bench = Bench::new();
    for (color, ground) in [("always", 255), ("never", 0)] {
        let (token, told) = bench.pictured(&long(), &["-q", "--color", color, "--qr"]);
        let told = told.replace("\u{1b}[38;5;16;48;5;231m", "").replace("\u{1b}[0m", "");
        let rows: Vec<&str> = told.lines().collect();
        let codes: Vec<&[&str]> = rows.split(|row| row.starts_with("part ")).filter(|rows| !rows.is_empty()).collect();
        assert!(codes.len() > 3 && rows.iter().all(|row| row.chars().count() <= 80), "{told}");
        let files: Vec<String> = (0..codes.len()).map(|number| format!("{color}-{number}.pgm")).collect();
        codes.iter().zip(&files).for_each(|(rows, file)| bench.photograph(file, rows, ground));
        let verified = bench.judged(&bench.scanned(&files));
        assert_eq!(verified.status, Some(0), "{verified}");
        assert!(bench.judged(&token).stdout() == verified.stdout());
    }
}

#[test]
fn no_picture_is_replaced_or_left_behind() {
    let bench = Bench::new();
    bench.write("acme-2.png", "mine");
    let arguments: Vec<String> =
        [long(), vec!["--qr=acme.png".to_owned(), "-o".to_owned(), "acme.lic".to_owned()]].concat();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    assert_snapshot!(bench.minting(&arguments).stderr().lines().last().unwrap(), @"mintage: hint: choose another name, or replace it with --force");
    let files = || std::fs::read_dir(bench.path("")).unwrap().count();
    assert_eq!((files(), bench.read("acme-2.png")), (1, "mine".to_owned()));
    // What was placed is taken back when the license cannot be written after it.
    std::fs::create_dir(bench.path("acme.lic")).unwrap();
    let failed = bench.minting(&[&SHORT[..], &["--qr=acme.png", "-o", "no/acme.lic"]].concat());
    assert_eq!((failed.status, files()), (Some(3), 2), "{failed}");
    let forced = bench.minting(&[&arguments[..arguments.len() - 2], &["--force"]].concat());
    assert_eq!(forced.status, Some(0), "{forced}");
    assert!(std::fs::read(bench.path("acme-2.png")).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn codes_are_png_and_of_one_license() {
    let bench = Bench::new();
    assert_snapshot!(bench.minting(&[&SHORT[..], &["--qr=acme.svg"]].concat()), @"
    ------- stderr -------
    mintage: error[usage]: invalid value 'acme.svg' for '--qr[=<FILE.png>]': codes are written as PNG; name FILE.png

    For more information, try '--help'.
    [exit status: 2]
    ");
    let batch = bench.minting(&["--batch", "rows.csv", "--qr"]);
    assert_eq!(batch.status, Some(2), "{batch}");
}

#[test]
fn what_parts_hold_need_not_be_a_license() {
    let bench = Bench::new();
    let parts = mintage::split::split(br#"{"kind":"no license"}"#, 500).unwrap().join("\n");
    assert_snapshot!(bench.judged(&parts).stderr(), @"
    mintage: judged as of 2026-01-01T00:00:00Z, not as of now
    mintage: error[wrong-kind]: this is a JSON document, not a license
    mintage: hint: see what it is with `mintage inspect`
    ");
    let parts = mintage::split::split(b"\xff\xfe", 500).unwrap().join("\n");
    assert_snapshot!(bench.judged(&parts).stderr(), @"
    mintage: judged as of 2026-01-01T00:00:00Z, not as of now
    mintage: error[damaged-text]: what the parts hold is not UTF-8
    mintage: hint: copy it again, whole, or ask for it as a file or with --armor
    ");
    assert_snapshot!(bench.run_with(["inspect"], &parts[..30]), @"
    NOT VERIFIED: this is what the text claims; nothing has been checked
    kind     parts
    refused  damaged-text: part 1 of 1, on line 1 of the text, is cut off or was changed
    NOT VERIFIED: this is what the text claims; nothing has been checked
    ------- stderr -------
    mintage: error[damaged-text]: part 1 of 1, on line 1 of the text, is cut off or was changed
    mintage: hint: copy it again, whole, or ask for it as a file or with --armor
    [exit status: 1]
    ");
}
