//! AES-256-GCM: Wycheproof, through the cipher as sealed licenses are made with it.

use aes_gcm::aead::array::Array;
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use mintage::license::License;
use mintage::seal::{SealSecret, SealedLicense};
use mintage::time::Timestamp;
use wycheproof::TestResult;
use wycheproof::aead::{TestName, TestSet};

/// The sizes of a sealed license, in bits.
const SIZES: (usize, usize, usize) = (256, 96, 128);

#[test]
fn wycheproof_is_decided_as_it_says() {
    let set = TestSet::load(TestName::AesGcm).unwrap();
    let (mut all, mut ours) = (0, 0);
    for group in set.test_groups {
        all += group.tests.len();
        if (group.key_size, group.nonce_size, group.tag_size) != SIZES {
            continue;
        }
        for test in group.tests {
            let cipher = Aes256Gcm::new(&Array(test.key.as_slice().try_into().unwrap()));
            let nonce = Array(test.nonce.as_slice().try_into().unwrap());
            let sealed = [test.ct.as_slice(), &test.tag].concat();
            let opened = cipher.decrypt(&nonce, Payload { msg: &sealed, aad: &test.aad });
            let message = Payload { msg: &test.pt, aad: &test.aad };
            if test.result == TestResult::Invalid {
                assert!(opened.is_err(), "{}", test.tc_id);
            } else {
                assert_eq!(opened.as_deref(), Ok(test.pt.as_slice()), "{}", test.tc_id);
                assert_eq!(cipher.encrypt(&nonce, message), Ok(sealed), "{}", test.tc_id);
            }
            ours += 1;
        }
    }
    assert_eq!((all, ours), (316, 66));
}

/// Another implementation of HKDF (RFC 5869) over HMAC (RFC 2104), from SHA-256 alone.
fn derive(secret: &[u8]) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    let hmac = |key: &[u8; 32], message: &[u8]| -> [u8; 32] {
        let pad = |byte: u8| -> Vec<u8> { key.iter().chain(&[0; 32]).map(|key| key ^ byte).collect() };
        let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
        Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
    };
    let extracted = hmac(&[0; 32], secret);
    hmac(&extracted, b"mintage/sealed-license/v1\x01")
}

#[test]
fn a_seal_is_made_as_the_contract_says() {
    let license = License::new("lic-1".to_owned(), "acme".to_owned(), Timestamp::EPOCH, Timestamp::NEVER);
    for (length, nonce) in [(32, [1; 12]), (33, [2; 12]), (100, [3; 12])] {
        let secret = vec![7; length];
        let payload = SealedLicense::seal(&license, &SealSecret::new(secret.clone()).unwrap(), &nonce).unwrap();
        let cipher = Aes256Gcm::new(&Array(derive(&secret)));
        let plain = license.to_payload();
        let message = Payload { msg: plain.as_bytes(), aad: b"mintage/sealed-license/v1" };
        let ciphertext = cipher.encrypt(&Array(nonce), message).unwrap();
        let data = super::encode(&[&nonce[..], &ciphertext].concat());
        assert_eq!(payload, format!(r#"{{"data":"{data}","enc":"A256GCM","typ":"sealed-license"}}"#));
    }
}
