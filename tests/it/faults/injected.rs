//! System calls that fail one by one, and runs that are killed between two of them.

use super::{MINT, scene};
use crate::harness::{Bench, ISSUED, Outcome, feed};
use crate::interop::present;

/// More calls than any of the runs makes.
const BOUND: usize = 60;

/// The calls by which a file comes to stand under its name, on whatever processor.
const RENAMES: &str = "?rename,?renameat,?renameat2";

fn can_inject() -> bool {
    present("strace", ["-f", "-qq", "-e", "trace=none", "-e", "inject=write:error=EIO:when=9", "true"])
}

/// Runs the program in `folder` with a fault; also returns whether the fault came to pass.
fn run(bench: &Bench, folder: &str, calls: &str, fault: &str, arguments: &[&str]) -> (Outcome, bool) {
    let mut command = bench.command_of("strace");
    command.current_dir(bench.path(folder));
    command.args(["-f", "-qq", "-o", "../trace", "-e", &format!("trace={calls}"), "-e"]);
    command.arg(format!("inject={calls}:{fault}")).arg(bench.command().get_program()).args(arguments);
    let outcome = feed(command, b"");
    (outcome, bench.read("trace").contains("(INJECTED)"))
}

/// A folder with the files that a run would replace, or without.
fn folder(bench: &Bench, name: &str, old: &[&str]) {
    std::fs::create_dir(bench.path(name)).unwrap();
    old.iter().for_each(|file| drop(bench.write(&format!("{name}/{file}"), "old")));
}

/// The names in a folder, in order, and what is in them.
fn contents(bench: &Bench, folder: &str) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(bench.path(folder)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), bench.read(&format!("{folder}/{name}")))).collect()
}

/// Fails call after call of a command that writes `files`, once where they are new and once where they replace others.
fn every_failure_is_clean(arguments: &[&str], files: &[&str]) {
    if !can_inject() {
        return;
    }
    let bench = scene();
    let forced = [arguments, &["--force"]].concat();
    let mut failures = 0;
    for (calls, error) in [
        ("write", "ENOSPC"),
        ("write", "EIO"),
        ("fsync", "EIO"),
        (RENAMES, "EIO"),
        ("?link,?linkat", "EPERM"),
        ("?flock", "ENOLCK"),
        ("close", "EIO"),
    ] {
        for old in [&[][..], files] {
            for nth in 1..=BOUND {
                assert_ne!(nth, BOUND, "{calls} is called without end");
                let kind: String = calls.chars().filter(char::is_ascii_alphabetic).collect();
                let name = format!("{kind}-{error}-{nth}-{}", old.len());
                folder(&bench, &name, old);
                let arguments = if old.is_empty() { arguments } else { &forced };
                let (outcome, happened) = run(&bench, &name, calls, &format!("error={error}:when={nth}"), arguments);
                let found = contents(&bench, &name);
                let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
                let case = format!("{calls} {error} {nth}: {outcome}: {names:?}");
                let is_new = |(_, text): &(String, String)| text != "old" && !text.is_empty();
                match outcome.status {
                    Some(0) => {
                        assert!(names == files && found.iter().all(is_new), "whole: {case}");
                        assert!(
                            !happened || !["write", "fsync", RENAMES].contains(&calls),
                            "a failure is told: {case}"
                        );
                    }
                    Some(3) => {
                        failures += 1;
                        assert!(happened, "{case}");
                        assert!(names == old && !found.iter().any(is_new), "as it was: {case}");
                        assert!(outcome.stderr().contains("error[file-unwritable]"), "{case}");
                    }
                    // The loader closes files too, before the program begins; and of a folder that it could not close
                    // the standard library makes a panic, which no kernel has been seen to cause.
                    Some(127 | 101) if calls == "close" => assert!(names == old && !found.iter().any(is_new), "{case}"),
                    _ => panic!("{case}"),
                }
                if !happened {
                    break;
                }
                let mut again = bench.command();
                again.current_dir(bench.path(&name)).args(&forced);
                assert_eq!(feed(again, b"").status, Some(0), "{case}");
                let names: Vec<_> = contents(&bench, &name).into_iter().map(|(name, _)| name).collect();
                assert_eq!(names, files, "nothing is left after the next run: {case}");
            }
        }
    }
    assert!(failures >= 10, "only {failures} calls were failed");
}

#[test]
fn whatever_call_of_keygen_fails_no_half_pair_is_left() {
    every_failure_is_clean(&["-q", "keygen", "out", "--no-passphrase"], &["out.key", "out.pub"]);
}

#[test]
fn whatever_call_of_mint_fails_no_half_file_is_left() {
    every_failure_is_clean(&[&MINT[..], &[ISSUED, "-o", "out"]].concat(), &["out"]);
}

#[test]
fn what_a_killed_run_leaves_is_swept_by_the_next() {
    if !can_inject() {
        return;
    }
    let bench = scene();
    let keygen = ["-q", "keygen", "out", "--no-passphrase"];
    let mint = [&MINT[..], &[ISSUED, "-o", "out"]].concat();
    for (name, arguments, files) in
        [("keygen", &keygen[..], &["out.key", "out.pub"][..]), ("mint", &mint[..], &["out"][..])]
    {
        folder(&bench, name, &[]);
        let (outcome, _) = run(&bench, name, RENAMES, "signal=KILL:when=1", arguments);
        assert_ne!(outcome.status, Some(0), "{outcome}");
        let left = contents(&bench, name);
        assert_eq!(left.len(), files.len(), "{left:?}");
        for (file, _) in &left {
            assert!(file.starts_with(".out.") && file.ends_with(".mintage-unfinished"), "{file}");
        }
        let mut again = bench.command();
        again.current_dir(bench.path(name)).args(arguments);
        assert_eq!(feed(again, b"").status, Some(0));
        let names: Vec<_> = contents(&bench, name).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, files);
    }
}

#[test]
fn a_file_that_somebody_is_still_writing_is_not_swept() {
    let bench = scene();
    let busy = std::fs::File::create(bench.path(".out.aaaaaa.mintage-unfinished")).unwrap();
    busy.lock().unwrap();
    bench.write(".out.bbbbbb.mintage-unfinished", "abandoned");
    bench.write(".outer.cccccc.mintage-unfinished", "another's");
    std::fs::create_dir(bench.path(".out.dddddd.mintage-unfinished")).unwrap();
    let mut mint = bench.command();
    mint.args(MINT.map(|word| word.trim_start_matches("../"))).args([ISSUED, "-o", "out"]);
    assert_eq!(feed(mint, b"").status, Some(0));
    let hidden: Vec<_> = crate::keygen::listing(&bench).into_iter().filter(|name| name.starts_with('.')).collect();
    assert_eq!(
        hidden,
        [".out.aaaaaa.mintage-unfinished", ".out.dddddd.mintage-unfinished", ".outer.cccccc.mintage-unfinished"]
    );
}

#[test]
fn a_batch_that_was_killed_goes_on_and_mints_no_row_twice() {
    if !can_inject() {
        return;
    }
    let bench = scene();
    folder(&bench, "batch", &[]);
    let batch = [&MINT[..], &[ISSUED, "--batch", "../rows.jsonl", "-o", "out"]].concat();
    let (outcome, _) = run(&bench, "batch", RENAMES, "signal=KILL:when=1", &batch);
    assert_ne!(outcome.status, Some(0), "{outcome}");
    let [(name, partial)] = &contents(&bench, "batch")[..] else { panic!("only the journal is left") };
    assert_eq!(name, "out.partial");
    // The last line lost its end, as it does when the power goes.
    bench.write("batch/out.partial", &partial[..partial.len() - 40]);

    let at = |arguments: &[&str]| {
        let mut command = bench.command();
        command.current_dir(bench.path("batch")).args(arguments);
        feed(command, b"")
    };
    let refused = at(&batch);
    assert_eq!(refused.status, Some(3));
    assert!(refused.stderr().contains("go on with --resume, or start over with --force"), "{refused}");
    assert_eq!(at(&[&batch[..], &["--resume"]].concat()).status, Some(0));
    let [(name, whole)] = &contents(&bench, "batch")[..] else { panic!("only the result is left") };
    assert_eq!((name.as_str(), whole.lines().count()), ("out", partial.lines().count()));
    let kept = partial.lines().count() - 1;
    assert!(whole.lines().zip(partial.lines()).take(kept).all(|(new, old)| new == old), "what was minted stays");
}

#[test]
fn a_batch_that_is_still_running_is_not_disturbed() {
    let bench = scene();
    let half = "{\"row\":1,\"tok";
    let running = std::fs::File::open(bench.write("out.partial", half)).unwrap();
    running.lock().unwrap();
    let batch = MINT.map(|word| word.trim_start_matches("../"));
    let batch = [&batch[..], &[ISSUED, "--batch", "rows.jsonl", "-o", "out"]].concat();
    for flag in ["--resume", "--force"] {
        let outcome = bench.run(batch.iter().chain(&[flag]));
        assert_eq!(outcome.status, Some(3), "{outcome}");
        assert!(outcome.stderr().contains("another run is writing `out.partial`"), "{outcome}");
        assert_eq!(bench.read("out.partial"), half);
    }
    drop(running);
    assert_eq!(bench.run(batch.iter().chain(&["--resume"])).status, Some(0));
    assert!(bench.read("out").lines().count() > 1);
}

#[test]
fn a_journal_is_not_resumed_through_a_link() {
    let bench = scene();
    bench.write("elsewhere", "{\"not\":\"ours\"}\nlast line without an end");
    std::os::unix::fs::symlink("elsewhere", bench.path("out.partial")).unwrap();
    let batch = MINT.map(|word| word.trim_start_matches("../"));
    let batch = [&batch[..], &[ISSUED, "--batch", "rows.jsonl", "-o", "out", "--resume"]].concat();
    let outcome = bench.run(&batch);
    assert_eq!(outcome.status, Some(3), "{outcome}");
    assert!(outcome.stderr().contains("`out.partial` could not be written: it is a symbolic link"), "{outcome}");
    std::fs::rename(bench.path("elsewhere"), bench.path("out.partial")).unwrap();
    let outcome = bench.run(&batch);
    assert_eq!(outcome.status, Some(1), "{outcome}");
    assert!(bench.read("out.partial").ends_with("without an end"), "what is not ours is not cut");
}
