//! `net.mac`: the addresses that came with the physical network interfaces, by the files of sysfs-class-net.

use std::ffi::OsStr;
use std::path::Path;

use super::SMALL;
use crate::fingerprint::component::MAC;
use crate::fingerprint::filter;
use crate::fingerprint::profile::Profile;
use crate::fingerprint::reading::{Reading, ReadingState};
use crate::fingerprint::sysroot::{Fault, Sysroot};

/// Reads the addresses of every interface that stays with the machine; the note names the others and says why not.
pub(super) fn addresses(root: &Sysroot<'_>, profile: Profile) -> Reading {
    let names = match root.list("sys/class/net") {
        Ok(names) => names,
        Err(fault) => return Reading::new(MAC, fault.into()),
    };
    let mut states = Vec::new();
    let mut ignored = Vec::new();
    for name in names {
        match address(root, &Path::new("sys/class/net").join(&name), profile) {
            Ok(address) => states.push(ReadingState::Ok(vec![address])),
            Err(Skip::NotEthernet) => {}
            Err(Skip::Because(reason)) => ignored.push(format!("{} ({reason})", shown(&name))),
            Err(Skip::Fault(fault)) => {
                ignored.push(format!("{} (unreadable)", shown(&name)));
                states.push(fault.into());
            }
        }
    }
    let note = if ignored.is_empty() { String::new() } else { format!("ignored: {}", ignored.join(", ")) };
    Reading::noted(MAC, ReadingState::join(states), note)
}

enum Skip {
    Because(&'static str),
    Fault(Fault),
    NotEthernet,
}

impl From<Fault> for Skip {
    fn from(fault: Fault) -> Self {
        match fault {
            // An interface can vanish while it is looked at, and `bonding_masters` is none.
            Fault::Absent => Self::NotEthernet,
            fault => Self::Fault(fault),
        }
    }
}

fn address(root: &Sysroot<'_>, interface: &Path, profile: Profile) -> Result<String, Skip> {
    const ETHERNET: &str = "1";
    let read = |file: &str| root.read(interface.join(file), SMALL);
    match root.read(interface.join("type"), SMALL) {
        // `bonding_masters` is a file among the interfaces.
        Ok(kind) if kind.trim_ascii() == ETHERNET => {}
        Ok(_) | Err(Fault::Unfit(_)) => return Err(Skip::NotEthernet),
        Err(fault) => return Err(fault.into()),
    }
    let Ok(device) = root.resolve(interface.join("device")) else {
        return Err(Skip::Because("virtual"));
    };
    if is_usb(root, &root.resolve(interface)?) || is_usb(root, &device) {
        return Err(Skip::Because("USB"));
    }
    match read("addr_assign_type")?.trim_ascii() {
        "0" => {}
        "1" => return Err(Skip::Because("a random address")),
        "2" => return Err(Skip::Because("an address taken from another")),
        _ => return Err(Skip::Because("an address that was set")),
    }
    filter::mac(&read("address")?, profile).map_err(Skip::Because)
}

/// Whether a device hangs on a USB, and so comes and goes with an adapter or a dock.
fn is_usb(root: &Sysroot<'_>, device: &Path) -> bool {
    let bus = |name: &OsStr| {
        let number = name.to_str().and_then(|name| name.strip_prefix("usb"));
        number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    device.iter().any(bus) || root.resolve(device.join("subsystem")).is_ok_and(|path| path.ends_with("usb"))
}

/// Returns the name of an interface as it can be shown: one that udev made of the address must not give it away.
fn shown(name: &OsStr) -> String {
    let name = name.to_string_lossy();
    let address = |rest: &str| rest.len() >= 12 && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
    match name.find('x') {
        Some(at) if address(&name[at + 1..]) => format!("{}…", name[..=at].escape_debug()),
        _ => name.escape_debug().to_string(),
    }
}
