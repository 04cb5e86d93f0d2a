//! Key files whose parameters are chosen to exhaust whoever opens them: refused before any work is done.

use insta::assert_snapshot;

use super::forms::{PKCS8_V1, pem};
use super::{PASSPHRASE, close_to_others, has_openssl, mint, openssl};
use crate::harness::{Bench, Outcome};

const PBES2: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";
const PBKDF2: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";
const HMAC_SHA256: &[u8] = b"\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x09\x05\x00";
const SCRYPT: &[u8] = b"\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x04\x0b";
const AES_256_CBC: &[u8] = b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2a";
const SALT: [u8; 16] = [1; 16];

fn tagged(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len();
    let head = match u8::try_from(length) {
        Ok(short @ 0..0x80) => vec![tag, short],
        Ok(long) => vec![tag, 0x81, long],
        Err(_) => [&[tag, 0x82][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
    };
    [head, content].concat()
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tagged(0x30, parts)
}

fn octets(content: &[u8]) -> Vec<u8> {
    tagged(0x04, &[content])
}

fn integer(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(7);
    let sign: &[u8] = if bytes[first] >= 0x80 { &[0] } else { &[] };
    tagged(0x02, &[sign, &bytes[first..]])
}

/// An encrypted key file with this key derivation.
fn encrypted(kdf: &[u8]) -> String {
    let cipher = sequence(&[AES_256_CBC, &octets(&[2; 16])]);
    let algorithm = sequence(&[PBES2, &sequence(&[kdf, &cipher])]);
    pem("ENCRYPTED PRIVATE KEY", &sequence(&[&algorithm, &octets(&[3; 64])]))
}

fn pbkdf2(salt: &[u8], rounds: &[u8], length: &[u8]) -> String {
    encrypted(&sequence(&[PBKDF2, &sequence(&[&octets(salt), rounds, length, HMAC_SHA256])]))
}

fn scrypt(salt: &[u8], n: u64, r: u64, p: u64) -> String {
    encrypted(&sequence(&[SCRYPT, &sequence(&[&octets(salt), &integer(n), &integer(r), &integer(p)])]))
}

/// Mints with a key file of this text, under a bound on memory that a derivation gone wrong would meet.
fn opened(text: &str) -> Outcome {
    let bench = Bench::new();
    bench.write("bomb.key", text);
    close_to_others(&bench, "bomb.key");
    mint(&bench, "bomb.key", Some(PASSPHRASE))
}

fn refused(text: &str, code: &str, reason: &str) {
    let outcome = opened(text);
    assert_eq!(outcome.status, Some(3), "{reason}: {outcome}");
    let stderr = outcome.stderr();
    assert!(stderr.contains(&format!("error[{code}]: ")) && stderr.contains(reason), "{reason}: {outcome}");
    assert!(!stderr.contains("panicked"), "{outcome}");
}

#[test]
fn the_structures_built_here_are_those_that_openssl_writes() {
    // Encrypted with nothing that opens, so a wrong passphrase is what is found.
    for text in [pbkdf2(&SALT, &integer(1_000), &[]), scrypt(&SALT, 1 << 10, 8, 1)] {
        refused(&text, "bad-passphrase", "the passphrase does not open the key");
    }
    if !has_openssl() {
        return;
    }
    let bench = Bench::new();
    bench.write("plain.key", pem("PRIVATE KEY", &[&PKCS8_V1[..], &[7; 32]].concat()));
    openssl(&bench, "pkcs8 -topk8 -in plain.key -out ours -outform DER -passout pass:x -scrypt");
    let theirs = std::fs::read(bench.path("ours")).unwrap();
    assert!(theirs.windows(SCRYPT.len()).any(|window| window == SCRYPT));
    openssl(&bench, "pkcs8 -topk8 -in plain.key -out ours -outform DER -passout pass:x");
    let theirs = std::fs::read(bench.path("ours")).unwrap();
    for part in [PBES2, PBKDF2, HMAC_SHA256, AES_256_CBC] {
        assert!(theirs.windows(part.len()).any(|window| window == part));
    }
}

#[test]
fn pbkdf2_rounds_are_bounded() {
    assert_snapshot!(opened(&pbkdf2(&SALT, &integer((1 << 31) - 1), &[])), @r"
    ------- stderr -------
    mintage: error[key-too-costly]: key file `bomb.key`: opening the key would take 2147483647 PBKDF2 rounds, and at most 10000000 are run
    mintage: hint: re-encrypt it: `openssl pkcs8 -topk8 -scrypt`, or PBKDF2 with at most 10,000,000 rounds
    [exit status: 3]
    ");
    refused(&pbkdf2(&SALT, &integer(10_000_001), &[]), "key-too-costly", "10000001 PBKDF2 rounds");
    refused(&pbkdf2(&SALT, &integer(u64::from(u32::MAX)), &[]), "key-too-costly", "4294967295 PBKDF2 rounds");
    refused(&pbkdf2(&SALT, &integer(0), &[]), "bad-key", "round count is 0");
    refused(&pbkdf2(&SALT, &integer(1 << 40), &[]), "key-too-costly", "PBKDF2 rounds of more than 32 bits");
    refused(&pbkdf2(&SALT, &[0x02, 0x01, 0xff], &[]), "bad-key", "not a key");
}

#[test]
fn scrypt_memory_and_parameters_are_bounded() {
    for (n, r, p) in
        [(1 << 30, 8, 1), (1 << 22, 8, 1), (1 << 19, 8, 1), (1 << 63, 1, 1), (1 << 14, 33, 1), (1 << 14, 8, 17)]
    {
        refused(&scrypt(&SALT, n, r, p), "key-too-costly", &format!("scrypt N={n} r={r} p={p}, and at most 256 MiB"));
    }
    for (n, r, p) in [(0, 8, 1), (1, 8, 1), (3, 8, 1), (16_383, 8, 1), (1 << 14, 0, 1), (1 << 14, 8, 0)] {
        refused(&scrypt(&SALT, n, r, p), "bad-key", &format!("scrypt parameters N={n} r={r} p={p} are impossible"));
    }
    for (r, p) in [(1 << 40, 1), (8, 1 << 40)] {
        refused(&scrypt(&SALT, 1 << 14, r, p), "key-too-costly", "scrypt parameters of more than 16 bits");
    }
}

#[test]
fn salts_and_lengths_that_cannot_be_meant_are_refused() {
    for salt in [&[][..], &[1; 7]] {
        for text in [pbkdf2(salt, &integer(1_000), &[]), scrypt(salt, 1 << 10, 8, 1)] {
            refused(&text, "bad-key", "has fewer than 8 bytes");
        }
    }
    for salt in [33, 65, 20_000] {
        let salt = vec![1; salt];
        for text in [pbkdf2(&salt, &integer(1_000), &[]), scrypt(&salt, 1 << 10, 8, 1)] {
            refused(&text, "bad-key", "not a key");
        }
    }
    for length in [0, 1, 16, 64, 65_535] {
        let text = pbkdf2(&SALT, &integer(1_000), &integer(length));
        refused(&text, "bad-key", "not a key");
    }
}

#[test]
fn inspect_does_no_costly_work_either() {
    let bench = Bench::new();
    bench.write("phrase", PASSPHRASE);
    for (text, code) in [
        (pbkdf2(&SALT, &integer((1 << 31) - 1), &[]), "key-too-costly"),
        (scrypt(&SALT, 1 << 30, 8, 1), "key-too-costly"),
        (pbkdf2(&SALT, &integer(1 << 40), &[]), "key-too-costly"),
        (scrypt(&SALT, 0, 8, 1), "bad-key"),
    ] {
        bench.write("bomb.key", text);
        let outcome = bench.run(["inspect", "bomb.key", "--passphrase-file", "phrase"]);
        assert_eq!(outcome.status, Some(3), "{outcome}");
        assert!(outcome.stderr().contains(&format!("error[{code}]")), "{outcome}");
    }
}
