//! Keys and tokens that other programs make are read here, and theirs read ours.
#![cfg(unix)]

mod costs;
pub(crate) mod forms;

use std::ffi::OsStr;
use std::io::Write;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::harness::{Bench, ISSUED, Outcome, feed};

/// A passphrase that passes, and occurs in no other text.
pub(crate) const PASSPHRASE: &str = "ember-quarry-violin-73";

/// A day on which everything minted here is valid.
const DAY_OF_USE: &str = "2026-06-01T00:00:00Z";

/// Whether a program of another maker runs here. A test without it says so and ends, unless the environment has
/// `MINTAGE_TEST_REQUIRE=1`.
pub(crate) fn present<S: AsRef<OsStr>>(program: &str, probe: impl IntoIterator<Item = S>) -> bool {
    let present = Command::new(program).args(probe).output().is_ok_and(|output| output.status.success());
    let required = std::env::var_os("MINTAGE_TEST_REQUIRE").is_some_and(|value| value == "1");
    assert!(present || !required, "`{program}` is needed and does not run");
    if !present {
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        // Past the capture of the test runner: a test that did not run is said to every reader.
        let mut stderr = std::io::stderr();
        writeln!(stderr, "skipped {test}: `{program}` does not run here").unwrap();
    }
    present
}

/// Whether OpenSSL is here.
pub(crate) fn has_openssl() -> bool {
    present("openssl", ["version"])
}

/// Runs a program of another maker, which must succeed; returns its standard output.
pub(crate) fn run<S: AsRef<OsStr>>(bench: &Bench, program: &str, arguments: impl IntoIterator<Item = S>) -> Vec<u8> {
    let outcome = attempt(bench, program, arguments);
    assert_eq!(outcome.status, Some(0), "{program}: {outcome}");
    outcome.stdout
}

fn attempt<S: AsRef<OsStr>>(bench: &Bench, program: &str, arguments: impl IntoIterator<Item = S>) -> Outcome {
    let mut command = bench.command_of(program);
    command.args(arguments);
    feed(command, b"")
}

/// Runs openssl with a line of arguments.
pub(crate) fn openssl(bench: &Bench, line: &str) -> Vec<u8> {
    run(bench, "openssl", line.split(' '))
}

/// Makes `NAME.key` and `NAME.pub`, encrypted with [`PASSPHRASE`] from the file `phrase` or plain.
pub(crate) fn keygen(bench: &Bench, name: &str, encrypted: bool) {
    bench.write("phrase", PASSPHRASE);
    let secrecy: &[&str] = if encrypted { &["--passphrase-file", "phrase"] } else { &["--no-passphrase"] };
    let outcome = bench.run(["-q", "keygen", name].iter().chain(secrecy));
    assert_eq!(outcome.status, Some(0), "{outcome}");
}

/// Mints with a key in the bench.
pub(crate) fn mint(bench: &Bench, key: &str, passphrase: Option<&str>) -> Outcome {
    let mut arguments =
        vec!["-q", "mint", "--key", key, "--tenant", "acme", "--id", "lic-1", "--expires", "2027-01-31"];
    arguments.extend(["--label", "Größe 8", "--limit", "max_apps=25", "--issued-at", ISSUED]);
    arguments.extend(passphrase.map(|_| ["--passphrase-file", "-"]).into_iter().flatten());
    bench.run_with(arguments, passphrase.unwrap_or_default())
}

/// The token that [`mint`] prints.
pub(crate) fn minted(bench: &Bench, key: &str, passphrase: Option<&str>) -> String {
    let outcome = mint(bench, key, passphrase);
    assert_eq!(outcome.status, Some(0), "{outcome}");
    outcome.stdout().trim_end().to_owned()
}

/// Verifies a token on the day of use.
pub(crate) fn verify(bench: &Bench, trust: &str, token: &str) -> Outcome {
    bench.run_with(["-q", "verify", "-", "--at", DAY_OF_USE, "--trust", trust], token)
}

/// Splits a token into the bytes that were signed and the signature.
fn parts(token: &str) -> (Vec<u8>, Vec<u8>) {
    let (payload, signature) = token.split_once('.').unwrap();
    (STANDARD.decode(payload).unwrap(), STANDARD.decode(signature).unwrap())
}

/// A program that can make, open, sign and verify: `VERB ARGUMENTS`, an answer on standard output.
struct Peer {
    program: &'static str,
    /// What stands before the verb.
    launch: Vec<String>,
    /// Whether it opens the encryption that keygen writes.
    knows_scrypt: bool,
}

impl Peer {
    fn line<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        self.launch.iter().map(String::as_str).chain(arguments.iter().copied()).collect()
    }

    fn answer(&self, bench: &Bench, arguments: &[&str]) -> String {
        let answer = run(bench, self.program, self.line(arguments));
        String::from_utf8(answer).unwrap().trim_end().to_owned()
    }

    /// Both directions: our key and token there, theirs here.
    fn agrees(&self) {
        if !present(self.program, self.line(&["probe"])) {
            return;
        }
        let bench = Bench::new();
        keygen(&bench, "ours", false);
        let ours = minted(&bench, "ours.key", None);
        assert_eq!(self.answer(&bench, &["verify", "ours.pub", &ours]), "valid");
        let other = minted(&bench, &other_key(&bench), None);
        assert_eq!(self.answer(&bench, &["verify", "ours.pub", &other]), "refused");
        bench.write("payload", parts(&ours).0);
        assert_eq!(self.answer(&bench, &["sign", "ours.key", "", "payload"]), ours, "the same signature");
        if self.knows_scrypt {
            keygen(&bench, "locked", true);
            let public = bench.read("locked.pub").lines().nth(1).unwrap().to_owned();
            assert_eq!(self.answer(&bench, &["open", "locked.key", PASSPHRASE]), public);
        }

        for (name, passphrase) in [("theirs.key", None), ("theirs-locked.key", Some(PASSPHRASE))] {
            let public = self.answer(&bench, &["make", name, passphrase.unwrap_or_default()]);
            close_to_others(&bench, name);
            let token = minted(&bench, name, passphrase);
            assert_eq!(verify(&bench, &public, &token).status, Some(0), "{name}");
            if passphrase.is_none() {
                bench.write("payload", parts(&token).0);
                let signed = self.answer(&bench, &["sign", name, "", "payload"]);
                assert_eq!(signed, token, "the same signature");
                assert_eq!(verify(&bench, &public, &signed).status, Some(0));
                assert_eq!(verify(&bench, "ours.pub", &signed).status, Some(1));
            }
        }
    }
}

fn script(name: &str) -> String {
    format!("{}/tests/it/interop/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn other_key(bench: &Bench) -> String {
    keygen(bench, "other", false);
    "other.key".to_owned()
}

/// Takes a private key out of the reach of others.
pub(crate) fn close_to_others(bench: &Bench, name: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(bench.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn python_opens_signs_and_verifies_and_is_understood() {
    Peer { program: "python3", launch: vec![script("peer.py")], knows_scrypt: true }.agrees();
}

#[test]
fn node_opens_signs_and_verifies_and_is_understood() {
    Peer { program: "node", launch: vec![script("peer.mjs")], knows_scrypt: true }.agrees();
}

#[test]
fn java_opens_signs_and_verifies_and_is_understood() {
    if !present("javac", ["-version"]) {
        return;
    }
    let bench = Bench::new();
    run(&bench, "javac", ["-d", "classes", &script("Peer.java")]);
    let classes = bench.path("classes").display().to_string();
    let launch = ["-XX:TieredStopAtLevel=1", "-cp", &classes, "Peer"].map(str::to_owned);
    Peer { program: "java", launch: launch.to_vec(), knows_scrypt: false }.agrees();
}

#[test]
fn openssl_opens_what_keygen_writes() {
    if !has_openssl() {
        return;
    }
    let bench = Bench::new();
    for (name, encrypted) in [("plain", false), ("locked", true)] {
        keygen(&bench, name, encrypted);
        let derived = openssl(&bench, &format!("pkey -in {name}.key -passin file:phrase -pubout"));
        assert_eq!(String::from_utf8(derived).unwrap(), bench.read(&format!("{name}.pub")));
        openssl(&bench, &format!("pkey -pubin -in {name}.pub -noout"));
    }
}

#[test]
fn openssl_signs_alike_and_verifies() {
    if !has_openssl() {
        return;
    }
    let bench = Bench::new();
    keygen(&bench, "locked", true);
    let token = minted(&bench, "locked.key", Some(PASSPHRASE));
    let (payload, signature) = parts(&token);
    bench.write("payload", &payload);
    bench.write("signature", &signature);
    let signed = openssl(&bench, "pkeyutl -sign -rawin -in payload -inkey locked.key -passin file:phrase");
    assert_eq!(signed, signature);
    let check = "pkeyutl -verify -rawin -in payload -sigfile signature -pubin -inkey locked.pub";
    openssl(&bench, check);
    bench.write("payload", [&payload[..], b" "].concat());
    assert_eq!(attempt(&bench, "openssl", check.split(' ')).status, Some(1), "a changed payload");
}

#[test]
fn a_token_that_openssl_signed_is_verified() {
    if !has_openssl() {
        return;
    }
    let bench = Bench::new();
    openssl(&bench, "genpkey -algorithm ed25519 -out their.key");
    openssl(&bench, "pkey -in their.key -pubout -out their.pub");
    let payload = r#"{"exp":1798761600,"iat":1777197600,"licenseId":"lic-1","tenantId":"acme"}"#;
    bench.write("payload", payload);
    let signature = openssl(&bench, "pkeyutl -sign -rawin -in payload -inkey their.key");
    let token = format!("{}.{}", STANDARD.encode(payload), STANDARD.encode(&signature));
    assert_eq!(verify(&bench, "their.pub", &token).status, Some(0));
    let changed = payload.replace("1798761600", "1898761600");
    let forged = format!("{}.{}", STANDARD.encode(changed), STANDARD.encode(&signature));
    let outcome = verify(&bench, "their.pub", &forged);
    assert_eq!(outcome.status, Some(1));
    assert!(outcome.stderr().contains("error[bad-signature]"), "{outcome}");
}

#[test]
fn private_keys_that_openssl_encrypts_are_opened() {
    if !has_openssl() {
        return;
    }
    let bench = Bench::new();
    bench.write("phrase", PASSPHRASE);
    openssl(&bench, "genpkey -algorithm ed25519 -out plain.key");
    close_to_others(&bench, "plain.key");
    let token = minted(&bench, "plain.key", None);
    for options in [
        "",
        "-v2 aes-128-cbc",
        "-v2 aes-192-cbc",
        "-v2 aes-256-cbc -iter 600000",
        "-v2prf hmacWithSHA224",
        "-v2prf hmacWithSHA384",
        "-v2prf hmacWithSHA512",
        "-scrypt",
        "-scrypt -scrypt_N 8192 -scrypt_r 16 -scrypt_p 2",
    ] {
        for form in ["PEM", "DER"] {
            let line =
                format!("pkcs8 -topk8 -in plain.key -out locked.key -passout file:phrase -outform {form} {options}");
            openssl(&bench, line.trim_end());
            close_to_others(&bench, "locked.key");
            assert_eq!(minted(&bench, "locked.key", Some(PASSPHRASE)), token, "{form} {options}");
        }
    }
    let outcome = mint(&bench, "locked.key", Some("another one"));
    assert_eq!(outcome.status, Some(3));
    assert!(outcome.stderr().contains("error[bad-passphrase]"), "{outcome}");
}

#[test]
fn encryption_that_is_not_read_is_named_and_not_called_a_wrong_passphrase() {
    if !has_openssl() {
        return;
    }
    let bench = Bench::new();
    bench.write("phrase", PASSPHRASE);
    openssl(&bench, "genpkey -algorithm ed25519 -out plain.key");
    for (options, name) in [
        ("-v1 PBE-SHA1-3DES", "PKCS#12 encryption"),
        ("-v2 des3", "a cipher other than AES"),
        ("-v2prf hmacWithSHA1", "PBKDF2 with SHA-1"),
    ] {
        openssl(&bench, &format!("pkcs8 -topk8 -in plain.key -out old.key -passout file:phrase {options}"));
        close_to_others(&bench, "old.key");
        let outcome = mint(&bench, "old.key", Some(PASSPHRASE));
        assert_eq!(outcome.status, Some(3), "{outcome}");
        assert!(outcome.stderr().contains("error[bad-key]") && outcome.stderr().contains(name), "{outcome}");

        // What the refusal advises works.
        assert!(outcome.stderr().contains("`openssl pkcs8 -topk8 -in FILE -out NEW`"), "{outcome}");
        let _ = std::fs::remove_file(bench.path("new.key"));
        openssl(
            &bench,
            "pkcs8 -topk8 -in old.key -out new.key -passin file:phrase -passout pass:ember-quarry-violin-73",
        );
        close_to_others(&bench, "new.key");
        minted(&bench, "new.key", Some(PASSPHRASE));
    }
}

#[test]
fn an_openssh_key_is_named_and_the_advice_is_true() {
    if !present("ssh", ["-V"]) {
        return;
    }
    let bench = Bench::new();
    run(&bench, "ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "me@here", "-f", "id"]);
    let outcome = mint(&bench, "id", None);
    assert_eq!(outcome.status, Some(3));
    assert!(outcome.stderr().contains("an OpenSSH private key"), "{outcome}");
    assert!(outcome.stderr().contains("from OpenSSH 10.3 on, `ssh-keygen -p -m PKCS8 -f FILE`"), "{outcome}");

    run(&bench, "ssh-keygen", ["-q", "-p", "-m", "PKCS8", "-P", "", "-N", "", "-f", "id"]);
    let converted = bench.read("id").starts_with("-----BEGIN PRIVATE KEY-----");
    assert_eq!(converted, openssh() >= (10, 3), "{:?}", openssh());
    let token = if converted { minted(&bench, "id", None) } else { String::new() };

    let outcome = verify(&bench, "id.pub", "eyJ9.AAAA");
    assert_eq!(outcome.status, Some(3));
    let advice = "cut -d' ' -f2 FILE | base64 -d | tail -c 32 | base64";
    assert!(outcome.stderr().contains(advice), "{outcome}");
    let script = format!("{} >raw.pub", advice.replace("FILE", "id.pub"));
    run(&bench, "sh", ["-c", &script]);
    let inspected = bench.run(["inspect", "raw.pub"]);
    assert_eq!(inspected.status, Some(0), "{inspected}");
    if converted {
        assert_eq!(verify(&bench, "raw.pub", &token).status, Some(0));
    }
}

/// The version of OpenSSH.
fn openssh() -> (u32, u32) {
    let output = Command::new("ssh").arg("-V").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let version: String = text.chars().skip_while(|char| !char.is_ascii_digit()).take(5).collect();
    let mut numbers = version.split(|char: char| !char.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// The example token of this family of license servers, signed by a Java program.
#[test]
fn the_example_token_of_the_field_is_active_with_its_limits() {
    const PUBLIC: &str = "MCowBQYDK2VwAyEAKay64UG8yvCyLhqU000LxzYeUm0L/hLIl5S8kyKWbdc=";
    const TOKEN: &str = "eyJleHAiOjE3OTg3NjE2MDAsImdyYWNlUGVyaW9kRGF5cyI6MTQsImlhdCI6MTc3NzE5NzYwMCwibGFiZWwiOiJBY21lIFBy\
        b2R1Y3Rpb24iLCJsaWNlbnNlSWQiOiJmZDNhOGYyYS0xYzQ0LTRlYWMtYWEwNy0xYTVkMWNlOWM0YTQiLCJsaW1pdHMiOnsibWF4X2FwcHMiOjI1\
        LCJtYXhfZW52aXJvbm1lbnRzIjozfSwidGVuYW50SWQiOiJhY21lLXByb2QifQ==.f5O4N/hUIda1pxPS0vhwz2ZTRRdjtNlpu8uJYApENkWAofc5\
        lbWbnNXm2pc2zDSgAC9xuSknNvl3B99EM7ssDQ==";
    let bench = Bench::new();
    let line = ["-q", "--json", "verify", TOKEN, "--trust", PUBLIC, "--tenant", "acme-prod", "--at"];
    let verdict = |at: &str| -> (Option<i32>, serde_json::Value) {
        let outcome = bench.run(line.iter().chain(&[at]));
        (outcome.status, serde_json::from_slice(&outcome.stdout).unwrap())
    };
    let (status, active) = verdict("2026-05-01T00:00:00Z");
    assert_eq!((status, active["state"].as_str()), (Some(0), Some("ACTIVE")));
    let limits =
        r#"[{"key":"max_apps","source":"license","value":25},{"key":"max_environments","source":"license","value":3}]"#;
    assert_eq!(active["effectiveLimits"].to_string(), limits);
    assert_eq!(active["license"]["label"], "Acme Production");
    for (at, status, state) in [
        ("2027-01-01T00:00:00Z", 0, "ACTIVE"),
        ("2027-01-01T00:00:01Z", 0, "GRACE"),
        ("2027-01-15T00:00:00Z", 0, "GRACE"),
        ("2027-01-15T00:00:01Z", 1, "EXPIRED"),
    ] {
        let (found, verdict) = verdict(at);
        assert_eq!((found, verdict["state"].as_str()), (Some(status), Some(state)), "{at}");
    }
}
