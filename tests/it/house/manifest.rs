//! `Cargo.toml`: a reason for every dependency, and a core that stays small.

use std::collections::BTreeSet;
use std::process::Command;

use super::root;

/// What a product that embeds the check takes on, our own crate counted.
const MOST_CRATES_OF_THE_CORE: usize = 45;

#[test]
fn every_dependency_has_its_reason_beside_it() {
    let text = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (mut section, mut explained) = (String::new(), BTreeSet::new());
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
            continue;
        }
        if !section.ends_with("dependencies") || line.is_empty() || line.starts_with('#') {
            continue;
        }
        let name = line.split([' ', '=']).next().unwrap();
        // The same crate under a second heading has said why under the first.
        let is_explained =
            line.rsplit_once(" # ").is_some_and(|(_, reason)| reason.len() > 3) || explained.contains(name);
        assert!(is_explained, "no reason beside `{line}`");
        explained.insert(name.to_owned());
    }
    assert!(explained.len() > 20, "{explained:?}");
}

#[test]
fn the_core_stays_small() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["tree", "--offline", "--locked", "--prefix", "none", "--edges", "normal"]);
    cargo.args(["--no-default-features", "--features", "verify", "--format", "{p}"]);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let crates: BTreeSet<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    let names: BTreeSet<&str> = crates.iter().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.len() <= MOST_CRATES_OF_THE_CORE, "{} crates: {names:?}", names.len());
    for vendor in ["clap", "csv", "pkcs8", "tempfile", "toml", "tokio", "uuid"] {
        assert!(!names.contains(vendor), "{vendor} is none of the core's");
    }
}
