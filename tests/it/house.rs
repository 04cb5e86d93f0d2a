//! The house rules, read from the sources: which way arrows point, what a room may touch, what must have a test.

mod coverage;
mod manifest;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of the library, from what everything rests on to what rests on everything. An arrow, that is a
/// `use crate::`, points to a room further up. A new room finds its place here before it is built.
const ORDER: [&[&str]; 12] = [
    &["code"],
    &["id", "time"],
    &["json"],
    &["armor", "fingerprint", "key", "split", "state"],
    &["keyring", "license"],
    &["dsse", "request", "seal"],
    &["manifest", "proof", "revocations", "token", "trust", "unlock"],
    &["release", "verdict"],
    &["artifact", "policy", "report"],
    &["ledger"],
    &["operation"],
    &["http"],
];

/// The rooms that only vendors build: what products embed is the rest.
const VENDOR: [&str; 6] = ["artifact", "http", "ledger", "operation", "report", "split"];

/// The operation whose subject is a folder, and which therefore reads one.
const WALKER: &str = "manifest";

/// What the part that products embed must not touch.
const OUTSIDE: [&str; 10] = [
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "Instant::now",
    "SystemTime::now",
    "println!",
    "async fn",
];

/// The readers of a machine, which is what they are for.
const READERS: [&str; 5] = [
    "fingerprint/linux",
    "fingerprint/macos.rs",
    "fingerprint/program.rs",
    "fingerprint/sysroot.rs",
    "fingerprint/windows.rs",
];

/// A file may have this many lines, its tests counted.
const LONGEST: usize = 400;

/// A source file: its path under `src`, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The room it belongs to; the program is no room of the library.
    fn room(&self) -> Option<&str> {
        let room = self.path.split(['/', '.']).next().unwrap_or_default();
        (!["bin", "lib"].contains(&room)).then_some(room)
    }

    /// The lines that are compiled into the library: no comments, nothing from `#[cfg(test)]` on, which stands last.
    fn code(&self) -> impl Iterator<Item = &str> {
        let is_test_file = self.path.ends_with("/tests.rs");
        let tests = "#[cfg(test)]\nmod tests {";
        let code = if is_test_file { "" } else { self.text.split(tests).next().unwrap_or_default() };
        code.lines().filter(|line| !line.trim_start().starts_with("//"))
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under a folder of the repository whose name has this extension.
fn files(folder: &str, extension: &str) -> Vec<Source> {
    fn walk(base: &Path, folder: &Path, extension: &str, found: &mut Vec<Source>) {
        let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                walk(base, &path, extension, found);
            } else if path.extension().is_some_and(|found| found == extension) {
                let name = path.strip_prefix(base).unwrap().to_str().unwrap().replace('\\', "/");
                found.push(Source { path: name, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    let (base, mut found) = (root().join(folder), Vec::new());
    walk(&base, &base, extension, &mut found);
    found
}

#[test]
fn arrows_point_to_what_is_further_up() {
    let rank: BTreeMap<&str, usize> =
        ORDER.iter().enumerate().flat_map(|(rank, rooms)| rooms.iter().map(move |room| (*room, rank))).collect();
    let mut faults = Vec::new();
    for source in files("src", "rs") {
        let Some(room) = source.room() else { continue };
        let from = *rank.get(room).unwrap_or_else(|| panic!("`{room}` has no place in ORDER of tests/it/house.rs"));
        for target in arrows(&source) {
            let to =
                *rank.get(target.as_str()).unwrap_or_else(|| panic!("{}: `crate::{target}` is no room", source.path));
            if target != room && to >= from {
                faults.push(format!("{}: {room} -> {target}", source.path));
            }
        }
    }
    assert!(faults.is_empty(), "arrows that point the wrong way:\n{}", faults.join("\n"));
}

/// The rooms that a file names, also in braces and in paths.
fn arrows(source: &Source) -> Vec<String> {
    let code: Vec<&str> = source.code().collect();
    let code = code.join("\n");
    let mut rooms = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let names = match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default(),
            None => rest,
        };
        let is_group = rest.starts_with('{');
        for name in names.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|name| !name.is_empty()) {
            rooms.push(name.to_owned());
            if !is_group {
                break;
            }
        }
    }
    rooms
}

#[test]
fn every_room_has_one_place() {
    let mut rooms: Vec<&str> = ORDER.iter().flat_map(|rooms| rooms.iter().copied()).collect();
    let sources = files("src", "rs");
    let mut found: Vec<&str> = sources.iter().filter_map(Source::room).collect();
    rooms.sort_unstable();
    found.sort_unstable();
    found.dedup();
    assert_eq!(rooms, found);
}

#[test]
fn the_part_that_products_embed_touches_nothing_outside() {
    let mut faults = Vec::new();
    for source in files("src", "rs") {
        let is_embedded = source.room().is_some_and(|room| !VENDOR.contains(&room));
        // Two files of tests are named so and stand behind `cfg(test)` where they are declared.
        let is_test = ["fingerprint/simulation.rs", "armor/round_trip.rs"].contains(&source.path.as_str());
        if !is_embedded || is_test || READERS.iter().any(|reader| source.path.starts_with(reader)) {
            continue;
        }
        for line in source.code() {
            for outside in OUTSIDE.iter().filter(|outside| line.contains(**outside)) {
                faults.push(format!("{}: {outside}: {}", source.path, line.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn operations_touch_no_file_clock_or_network() {
    for source in files("src/operation", "rs").iter().filter(|source| !source.path.starts_with(WALKER)) {
        for line in source.code() {
            for outside in ["std::env", "std::fs", "std::net", "std::process", "Instant::now", "SystemTime::now"] {
                assert!(!line.contains(outside), "{}: {line}", source.path);
            }
        }
    }
}

#[test]
fn no_operation_reads_a_clock() {
    for source in files("src/operation", "rs") {
        for line in source.code() {
            for clock in ["Instant::now", "SystemTime::now", "thread::sleep"] {
                assert!(!line.contains(clock), "{}: {line}", source.path);
            }
        }
    }
}

#[test]
fn only_activation_opens_a_connection_for_itself() {
    for source in files("src", "rs") {
        let is_client = source.path.starts_with("bin/mintage/online");
        let may_ask = is_client || source.path.starts_with("bin/mintage/command/activate");
        for line in source.code() {
            assert!(is_client || !line.contains("ureq::"), "{}: {line}", source.path);
            assert!(may_ask || !line.contains("crate::online"), "{}: {line}", source.path);
        }
    }
}

#[test]
fn files_are_short_and_stand_beside_their_folder() {
    for source in ["src", "tests/it"].into_iter().flat_map(|folder| files(folder, "rs")) {
        let lines = source.text.lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines", source.path);
        assert!(!source.path.ends_with("mod.rs"), "{}: write x.rs beside x/", source.path);
    }
}

#[test]
fn no_work_is_left_unfinished() {
    // Spelled apart, so that this file passes its own rule.
    let words = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"], ["HA", "CK"], ["todo", "!"], ["unimplemented", "!"]];
    let words = words.map(|parts| parts.concat());
    let stands_in = |line: &str, word: &str| {
        let is_letter = |c: char| c.is_alphanumeric() || c == '_';
        line.match_indices(word)
            .any(|(at, _)| !line[..at].ends_with(is_letter) && !line[at + word.len()..].starts_with(is_letter))
    };
    for source in ["src", "tests/it", "keys.example"]
        .into_iter()
        .flat_map(|folder| ["rs", "md", "toml"].into_iter().flat_map(move |extension| files(folder, extension)))
    {
        for (line, number) in source.text.lines().zip(1..) {
            for word in &words {
                assert!(!stands_in(line, word), "{}:{number}: {}", source.path, line.trim());
            }
        }
    }
}

#[test]
fn every_command_has_a_page_and_a_test_file() {
    // What has arguments of its own is a command; the other files are parts of one.
    let commands = files("src/bin/mintage/command", "rs")
        .into_iter()
        .filter(|file| file.text.contains("pub(crate) struct Arguments"));
    let mut count = 0;
    for command in commands {
        let words: Vec<&str> = command.path.trim_end_matches(".rs").split('_').collect();
        if root().join("man").is_dir() && words != ["completions"] {
            let page = root().join(format!("man/mintage-{}.1", words.join("-")));
            assert!(page.is_file(), "{} is missing", page.display());
        }
        let candidates = [words[0].to_owned(), words.join("_"), words[words.len() - 1].to_owned()];
        let has_tests = candidates.iter().any(|name| root().join(format!("tests/it/{name}.rs")).is_file());
        assert!(has_tests || words == ["completions"], "tests/it/{}.rs is missing", words.join("_"));
        count += 1;
    }
    assert!(count > 5, "{count}");
}
