//! `disk.root`: what the disks that hold the root file system call themselves. Never a UUID of the file system, which a
//! copy of the disk has too.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::SMALL;
use crate::fingerprint::component::DISK;
use crate::fingerprint::filter;
use crate::fingerprint::reading::{Reading, ReadingState};
use crate::fingerprint::sysroot::{Fault, Sysroot};

/// Where a disk may keep its name, the best first.
const NAMES: [&str; 5] = ["serial", "wwid", "device/serial", "device/wwid", "device/cid"];

/// A host can have thousands of mounts.
const MOST_MOUNTINFO: u64 = 4 << 20;

/// No root file system lies on more.
const MOST_DISKS: usize = 64;

/// Reads the names of the disks behind `/`: several when they are joined, of which one is enrolled
/// and any then matches it.
pub(super) fn serials(root: &Sysroot<'_>) -> Reading {
    let mount = match mount(root) {
        Ok(mount) => mount,
        Err(Fault::Absent) => return Reading::noted(DISK, ReadingState::Absent, "no mount of `/` was found"),
        Err(fault) => return Reading::new(DISK, fault.into()),
    };
    match block_device(root, &mount) {
        Ok(device) => Reading::new(DISK, ReadingState::join(disks(root, device).iter().map(|disk| name(root, disk)))),
        Err(Fault::Absent) => {
            let note = format!("the file system of `/` is {}, on no disk of its own", mount.kind.escape_debug());
            Reading::noted(DISK, ReadingState::Absent, note)
        }
        Err(fault) => Reading::new(DISK, fault.into()),
    }
}

/// A line of `proc_pid_mountinfo(5)`.
struct Mount {
    /// Major and minor number, such as `8:2`.
    device: String,
    kind: String,
    source: String,
}

/// Finds what is mounted on `/`.
fn mount(root: &Sysroot<'_>) -> Result<Mount, Fault> {
    // Below the root of another system, `self` would show the mounts of this one.
    let files: &[&str] = if root.is_own() { &["self"] } else { &["1", "self"] };
    let mut text = Err(Fault::Absent);
    for process in files {
        text = root.read(format!("proc/{process}/mountinfo"), MOST_MOUNTINFO);
        if text.is_ok() {
            break;
        }
    }
    // Of several mounts on one place the last is on top.
    text?.lines().rev().find_map(root_mount).ok_or(Fault::Absent)
}

fn root_mount(line: &str) -> Option<Mount> {
    let (place, what) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(2);
    let (device, target) = (place.next()?, place.nth(1)?);
    let mut what = what.split(' ');
    let mount = Mount { device: device.to_owned(), kind: what.next()?.to_owned(), source: what.next()?.to_owned() };
    (target == "/").then_some(mount)
}

/// Finds the block device in sysfs, by its number or, where a file system such as btrfs has made one up, by its source.
fn block_device(root: &Sysroot<'_>, mount: &Mount) -> Result<PathBuf, Fault> {
    if mount.device.bytes().all(|byte| byte.is_ascii_digit() || byte == b':') {
        match root.resolve(Path::new("sys/dev/block").join(&mount.device)) {
            Err(Fault::Absent) => {}
            found => return found,
        }
    }
    if !mount.source.starts_with("/dev/") {
        return Err(Fault::Absent);
    }
    let node = root.resolve(&mount.source).unwrap_or_else(|_| PathBuf::from(&mount.source));
    root.resolve(Path::new("sys/class/block").join(node.file_name().ok_or(Fault::Absent)?))
}

/// Follows a partition to its disk, and a mapped or joined device to those it is made of.
fn disks(root: &Sysroot<'_>, device: PathBuf) -> BTreeSet<PathBuf> {
    let mut disks = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut waiting = vec![device];
    while let Some(mut device) = waiting.pop() {
        if root.exists(device.join("partition")) {
            device.pop();
        }
        if seen.len() == MOST_DISKS || !seen.insert(device.clone()) {
            continue;
        }
        let slaves = device.join("slaves");
        let below = root.list(&slaves).unwrap_or_default();
        if below.is_empty() {
            disks.insert(device);
        } else {
            waiting.extend(below.iter().filter_map(|name| root.resolve(slaves.join(name)).ok()));
        }
    }
    disks
}

fn name(root: &Sysroot<'_>, disk: &Path) -> ReadingState {
    let mut states = Vec::new();
    for file in NAMES {
        let state = match root.read(disk.join(file), SMALL) {
            Ok(text) => filter::serial(&text),
            Err(fault) => fault.into(),
        };
        // A file that only root can read must not send others to the next one: both would see another machine.
        if matches!(state, ReadingState::Ok(_) | ReadingState::Denied) {
            return state;
        }
        states.push(state);
    }
    ReadingState::join(states)
}
