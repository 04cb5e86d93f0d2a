//! Base32 (RFC 4648) without padding: five bits a digit, all of them in the alphabet that QR codes pack tightest.

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Spells bytes.
pub(super) fn encode(data: &[u8]) -> String {
    let mut text = String::with_capacity((data.len() * 8).div_ceil(5));
    let (mut bits, mut held) = (0_u32, 0);
    for byte in data {
        bits = bits << 8 | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            text.push(digit(bits >> held));
        }
    }
    if held > 0 {
        text.push(digit(bits << (5 - held)));
    }
    text
}

/// Reads what [`encode`] writes, and nothing else: the bits that fill up the last digit are zero.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut data = Vec::with_capacity(text.len() * 5 / 8);
    let (mut bits, mut held) = (0_u32, 0);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'2'..=b'7' => byte - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            data.push((bits >> held).to_le_bytes()[0]);
        }
    }
    (held < 5 && bits & ((1 << held) - 1) == 0).then_some(data)
}

/// Returns the first digits of the SHA-256 of some bytes.
pub(super) fn digest(data: &[u8], digits: usize) -> String {
    encode(&super::sha256(data)).chars().take(digits).collect()
}

fn digit(bits: u32) -> char {
    ALPHABET[bits as usize & 31].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648() {
        for (data, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(encode(data.as_bytes()), text);
            assert_eq!(decode(text).unwrap(), data.as_bytes());
        }
    }

    #[test]
    fn one_text_says_one_thing() {
        // Bits beyond the end, a length that none has, and digits of other alphabets.
        for text in ["MZ", "A", "MZXW6A", "my", "M0", "M1", "M8", "MY======"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
