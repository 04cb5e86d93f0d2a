//! Whatever form a public key is accepted in, every form it is printed in is the same key; a private key file that opens
//! is written as one that opens to the same key. No encrypted file is opened: that would cost more than it finds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mintage::key::PublicKey;
use mintage::key::file::KeyFile;

fuzz_target!(|bytes: &[u8]| {
    let parsed = std::str::from_utf8(bytes).ok().and_then(|text| PublicKey::parse(text).ok());
    for key in parsed.into_iter().chain(PublicKey::from_file_bytes(bytes)) {
        assert_eq!(PublicKey::from_bytes(key.as_bytes()).as_ref(), Ok(&key));
        for text in [key.to_pem(), key.to_spki_base64(), key.to_hex(), key.to_jwk()] {
            assert_eq!(PublicKey::parse(&text).as_ref(), Ok(&key), "{text}");
            assert_eq!(PublicKey::from_file_bytes(text.as_bytes()).as_ref(), Ok(&key), "{text}");
        }
    }
    let Ok(file) = KeyFile::parse(bytes) else { return };
    if file.is_encrypted() {
        return;
    }
    if let Ok(secret) = file.open(None) {
        let written = KeyFile::parse(secret.to_pem().unwrap().as_bytes()).unwrap();
        assert_eq!(written.open(None).unwrap().public(), secret.public());
    }
});
