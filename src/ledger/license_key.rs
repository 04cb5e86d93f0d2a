//! [`LicenseKey`]: what people and programs activate with. It is shown once; the ledger holds its hash alone.

use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::id::Hex;

/// Crockford's digits: no I, L, O or U.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Digits in a group, and groups.
const GROUP: usize = 5;
const LENGTH: usize = 25;

/// The modulus of Crockford's check symbol: a prime above 32, so that it tells every single slip and every swap.
const MODULUS: u32 = 37;

/// `MTG-` and five groups of five digits, the last of which checks the others: 120 random bits.
#[derive(Clone, PartialEq, Eq)]
pub struct LicenseKey(Zeroizing<String>);

/// Says that a text is no license key, or was mistyped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LicenseKeyError {
    /// The check symbol does not fit: a character is wrong, or two are swapped.
    Check,
    /// The text is not `MTG-` and 25 digits.
    Form,
}

impl LicenseKey {
    /// Makes a key of 15 random bytes.
    pub fn from_random(bytes: &[u8; 15]) -> Self {
        let bits = bytes.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        let mut digits: Vec<u8> = (0..24).rev().map(|at| (bits >> (5 * at)).to_le_bytes()[0] & 31).collect();
        // Five of the 37 check symbols are no digits, and awkward to type; one more on the last digit avoids them.
        while check(&digits) >= 32 {
            digits[23] = (digits[23] + 1) & 31;
        }
        digits.push(check(&digits).to_le_bytes()[0]);
        let digits = Zeroizing::new(digits);
        Self(Zeroizing::new(digits.iter().map(|digit| char::from(DIGITS[usize::from(*digit)])).collect()))
    }

    /// Reads a key as people type it: upper or lower case, with or without hyphens, `O` for `0`, `I` or `L` for `1`.
    ///
    /// # Errors
    /// [`LicenseKeyError`].
    pub fn parse(text: &str) -> Result<Self, LicenseKeyError> {
        let text = text.trim();
        let rest = text.get(..3).filter(|prefix| prefix.eq_ignore_ascii_case("MTG")).and_then(|_| text.get(3..));
        let rest = rest.ok_or(LicenseKeyError::Form)?;
        let typed = rest.chars().filter(|char| !matches!(char, '-' | ' '));
        let digits = Zeroizing::new(typed.map(digit).collect::<Option<Vec<u8>>>().ok_or(LicenseKeyError::Form)?);
        match digits.split_last() {
            Some((last, others)) if digits.len() == LENGTH => {
                if check(others) == u32::from(*last) {
                    let text = digits.iter().map(|digit| char::from(DIGITS[usize::from(*digit)]));
                    Ok(Self(Zeroizing::new(text.collect())))
                } else {
                    Err(LicenseKeyError::Check)
                }
            }
            _ => Err(LicenseKeyError::Form),
        }
    }

    /// Returns the hash that the ledger holds: SHA-256 in hex. A key has 120 random bits, so nothing slower is needed.
    pub fn hash(&self) -> String {
        Hex(&Sha256::new().chain_update(b"MTG-").chain_update(self.0.as_bytes()).finalize()).to_string()
    }

    /// Returns the key as it is handed out.
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(4 + LENGTH + 4));
        text.push_str("MTG");
        for (at, char) in self.0.chars().enumerate() {
            if at % GROUP == 0 {
                text.push('-');
            }
            text.push(char);
        }
        text
    }
}

/// The remainder of the number that the digits spell.
fn check(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |rest, digit| (rest * 32 + u32::from(*digit)) % MODULUS)
}

fn digit(char: char) -> Option<u8> {
    let char = match char.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        char => char,
    };
    DIGITS.iter().position(|digit| char::from(*digit) == char).and_then(|at| u8::try_from(at).ok())
}

impl fmt::Debug for LicenseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LicenseKey").finish_non_exhaustive()
    }
}

impl fmt::Display for LicenseKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Check => "the license key was mistyped: its check symbol does not fit",
            Self::Form => "a license key is MTG- and five groups of five letters and digits",
        })
    }
}

impl std::error::Error for LicenseKeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> LicenseKey {
        LicenseKey::from_random(b"fifteen bytes..")
    }

    #[test]
    fn a_key_reads_back_as_people_type_it() {
        let shown = key().reveal();
        assert_eq!(shown.len(), 33);
        assert_eq!(LicenseKey::parse(&shown), Ok(key()));
        let typed = shown.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        assert_eq!(LicenseKey::parse(&typed), Ok(key()));
        assert_eq!(key().hash().len(), 64);
        assert!(!format!("{:?}", key()).contains(&shown[4..9]));
    }

    #[test]
    fn every_slip_of_one_character_and_every_swap_of_two_is_told() {
        let shown = key().reveal();
        for at in 4..shown.len() {
            for digit in DIGITS.iter().map(|digit| char::from(*digit)) {
                let mut slip = shown.to_string();
                slip.replace_range(at..=at, &digit.to_string());
                assert_eq!(LicenseKey::parse(&slip).is_ok(), slip == *shown, "{slip}");
            }
            let mut swap = shown.as_bytes().to_vec();
            swap.swap(at - 1, at);
            let swap = String::from_utf8(swap).unwrap();
            let same = swap.replace('-', "") == shown.replace('-', "");
            assert_eq!(LicenseKey::parse(&swap).is_ok(), same, "{swap}");
        }
    }

    #[test]
    fn every_check_symbol_is_a_digit() {
        for number in 0..10_000_u128 {
            let bytes = (number * 0x1_0000_0001_0003).to_be_bytes();
            let key = LicenseKey::from_random(bytes[1..].try_into().unwrap());
            assert_eq!(LicenseKey::parse(&key.reveal()), Ok(key));
        }
    }

    #[test]
    fn other_texts_are_no_keys() {
        for text in ["", "MTG", "MTG-", "MRR-AAAAA-AAAAA-AAAAA-AAAAA-AAAAA", "MTG-UUUUU-00000-00000-00000-00000", "é"]
        {
            assert_eq!(LicenseKey::parse(text), Err(LicenseKeyError::Form), "{text}");
        }
    }
}
