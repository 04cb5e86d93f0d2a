//! `mintage mint`.

mod bound;
mod claims;
mod plans;

pub(crate) use claims::decode;
use insta::{allow_duplicates, assert_snapshot};

use crate::harness::{Bench, ISSUED, Outcome, example};
use crate::verify::{NOW, TERM, bench, is_canonical, words};

impl Bench {
    /// Mints with the published key under a fixed id and time; what it says is kept.
    pub(crate) fn minting(&self, arguments: &[&str]) -> Outcome {
        let key = example("vendor.key");
        let fixed = ["mint", "--allow-readable-key", "--key", &key, "--issued-at", ISSUED, "--id", "lic-1"];
        self.run([&fixed[..], arguments].concat())
    }
}

#[test]
fn the_same_claims_give_the_same_bytes() {
    let bench = bench();
    let outcome = bench.minting(&words("-q --tenant acme --expires 2026-12-31 --limit max_apps=25 --grace-days 14"));
    assert_snapshot!(outcome, @"
    eyJleHAiOjE3OTg3NjE1OTksImdyYWNlUGVyaW9kRGF5cyI6MTQsImlhdCI6MTc2NzIyNTYwMCwia2lkIjoiZWMxOTJhZTA2ZDJiNmNiMCIsImxpY2Vuc2VJZCI6ImxpYy0xIiwibGltaXRzIjp7Im1heF9hcHBzIjoyNX0sInRlbmFudElkIjoiYWNtZSJ9.P78ZgKCNINAZwSIoCQbdiUlC5WHBFZ6ohx/EA+hJFR+YQRRf0HTjmU4iOpMAwn2otsXpkMQlBhwhx75yr6UtBA==
    [exit status: 0]
    ");
    assert_eq!(bench.license(&["--limit", "max_apps=25", "--grace-days", "14"]), outcome.stdout().trim_end());
}

#[test]
fn people_are_told_what_was_understood() {
    let bench = bench();
    let outcome = bench.minting(
        &[&TERM[..], &["-o", "acme.lic", "--not-before", "2026-02-01T00:00:00Z", "--maintenance-until", "52w"]]
            .concat(),
    );
    assert_snapshot!(outcome.stderr(), @"
    mintage: expires 2026-12-31T23:59:59Z, 364 days after issue
    mintage: issued 2026-01-01T00:00:00Z
    mintage: not valid before 2026-02-01T00:00:00Z
    mintage: maintenance until 2026-12-31T00:00:00Z
    mintage: minted license lic-1 for tenant acme, signed by key ec192ae06d2b6cb0
    ");
    assert_eq!((outcome.status, outcome.stdout()), (Some(0), ""));
    assert_eq!(bench.verify(&["-q", "acme.lic"]).status, Some(0));
}

#[test]
fn programs_read_token_and_claims() {
    let bench = bench();
    let outcome = bench.minting(&[&TERM[..], &["-q", "--json"]].concat());
    assert_snapshot!(outcome, @r#"
    {"keyId":"ec192ae06d2b6cb0f3df6376c53396f1f25328452d03d08fb4f51fdf07ccf70e","license":{"expiresAt":"2026-12-31T23:59:59Z","gracePeriodDays":0,"issuedAt":"2026-01-01T00:00:00Z","kid":"ec192ae06d2b6cb0","licenseId":"lic-1","limits":{},"tenantId":"acme"},"token":"eyJleHAiOjE3OTg3NjE1OTksImdyYWNlUGVyaW9kRGF5cyI6MCwiaWF0IjoxNzY3MjI1NjAwLCJraWQiOiJlYzE5MmFlMDZkMmI2Y2IwIiwibGljZW5zZUlkIjoibGljLTEiLCJsaW1pdHMiOnt9LCJ0ZW5hbnRJZCI6ImFjbWUifQ==.pMum7h5xP4K5+rUpJ9ymoFPrAXbqPea/KsvZUG6Tb4F3fIN9jz08/nQAW5/kSCgUDJSx983LDbv1PDzW0vQNCA=="}
    [exit status: 0]
    "#);
    is_canonical(&outcome);
}

#[test]
fn an_id_is_made_where_none_is_given() {
    let bench = bench();
    let key = example("vendor.key");
    let mint = || {
        bench.run(["mint", "--dry-run", "--allow-readable-key", "--key", &key, "--tenant", "acme", "--expires", "90d"])
    };
    let id = |outcome: &Outcome| outcome.stdout().split(r#""licenseId":""#).nth(1).unwrap()[..36].to_owned();
    let (first, second) = (id(&mint()), id(&mint()));
    assert_ne!(first, second);
    // A random UUID, version 4.
    assert!(first.len() == 36 && &first[14..15] == "4" && first.matches('-').count() == 4, "{first}");
}

#[test]
fn a_dry_run_needs_no_key_and_signs_nothing() {
    let bench = bench();
    let outcome = bench
        .run([&["mint", "--dry-run", "--issued-at", ISSUED, "--id", "lic-1", "-o", "acme.lic"][..], &TERM].concat());
    assert_eq!(outcome.status, Some(0), "{outcome}");
    assert_snapshot!(outcome.stdout(), @r#"{"exp":1798761599,"gracePeriodDays":0,"iat":1767225600,"licenseId":"lic-1","limits":{},"tenantId":"acme"}"#);
    assert_snapshot!(outcome.stderr().lines().last().unwrap(), @"mintage: dry run: nothing was signed, and `acme.lic` was not written");
    assert!(!bench.path("acme.lic").exists());
    // What the run would refuse, its rehearsal does.
    bench.write("acme.lic", "old");
    let outcome = bench.run([&["mint", "--dry-run", "-o", "acme.lic"][..], &TERM].concat());
    assert_eq!(
        (outcome.status, outcome.stdout(), bench.read("acme.lic")),
        (Some(3), "", "old".to_owned()),
        "{outcome}"
    );
}

#[test]
fn a_license_that_is_not_valid_yet_is_warned_of() {
    let bench = bench();
    let expected = |arguments: &[&str], begin: &str, end: &str| {
        let outcome = bench.run([&["mint", "--dry-run", "--tenant", "acme", "--expires", "never"], arguments].concat());
        let is_said = outcome.stderr().lines().any(|line| line.starts_with(begin) && line.ends_with(end));
        assert!(is_said && outcome.status == Some(0), "{outcome}");
    };
    let issued = "mintage: warning: issued 9000-01-01T23:59:59Z, and it is 20";
    expected(&["--issued-at", "9000-01-01"], issued, "Z: until then it is refused with `clock-behind`");
    let start = "mintage: warning: not valid before 9000-01-01T23:59:59Z, and it is 20";
    expected(&["--not-before", "9000-01-01"], start, "Z: until then it is refused with `not-yet-valid`");
}

#[test]
fn a_dry_run_shows_the_very_bytes_that_would_be_signed() {
    let bench = bench();
    let line = [&TERM[..], &["-q", "--limit", "max_apps=3"]].concat();
    let (dry, minted) = (bench.minting(&[&line[..], &["--dry-run"]].concat()), bench.minting(&line));
    let payload = decode(minted.stdout().split('.').next().unwrap());
    assert_eq!(dry.stdout().trim_end().as_bytes(), payload, "{dry}");
    bench.write("rows.jsonl", r#"{"licenseId":"lic-1","tenantId":"acme","exp":"2026-12-31","limits":{"max_apps":3}}"#);
    let batch = bench.mint_batch(&["-q", "--batch", "rows.jsonl", "--dry-run"]);
    assert_eq!(batch.stdout(), dry.stdout(), "one form for one license and for many");
    let keyless =
        bench.run(["mint", "-q", "--issued-at", ISSUED, "--batch", "rows.jsonl", "--dry-run"]).stdout().to_owned();
    assert_eq!(keyless, dry.stdout().replace(r#""kid":"ec192ae06d2b6cb0","#, ""));
}

#[test]
fn all_that_is_missing_is_named_at_once() {
    let bench = bench();
    assert_snapshot!(bench.run(["mint"]), @"
    ------- stderr -------
    mintage: error[usage]: the license needs `tenantId` and `exp`
    mintage: hint: write `mintage mint --key vendor.key --tenant acme --expires 90d`
    [exit status: 2]
    ");
    assert_snapshot!(bench.run(["mint", "--tenant", "acme"]), @"
    ------- stderr -------
    mintage: error[usage]: the license needs `exp`
    mintage: hint: say when with --expires: 2027-01-31, 90d or never
    [exit status: 2]
    ");
}

#[test]
fn what_was_minted_is_verified_before_it_is_trusted() {
    let bench = bench();
    assert_eq!(bench.minting(&[&TERM[..], &["-q", "--verify", "-o", "good.lic"]].concat()).status, Some(0));
    assert_eq!(bench.verify(&["-q", "good.lic"]).status, Some(0));
    // Verified as a customer would, with a key that did not sign.
    let wrong = bench.minting(&[&TERM[..], &["-q", "--verify", "--trust", "ci.pub", "-o", "bad.lic"]].concat());
    assert_snapshot!(wrong, @"
    ------- stderr -------
    mintage: error[unknown-key]: the minted license does not verify: signed by key ec192ae06d2b6cb0, which is not among the trusted keys
    mintage: hint: ask the issuer for that public key and name it with --trust
    [exit status: 3]
    ");
    assert!(!bench.path("bad.lic").exists());
    // What would have been replaced is still there.
    let before = bench.read("good.lic");
    let wrong =
        bench.minting(&[&TERM[..], &["-q", "--verify", "--trust", "ci.pub", "--force", "-o", "good.lic"]].concat());
    assert_eq!((wrong.status, bench.read("good.lic")), (Some(3), before));
    let printed = bench.minting(&[&TERM[..], &["-q", "--verify", "--trust", "ci.pub"]].concat());
    assert_eq!((printed.status, printed.stdout()), (Some(3), ""));
    for claims in
        [["--not-before", "2027-01-01"], ["--activation", "proof"], ["--fingerprint", "node-1"], ["--expires", "never"]]
    {
        let minted = bench
            .minting(&[&["--tenant", "acme", "--expires", "2028-01-01"][..], &["-q", "--verify"], &claims].concat());
        let expected = if claims[0] == "--expires" { Some(2) } else { Some(0) };
        assert_eq!(minted.status, expected, "{claims:?}: {minted}");
    }
}

#[test]
fn a_sealed_license_shows_nothing_of_its_claims() {
    let bench = bench();
    bench.write("secret", [7; 40]);
    bench.write("short", [7; 31]);
    let mint = |arguments: &[&str]| bench.minting(&[&TERM[..], &["-q", "--label", "confidential"], arguments].concat());
    let (one, two) = (mint(&["--seal", "secret", "--verify"]), mint(&["--seal", "secret"]));
    assert_eq!((one.status, two.status), (Some(0), Some(0)), "{one}");
    assert_ne!(one.stdout(), two.stdout(), "every seal has a nonce of its own");
    let shown = bench.run(["inspect", "--json", one.stdout().trim_end()]);
    assert!(!shown.stdout().contains("confidential") && shown.stdout().contains("sealed-license"), "{shown}");
    let opened = bench.verify(&["-q", "--json", "--unseal", "secret", one.stdout().trim_end()]);
    assert!(opened.stdout().contains("confidential") && opened.status == Some(0), "{opened}");
    assert_snapshot!(mint(&["--seal", "short"]), @"
    ------- stderr -------
    mintage: error[bad-key]: secret file `short`: the secret is 31 bytes long, and must have at least 32
    mintage: hint: make one with `head -c 32 /dev/urandom > SECRET_FILE`
    [exit status: 3]
    ");
}

#[test]
fn nothing_is_overwritten_unless_told() {
    let bench = bench();
    bench.write("acme.lic", "mine");
    assert_snapshot!(bench.minting(&[&TERM[..], &["-q", "-o", "acme.lic"]].concat()), @"
    ------- stderr -------
    mintage: error[file-exists]: `acme.lic` exists
    mintage: hint: choose another name, or replace it with --force
    [exit status: 3]
    ");
    assert_eq!(bench.read("acme.lic"), "mine");
    assert_eq!(bench.minting(&[&TERM[..], &["-q", "-o", "acme.lic", "--force"]].concat()).status, Some(0));
    assert_eq!(bench.verify(&["-q", "acme.lic"]).status, Some(0));
}

#[cfg(unix)]
#[test]
fn keys_that_cannot_be_used_are_named() {
    use std::os::unix::fs::PermissionsExt;
    let bench = bench();
    let mint = |arguments: &[&str]| bench.run([&["mint", "-q"][..], &TERM, arguments].concat());
    let key = |name: &str, mode: u32| {
        let path = bench.write(name, std::fs::read(example(name)).unwrap());
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    key("vendor.key", 0o640);
    assert_snapshot!(mint(&["--key", "vendor.key"]), @"
    ------- stderr -------
    mintage: error[key-exposed]: the private key `vendor.key` has mode 0640
    mintage: hint: run `chmod 600` on it, or say --allow-readable-key
    [exit status: 3]
    ");
    key("vendor.key", 0o600);
    assert_eq!(mint(&["--key", "vendor.key"]).status, Some(0));
    assert_eq!(mint(&["--private-key", "vendor.key"]).status, Some(0));
    assert_snapshot!(mint(&[]), @"
    ------- stderr -------
    mintage: error[usage]: no private key was named
    mintage: hint: name one with --key
    [exit status: 2]
    ");
    for more in [&[][..], &["--allow-readable-key"]] {
        allow_duplicates! {
            assert_snapshot!(mint(&[&["--key", "vendor.pub"][..], more].concat()), @"
            ------- stderr -------
            mintage: error[bad-key]: key file `vendor.pub`: this is a public key, and a private one signs
            mintage: hint: name the private half, NAME.key where this is NAME.pub
            [exit status: 3]
            ");
        }
    }
    assert_snapshot!(mint(&["--key", "gone.key"]), @"
    ------- stderr -------
    mintage: error[file-unreadable]: `gone.key` could not be read: No such file or directory (os error 2)
    mintage: hint: check the path and its permissions
    [exit status: 3]
    ");
    key("locked.key", 0o600);
    bench.write("wrong", "not the passphrase\n");
    assert_snapshot!(mint(&["--key", "locked.key", "--passphrase-file", "wrong"]), @"
    ------- stderr -------
    mintage: error[bad-passphrase]: key file `locked.key`: the passphrase does not open the key
    mintage: hint: type it at a terminal or name a file with --passphrase-file
    [exit status: 3]
    ");
    std::os::unix::fs::symlink("elsewhere", bench.path("link.lic")).unwrap();
    assert_snapshot!(mint(&["--key", "vendor.key", "--force", "-o", "link.lic"]), @"
    ------- stderr -------
    mintage: error[file-unwritable]: `link.lic` could not be written: it is a symbolic link
    mintage: hint: check the path, its permissions and the free space
    [exit status: 3]
    ");
    assert!(!bench.path("elsewhere").exists());
}

/// The published encrypted key, its scrypt block size raised from 8 to 127.
#[test]
fn a_key_that_would_take_for_ever_is_not_opened() {
    let bench = bench();
    let pem = std::fs::read_to_string(example("locked.key")).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let mut der = decode(&body);
    let cost = der.windows(7).position(|window| window == b"\x02\x02\x40\x00\x02\x01\x08").unwrap();
    der[cost + 6] = 127;
    bench.write("costly.key", &der);
    bench.write("passphrase", std::fs::read(example("locked.passphrase")).unwrap());
    let arguments = ["mint", "-q", "--allow-readable-key", "--passphrase-file", "passphrase", "--key", "costly.key"];
    assert_snapshot!(bench.run([&arguments[..], &TERM].concat()), @"
    ------- stderr -------
    mintage: error[key-too-costly]: key file `costly.key`: opening the key would take scrypt N=16384 r=127 p=5, and at most 256 MiB, r=32, p=16 are allowed
    mintage: hint: re-encrypt it: `openssl pkcs8 -topk8 -scrypt`, or PBKDF2 with at most 10,000,000 rounds
    [exit status: 3]
    ");
}

#[test]
fn a_key_is_not_made_under_a_passphrase_that_anyone_would_try() {
    let bench = bench();
    bench.write("passphrase", "Password123!\n");
    let outcome = bench.run(["keygen", "-q", "mine", "--passphrase-file", "passphrase"]);
    assert!(
        outcome.stderr().starts_with("mintage: error[weak-passphrase]: ") && outcome.status == Some(3),
        "{outcome}"
    );
    assert!(!bench.path("mine.key").exists() && !bench.path("mine.pub").exists());
}

#[test]
fn a_token_that_nobody_would_read_is_not_signed() {
    let bench = bench();
    let values: Vec<String> = (0..60).map(|number| format!("k{number}={}", "v".repeat(1_020))).collect();
    let metas: Vec<&str> = values.iter().flat_map(|value| ["--meta", value]).collect();
    let outcome = bench.minting(&[&TERM[..], &["-q"], &metas].concat());
    assert!(outcome.status == Some(2) && outcome.stdout().is_empty(), "{outcome}");
    assert_eq!(bench.verify(&["-q", &bench.license(&metas[..80])]).status, Some(0), "{NOW}");
    // A seal takes a third more, and that is known before a key is opened or a row is signed.
    bench.write("secret", [7; 40]);
    let sealed = ["mint", "-q", "--key", "gone.key", "--seal", "secret", "--issued-at", ISSUED];
    let outcome = bench.run([&sealed[..], &TERM, &metas[..80]].concat());
    assert!(outcome.status == Some(2) && outcome.stderr().contains("the token would be"), "{outcome}");
    let values: Vec<String> = values[..40]
        .iter()
        .map(|value| value.split_once('=').map(|(key, value)| format!("\"{key}\":\"{value}\"")).unwrap())
        .collect();
    let long = format!("{{\"tenantId\":\"b\",\"exp\":\"never\",\"meta\":{{{}}}}}", values.join(","));
    bench.write("rows.jsonl", format!("{{\"tenantId\":\"a\",\"exp\":\"never\"}}\n{long}\n"));
    let batch = bench.mint_batch(&["-q", "--batch", "rows.jsonl", "--seal", "secret", "-o", "out.jsonl"]);
    assert!(batch.status == Some(1) && batch.stderr().contains("row 2: the token would be"), "{batch}");
    assert!(!bench.path("out.jsonl.partial").exists() && !bench.path("out.jsonl").exists());
    assert_eq!(bench.mint_batch(&["-q", "--batch", "rows.jsonl"]).status, Some(0));
}
