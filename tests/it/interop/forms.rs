//! Every form in which a key is read, and every kind of file that is refused as one.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use insta::assert_snapshot;
use mintage::key::{PublicKey, SecretKey};

use super::{close_to_others, has_openssl, mint, minted, openssl, run, verify};
use crate::harness::{Bench, Outcome, example};

const SEED: [u8; 32] = [7; 32];

/// PKCS#8 version 1 of an Ed25519 key up to its seed (RFC 8410, section 7).
pub(super) const PKCS8_V1: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The same of version 2, which carries the public half after the seed.
const PKCS8_V2: [u8; 16] =
    [0x30, 0x51, 0x02, 0x01, 0x01, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

fn public() -> PublicKey {
    SecretKey::from_seed(&SEED).public()
}

fn version_1() -> Vec<u8> {
    [&PKCS8_V1[..], &SEED].concat()
}

fn version_2(public: &PublicKey) -> Vec<u8> {
    [&PKCS8_V2[..], &SEED, &[0x81, 0x21, 0x00], public.as_bytes()].concat()
}

pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(64) {
        writeln!(text, "{}", std::str::from_utf8(line).unwrap()).unwrap();
    }
    text + &format!("-----END {label}-----\n")
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Writes a private key that others cannot read.
fn write_private(bench: &Bench, name: &str, data: impl AsRef<[u8]>) {
    bench.write(name, data);
    close_to_others(bench, name);
}

/// A bench, and a token that [`SEED`] signed.
fn scene() -> (Bench, String) {
    let bench = Bench::new();
    write_private(&bench, "seed.key", version_1());
    let token = minted(&bench, "seed.key", None);
    (bench, token)
}

fn spki() -> Vec<u8> {
    STANDARD.decode(public().to_spki_base64()).unwrap()
}

#[test]
fn trust_is_given_in_every_form_as_text_or_file() {
    let (bench, token) = scene();
    let raw = public();
    let texts = [
        ("SPKI PEM", raw.to_pem()),
        ("SPKI base64", raw.to_spki_base64()),
        ("SPKI hex", hex(&spki())),
        ("SPKI HEX", hex(&spki()).to_uppercase()),
        ("raw base64", STANDARD.encode(raw.as_bytes())),
        ("raw hex", raw.to_hex()),
        ("raw HEX", raw.to_hex().to_uppercase()),
        ("JWK", raw.to_jwk()),
        ("JWK of a server", raw.to_jwk().replace('{', r#"{"alg":"EdDSA","use":"sig","#)),
    ];
    for (form, text) in &texts {
        for (place, trust) in [
            ("an argument", text.clone()),
            ("a file", bench.write("form", text).display().to_string()),
            ("a file with an end of line", bench.write("form-nl", format!("{text}\n")).display().to_string()),
            ("a file from Windows", bench.write("form-crlf", format!("{text}\r\n")).display().to_string()),
        ] {
            let outcome = verify(&bench, &trust, &token);
            assert_eq!(outcome.status, Some(0), "{form} in {place}: {outcome}");
        }
        let line = ["-q", "verify", &token, "--at", "2026-06-01T00:00:00Z"];
        let outcome = bench.run_in([("MINTAGE_TRUST", text)], &line);
        assert_eq!(outcome.status, Some(0), "{form} in a variable: {outcome}");
    }
    bench.write("form.der", spki());
    assert_eq!(verify(&bench, "form.der", &token).status, Some(0));
}

#[test]
fn a_raw_key_is_read_from_a_file_whatever_character_it_begins_with() {
    // DER begins with the byte that the digit 0 is as a character.
    let starts_with_zero = |seed: &u8| {
        let key = SecretKey::from_seed(&[*seed; 32]).public();
        STANDARD.encode(key.as_bytes()).starts_with('0') || key.to_hex().starts_with('0')
    };
    let seeds: Vec<u8> = (0..=255).filter(starts_with_zero).collect();
    assert!(seeds.len() > 8);
    for seed in seeds {
        let key = SecretKey::from_seed(&[seed; 32]).public();
        for text in [STANDARD.encode(key.as_bytes()), key.to_hex()] {
            assert_eq!(PublicKey::from_file_bytes(text.as_bytes()), Ok(key.clone()), "{text}");
        }
    }
}

#[test]
fn a_folder_is_trusted_for_its_pub_files_alone() {
    let (bench, token) = scene();
    bench.write("keys/a.pub", SecretKey::from_seed(&[8; 32]).public().to_pem());
    bench.write("keys/notes.txt", "not a key");
    let outcome = verify(&bench, "keys", &token);
    assert_eq!(outcome.status, Some(1));
    bench.write("keys/b.pub", public().to_pem());
    assert_eq!(verify(&bench, "keys", &token).status, Some(0));
    bench.write("keys/c.pub", "not a key");
    let outcome = verify(&bench, "keys", &token);
    assert_eq!(outcome.status, Some(3), "one that cannot be read is not passed over: {outcome}");
    assert!(outcome.stderr().contains("key file `keys/c.pub`"), "{outcome}");
    fs::create_dir(bench.path("empty")).unwrap();
    let outcome = verify(&bench, "empty", &token);
    assert_eq!(outcome.status, Some(3));
    assert!(outcome.stderr().contains("error[no-trusted-key]"), "{outcome}");
}

#[test]
fn the_variable_holds_a_path_or_a_list_of_paths() {
    let (bench, token) = scene();
    bench.write("other.pub", SecretKey::from_seed(&[8; 32]).public().to_pem());
    bench.write("ours.pub", public().to_pem());
    bench.write("keys/ours.pub", public().to_pem());
    let judged = |value: &str| {
        bench.run_in([("MINTAGE_TRUST", value)], &["-q", "verify", &token, "--at", "2026-06-01T00:00:00Z"])
    };
    for value in ["ours.pub", "keys", "other.pub:ours.pub", "other.pub:keys", "other.pub::ours.pub:"] {
        let outcome = judged(value);
        assert_eq!(outcome.status, Some(0), "{value}: {outcome}");
    }
    assert_eq!(judged("other.pub").status, Some(1));
    let missing = judged("ours.pub:absent.pub");
    assert_eq!(missing.status, Some(3), "{missing}");
    assert!(missing.stderr().contains("MINTAGE_TRUST: `absent.pub` is neither a file that exists nor"), "{missing}");
    let none = judged("");
    assert_eq!(none.status, Some(3));
    assert!(none.stderr().contains("error[no-trusted-key]"), "{none}");
    let named = ["-q", "verify", &token, "--at", "2026-06-01T00:00:00Z", "--trust", "other.pub"];
    let outcome = bench.run_in([("MINTAGE_TRUST", "ours.pub")], &named);
    assert_eq!(outcome.status, Some(1), "what is named on the command line replaces the variable: {outcome}");
}

#[test]
fn private_keys_of_both_versions_open_in_pem_and_der() {
    let (bench, token) = scene();
    let documents = [("version 1", version_1()), ("version 2", version_2(&public()))];
    for (version, der) in documents {
        let text = pem("PRIVATE KEY", &der);
        let windows = text.replace('\n', "\r\n");
        for (form, data) in [("DER", der), ("PEM", text.into_bytes()), ("PEM from Windows", windows.into_bytes())] {
            write_private(&bench, "form.key", data);
            assert_eq!(minted(&bench, "form.key", None), token, "{version}, {form}");
        }
    }
}

#[test]
fn a_stored_public_half_that_is_foreign_is_refused() {
    let (bench, _) = scene();
    write_private(&bench, "foreign.key", version_2(&SecretKey::from_seed(&[8; 32]).public()));
    assert_snapshot!(mint(&bench, "foreign.key", None), @r"
    ------- stderr -------
    mintage: error[bad-key]: key file `foreign.key`: the public half stored with the private key belongs to another key
    mintage: hint: check that the right file or text was given, and the whole of it; `mintage keygen` makes a pair for whoever signs
    [exit status: 3]
    ");
}

#[test]
fn keys_of_another_type_are_named() {
    if !has_openssl() {
        return;
    }
    let bench = Bench::new();
    for (line, name) in [
        ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024", "an RSA key"),
        ("genrsa -traditional 1024", "an RSA key"),
        ("genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:1024", "an RSA-PSS key"),
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", "an elliptic-curve (EC) key"),
        ("ecparam -name secp256k1 -genkey -noout", "an elliptic-curve (EC) key"),
        ("genpkey -algorithm X25519", "an X25519 key"),
        ("genpkey -algorithm X448", "an X448 key"),
        ("genpkey -algorithm ED448", "an Ed448 key"),
    ] {
        let (verb, rest) = line.split_once(' ').unwrap();
        openssl(&bench, &format!("{verb} -out other.key {rest}"));
        close_to_others(&bench, "other.key");
        let outcome = mint(&bench, "other.key", None);
        assert_eq!(outcome.status, Some(3), "{line}");
        let message = format!("error[bad-key]: key file `other.key`: this is {name}, and an Ed25519 key is needed");
        assert!(outcome.stderr().contains(&message), "{line}: {outcome}");

        openssl(&bench, "pkey -in other.key -pubout -out other.pub");
        openssl(&bench, "pkey -in other.key -pubout -outform DER -out other.der");
        for trust in ["other.pub", "other.der", &bench.read("other.pub")] {
            let outcome = verify(&bench, trust, "eyJ9.AAAA");
            assert_eq!(outcome.status, Some(3), "{line}");
            assert!(
                outcome.stderr().contains("error[bad-key]") && outcome.stderr().contains(name),
                "{line}: {outcome}"
            );
        }
    }
}

#[test]
fn a_dsa_key_and_other_pem_texts_are_named() {
    let bench = Bench::new();
    for (label, name) in [
        ("DSA PRIVATE KEY", "a DSA key"),
        ("OPENSSH PRIVATE KEY", "an OpenSSH private key"),
        ("CERTIFICATE", "PEM text labelled `CERTIFICATE`"),
        ("PUBLIC KEY", "a public key where a private one belongs"),
        ("\u{1b}[2J", "PEM text labelled `\\u{1b}[2J`"),
    ] {
        write_private(&bench, "other.key", pem(label, &[0; 48]));
        let outcome = mint(&bench, "other.key", None);
        assert_eq!(outcome.status, Some(3), "{label}");
        assert!(outcome.stderr().contains(&format!("this is {name}")), "{label}: {outcome}");
    }
    // As `openssl ecparam -genkey` writes it.
    write_private(&bench, "other.key", pem("EC PARAMETERS", &[0; 8]) + &pem("EC PRIVATE KEY", &[0; 48]));
    let outcome = mint(&bench, "other.key", None);
    assert!(outcome.stderr().contains("this is an elliptic-curve (EC) key"), "{outcome}");
    bench.write("ours.key", pem("PRIVATE KEY", &version_1()));
    let outcome = verify(&bench, "ours.key", "eyJ9.AAAA");
    assert!(outcome.stderr().contains("a private key where a public one belongs"), "{outcome}");
    assert_eq!(outcome.status, Some(3));
}

#[test]
fn what_is_no_key_is_refused_as_such() {
    let bench = Bench::new();
    let whole = pem("PRIVATE KEY", &version_1());
    for (name, data) in [
        ("nothing", b"".to_vec()),
        ("words", b"not a key".to_vec()),
        ("a cut file", whole.as_bytes()[..whole.len() / 2].to_vec()),
        ("a damaged file", whole.replace("MC4C", "M*4C").into_bytes()),
        ("a cut structure", version_1()[..40].to_vec()),
        ("a structure with more behind it", [version_1(), vec![0]].concat()),
        ("a seed", SEED.to_vec()),
        ("a short seed", pem("PRIVATE KEY", &[&PKCS8_V1[..], &SEED[..31]].concat()).into_bytes()),
    ] {
        write_private(&bench, "no.key", data);
        let outcome = mint(&bench, "no.key", None);
        assert_eq!(outcome.status, Some(3), "{name}: {outcome}");
        assert!(outcome.stderr().contains("error[bad-key]: key file `no.key`: this is not a key"), "{name}: {outcome}");
    }
}

#[test]
fn weak_public_keys_are_refused_wherever_trust_is_given() {
    let bench = Bench::new();
    for raw in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ] {
        let spki = format!("302a300506032b6570032100{raw}");
        let file = bench.write("weak.pub", &spki).display().to_string();
        for trust in [raw, &spki, &file] {
            let outcome = verify(&bench, trust, "eyJ9.AAAA");
            assert_eq!(outcome.status, Some(3), "{raw}: {outcome}");
            assert!(outcome.stderr().contains("error[weak-key]: "), "{raw}: {outcome}");
        }
    }
}

#[test]
fn a_private_key_that_others_can_read_is_refused_unless_that_is_said() {
    let (bench, token) = scene();
    for mode in [0o640, 0o604, 0o620, 0o666, 0o610] {
        fs::set_permissions(bench.path("seed.key"), fs::Permissions::from_mode(mode)).unwrap();
        let outcome = mint(&bench, "seed.key", None);
        assert_eq!(outcome.status, Some(3), "{mode:o}: {outcome}");
        assert!(outcome.stderr().contains("error[key-exposed]: the private key `seed.key` has mode 0"), "{outcome}");
    }
    fs::set_permissions(bench.path("seed.key"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_snapshot!(mint(&bench, "seed.key", None), @r"
    ------- stderr -------
    mintage: error[key-exposed]: the private key `seed.key` has mode 0644
    mintage: hint: run `chmod 600` on it, or say --allow-readable-key
    [exit status: 3]
    ");
    let line = ["-q", "mint", "--allow-readable-key", "--key", "seed.key", "--tenant", "acme", "--expires", "never"];
    assert_eq!(bench.run(line).status, Some(0));
    for mode in [0o600, 0o400, 0o700] {
        fs::set_permissions(bench.path("seed.key"), fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(minted(&bench, "seed.key", None), token, "{mode:o}");
    }
}

#[test]
fn what_is_no_regular_file_is_refused_as_a_private_key_at_once() {
    let bench = Bench::new();
    run(&bench, "mkfifo", ["-m", "600", "fifo"]);
    fs::create_dir(bench.path("folder")).unwrap();
    symlink("folder", bench.path("link-to-folder")).unwrap();
    symlink("fifo", bench.path("link-to-fifo")).unwrap();
    for name in ["fifo", "link-to-fifo", "/dev/zero", "/dev/null", "folder", "link-to-folder"] {
        let outcome = mint(&bench, name, None);
        assert_eq!(outcome.status, Some(3), "{name}: {outcome}");
        assert!(outcome.stderr().contains(&format!("error[not-a-file]: `{name}` is a ")), "{outcome}");
    }
    symlink("absent", bench.path("dangling")).unwrap();
    for name in ["absent", "dangling", "folder/absent"] {
        let outcome = mint(&bench, name, None);
        assert_eq!(outcome.status, Some(3), "{name}: {outcome}");
        assert!(outcome.stderr().contains("error[file-unreadable]"), "{outcome}");
    }
}

#[test]
fn a_file_too_large_for_a_key_is_refused_without_reading_on() {
    let bench = Bench::new();
    write_private(&bench, "large", vec![b'x'; 70_000]);
    let too_large = |outcome: &Outcome, bound: u32| {
        assert_eq!(outcome.status, Some(3), "{outcome}");
        let message = format!("is larger than the {bound} bytes that are read");
        assert!(outcome.stderr().contains("error[bad-key]") && outcome.stderr().contains(&message), "{outcome}");
    };
    too_large(&mint(&bench, "large", None), 64 << 10);
    // Trust may be a keyring, and so larger.
    bench.write("zeros", vec![0; (1 << 20) + 1]);
    too_large(&verify(&bench, "zeros", "eyJ9.AAAA"), 1 << 20);
}

#[test]
fn the_example_keys_open() {
    let bench = Bench::new();
    let phrase = fs::read_to_string(example("locked.passphrase")).unwrap();
    for (name, passphrase) in [("vendor", None), ("ci", None), ("locked", Some(phrase.as_str()))] {
        write_private(&bench, "example.key", fs::read(example(&format!("{name}.key"))).unwrap());
        let token = minted(&bench, "example.key", passphrase);
        assert_eq!(verify(&bench, &example(&format!("{name}.pub")), &token).status, Some(0), "{name}");
    }
}

/// Says whether the tests have the powers of the superuser.
pub(crate) fn is_superuser() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}
