//! A process that is killed takes nothing with it that it had acknowledged.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use mintage::operation::ledger::audit;

use super::{Place, activate, open, record, told_of};
use crate::interop::present;

/// More than will ever be asked for, so that a wrong count shows.
const MACHINES: u64 = 100_000;

/// This program once more, as a process that activates machines and says so after each.
fn program(url: &str, first: usize, threads: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "ledger::crashes::activates_and_says_so", "--nocapture", "--test-threads=1"]);
    command.env("MINTAGE_TEST_CRASH", format!("{first} {threads} {url}")).stdin(Stdio::null());
    command
}

/// What the other process runs; without its order it does nothing.
#[test]
fn activates_and_says_so() {
    let Ok(order) = std::env::var("MINTAGE_TEST_CRASH") else { return };
    let mut words = order.splitn(3, ' ');
    let mut number = || words.next().unwrap().parse::<usize>().unwrap();
    let (first, threads) = (number(), number());
    let ledger = Arc::new(open(words.next().unwrap()).unwrap());
    let work = |thread: usize| {
        let ledger = Arc::clone(&ledger);
        std::thread::spawn(move || {
            for number in 0..50 {
                let machine = format!("m{}", first + number * threads + thread);
                ledger.activate(activate("lic-1", &machine, 1)).unwrap();
                let mut stdout = std::io::stdout().lock();
                stdout.write_all(format!("ok {machine}\n").as_bytes()).unwrap();
                stdout.flush().unwrap();
            }
        })
    };
    (0..threads).map(work).collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
}

/// Reads so many acknowledgements, then kills the process; returns all that it gave until then.
fn kill_after(mut child: Child, count: usize) -> Vec<String> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let acknowledged = |line: String| line.strip_prefix("ok ").map(str::to_owned);
    let mut heard: Vec<String> = lines.by_ref().filter_map(acknowledged).take(count).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    heard.extend(lines.filter_map(acknowledged));
    heard
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_sold_twice() {
    let rounds = std::env::var("MINTAGE_TEST_KILLS").map_or(8, |rounds| rounds.parse().unwrap());
    for mut place in Place::all() {
        let url = place.url("crash");
        record(&open(&url).unwrap(), "lic-1", Some(MACHINES));
        let mut heard = BTreeSet::new();
        for round in 0..rounds {
            let child = program(&url, round * 1_000, 8).stdout(Stdio::piped()).spawn().unwrap();
            // Early in one round, late in another; never at the same point of the work.
            heard.extend(kill_after(child, round * 7 % 40));
        }
        let ledger = open(&url).unwrap();
        let shown = told_of(&ledger, "lic-1");
        let held: BTreeSet<String> = shown.activations.iter().map(|one| one.fingerprint.clone()).collect();
        let lost: Vec<_> = heard.difference(&held).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        assert_eq!((shown.held.activations, shown.activations.len()), (held.len() as u64, held.len()));
        audit::verify(&ledger, None).unwrap();
        if let Place::File(folder) = &place {
            let file = rusqlite::Connection::open(folder.path().join("crash")).unwrap();
            let whole: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(whole, "ok");
        }
        println!("{rounds} kills: {} acknowledged, {} held, 0 lost", heard.len(), held.len());
    }
}

#[test]
fn every_acknowledgement_comes_after_its_sync() {
    if !present("strace", ["-V"]) {
        return;
    }
    let mut place = Place::file();
    let url = place.url("synced");
    record(&open(&url).unwrap(), "lic-1", None);
    let trace = tempfile::NamedTempFile::new().unwrap();
    let plain = program(&url, 0, 1);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=write,fsync,fdatasync", "-o"]).arg(trace.path());
    strace.arg(plain.get_program()).args(plain.get_args());
    strace.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
    assert!(strace.stdout(Stdio::null()).status().unwrap().success());
    let (mut synced, mut acknowledged) = (false, 0);
    for line in std::fs::read_to_string(trace.path()).unwrap().lines() {
        if line.contains("sync") && line.trim_end().ends_with("= 0") {
            synced = true;
        } else if line.contains("\"ok m") {
            assert!(synced, "{acknowledged} acknowledged, and the next one before its sync: {line}");
            (synced, acknowledged) = (false, acknowledged + 1);
        }
    }
    assert_eq!(acknowledged, 50);
}
