//! [`short_id`]: a label for a machine that can be read out over the telephone.

use super::component::MACHINE_ID;
use super::digest::hmac;
use super::reading::{Reading, ReadingState};
use crate::id::decode_hex;

/// Keeps our ids apart from those that other programs derive from the same machine id. It must never change.
const APPLICATION: [u8; 16] =
    [0x58, 0xe2, 0xba, 0x8d, 0x7e, 0x13, 0x43, 0x99, 0xae, 0xf7, 0x03, 0xbd, 0x9d, 0xa2, 0x30, 0xff];

/// Crockford's base32, then the five symbols that only a check can be.
const SYMBOLS: &[u8; 37] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U";

/// Returns this machine's label, `FP1-` and groups of five, the last symbol a check; `None` when its machine id is not
/// usable. A label is for tickets: it stays the same across products and documents, and nothing is verified by it.
///
/// The derivation is systemd's (`sd_id128_get_machine_app_specific`), so `systemd-id128 machine-id --app-specific` with
/// the application id 58e2ba8d-7e13-4399-aef7-03bd9da230ff gives the same 128 bits in hex.
pub fn short_id(readings: &[Reading]) -> Option<String> {
    let reading = readings.iter().find(|reading| reading.name == MACHINE_ID)?;
    let ReadingState::Ok(values) = &reading.state else {
        return None;
    };
    // Elsewhere than on Linux the machine id is a UUID, with dashes.
    let id = decode_hex(&values.first()?.replace('-', ""))?;
    Some(spell(derive(&id)))
}

fn derive(machine_id: &[u8; 16]) -> u128 {
    let mut id = hmac(machine_id, &[&APPLICATION]);
    id[6] = id[6] & 0x0f | 0x40;
    id[8] = id[8] & 0x3f | 0x80;
    u128::from_be_bytes(id)
}

/// Spells a number in 26 symbols and its remainder by 37, as Crockford proposes.
fn spell(number: u128) -> String {
    let symbol =
        |index: u128| usize::try_from(index).ok().and_then(|at| SYMBOLS.get(at)).map_or('?', |&byte| byte.into());
    let digits = (0..26).rev().map(|place| symbol(number >> (5 * place) & 31));
    let mut text = "FP1".to_owned();
    for (at, symbol) in digits.chain([symbol(number % 37)]).enumerate() {
        if at % 5 == 0 {
            text.push('-');
        }
        text.push(symbol);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_derivation_is_that_of_systemd() {
        // Python: hmac.new(machine_id, application_id, "sha256").digest()[:16], with the bits of a version 4 UUID set.
        let id = decode_hex("4c1f1c2f9d8e4b6ba5d0b1c2d3e4f506").unwrap();
        assert_eq!(format!("{:032x}", derive(&id)), "b541286f2bde4fbcb235695dac7c2153");
        let reading = Reading::new(MACHINE_ID, ReadingState::Ok(vec!["4c1f1c2f9d8e4b6ba5d0b1c2d3e4f506".to_owned()]));
        assert_eq!(short_id(&[reading]).unwrap(), "FP1-5N84M-6YAYY-9YYB4-DB9BP-P7R8A-KR");
    }

    #[test]
    fn there_is_no_label_without_a_machine_id() {
        for state in [ReadingState::Absent, ReadingState::Denied, ReadingState::Invalid("it is zero".to_owned())] {
            assert_eq!(short_id(&[Reading::new(MACHINE_ID, state)]), None);
        }
        assert_eq!(short_id(&[]), None);
        let uuid = ReadingState::Ok(vec!["4c1f1c2f-9d8e-4b6b-a5d0-b1c2d3e4f506".to_owned()]);
        assert_eq!(short_id(&[Reading::new(MACHINE_ID, uuid)]).unwrap(), "FP1-5N84M-6YAYY-9YYB4-DB9BP-P7R8A-KR");
    }

    #[test]
    fn the_check_notices_every_wrong_symbol() {
        let text = spell(derive(&[5; 16]));
        let value = |text: &str| {
            text.bytes().fold(0_u32, |sum, byte| {
                let at = SYMBOLS.iter().position(|&symbol| symbol == byte).unwrap();
                (sum * 32 + u32::try_from(at).unwrap()) % 37
            })
        };
        let symbols = text.strip_prefix("FP1-").unwrap().replace('-', "");
        let (digits, check) = symbols.split_at(26);
        let check = u32::try_from(SYMBOLS.iter().position(|&symbol| symbol == check.as_bytes()[0]).unwrap()).unwrap();
        assert_eq!(value(digits), check);
        for at in 0..26 {
            for other in SYMBOLS[..32].iter().filter(|&&other| other != digits.as_bytes()[at]) {
                let mut wrong = digits.to_owned();
                wrong.replace_range(at..=at, char::from(*other).encode_utf8(&mut [0; 4]));
                assert_ne!(value(&wrong), check);
            }
        }
    }
}
