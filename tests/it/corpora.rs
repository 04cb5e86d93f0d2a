//! Public corpora, and the mutations that no corpus lists: every verdict equals the strict one.

mod ciphers;
mod claims;
mod signatures;
mod tokens;

use mintage::key::{Claim, PublicKey, verify_many};

/// The strict verdict of ed25519-dalek over raw bytes.
fn strict(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(signature);
    ed25519_dalek::VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

/// Our verdict over raw bytes, the same through both doors. A key that is refused when it is loaded verifies nothing.
fn ours(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let Ok(key) = PublicKey::from_bytes(key) else {
        return false;
    };
    let alone = key.verify(message, signature).is_ok();
    let claim = Claim { key: &key, message, signature };
    let among = verify_many(&[claim, claim]);
    assert!(among.iter().all(|result| result.is_ok() == alone), "one and many disagree");
    alone
}

/// Numbers that look random and are the same every time (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() % bound as u64).unwrap()
    }

    fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&self.roll().to_le_bytes()));
        bytes
    }
}

/// Reads hex of any length.
fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn encode(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
