//! [`Macos`]: reads a Mac through `ioreg` and `networksetup`.
//!
//! What these programs print is parsed in tests on samples in their recorded form. It has not been run on a real Mac.

use super::component::{BOARD_SERIAL, DISK, INSTANCE, MAC, MACHINE_ID, PRODUCT_UUID};
use super::filter;
use super::profile::Profile;
use super::program::{Installed, Programs, reading};
use super::reading::{Privilege, ReadOptions, Reader, Reading, ReadingState};

const IOREG: &str = "/usr/sbin/ioreg";
const NETWORKSETUP: &str = "/usr/sbin/networksetup";

/// Reads the Mac that this process runs on. Parsed on recorded samples only, not tried on a real Mac.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Macos;

impl Reader for Macos {
    fn read(&self, options: &ReadOptions) -> Vec<Reading> {
        read(&Installed, options)
    }
}

fn read(programs: &impl Programs, options: &ReadOptions) -> Vec<Reading> {
    let platform: &[&str] = &["-rd1", "-c", "IOPlatformExpertDevice"];
    let mut readings = vec![
        reading(MACHINE_ID, programs, (IOREG, platform), |output| {
            Reading::new(MACHINE_ID, property(output, "IOPlatformUUID").map_or(ReadingState::Absent, filter::uuid))
        }),
        reading(MAC, programs, (NETWORKSETUP, &["-listallhardwareports"]), |output| addresses(output, options.profile)),
        reading(DISK, programs, (IOREG, &["-rd1", "-w0", "-c", "IOBlockStorageDevice"]), serials),
        Reading::noted(INSTANCE, ReadingState::Absent, "not looked for on macOS"),
    ];
    if options.privilege == Privilege::Privileged {
        readings.push(Reading::noted(PRODUCT_UUID, ReadingState::Absent, "on macOS it is the os.machine-id"));
        readings.push(reading(BOARD_SERIAL, programs, (IOREG, platform), |output| {
            Reading::new(
                BOARD_SERIAL,
                property(output, "IOPlatformSerialNumber").map_or(ReadingState::Absent, filter::serial),
            )
        }));
    }
    readings.extend(options.supplied_readings());
    readings
}

/// Finds the text of a property, printed as `"NAME" = "TEXT"` or, inside another, `"NAME"="TEXT"`.
fn property<'o>(output: &'o str, name: &str) -> Option<&'o str> {
    let name = format!("\"{name}\"");
    let (_, rest) = output.split_once(&name)?;
    let text = rest.trim_start_matches(' ').strip_prefix('=')?.trim_start_matches(' ').strip_prefix('"')?;
    text.split_once('"').map(|(text, _)| text)
}

/// Reads the addresses of the built-in ports; one of an adapter, a dock or a bridge does not stay with the machine.
fn addresses(output: &str, profile: Profile) -> Reading {
    let mut states = Vec::new();
    let mut ignored = Vec::new();
    for block in output.split("Hardware Port: ").skip(1) {
        let port = block.lines().next().unwrap_or_default().trim();
        let address = block.lines().find_map(|line| line.trim().strip_prefix("Ethernet Address:")).unwrap_or_default();
        let foreign = ["USB", "Thunderbolt", "Bluetooth", "iPhone", "iPad", "Bridge", "LAN"];
        if foreign.iter().any(|word| port.contains(word)) {
            ignored.push(format!("{} (not built in)", port.escape_debug()));
            continue;
        }
        match filter::mac(address, profile) {
            Ok(address) => states.push(ReadingState::Ok(vec![address])),
            Err(reason) => ignored.push(format!("{} ({reason})", port.escape_debug())),
        }
    }
    let note = if ignored.is_empty() { String::new() } else { format!("ignored: {}", ignored.join(", ")) };
    Reading::noted(MAC, ReadingState::join(states), note)
}

/// Reads the serials of the built-in disks. Which of them holds `/` is not asked: a Mac has one, or has them joined.
fn serials(output: &str) -> Reading {
    let built_in = |block: &&str| property(block, "Physical Interconnect Location") == Some("Internal");
    let serial = |block| property(block, "Serial Number").map_or(ReadingState::Absent, filter::serial);
    Reading::new(DISK, ReadingState::join(output.split("+-o ").filter(built_in).map(serial)))
}

#[cfg(test)]
mod tests {
    use super::super::program::Recorded;
    use super::*;

    const PLATFORM: &str = r#"+-o J314sAP  <class IOPlatformExpertDevice, id 0x100000226, registered, matched, active, busy 0 (20 ms), retain 35>
    {
      "manufacturer" = <"Apple Inc.">
      "IOPlatformSerialNumber" = "C02XK0AAJG5H"
      "IOPlatformUUID" = "564D2B3C-7A6E-5C1B-9F0A-112233445566"
    }
"#;
    const PORTS: &str = "
Hardware Port: Ethernet Adapter (en4)
Device: en4
Ethernet Address: 3e:22:fb:00:11:22

Hardware Port: USB 10/100/1000 LAN
Device: en7
Ethernet Address: 00:e0:4c:68:00:01

Hardware Port: Thunderbolt Bridge
Device: bridge0
Ethernet Address: 36:7d:da:00:11:22

Hardware Port: Wi-Fi
Device: en0
Ethernet Address: A4:83:E7:10:20:30

VLAN Configurations
===================
";
    const DISKS: &str = r#"+-o AppleANS3NVMeController  <class IOEmbeddedNVMeBlockDevice, id 0x100000485>
    {
      "Device Characteristics" = {"Product Name"="APPLE SSD AP0512R","Serial Number"="0ba0176a64e0b823"}
      "Protocol Characteristics" = {"Physical Interconnect"="Apple Fabric","Physical Interconnect Location"="Internal"}
    }
+-o IOSCSIPeripheralDeviceNub  <class IOSCSIPeripheralDeviceType00>
    {
      "Protocol Characteristics" = {"Physical Interconnect"="USB","Physical Interconnect Location"="External"}
      "Device Characteristics" = {"Serial Number"="4C530001230101"}
    }
"#;

    fn states(recorded: &'static [(&'static str, &'static str)]) -> Vec<ReadingState> {
        let options = ReadOptions { privilege: Privilege::Privileged, ..ReadOptions::default() };
        read(&Recorded(recorded), &options).into_iter().map(|reading| reading.state).collect()
    }

    #[test]
    fn reads_what_the_programs_print() {
        let ok = |value: &str| ReadingState::Ok(vec![value.to_owned()]);
        let recorded =
            &[("IOPlatformExpertDevice", PLATFORM), ("networksetup", PORTS), ("IOBlockStorageDevice", DISKS)];
        assert_eq!(
            states(recorded),
            [
                ok("564d2b3c-7a6e-5c1b-9f0a-112233445566"),
                ok("a4:83:e7:10:20:30"),
                ok("0ba0176a64e0b823"),
                ReadingState::Absent,
                ReadingState::Absent,
                ok("C02XK0AAJG5H"),
            ]
        );
    }

    #[test]
    fn a_missing_program_is_denied_and_an_empty_answer_absent() {
        use ReadingState::{Absent, Denied};
        assert_eq!(states(&[]), [Denied, Denied, Denied, Absent, Absent, Denied]);
        assert_eq!(states(&[("", "")]), [Absent, Absent, Absent, Absent, Absent, Absent]);
    }

    #[test]
    fn the_note_says_what_was_ignored() {
        let note = addresses(PORTS, Profile::Host).note;
        assert_eq!(
            note,
            "ignored: Ethernet Adapter (en4) (a locally administered address), USB 10/100/1000 LAN (not built in), \
             Thunderbolt Bridge (not built in)"
        );
    }
}
