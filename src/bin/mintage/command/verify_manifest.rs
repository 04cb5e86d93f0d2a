//! `mintage verify MANIFEST --dir`.

use std::path::{Path, PathBuf};

use clap::Args;
use mintage::code::Code;
use mintage::keyring::Keyring;
use mintage::manifest::compare::{Change, Comparison, Found, Move, Thing};
use mintage::manifest::path::lossless;
use mintage::manifest::{Identity, MAX_MANIFEST_BYTES};
use mintage::operation::manifest::{self, Extras, Patterns, Tree, TreeVerdict};
use mintage::time::Timestamp;
use mintage::verdict::Verdict;

use crate::failure::Failure;
use crate::files;
use crate::render::{Terminal, brief};
use crate::tree::{self, Own};

/// Differences of a kind that are shown one by one; the rest are counted.
const SHOWN: usize = 20;

/// Names the tree that a manifest is held against.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Manifests")]
pub(crate) struct Build {
    /// Verify a manifest against the files in DIR
    #[arg(long, value_name = "DIR", conflicts_with = "batch")]
    pub(crate) dir: Option<PathBuf>,
    /// The license beside a manifest or proof: a manifest for some licenses counts only beside one of them, and a renewed
    /// license takes the place of the one inside the proof
    #[arg(long, value_name = "FILE")]
    pub(crate) license: Option<PathBuf>,
    /// Accept files that the manifest does not list
    #[arg(long, requires = "dir")]
    allow_extra: bool,
    /// Do not compare what matches a pattern; repeatable
    #[arg(long, value_name = "GLOB", requires = "dir")]
    ignore: Vec<String>,
}

/// What a manifest is judged with.
pub(crate) struct Beside<'a> {
    pub(crate) keyring: &'a Keyring,
    pub(crate) product: Option<&'a str>,
    pub(crate) license: Option<&'a Verdict>,
    pub(crate) now: Timestamp,
    pub(crate) floor: Option<Timestamp>,
}

/// Refuses to judge a manifest alone: without the files it says nothing about what runs.
pub(crate) fn needs_dir(document: Option<&str>) -> anyhow::Error {
    let name = document.map_or("the text".to_owned(), |path| files::named(Path::new(path)));
    let message = format!("{name} is a manifest, and no folder was named");
    Failure::new(Code::Usage, message).hint("name the folder of the build with --dir").into()
}

/// Reads the manifest and the folder, and judges both.
pub(crate) fn judge(
    document: Option<&str>,
    build: &Build,
    beside: &Beside<'_>,
    terminal: &Terminal,
) -> anyhow::Result<TreeVerdict> {
    let (Some(document), Some(root)) = (document.map(Path::new), &build.dir) else {
        return Err(Failure::new(Code::Usage, "no manifest was named").hint("write verify MANIFEST --dir DIR").into());
    };
    let ignore = Patterns::new(&build.ignore).map_err(|error| {
        Failure::new(Code::Usage, format_args!("--ignore: {error}")).hint("write --ignore '**/*.log'")
    })?;
    let text = files::read(document, MAX_MANIFEST_BYTES)?;
    build.ignore.iter().for_each(|pattern| terminal.note(&format!("not comparing what matches `{pattern}`")));
    let own = Own::input(document, root);
    Ok(tree::reading(&own, terminal, |reading| {
        let extras = if build.allow_extra { Extras::Allow } else { Extras::Refuse };
        let Beside { keyring, product, license, now, floor } = *beside;
        manifest::verify(&text, keyring, Tree { root, ignore: &ignore, extras, product, license, now, floor, reading })
    }))
}

/// Lists the differences for people.
pub(crate) fn differences(comparison: &Comparison) -> Vec<String> {
    let alone = |side: &str, found: &Found| {
        let mut lines = vec![format!("{}{}", found.path, identity(&found.thing))];
        if let Thing::File(_) = found.thing {
            lines.push(format!("  {side} {}", thing(&found.thing)));
        }
        lines
    };
    let mut lines = Vec::new();
    lines.extend(list("CHANGED", &comparison.changed, change));
    lines.extend(list("MISSING", &comparison.missing, |found| alone("expected", found)));
    lines.extend(list("EXTRA", &comparison.extra, |found| alone("found   ", found)));
    lines.extend(list("MOVED", &comparison.moved, moved));
    lines.extend(list("UNREADABLE", &comparison.unreadable, |found| vec![thing(&found.thing)]));
    lines
}

/// Lists the first differences of a kind, the first line of each with the word, and counts the rest.
fn list<T>(word: &str, all: &[T], lines_of: impl Fn(&T) -> Vec<String>) -> Vec<String> {
    let mut lines = Vec::new();
    for one in all.iter().take(SHOWN) {
        for (at, line) in lines_of(one).iter().enumerate() {
            let word = if at == 0 { word } else { "" };
            lines.push(format!("{word:10}  {}", brief(line)));
        }
    }
    if all.len() > SHOWN {
        lines.push(format!("{word:10}  +{} more; --json lists all", all.len() - SHOWN));
    }
    lines
}

fn moved(moved: &Move) -> Vec<String> {
    let file = Thing::File(moved.facts.clone());
    vec![format!("{} -> {}{}", moved.from, moved.to, identity(&file)), format!("  both     {}", thing(&file))]
}

fn change(change: &Change) -> Vec<String> {
    let (old, new) = (named(&change.expected), named(&change.found));
    let became = match (old, new) {
        (Some(old), Some(new)) if old == new => format!(", still says {old}"),
        (Some(old), Some(new)) => format!(", {old} -> {new}"),
        (Some(old), None) => format!(", {old} no more"),
        (None, Some(new)) => format!(", now {new}"),
        (None, None) => String::new(),
    };
    vec![
        format!("{}{became}", change.path),
        format!("  expected {}", thing(&change.expected)),
        format!("  found    {}", thing(&change.found)),
    ]
}

fn named(thing: &Thing) -> Option<&Identity> {
    match thing {
        Thing::File(facts) => facts.identity.as_ref(),
        _ => None,
    }
}

fn identity(thing: &Thing) -> String {
    match thing {
        Thing::File(_) => named(thing).map(|identity| format!(", {identity}")).unwrap_or_default(),
        Thing::Unread => String::new(),
        other => format!(", {}", self::thing(other)),
    }
}

fn thing(thing: &Thing) -> String {
    match thing {
        Thing::File(facts) => format!("{} ({} bytes)", facts.sha256, facts.size),
        Thing::Link(target) => format!("a symbolic link to `{}`", lossless(target)),
        Thing::Special(what) => format!("a {what}"),
        Thing::Unreadable(_, message) => message.clone(),
        _ => "a file".to_owned(),
    }
}
