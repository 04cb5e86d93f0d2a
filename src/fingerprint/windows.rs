//! [`Windows`]: reads a Windows machine through `reg.exe`, `getmac.exe` and, for the disk, PowerShell.
//!
//! What these programs print is parsed in tests on samples in their recorded form. It has not been run on real Windows.

use super::component::{BOARD_SERIAL, DISK, INSTANCE, MAC, MACHINE_ID, PRODUCT_UUID};
use super::filter;
use super::profile::Profile;
use super::program::{Installed, Programs, reading};
use super::reading::{Privilege, ReadOptions, Reader, Reading, ReadingState};

/// Reads the Windows machine that this process runs on. Parsed on recorded samples only, not tried on real Windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Windows;

impl Reader for Windows {
    fn read(&self, options: &ReadOptions) -> Vec<Reading> {
        read(&Installed, &system_directory(), options)
    }
}

/// Finds the system's own programs. The usual place comes first, because the environment is the user's to change.
fn system_directory() -> String {
    let usual = r"C:\Windows\System32";
    match std::env::var("SystemRoot") {
        Ok(root) if !std::path::Path::new(usual).is_dir() => format!(r"{root}\System32"),
        _ => usual.to_owned(),
    }
}

fn read(programs: &impl Programs, directory: &str, options: &ReadOptions) -> Vec<Reading> {
    let registry = format!(r"{directory}\reg.exe");
    let getmac = format!(r"{directory}\getmac.exe");
    let powershell = format!(r"{directory}\WindowsPowerShell\v1.0\powershell.exe");
    let guid: &[&str] = &["query", r"HKLM\SOFTWARE\Microsoft\Cryptography", "/v", "MachineGuid", "/reg:64"];
    let boot_disk: &[&str] =
        &["-NoProfile", "-NonInteractive", "-Command", "Get-Disk | Where-Object IsBoot | ForEach-Object SerialNumber"];
    let mut readings = vec![
        reading(MACHINE_ID, programs, (&registry, guid), |output| {
            Reading::new(MACHINE_ID, registry_text(output, "MachineGuid").map_or(ReadingState::Absent, filter::uuid))
        }),
        reading(MAC, programs, (&getmac, &["/fo", "csv", "/v", "/nh"]), |output| addresses(output, options.profile)),
        reading(DISK, programs, (&powershell, boot_disk), |output| {
            Reading::new(
                DISK,
                ReadingState::join(output.lines().map(|line| filter::serial(line.trim_end_matches('.')))),
            )
        }),
        Reading::noted(INSTANCE, ReadingState::Absent, "not looked for on Windows"),
    ];
    if options.privilege == Privilege::Privileged {
        for name in [PRODUCT_UUID, BOARD_SERIAL] {
            readings.push(Reading::noted(name, ReadingState::Absent, "not looked for on Windows"));
        }
    }
    readings.extend(options.supplied_readings());
    readings
}

/// Finds the text of a value, printed as `    NAME    REG_SZ    TEXT`.
fn registry_text<'o>(output: &'o str, name: &str) -> Option<&'o str> {
    output.lines().find_map(|line| line.trim().strip_prefix(name)?.trim_start().strip_prefix("REG_SZ").map(str::trim))
}

/// Reads the addresses of the physical adapters: lines of connection, adapter, address and transport, each in quotes.
fn addresses(output: &str, profile: Profile) -> Reading {
    let mut states = Vec::new();
    let mut ignored = Vec::new();
    for line in output.lines() {
        let fields: Vec<_> = line.trim().trim_matches('"').split("\",\"").collect();
        let [_, adapter, address, ..] = fields[..] else { continue };
        let lower = adapter.to_lowercase();
        let foreign =
            ["virtual", "vpn", "tap-", "tunnel", "wintun", "wireguard", "bluetooth", "usb", "loopback", "miniport"];
        if foreign.iter().any(|word| lower.contains(word)) {
            ignored.push(format!("{} (virtual or removable)", adapter.escape_debug()));
            continue;
        }
        match filter::mac(address, profile) {
            Ok(address) => states.push(ReadingState::Ok(vec![address])),
            Err(reason) => ignored.push(format!("{} ({reason})", adapter.escape_debug())),
        }
    }
    let note = if ignored.is_empty() { String::new() } else { format!("ignored: {}", ignored.join(", ")) };
    Reading::noted(MAC, ReadingState::join(states), note)
}

#[cfg(test)]
mod tests {
    use super::super::program::Recorded;
    use super::*;

    const GUID: &str = "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Cryptography\r\n    MachineGuid    REG_SZ    \
                        4f1c2d3e-9a8b-4c7d-8e6f-0a1b2c3d4e5f\r\n\r\n";
    const ADAPTERS: &str = "\r\n\
        \"Ethernet\",\"Intel(R) Ethernet Connection I219-LM\",\"00-1B-21-AA-BB-CC\",\"\\Device\\Tcpip_{1}\"\r\n\
        \"vEthernet (WSL)\",\"Hyper-V Virtual Ethernet Adapter\",\"00-15-5D-01-02-03\",\"\\Device\\Tcpip_{2}\"\r\n\
        \"Wi-Fi\",\"Intel(R) Wi-Fi 6 AX201\",\"DA-A1-19-00-11-22\",\"Media disconnected\"\r\n\
        \"Dock\",\"Realtek USB GbE Family Controller\",\"00-E0-4C-68-00-01\",\"Media disconnected\"\r\n\
        \"Old\",\"Broadcom NetXtreme\",\"N/A\",\"Hardware not present\"\r\n";

    fn states(recorded: &'static [(&'static str, &'static str)]) -> Vec<ReadingState> {
        let options = ReadOptions { privilege: Privilege::Privileged, ..ReadOptions::default() };
        let readings = read(&Recorded(recorded), r"C:\Windows\System32", &options);
        readings.into_iter().map(|reading| reading.state).collect()
    }

    #[test]
    fn reads_what_the_programs_print() {
        let ok = |value: &str| ReadingState::Ok(vec![value.to_owned()]);
        let recorded = &[("MachineGuid", GUID), ("getmac", ADAPTERS), ("Get-Disk", "0025_3852_9140_1234.\r\n")];
        assert_eq!(
            states(recorded),
            [
                ok("4f1c2d3e-9a8b-4c7d-8e6f-0a1b2c3d4e5f"),
                ok("00:1b:21:aa:bb:cc"),
                ok("0025_3852_9140_1234"),
                ReadingState::Absent,
                ReadingState::Absent,
                ReadingState::Absent,
            ]
        );
    }

    #[test]
    fn a_missing_program_is_denied_and_an_empty_answer_absent() {
        use ReadingState::{Absent, Denied};
        assert_eq!(states(&[]), [Denied, Denied, Denied, Absent, Absent, Absent]);
        assert_eq!(states(&[("", "")]), [Absent, Absent, Absent, Absent, Absent, Absent]);
    }

    #[test]
    fn the_note_says_what_was_ignored() {
        let note = addresses(ADAPTERS, Profile::Host).note;
        for part in [
            "Hyper-V Virtual Ethernet Adapter (virtual",
            "AX201 (a locally",
            "Realtek USB GbE Family Controller (v",
            "NetXtreme (no address)",
        ] {
            assert!(note.contains(part), "{note}");
        }
    }
}
