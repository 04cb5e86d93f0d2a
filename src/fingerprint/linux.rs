//! [`Linux`]: reads a Linux machine from its files, without a helper program and, by default, without privilege.

mod disk;
mod net;

use std::path::PathBuf;

use super::component::{BOARD_SERIAL, INSTANCE, MACHINE_ID, PRODUCT_UUID};
use super::filter;
use super::profile::Profile;
use super::reading::{Privilege, ReadOptions, Reader, Reading, ReadingState};
use super::sysroot::{Fault, Sysroot};

/// The most that a file with one value in it can hold.
const SMALL: u64 = 4_096;

/// Reads the Linux system whose files are below a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linux {
    /// The directory that stands for `/`.
    pub root: PathBuf,
}

/// Says what the system seems to run in. It is a guess to warn a person with: nothing is ever decided by it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Surroundings {
    /// A container, by the named file.
    Container(String),
    /// A virtual machine, by what the firmware says it is.
    VirtualMachine(String),
}

impl Default for Linux {
    /// Reads the system that this process runs on.
    fn default() -> Self {
        Self { root: PathBuf::from("/") }
    }
}

impl Reader for Linux {
    fn read(&self, options: &ReadOptions) -> Vec<Reading> {
        let root = Sysroot::new(&self.root);
        let mut readings = vec![
            Reading::new(MACHINE_ID, value(&root, "etc/machine-id", filter::machine_id)),
            net::addresses(&root, options.profile),
            disk::serials(&root),
            instance(&root, options.profile),
        ];
        if options.privilege == Privilege::Privileged {
            readings.push(firmware(&root, PRODUCT_UUID, "product_uuid", filter::uuid));
            readings.push(firmware(&root, BOARD_SERIAL, "board_serial", filter::serial));
        }
        readings.extend(options.supplied_readings());
        readings
    }
}

impl Linux {
    /// Reads the name of the host. It is never a component: it can be changed, and others may have it too.
    pub fn host_name(&self) -> Option<String> {
        let root = Sysroot::new(&self.root);
        let files = ["proc/sys/kernel/hostname", "etc/hostname"];
        let mut names = files.into_iter().filter_map(|file| root.read(file, SMALL).ok());
        names.find_map(|name| Some(name.trim().to_owned()).filter(|name| !name.is_empty()))
    }

    /// Guesses what the system runs in; `None` when nothing speaks for more than a plain machine.
    pub fn surroundings(&self) -> Option<Surroundings> {
        let root = Sysroot::new(&self.root);
        for file in [".dockerenv", "run/.containerenv", "run/systemd/container", "var/run/secrets/kubernetes.io"] {
            if root.exists(file) {
                return Some(Surroundings::Container(format!("/{file}")));
            }
        }
        let names = ["sys_vendor", "product_name"].map(|name| root.read(format!("sys/class/dmi/id/{name}"), SMALL));
        let names = names.map(|name| name.unwrap_or_default().trim().to_owned());
        let guest = |name: &String| {
            [
                "QEMU",
                "KVM",
                "VMware",
                "VirtualBox",
                "Virtual Machine",
                "Xen",
                "Bochs",
                "Amazon EC2",
                "Google Compute Engine",
            ]
            .iter()
            .any(|mark| name.contains(mark))
        };
        names.into_iter().find(guest).map(Surroundings::VirtualMachine)
    }
}

impl Surroundings {
    /// Returns what it seems to be: `container` or `virtual-machine`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Container(_) => "container",
            Self::VirtualMachine(_) => "virtual-machine",
        }
    }

    /// Returns what speaks for it. It may hold anything that firmware can say; whoever shows it escapes it.
    pub fn evidence(&self) -> &str {
        match self {
            Self::Container(evidence) | Self::VirtualMachine(evidence) => evidence,
        }
    }
}

/// Reads the file that holds one value.
fn value(root: &Sysroot<'_>, path: &str, filter: impl Fn(&str) -> ReadingState) -> ReadingState {
    match root.read(path, SMALL) {
        Ok(text) => filter(&text),
        Err(fault) => fault.into(),
    }
}

/// Reads what a cloud calls this instance: on EC2 the firmware says so, elsewhere cloud-init keeps it in a file.
fn instance(root: &Sysroot<'_>, profile: Profile) -> Reading {
    let tag = value(root, "sys/class/dmi/id/board_asset_tag", |tag| {
        let tag = tag.trim_ascii();
        let digits = tag.strip_prefix("i-").unwrap_or_default();
        let form = matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if form { filter::serial(tag) } else { ReadingState::Absent }
    });
    if matches!(tag, ReadingState::Ok(_) | ReadingState::Denied) {
        return Reading::new(INSTANCE, tag);
    }
    let file = "var/lib/cloud/data/instance-id";
    match profile {
        // The file travels with an image of the disk, as the machine id does. Together they would outvote a host's
        // network interfaces and disk; a virtual machine must match in full, so there it does no harm.
        Profile::Host if root.exists(file) => Reading::noted(
            INSTANCE,
            ReadingState::Absent,
            "the id that cloud-init keeps on the disk counts with `vm` only",
        ),
        Profile::Host => Reading::new(INSTANCE, ReadingState::Absent),
        Profile::Vm => Reading::new(INSTANCE, value(root, file, filter::serial)),
    }
}

fn firmware(root: &Sysroot<'_>, name: &str, file: &str, filter: impl Fn(&str) -> ReadingState) -> Reading {
    match value(root, &format!("sys/class/dmi/id/{file}"), filter) {
        ReadingState::Denied => Reading::noted(name, ReadingState::Denied, "only root can read it"),
        state => Reading::new(name, state),
    }
}

impl From<Fault> for ReadingState {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Absent => Self::Absent,
            Fault::Denied => Self::Denied,
            Fault::Unfit(reason) => Self::Invalid(reason.to_owned()),
        }
    }
}
