//! Which values can be an identity: not those that a vendor forgot to fill in, nor those of a system not yet booted.

use super::profile::Profile;
use super::reading::ReadingState;
use crate::id::decode_hex;
use crate::json::steers;

/// What firmware, hypervisors and image builders put where a serial should be, in lower case.
const PLACEHOLDERS: &[&str] = &[
    "0123456789",
    "03000200-0400-0500-0006-000700080009",
    "00020003-0004-0005-0006-000700080009",
    "123456789",
    "1234567890",
    "12345678-1234-5678-90ab-cddeefaabbcc",
    "base board serial number",
    "chassis serial number",
    "default",
    "default string",
    "empty",
    "fefefefe-fefe-fefe-fefe-fefefefefefe",
    "i-abcdefg",
    "iid-abcdefg",
    "iid-datasource-none",
    "iid-local",
    "iid-local01",
    "iid-nocloud",
    "invalid",
    "n/a",
    "no asset tag",
    "nocloud",
    "none",
    "not applicable",
    "not available",
    "not specified",
    "null",
    "o.e.m.",
    "oem",
    "overlayblk",
    "serial",
    "serial number",
    "serialnumber",
    "system serial number",
    "tbd",
    "to be filled by o.e.m.",
    "undefined",
    "unknown",
];

/// A World Wide Name that vendors ship unfilled.
const EMPTY_WWN: &str = "5000000000000000";

/// What stands before the number of a World Wide Name or EUI, in the order it can be stacked.
const PREFIXES: &[&str] = &["wwn-", "naa.", "eui.", "0x"];

/// Filters a machine id as in machine-id(5): 32 hex digits, neither empty, `uninitialized` nor zero.
pub(super) fn machine_id(text: &str) -> ReadingState {
    let id = text.trim_ascii().to_ascii_lowercase();
    let invalid = |reason: &str| ReadingState::Invalid(reason.to_owned());
    if id.is_empty() {
        invalid("it is empty, as before the first boot")
    } else if id == "uninitialized" {
        invalid("it is `uninitialized`, as before the first boot")
    } else if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        invalid("it is not 32 hex digits")
    } else if id.bytes().all(|byte| byte == b'0') {
        invalid("it is zero")
    } else {
        unless_shared(id)
    }
}

/// Filters a UUID (RFC 9562, section 4), in the spelling of lower case.
pub(super) fn uuid(text: &str) -> ReadingState {
    let uuid = text.trim_ascii().to_ascii_lowercase();
    if uuid.is_empty() {
        return ReadingState::Absent;
    }
    let form = uuid.len() == 36
        && uuid.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    match unless_shared(uuid) {
        ReadingState::Ok(_) if !form => ReadingState::Invalid("it is not a UUID".to_owned()),
        state => state,
    }
}

/// Filters a serial or another text without a form of its own.
pub(super) fn serial(text: &str) -> ReadingState {
    let serial = text.trim_matches(|char: char| char.is_whitespace() || char == '\0');
    if serial.is_empty() {
        ReadingState::Absent
    } else if serial.len() > 1_024 || serial.chars().any(steers) {
        ReadingState::Invalid("it is longer than 1,024 bytes or holds control characters".to_owned())
    } else {
        unless_shared(serial.to_owned())
    }
}

/// Filters the address of a network interface: six bytes in hex, joined by `:` or `-`. A host's must be universally
/// administered (IEEE 802, section 8.2.2), because there the other kind is made up at each boot; in a virtual machine
/// the hypervisor gives out addresses of that kind and keeps them.
///
/// # Errors
/// Why the address is none that stays with this machine.
pub(super) fn mac(text: &str, profile: Profile) -> Result<String, &'static str> {
    let address = text.trim_ascii().to_ascii_lowercase().replace('-', ":");
    let bytes: Option<Vec<[u8; 1]>> = address.split(':').map(decode_hex).collect();
    match bytes.as_deref() {
        Some(bytes @ [first, _, _, _, _, _]) => {
            if bytes.iter().all(|byte| byte == first) {
                Err("not a unique address")
            } else if first[0] & 1 != 0 {
                Err("a group address")
            } else if profile == Profile::Host && first[0] & 2 != 0 {
                Err("a locally administered address")
            } else {
                Ok(address)
            }
        }
        _ => Err("no address"),
    }
}

fn unless_shared(value: String) -> ReadingState {
    if is_placeholder(&value) { ReadingState::Placeholder(value) } else { ReadingState::Ok(vec![value]) }
}

/// Whether many machines are known to share the value.
fn is_placeholder(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    let number = PREFIXES.iter().fold(&*value, |number, prefix| number.strip_prefix(prefix).unwrap_or(number));
    PLACEHOLDERS.contains(&&*value)
        || value.starts_with("iid-ds")
        || value.strip_prefix("qm0000").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
        || number == EMPTY_WWN
        || repeats_one_character(number)
}

/// Whether one letter or digit makes up the whole value, dashes and the like aside.
fn repeats_one_character(value: &str) -> bool {
    let mut characters = value.chars().filter(|char| char.is_alphanumeric());
    let first = characters.next();
    characters.all(|char| Some(char) == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_id_is_32_hex_digits_of_a_booted_system() {
        let id = "4c1f1c2f9d8e4b6ba5d0b1c2d3e4f506";
        assert_eq!(machine_id(&format!("{id}\n")), ReadingState::Ok(vec![id.to_owned()]));
        assert_eq!(machine_id(&id.to_uppercase()), ReadingState::Ok(vec![id.to_owned()]));
        for text in
            ["", "\n", "uninitialized\n", &"0".repeat(32), &id[1..], "4c1f1c2f-9d8e-4b6b-a5d0-b1c2d3e4f506", "7:blkio:"]
        {
            assert!(matches!(machine_id(text), ReadingState::Invalid(_)), "{text}");
        }
        assert!(matches!(machine_id(&"f".repeat(32)), ReadingState::Placeholder(_)));
    }

    #[test]
    fn placeholders_are_no_serials() {
        for text in [
            "To be filled by O.E.M.",
            "Default string",
            "None",
            "Not Specified",
            "QM00001",
            "QM00009",
            "overlayblk",
            "5000000000000000",
            "naa.5000000000000000",
            "wwn-0x5000000000000000",
            "eui.0000000000000000",
            "00000000",
            "xxxxxxx",
            "1",
            "--",
            "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
            "03000200-0400-0500-0006-000700080009",
            "iid-datasource-none",
            "iid-dsovf",
        ] {
            assert!(matches!(serial(text), ReadingState::Placeholder(_)), "{text}");
            assert!(!matches!(uuid(text), ReadingState::Ok(_)), "{text}");
        }
        for text in
            ["S3Z9NB0K123456", "naa.5002538d40a1b2c3", "QM1234X", "iid-9c1e04", "0x5000000000000001", "S3Z9x1", "a.b.1"]
        {
            assert!(matches!(serial(text), ReadingState::Ok(_)), "{text}");
        }
    }

    #[test]
    fn a_uuid_has_its_form() {
        let text = "4C4C4544-0042-3510-8054-B7C04F313233";
        assert_eq!(uuid(text), ReadingState::Ok(vec![text.to_ascii_lowercase()]));
        for text in ["4c4c4544", "4c4c4544-0042-3510-8054-b7c04f31323g", "4c4c454400423510-8054-b7c0-4f313233--"] {
            assert!(matches!(uuid(text), ReadingState::Invalid(_)), "{text}");
        }
        assert_eq!(uuid("\n"), ReadingState::Absent);
    }

    #[test]
    fn a_serial_is_trimmed_and_holds_no_control_characters() {
        assert_eq!(serial("  S3Z9 NB0K\0\n"), ReadingState::Ok(vec!["S3Z9 NB0K".to_owned()]));
        assert!(matches!(serial("a\u{1b}[2Jb"), ReadingState::Invalid(_)));
        assert!(matches!(serial(&"ab".repeat(513)), ReadingState::Invalid(_)));
    }

    #[test]
    fn a_host_keeps_only_addresses_that_a_maker_gave_out() {
        assert_eq!(mac("00-1B-21-AA-BB-CC", Profile::Host), Ok("00:1b:21:aa:bb:cc".to_owned()));
        assert_eq!(mac("52:54:00:12:34:56", Profile::Host), Err("a locally administered address"));
        assert_eq!(mac("52:54:00:12:34:56", Profile::Vm), Ok("52:54:00:12:34:56".to_owned()));
        for profile in [Profile::Host, Profile::Vm] {
            for text in [
                "",
                "00:00:00:00:00:00",
                "ff:ff:ff:ff:ff:ff",
                "01:00:5e:00:00:01",
                "00:1b:21:aa:bb",
                "0:1b:21:aa:bb:cc",
                "00:1b:21:aa:bb:+c",
                "N/A",
            ] {
                assert!(mac(text, profile).is_err(), "{text}");
            }
        }
    }
}
