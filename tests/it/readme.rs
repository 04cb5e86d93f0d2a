//! The README does what it says: every transcript is run and compared. `UPDATE=1 cargo test` rewrites what they print.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Bench, feed};

/// Stands in a printed line for what differs from run to run.
const ANYTHING: &str = "…";

/// Separates the outputs of the commands of one transcript.
const MARK: char = '\u{1}';

#[test]
fn every_transcript_of_the_readme_is_what_happens() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let bench = scene();
    let mut told = Vec::new();
    let mut lines = readme.lines();
    let mut transcripts = 0;
    while let Some(line) = lines.next() {
        told.push(line.to_owned());
        let block: Vec<&str> = match line {
            "<!-- transcript -->" | "<!-- examples/embed.rs -->" => {
                told.push(lines.next().unwrap().to_owned());
                lines.by_ref().take_while(|line| *line != "```").collect()
            }
            _ => continue,
        };
        if line == "<!-- transcript -->" {
            transcripts += 1;
            told.extend(play(&bench, &block));
        } else {
            told.extend(read("examples/embed.rs").lines().map(str::to_owned));
        }
        told.push("```".to_owned());
    }
    assert!(transcripts >= 5, "only {transcripts} transcripts were found");
    let told = told.join("\n") + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &told).unwrap();
        return;
    }
    assert!(
        told == readme,
        "the README has drifted; `UPDATE=1 cargo test` rewrites it:\n{}",
        differences(&readme, &told)
    );
}

/// The folder that the transcripts start in: copies of the example keys and files, as the page says.
fn scene() -> Bench {
    let bench = Bench::new();
    for name in ["vendor.key", "vendor.pub", "ci.key", "ci.pub"] {
        bench.write(name, read(&format!("keys.example/{name}")));
    }
    // Two more, whose ids the page does not show.
    for name in ["root", "next"] {
        assert_eq!(bench.run(["keygen", name, "--no-passphrase"]).status, Some(0));
    }
    bench.write("examples/plans.toml", read("examples/plans.toml"));
    let orders = "tenantId,exp,plan,limits.max_apps,features\nacme,2099-12-31,pro,40,\nglobex,never,enterprise,,reports.export\n";
    bench.write("orders.csv", orders);
    assert!(Command::new("chmod").arg("600").arg(bench.path("vendor.key")).status().unwrap().success());
    bench
}

/// Runs a transcript's commands in one shell; returns the transcript with what they print now.
fn play(bench: &Bench, block: &[&str]) -> Vec<String> {
    let mut script = String::from("cargo() { shift 5; embed \"$@\"; }\nstatus=0\n");
    let commands = block.iter().filter_map(|line| line.strip_prefix("$ "));
    // The status of the command before must still stand when the next one looks at it.
    let steps: Vec<_> =
        commands.map(|command| format!("printf '{MARK}'; (exit $status)\n{command}\nstatus=$?\n")).collect();
    script += &steps.concat();
    let mut shell = Command::new("bash");
    let path = std::env::var("PATH").unwrap();
    let program = PathBuf::from(assert_cmd::cargo::cargo_bin!("mintage"));
    let path = format!("{}:{}:{path}", program.parent().unwrap().display(), example_folder().display());
    shell.args(["-c", &format!("exec 2>&1\n{script}")]).current_dir(bench.path("")).env_clear().env("PATH", path);
    shell.env("HOME", bench.path(""));
    let outcome = feed(shell, b"");
    let printed = String::from_utf8(outcome.stdout).unwrap();
    let mut outputs = printed.split(MARK).skip(1);
    let mut told = Vec::new();
    let mut lines = block.iter().peekable();
    while let Some(command) = lines.next() {
        assert!(command.starts_with("$ "), "`{command}` is printed by no command");
        told.push((*command).to_owned());
        let mut expected = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
            expected.push(*line);
        }
        let output: Vec<&str> = outputs.next().unwrap().lines().collect();
        for (at, line) in output.iter().enumerate() {
            let kept = expected.get(at).filter(|pattern| matches(pattern, line)).unwrap_or(line);
            told.push((*kept).to_owned());
        }
    }
    told
}

/// Whether a line is what a pattern says, in which `…` stands for anything.
fn matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split(ANYTHING);
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let mut open = false;
    for part in parts {
        open = part.is_empty();
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    open || rest.is_empty()
}

/// Builds the example as `cargo run` would, and returns where it lies.
fn example_folder() -> PathBuf {
    let built = Command::new(env!("CARGO")).args(["build", "-q", "--example", "embed"]).status().unwrap();
    assert!(built.success());
    PathBuf::from(assert_cmd::cargo::cargo_bin!("mintage")).parent().unwrap().join("examples")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn differences(old: &str, new: &str) -> String {
    let pairs = old.lines().zip(new.lines()).filter(|(old, new)| old != new);
    let pairs: Vec<String> = pairs.take(5).map(|(old, new)| format!("- {old}\n+ {new}")).collect();
    pairs.join("\n")
}

#[test]
fn a_pattern_matches_only_what_it_says() {
    assert!(matches("key id  …", "key id  abc"));
    assert!(matches("a…c", "abc"));
    assert!(!matches("a…c", "abcd"));
    assert!(!matches("abc", "abcd"));
    assert!(!matches("…x", "abc"));
}

#[test]
fn every_page_of_the_manual_is_listed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    for entry in std::fs::read_dir(root.join("man")).unwrap() {
        let page = entry.unwrap().file_name().into_string().unwrap();
        let (name, section) = page.rsplit_once('.').unwrap();
        // That of `ledger` lists those below it.
        let is_listed =
            name.starts_with("mintage-ledger-") || readme.contains(&format!("[`{name}({section})`](man/{page})"));
        assert!(is_listed, "{page}");
    }
}
