//! Ed25519: Wycheproof, RFC 8032, the edge cases of "Taming the many `EdDSAs`", and mutations of our own signatures.

use mintage::id::decode_hex;
use mintage::key::{Claim, PublicKey, SecretKey, verify_many};
use wycheproof::TestResult;
use wycheproof::eddsa::{TestName, TestSet};

use super::{Dice, bytes, ours, strict};
use crate::vectors::crafted::{Apart, domain, join, plus_order, small_order};

/// RFC 8032, section 7.1: seed, public key, message, signature. The fifth, of 1,023 bytes, takes its message from Wycheproof.
const RFC_8032: [[&str; 4]; 4] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
    [
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ],
];

/// The twelve cases of Chalkias, Garillot and Nikolaenko, "Taming the many `EdDSAs`" (SSR 2020, table 6): message, public
/// key, signature.
const TAMING: [[&str; 3]; 12] = [
    [
        "8c93255d71dcab10e8f379c26200f3c7bd5f09d9bc3068d3ef4edeb4853022b6",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a0000000000000000000000000000000000000000000000000000000000000000",
    ],
    [
        "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
    ],
    [
        "aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab",
        "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e",
    ],
    [
        "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
        "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009",
    ],
    [
        "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
        "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed5125ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09",
    ],
    [
        "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
        "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        "21122a84e0b5fca4052f5b1235c80a537878b38f3142356b2c2384ebad4668b7e40bc836dac0f71076f9abe3a53f9c03c1ceeeddb658d0030494ace586687405",
    ],
    [
        "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
        "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
        "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514",
    ],
    [
        "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
        "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
        "8ce5b96c8f26d0ab6c47958c9e68b937104cd36e13c33566acd2fe8d38aa19427e71f98a473474f2f13f06f97c20d58cc3f54b8bd0d272f42b695dd7e89a8c22",
    ],
    [
        "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
        "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff03be9678ac102edcd92b0210bb34d7428d12ffc5df5f37e359941266a4e35f0f",
    ],
    [
        "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
        "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffca8c5b64cd208982aa38d4936621a4775aa233aa0505711d8fdcfdaa943d4908",
    ],
    [
        "e96b7021eb39c1a163b6da4e3093dcd3f21387da4cc4572be588fafae23c155b",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
    ],
    [
        "39a591f5321bbe07fd5a23dc2f39d025d74526615746727ceefd6e82ae65c06f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
    ],
];

#[test]
fn wycheproof_is_decided_as_it_says() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut count = 0;
    for group in set.test_groups {
        let key = group.key.pk.as_slice().try_into().unwrap();
        for test in group.tests {
            // A signature of another length never gets as far as a key.
            let accepted =
                <&[u8; 64]>::try_from(test.sig.as_slice()).is_ok_and(|signature| ours(key, &test.msg, signature));
            assert_eq!(accepted, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            count += 1;
        }
    }
    assert!(count >= 150, "{count}");
}

#[test]
fn rfc_8032_is_signed_and_verified_to_the_byte() {
    let long = wycheproof_message("278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e", 1_023);
    let fifth = (
        "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
        "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
        long,
        "0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350aa5371b1508f9f4528ecea23c436d94b5e8fcd4f681e30a6ac00a9704a188a03",
    );
    let four = RFC_8032.iter().map(|[seed, public, message, signature]| (*seed, *public, bytes(message), *signature));
    for (seed, public, message, signature) in four.chain([fifth]) {
        let secret = SecretKey::from_seed(&decode_hex(seed).unwrap());
        let signature = decode_hex(signature).unwrap();
        assert_eq!(secret.public().to_hex(), public);
        assert_eq!(secret.sign(&message), signature);
        assert!(ours(secret.public().as_bytes(), &message, &signature));
    }
}

#[test]
fn the_twelve_edge_cases_are_decided_strictly() {
    let mut accepted = Vec::new();
    for (number, [message, key, signature]) in TAMING.iter().enumerate() {
        let (message, key, signature) = (bytes(message), decode_hex(key).unwrap(), decode_hex(signature).unwrap());
        let verdict = ours(&key, &message, &signature);
        assert_eq!(verdict, strict(&key, &message, &signature), "case {number}");
        if verdict {
            accepted.push(number);
        }
    }
    // Only the case that every verifier accepts: A and R of mixed order, the equation exact.
    assert_eq!(accepted, [3]);
}

#[test]
fn twenty_thousand_mutations_are_decided_strictly() {
    let mut dice = Dice(20_261_122);
    let (mut verdicts, mut expected) = (0, 0);
    for round in 0..200_u32 {
        let apart = Apart::new(&dice.bytes());
        let message = round.to_le_bytes();
        let honest = apart.sign(b"", &message);
        let signatures: Vec<[u8; 64]> =
            (0..100).map(|kind| mutate(&mut dice, &apart, &honest, &message, kind)).collect();
        let key = PublicKey::from_bytes(&apart.public).unwrap();
        let claims: Vec<_> =
            signatures.iter().map(|signature| Claim { key: &key, message: &message, signature }).collect();
        for (claim, many) in claims.iter().zip(verify_many(&claims)) {
            let one = key.verify(&message, claim.signature).is_ok();
            let strict = strict(&apart.public, &message, claim.signature);
            assert_eq!((one, many.is_ok()), (strict, strict), "round {round}: {:?}", claim.signature);
            verdicts += 1;
            expected += u32::from(strict);
        }
    }
    // The honest signature of each round, and nothing else.
    assert_eq!((verdicts, expected), (20_000, 200));
}

/// Changes an honest signature in the way that `kind` says; 0 leaves it.
fn mutate(dice: &mut Dice, apart: &Apart, honest: &[u8; 64], message: &[u8], kind: usize) -> [u8; 64] {
    let (r, s) = (honest[..32].try_into().unwrap(), honest[32..].try_into().unwrap());
    match kind {
        0 => *honest,
        1 => plus_order(honest),
        2 => plus_order(&plus_order(honest)),
        3..11 => join(&small_order(kind - 3), s),
        11..19 => apart.sign_with_r(message, &small_order(kind - 11)),
        19..26 => apart.sign_with_torsion(message, kind - 18),
        26..34 => {
            let mut not_canonical = small_order(kind - 26);
            not_canonical[31] ^= 0x80;
            apart.sign_with_r(message, &not_canonical)
        }
        34 => join(s, r),
        35 => apart.sign(&domain(1, b""), message),
        36 => apart.sign(&domain(0, b"mintage"), message),
        37 => join(r, &[0; 32]),
        38 => join(&dice.bytes(), s),
        _ => {
            let mut changed = *honest;
            for _ in 0..=kind % 3 {
                let bit = dice.below(512);
                changed[bit / 8] ^= 1 << (bit % 8);
            }
            if changed == *honest {
                changed[0] ^= 1;
            }
            changed
        }
    }
}

#[test]
fn keys_of_mixed_order_are_decided_strictly() {
    use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
    let mut dice = Dice(8);
    let mut accepted = 0;
    for round in 0..500_usize {
        let mut mixed = Apart::new(&dice.bytes());
        let point = ED25519_BASEPOINT_POINT * mixed.scalar + EIGHT_TORSION[round % 7 + 1];
        mixed.public = point.compress().0;
        let message = round.to_le_bytes();
        let signature =
            if round % 2 == 0 { mixed.sign(b"", &message) } else { mixed.sign_with_torsion(&message, round / 2) };
        let verdict = ours(&mixed.public, &message, &signature);
        assert_eq!(verdict, strict(&mixed.public, &message, &signature), "round {round}");
        accepted += u32::from(verdict);
    }
    // The torsion of h A vanishes, or cancels that of R, now and then.
    assert!(accepted > 20, "{accepted}");
}

/// The message of this length that Wycheproof signs under a key.
fn wycheproof_message(key: &str, length: usize) -> Vec<u8> {
    let key = bytes(key);
    let groups = TestSet::load(TestName::Ed25519).unwrap().test_groups;
    let group = groups.into_iter().find(|group| *group.key.pk == key).unwrap();
    group.tests.into_iter().find(|test| test.msg.len() == length).unwrap().msg.to_vec()
}
