//! Runs commands in turn, so that a slow phase of the machine slows all of them, and compares medians.

use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// Prints the median seconds of each of two commands (separated by `---`), and the median ratios of the first to the
/// second in elapsed and in processor time.
pub(crate) fn print(rounds: usize, commands: &[&str]) {
    let between = commands.iter().position(|word| *word == "---").expect("two commands with `---` between them");
    let (ours, peer) = (&commands[..between], &commands[between + 1..]);
    // The first round only warms the caches.
    let rounds: Vec<_> = (0..=rounds).map(|_| (time(ours), time(peer))).skip(1).collect();
    let over = |value: fn(&(Time, Time)) -> f64| median(rounds.iter().map(value).collect());
    let (ours, peer) = (over(|(ours, _)| ours.elapsed), over(|(_, peer)| peer.elapsed));
    let ratio = over(|(ours, peer)| ours.elapsed / peer.elapsed);
    let ratio_of_processor = over(|(ours, peer)| ours.processor / peer.processor);
    println!("{ours:.6} {peer:.6} {ratio:.3} {ratio_of_processor:.3}");
}

/// Returns the most memory that a command ever had resident, in KiB.
pub(crate) fn peak(command: &[&str]) -> i64 {
    time(command);
    getrusage(UsageWho::RUSAGE_CHILDREN).expect("the system counts").max_rss()
}

/// What a command took, in seconds.
struct Time {
    elapsed: f64,
    processor: f64,
}

fn time(command: &[&str]) -> Time {
    let mut process = Command::new(command[0]);
    process.args(&command[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let (processor, start) = (processor_seconds(), Instant::now());
    let status = process.status().unwrap_or_else(|error| panic!("`{}`: {error}", command[0]));
    let (elapsed, processor) = (start.elapsed().as_secs_f64(), processor_seconds() - processor);
    assert!(status.code().is_some_and(|code| code <= 1), "`{}`: {status}", command.join(" "));
    Time { elapsed, processor }
}

/// Returns the processor time of all commands so far.
fn processor_seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the system counts");
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
