//! What must be shown by a test: every code that some line of the sources can answer.

use std::collections::{BTreeMap, BTreeSet};

use mintage::code::Code;

use super::files;
use crate::vectors::covered;

/// The codes that the sources name outside of their tests, each with the files that do. A code that no line names belongs
/// to a document that is not there yet, and needs no test before it is.
fn produced() -> BTreeMap<&'static str, Vec<String>> {
    let mut produced: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for source in files("src", "rs").iter().filter(|source| source.path != "code.rs") {
        let code: Vec<&str> = source.code().collect();
        let code = code.join("\n");
        for code_named in Code::ALL {
            let variant = format!("Code::{code_named:?}");
            let named = code.match_indices(&variant).any(|(at, _)| {
                // `Code::Sealed` is not `Code::SealedTwice`.
                !code[at + variant.len()..].starts_with(|next: char| next.is_alphanumeric())
            });
            if named {
                produced.entry(code_named.as_str()).or_default().push(source.path.clone());
            }
        }
    }
    produced
}

/// The codes that a test of a command shows: `error[CODE]` as people read it, or `"code":"CODE"` as programs do.
fn shown() -> BTreeSet<&'static str> {
    let tests = files("tests/it", "rs");
    let shows = |code: &&str| {
        let marks = [format!("error[{code}]"), format!("\"code\":\"{code}\"")];
        tests.iter().any(|test| marks.iter().any(|mark| test.text.contains(mark)))
    };
    Code::ALL.iter().map(|code| code.as_str()).filter(shows).collect()
}

#[test]
fn every_code_that_can_be_answered_is_shown_by_a_vector_or_a_command() {
    let (vectors, shown) = (covered(), shown());
    let is_shown = |code: &str| shown.contains(code) || vectors.iter().any(|vector| vector == code);
    let missing: Vec<String> = produced()
        .iter()
        .filter(|(code, _)| !is_shown(code))
        .map(|(code, files)| format!("{code}, which {} answers", files.join(", ")))
        .collect();
    assert!(missing.is_empty(), "no vector in tests/vectors and no test of a command shows\n{}", missing.join("\n"));
}

#[test]
fn every_code_that_a_license_can_be_refused_with_has_a_vector() {
    let vectors = covered();
    // The rooms that judge a token; what others answer is for their commands to show.
    let judges = ["license", "json", "keyring", "policy", "seal", "token", "fingerprint.rs"];
    for (code, files) in produced() {
        let is_judged = files.iter().any(|file| judges.iter().any(|judge| file.starts_with(judge)));
        assert!(
            !is_judged || vectors.iter().any(|vector| vector == code),
            "{code}, which {} answers",
            files.join(", ")
        );
    }
}

#[test]
fn a_vector_is_of_a_code_that_can_be_answered() {
    let produced = produced();
    for word in covered() {
        assert!(word == "valid" || produced.contains_key(word.as_str()), "nothing answers {word}");
    }
}

#[test]
fn every_code_has_its_own_word() {
    let words: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(words.len(), Code::ALL.len());
    for code in Code::ALL {
        let kebab: String = format!("{code:?}")
            .chars()
            .flat_map(|c| if c.is_uppercase() { vec!['-', c.to_ascii_lowercase()] } else { vec![c] })
            .collect();
        assert_eq!(kebab.trim_start_matches('-'), code.as_str());
    }
}
