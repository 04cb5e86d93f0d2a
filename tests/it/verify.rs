//! `mintage verify`.

mod asked;
mod clock;
mod found;
mod told;
mod trusted;

use insta::assert_snapshot;

use crate::harness::{Bench, Outcome, example};

/// Half a year into the license of [`TERM`].
pub(crate) const NOW: &str = "2026-07-01T00:00:00Z";

/// Until the end of 2026.
pub(crate) const TERM: [&str; 4] = ["--tenant", "acme", "--expires", "2026-12-31"];

/// A bench with the published public keys under their names.
pub(crate) fn bench() -> Bench {
    let bench = Bench::new();
    for name in ["vendor.pub", "ci.pub", "locked.pub", "retired.pub"] {
        bench.write(name, std::fs::read(example(name)).unwrap());
    }
    bench
}

/// The words of a command line.
pub(crate) fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

impl Bench {
    /// Mints a license until the end of 2026 with further arguments.
    pub(crate) fn license(&self, arguments: &[&str]) -> String {
        self.mint(&[&TERM[..], arguments].concat())
    }

    /// Verifies as of [`NOW`] with the vendor's key.
    pub(crate) fn verify(&self, arguments: &[&str]) -> Outcome {
        self.run([&["verify", "--trust", "vendor.pub", "--at", NOW][..], arguments].concat())
    }
}

#[test]
fn a_valid_license_passes_every_check() {
    let bench = bench();
    let token =
        bench.license(&["--limit", "max_apps=25", "--feature", "reports", "--product", "editor", "--grace-days", "14"]);
    bench.write("acme.lic", token + "\n");
    let outcome = bench.verify(&words("acme.lic --tenant acme --product editor --feature reports --usage max_apps=25"));
    assert_snapshot!(outcome, @"
    pass  signature    by key ec192ae06d2b6cb0
    pass  clock        issued at 2026-01-01T00:00:00Z
    pass  window       until 2026-12-31T23:59:59Z, 183 days left
    pass  tenant       acme
    pass  product      editor
    skip  machine      the license is bound to none
    skip  activation   no proof is demanded
    pass  features     reports
    skip  maintenance  the license covers every build
    pass  usage        max_apps: 25 of 25 used
          limit        max_apps = 25 (license)
    valid, ACTIVE, as of 2026-07-01T00:00:00Z
    ------- stderr -------
    mintage: judged as of 2026-07-01T00:00:00Z, not as of now
    [exit status: 0]
    ");
}

#[test]
fn programs_read_one_canonical_value() {
    let bench = bench();
    let mut claims = words("--limit max_apps=25 --feature reports --meta order=A-1");
    claims.extend(["--not-before", "2026-01-02T00:00:00Z"]);
    let token = bench.license(&claims);
    bench.write("defaults.json", r#"{"max_apps":3,"max_users":3}"#);
    let outcome = bench.verify(&["-q", "--json", "--defaults", "defaults.json", "--feature", "audit", &token]);
    assert_snapshot!(outcome, @r#"
    {"asOf":"2026-07-01T00:00:00Z","checks":[{"detail":"by key ec192ae06d2b6cb0","name":"signature","outcome":"pass"},{"detail":"issued at 2026-01-01T00:00:00Z","name":"clock","outcome":"pass"},{"detail":"until 2026-12-31T23:59:59Z, 183 days left","name":"window","outcome":"pass"},{"detail":"none was named","name":"tenant","outcome":"skip"},{"detail":"none was named","name":"product","outcome":"skip"},{"detail":"the license is bound to none","name":"machine","outcome":"skip"},{"detail":"no proof is demanded","name":"activation","outcome":"skip"},{"detail":"feature `audit` is not granted; the license grants reports","name":"features","outcome":"fail"},{"detail":"the license covers every build","name":"maintenance","outcome":"skip"},{"detail":"none was given","name":"usage","outcome":"skip"}],"daysRemaining":183,"effectiveLimits":[{"key":"max_apps","source":"license","value":25},{"key":"max_users","source":"default","value":3}],"keyId":"ec192ae06d2b6cb0f3df6376c53396f1f25328452d03d08fb4f51fdf07ccf70e","kind":"license","license":{"expiresAt":"2026-12-31T23:59:59Z","features":["reports"],"gracePeriodDays":0,"issuedAt":"2026-01-01T00:00:00Z","kid":"ec192ae06d2b6cb0","licenseId":"lic-1","limits":{"max_apps":25},"meta":{"order":"A-1"},"notBefore":"2026-01-02T00:00:00Z","tenantId":"acme"},"refusals":[{"code":"not-entitled","hint":"ask for a license that names it","message":"feature `audit` is not granted; the license grants reports"}],"repairs":[],"state":"ACTIVE","verdict":"refused"}
    ------- stderr -------
    mintage: error[not-entitled]: feature `audit` is not granted; the license grants reports
    mintage: hint: ask for a license that names it
    [exit status: 1]
    "#);
    is_canonical(&outcome);
}

/// Asserts that standard output is one line of canonical JSON.
pub(crate) fn is_canonical(outcome: &Outcome) {
    let line = outcome.stdout().strip_suffix('\n').unwrap();
    assert_eq!(mintage::json::canonical(&mintage::json::parse(line.as_bytes()).unwrap()), line);
}

#[test]
fn every_refusal_is_told_with_its_hint() {
    let bench = bench();
    let mut claims = words("--product editor --activation proof --fingerprint node-1 --limit max_apps=5");
    claims.extend(["--maintenance-until", "2026-06-30"]);
    let token = bench.license(&claims);
    let mut arguments = words("verify --trust vendor.pub --at 2027-01-01T00:00:00Z --tenant globex --product viewer");
    arguments.extend(words("--feature audit --usage max_apps=6 --build-date 2026-07-01 --fingerprint node-2"));
    arguments.push(&token);
    let outcome = bench.run(arguments);
    assert_snapshot!(outcome, @"
    pass  signature    by key ec192ae06d2b6cb0
    pass  clock        issued at 2026-01-01T00:00:00Z
    fail  window       the license expired on 2026-12-31T23:59:59Z, less than a day ago
    fail  tenant       the license was issued to tenant `acme`, and this is `globex`
    fail  product      the license is for product `editor`, and this is `viewer`
    fail  machine      bound to `node-1`, this machine is `node-2`
    fail  activation   the license is valid only with an activation proof
    fail  features     feature `audit` is not granted; the license grants none
    fail  maintenance  maintenance ended on 2026-06-30T23:59:59Z, and the build is of 2026-07-01T23:59:59Z
    skip  usage        the license is not in force, and the default tier sets no such limit
    refused, INVALID, as of 2027-01-01T00:00:00Z
    ------- stderr -------
    mintage: judged as of 2027-01-01T00:00:00Z, not as of now
    mintage: error[expired]: the license expired on 2026-12-31T23:59:59Z, less than a day ago
    mintage: hint: renew the license
    mintage: error[wrong-tenant]: the license was issued to tenant `acme`, and this is `globex`
    mintage: hint: use the license of this tenant
    mintage: error[wrong-product]: the license is for product `editor`, and this is `viewer`
    mintage: hint: use the license of this product
    mintage: error[wrong-machine]: bound to `node-1`, this machine is `node-2`
    mintage: hint: run `mintage fingerprint` there and send the result to the issuer
    mintage: error[proof-required]: the license is valid only with an activation proof
    mintage: hint: activate this machine and verify the proof
    mintage: error[not-entitled]: feature `audit` is not granted; the license grants none
    mintage: hint: ask for a license that names it
    mintage: error[build-not-covered]: maintenance ended on 2026-06-30T23:59:59Z, and the build is of 2026-07-01T23:59:59Z
    mintage: hint: run an earlier build, or renew maintenance
    [exit status: 1]
    ");
}

#[test]
fn grace_is_a_yes_with_a_warning() {
    let bench = bench();
    let token = bench.license(&["--grace-days", "14", "--limit", "max_apps=25"]);
    let verify = ["verify", "--trust", "vendor.pub", "--at", "2027-01-14T23:59:59Z"];
    assert_snapshot!(bench.run(verify.iter().chain(&[token.as_str()])), @"
    pass  signature    by key ec192ae06d2b6cb0
    pass  clock        issued at 2026-01-01T00:00:00Z
    pass  window       expired on 2026-12-31T23:59:59Z, in grace until 2027-01-14T23:59:59Z, less than a day left
    skip  tenant       none was named
    skip  product      none was named
    skip  machine      the license is bound to none
    skip  activation   no proof is demanded
    skip  features     none were asked for
    skip  maintenance  the license covers every build
    skip  usage        none was given
          limit        max_apps = 25 (license)
    valid, GRACE, as of 2027-01-14T23:59:59Z
    ------- stderr -------
    mintage: judged as of 2027-01-14T23:59:59Z, not as of now
    mintage: warning: the license is in its grace period; renew it
    [exit status: 0]
    ");
    let quiet = bench.run(verify.iter().chain(&["-q", &token]));
    assert_eq!((quiet.status, quiet.stderr()), (Some(0), ""));
    let over = bench.run(["verify", "--trust", "vendor.pub", "--at", "2027-01-15", &token]);
    assert_snapshot!(over, @"
    pass  signature    by key ec192ae06d2b6cb0
    pass  clock        issued at 2026-01-01T00:00:00Z
    fail  window       the license expired on 2026-12-31T23:59:59Z, 15 days ago, its grace of 14 days ended on 2027-01-14T23:59:59Z
    skip  tenant       none was named
    skip  product      none was named
    skip  machine      the license is bound to none
    skip  activation   no proof is demanded
    skip  features     none were asked for
    skip  maintenance  the license covers every build
    skip  usage        none was given
    refused, EXPIRED, as of 2027-01-15T23:59:59Z
    ------- stderr -------
    mintage: judged as of 2027-01-15T23:59:59Z, not as of now
    mintage: error[expired]: the license expired on 2026-12-31T23:59:59Z, 15 days ago, its grace of 14 days ended on 2027-01-14T23:59:59Z
    mintage: hint: renew the license
    [exit status: 1]
    ");
}

#[test]
fn limits_fall_back_to_the_default_tier_when_the_license_has_ended() {
    let bench = bench();
    let token = bench.license(&["--limit", "max_apps=25"]);
    bench.write("defaults.json", r#"{"max_apps":3}"#);
    let verify = words("verify -q --trust vendor.pub --defaults defaults.json --usage max_apps=4 --at");
    let judged = |at| bench.run(verify.iter().chain(&[at, token.as_str()]));
    assert_snapshot!(judged(NOW), @"
    pass  signature    by key ec192ae06d2b6cb0
    pass  clock        issued at 2026-01-01T00:00:00Z
    pass  window       until 2026-12-31T23:59:59Z, 183 days left
    skip  tenant       none was named
    skip  product      none was named
    skip  machine      the license is bound to none
    skip  activation   no proof is demanded
    skip  features     none were asked for
    skip  maintenance  the license covers every build
    pass  usage        max_apps: 4 of 25 used
          limit        max_apps = 25 (license)
    valid, ACTIVE, as of 2026-07-01T00:00:00Z
    [exit status: 0]
    ");
    assert_snapshot!(judged("2027-01-01"), @"
    pass  signature    by key ec192ae06d2b6cb0
    pass  clock        issued at 2026-01-01T00:00:00Z
    fail  window       the license expired on 2026-12-31T23:59:59Z, 1 day ago
    skip  tenant       none was named
    skip  product      none was named
    skip  machine      the license is bound to none
    skip  activation   no proof is demanded
    skip  features     none were asked for
    skip  maintenance  the license covers every build
    fail  usage        max_apps: 4 used, and the default limit is 3
          limit        max_apps = 3 (default)
    refused, EXPIRED, as of 2027-01-01T23:59:59Z
    ------- stderr -------
    mintage: error[expired]: the license expired on 2026-12-31T23:59:59Z, 1 day ago
    mintage: hint: renew the license
    mintage: error[limit-exceeded]: max_apps: 4 used, and the default limit is 3
    mintage: hint: use less, or ask for a larger license
    [exit status: 1]
    ");
}

#[test]
fn a_sealed_license_is_judged_with_its_secret_alone() {
    let bench = bench();
    bench.write("secret", [7; 32]);
    bench.write("other", [8; 32]);
    bench.write("short", [7; 31]);
    let token = bench.license(&["--seal", "secret"]);
    assert_snapshot!(bench.verify(&[&token]), @"
    pass  signature    by key ec192ae06d2b6cb0
    fail  seal         the license is sealed and no secret was given
    skip  usage        the limits are sealed
    refused, INVALID, as of 2026-07-01T00:00:00Z
    ------- stderr -------
    mintage: judged as of 2026-07-01T00:00:00Z, not as of now
    mintage: error[sealed]: the license is sealed and no secret was given
    mintage: hint: name the issuer's secret for it with --unseal
    [exit status: 3]
    ");
    assert_eq!(bench.verify(&["--unseal", "secret", &token]).status, Some(0));
    assert_snapshot!(bench.verify(&["-q", "--unseal", "other", &token]), @"
    pass  signature    by key ec192ae06d2b6cb0
    fail  seal         the license is sealed, and the secret that was given does not open it
    skip  usage        the limits are sealed
    refused, INVALID, as of 2026-07-01T00:00:00Z
    ------- stderr -------
    mintage: error[sealed]: the license is sealed, and the secret that was given does not open it
    mintage: hint: name the issuer's secret for it with --unseal
    [exit status: 3]
    ");
    assert_snapshot!(bench.verify(&["-q", "--unseal", "short", &token]), @"
    ------- stderr -------
    mintage: error[bad-key]: secret file `short`: the secret is 31 bytes long, and must have at least 32
    mintage: hint: make one with `head -c 32 /dev/urandom > SECRET_FILE`
    [exit status: 3]
    ");
    let stranger = bench.run(["verify", "-q", "--trust", "ci.pub", &token]);
    assert!(stranger.stderr().contains("error[unknown-key]") && stranger.status == Some(1), "{stranger}");
}

#[test]
fn the_time_may_be_another_and_is_then_named() {
    let bench = bench();
    let token = bench.license(&[]);
    let noted = bench.run(["verify", "--trust", "vendor.pub", "--at", "2026-12-31", &token]);
    assert_eq!(
        (noted.stderr(), noted.status),
        ("mintage: judged as of 2026-12-31T23:59:59Z, not as of now\n", Some(0))
    );
    assert_snapshot!(bench.run(["verify", "--trust", "vendor.pub", "--at", "soon", &token]), @"
    ------- stderr -------
    mintage: error[usage]: `soon` is not a time
    mintage: hint: write 2027-01-31, 2027-01-31T12:00:00Z, 90d, 12h, 2w or never
    [exit status: 2]
    ");
}

#[test]
fn a_machine_is_compared_exactly() {
    let bench = bench();
    let token = bench.license(&["--fingerprint", "node-1"]);
    bench.write("node", "node-1\n");
    let status = |arguments: &[&str]| bench.verify(&[&[token.as_str()][..], arguments].concat()).status;
    assert_eq!(status(&["--fingerprint", "node-1"]), Some(0));
    assert_eq!(status(&["--fingerprint-value", "@node"]), Some(0));
    assert_eq!(status(&["--fingerprint", "node-2"]), Some(1));
    assert_eq!(status(&["--any-machine"]), Some(0));
    assert_eq!(status(&["--any-machine", "--fingerprint", "node-1"]), Some(2));
    let verify = ["verify", "--trust", "vendor.pub", "--at", NOW, &token];
    assert_eq!(bench.run_in([("MINTAGE_FINGERPRINT", "node-1")], &verify).status, Some(0));
    assert_eq!(bench.run_in([("MINTAGE_FINGERPRINT_FILE", "node")], &verify).status, Some(0));
    assert_eq!(bench.run_in([("MINTAGE_FINGERPRINT_FILE", "gone")], &verify).status, Some(3));
    assert_snapshot!(bench.verify(&["-q", &token]), @"
    pass  signature    by key ec192ae06d2b6cb0
    pass  clock        issued at 2026-01-01T00:00:00Z
    pass  window       until 2026-12-31T23:59:59Z, 183 days left
    skip  tenant       none was named
    skip  product      none was named
    fail  machine      bound to `node-1`, and no value was supplied for this machine
    skip  activation   no proof is demanded
    skip  features     none were asked for
    skip  maintenance  the license covers every build
    skip  usage        none was given
    refused, INVALID, as of 2026-07-01T00:00:00Z
    ------- stderr -------
    mintage: error[machine-unreadable]: bound to `node-1`, and no value was supplied for this machine
    mintage: hint: name this machine's value with --fingerprint
    [exit status: 3]
    ");
}

#[test]
fn the_answer_goes_to_a_file_when_one_is_named() {
    let bench = bench();
    let token = bench.license(&[]);
    let outcome = bench.verify(&["-q", "--json", "-o", "verdict.json", &token]);
    assert_eq!((outcome.status, outcome.stdout(), outcome.stderr()), (Some(0), "", ""));
    assert!(bench.read("verdict.json").contains(r#""verdict":"valid""#));
    let again = bench.verify(&["-q", "--json", "-o", "verdict.json", &token]);
    assert_snapshot!(again, @r#"
    {"code":"file-exists","error":"`verdict.json` exists","hints":["choose another name, or replace it with --force"],"message":"`verdict.json` exists"}
    ------- stderr -------
    mintage: error[file-exists]: `verdict.json` exists
    mintage: hint: choose another name, or replace it with --force
    [exit status: 3]
    "#);
    assert_eq!(bench.verify(&["-q", "--json", "-o", "verdict.json", "--force", &token]).status, Some(0));
}
