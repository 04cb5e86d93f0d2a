//! What a server is told, and what it refuses to start with.

use insta::assert_snapshot;

use crate::harness::{Bench, example};

#[test]
fn a_flag_comes_before_a_variable_and_a_variable_before_the_file() {
    let bench = Bench::new();
    bench.write(
        "serve.toml",
        "listen = \"127.0.0.1:1\"\ntenant = \"file\"\nlog = \"json\"\nmax-connections = 7\ntrust = [\"a.pub\"]\n",
    );
    let variables =
        [("MINTAGE_TENANT", "variable"), ("MINTAGE_LISTEN", "127.0.0.1:2"), ("CREDENTIALS_DIRECTORY", "secrets")];
    bench.write("secrets/admin-key", "b7e1c2a4d6f80913");
    let outcome =
        bench.run_in(variables, &["serve", "--config", "serve.toml", "--listen", "127.0.0.1:3", "--print-config"]);
    assert_snapshot!(outcome, @r#"
    admin-key-file = "secrets/admin-key"
    allow-readable-key = false
    # defaults is not set
    document-memory = 2048
    # host is not set
    insecure-listen = false
    # key is not set
    # keyring is not set
    # keys-dir is not set
    # ledger is not set
    # license is not set
    # license-key-file is not set
    listen = "127.0.0.1:3"
    log = "json"
    log-level = "info"
    max-connections = 7
    # passphrase-file is not set
    # plans is not set
    revocation-grace-hours = 24
    revocation-refresh-minutes = 15
    # revocations is not set
    # rotate-days is not set
    # rotate-overlap-days is not set
    session-log = false
    tenant = "variable"
    # tls-cert is not set
    # tls-client-ca is not set
    # tls-key is not set
    trust = ["a.pub"]
    # trusted-proxy is not set
    wrong-keys-per-minute = 10
    [exit status: 0]
    "#);
}

#[test]
fn what_only_the_environment_says_is_printed_too_and_no_secret() {
    let bench = Bench::new();
    bench.write("serve.toml", "trust = [\"file.pub\"]\nlicense = \"acme.lic\"\n");
    let told = |variables: [(&str, &str); 3], more: &[&str]| {
        let outcome = bench.run_in(variables, &[&["serve", "--print-config"], more].concat());
        assert_eq!(outcome.status, Some(0), "{outcome}");
        let wanted = ["trust", "# trust", "ledger", "license ", "# license "];
        let lines = outcome.stdout().lines().filter(|line| wanted.iter().any(|name| line.starts_with(name)));
        lines.collect::<Vec<_>>().join("\n")
    };
    let ledger = "postgres:///db?user=u&passw%6Frd=SECRETPW";
    let variables =
        [("MINTAGE_TRUST", "vendor.pub:ci.pub"), ("MINTAGE_LICENSE", "the.license"), ("MINTAGE_LEDGER", ledger)];
    assert_snapshot!(told(variables, &[]), @r#"
    ledger = "postgres:///db?user=u&passw%6Frd=***"
    # license is the text in MINTAGE_LICENSE
    trust = ["vendor.pub", "ci.pub"]
    # trusted-proxy is not set
    "#);
    assert_snapshot!(told(variables, &["--config", "serve.toml"]), @r#"
    ledger = "postgres:///db?user=u&passw%6Frd=***"
    license = "acme.lic" # not this one, but the text in MINTAGE_LICENSE
    trust = ["vendor.pub", "ci.pub"]
    # trusted-proxy is not set
    "#);
    let empty = [("MINTAGE_TRUST", ""), ("MINTAGE_LICENSE", ""), ("MINTAGE_LEDGER", "sqlite:book.db")];
    assert_snapshot!(told(empty, &["--config", "serve.toml"]), @r#"
    ledger = "sqlite:book.db"
    license = "acme.lic"
    trust = ["file.pub"]
    # trusted-proxy is not set
    "#);
    let flag = told(variables, &["--trust", "flag.pub"]);
    assert!(flag.contains("trust = [\"flag.pub\"]"), "{flag}");
    let private = told(variables, &["--trust", r#"{"crv":"Ed25519","d":"SECRETPW","kty":"OKP","x":"AA"}"#]);
    assert!(private.contains("trust = [\"***\"]") && !private.contains("SECRETPW"), "{private}");
}

#[test]
fn settings_are_one_json_value_for_programs_and_a_variable_that_says_nothing_is_named() {
    let bench = Bench::new();
    let variables = [("MINTAGE_LISTN", "x"), ("MINTAGE_SERVICE_HOST", "10.0.0.1"), ("MINTAGE_LICENSE", "the.license")];
    let arguments = ["serve", "--print-config", "--json", "--trust", "a.pub", "--session-log"];
    assert_snapshot!(bench.run_in(variables, &arguments), @r#"
    {"admin-key-file":null,"allow-readable-key":false,"defaults":null,"document-memory":2048,"host":null,"insecure-listen":false,"key":null,"keyring":null,"keys-dir":null,"ledger":null,"license":"the text in MINTAGE_LICENSE","license-key-file":null,"listen":"127.0.0.1:7420","log":"text","log-level":"info","max-connections":1024,"passphrase-file":null,"plans":null,"revocation-grace-hours":24,"revocation-refresh-minutes":15,"revocations":null,"rotate-days":null,"rotate-overlap-days":null,"session-log":true,"tenant":null,"tls-cert":null,"tls-client-ca":null,"tls-key":null,"trust":["a.pub"],"trusted-proxy":null,"wrong-keys-per-minute":10}
    ------- stderr -------
    mintage: warning: MINTAGE_LISTN names no setting
    [exit status: 0]
    "#);
}

#[test]
fn a_server_that_does_not_start_says_so_where_its_log_is_read() {
    let bench = Bench::new();
    let refused = |arguments: &[&str]| {
        let outcome = bench.run([&["serve", "--log", "json"], arguments].concat());
        let told = outcome.to_string();
        let (record, rest) = told.split_once(r#","timestamp":"#).unwrap();
        format!("{record} {}", rest.split_once('\n').unwrap().1)
    };
    assert_snapshot!(refused(&["--admin-key-file", "none"]), @r#"
    {"fields":{"code":"file-unreadable","error":"`none` could not be read: No such file or directory (os error 2)","hint":"check the path and its permissions","message":"the server does not start"},"level":"ERROR" [exit status: 3]
    "#);
    bench.write("serve.toml", "log = 7");
    assert_snapshot!(refused(&["--config", "serve.toml"]), @r#"
    {"fields":{"code":"usage","error":"`serve.toml`: line 1, column 1: `log` holds a value of another type","hint":"settings are named as the flags of `mintage serve --help`, without the dashes in front","message":"the server does not start"},"level":"ERROR" [exit status: 2]
    "#);
}

#[test]
fn a_file_of_settings_holds_nothing_else() {
    let bench = Bench::new();
    for (text, expected) in [
        ("log = \"text\"\n  lissten = \"x\"", "`serve.toml`: line 2, column 3: there is no setting `lissten`"),
        ("[a]\n", "line 1, column 2: there is no setting `a`"),
        ("\nlisten = 7", "line 2, column 1: `listen` holds a value of another type"),
        ("max-connections = -1", "`max-connections` holds a value of another type"),
        ("wrong-keys-per-minute = \"10\"", "`wrong-keys-per-minute` holds a value of another type"),
        ("wrong-keys-per-minute = 0", "invalid value '0' for '--wrong-keys-per-minute <N>': 0 is not in 1..=1000000"),
        ("max-connections = 0", "column 1: invalid value '0' for '--max-connections <N>': 0 is not in 1..=1000000"),
        ("document-memory = 7", "invalid value '7' for '--document-memory <MIB>': 7 is not in 8..=1000000"),
        ("rotate-days = 1", "invalid value '1' for '--rotate-days <DAYS>': 1 is not in 2..=3650"),
        ("log = \"jsn\"", "invalid value 'jsn' for '--log <FORMAT>' [possible values: json, text]"),
        ("log-level = \"ERROR\"", "invalid value 'ERROR' for '--log-level <LEVEL>'"),
        ("listen = ", "`serve.toml`: line 1, column 10: "),
        ("# \u{e4}\nlog = \"text\"\n\u{e4} = 1\n", "`serve.toml`: line 3, column 1: "),
    ] {
        bench.write("serve.toml", text);
        let outcome = bench.run(["serve", "--config", "serve.toml", "--print-config"]);
        assert_eq!(outcome.status, Some(2), "{outcome}");
        assert!(outcome.stderr().contains(expected), "{outcome}");
    }
}

#[test]
fn a_value_that_is_refused_is_named_by_where_it_came_from() {
    let bench = Bench::new();
    let variable = ("MINTAGE_MAX_CONNECTIONS", "abc");
    assert_snapshot!(bench.run_in([variable], &["serve", "--print-config"]), @r"
    ------- stderr -------
    mintage: error[usage]: invalid value 'abc' for '--max-connections <N>' from MINTAGE_MAX_CONNECTIONS: invalid digit found in string

    For more information, try '--help'.
    [exit status: 2]
    ");
    let flag = bench.run_in([variable], &["serve", "--max-connections", "abc"]);
    assert!(flag.status == Some(2) && !flag.stderr().contains("MINTAGE_"), "{flag}");
    let choice = bench.run_in([("MINTAGE_LOG", "xml")], &["serve", "--print-config"]);
    assert!(choice.stderr().contains("'xml' for '--log <FORMAT>' from MINTAGE_LOG\n"), "{choice}");
    let switch = bench.run_in([("MINTAGE_SESSION_LOG", "maybe")], &["serve", "--print-config"]);
    assert!(switch.stderr().contains("'maybe' for '--session-log' from MINTAGE_SESSION_LOG"), "{switch}");
}

#[test]
fn a_server_does_not_start_unsafe() {
    let bench = Bench::new();
    bench.write("short", "tooshort");
    bench.write("known", "dev-admin-key-change-in-production\n");
    bench.write("empty", "\n");
    let public = example("vendor.pub");
    assert_snapshot!(bench.run(["serve", "--admin-key-file", "short"]), @"
    ------- stderr -------
    mintage: error[bad-key]: `short`: the key has 8 bytes, and at least 16 are needed
    mintage: hint: make one with `head -c 32 /dev/urandom | base64`
    [exit status: 3]
    ");
    assert_snapshot!(bench.run(["serve", "--admin-key-file", "known"]), @"
    ------- stderr -------
    mintage: error[bad-key]: `known`: the key stands in a manual or repeats itself, so anybody would try it
    mintage: hint: make one with `head -c 32 /dev/urandom | base64`
    [exit status: 3]
    ");
    assert_eq!(bench.run(["serve", "--admin-key-file", "empty"]).status, Some(3));
    assert_snapshot!(bench.run(["serve", "--trust", &public, "--listen", "0.0.0.0:0"]), @"
    ------- stderr -------
    mintage: error[usage]: 0.0.0.0:0 can be reached from other machines, and there is no TLS
    mintage: hint: give --tls-cert and --tls-key, or say --insecure-listen when something in front encrypts
    [exit status: 2]
    ");
    assert_snapshot!(bench.run(["serve", "--listen", "localhost"]), @"
    ------- stderr -------
    mintage: error[usage]: `localhost` is not an address and a port
    mintage: hint: write 127.0.0.1:7420 or [::1]:7420
    [exit status: 2]
    ");
    for count in ["0", "18446744073709551615"] {
        let outcome = bench.run(["serve", "--max-connections", count, "--listen", "127.0.0.1:0"]);
        assert_eq!(outcome.status, Some(2), "{outcome}");
    }
    assert_snapshot!(bench.run(["serve", "--host", "a.example:8080", "--listen", "127.0.0.1:0"]), @r"
    ------- stderr -------
    mintage: error[usage]: no request can name the host `a.example:8080`: a name has letters, digits, `-`, `.` and `_` alone
    mintage: hint: write license.example.com, without a scheme or a port
    [exit status: 2]
    ");
    assert_eq!(bench.run(["serve", "--host", "a b", "--listen", "127.0.0.1:0"]).status, Some(2));
    assert_eq!(bench.run(["serve", "--tls-cert", &public]).status, Some(2));
    bench.write("no.pem", "nothing");
    assert_snapshot!(bench.run(["serve", "--tls-cert", "no.pem", "--tls-key", "no.pem"]), @"
    ------- stderr -------
    mintage: error[bad-key]: TLS cannot be set up with `no.pem` and `no.pem`: no items found
    mintage: hint: give the chain and the key of its first certificate, both PEM
    [exit status: 3]
    ");
}

#[test]
fn a_port_in_use_is_told_as_such() {
    let bench = Bench::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let outcome = bench.run(["serve", "--trust", &example("vendor.pub"), "--listen", &address]);
    assert_eq!(outcome.status, Some(3), "{outcome}");
    assert_snapshot!(outcome.stderr().replace(&address, "ADDRESS"), @r"
    mintage: error[server-unreachable]: ADDRESS cannot be listened on: Address already in use (os error 98)
    mintage: hint: stop what listens there, or choose another with --listen
    ");
}

#[test]
fn keys_are_rotated_only_where_none_can_be_lost() {
    let bench = Bench::new();
    let key = example("vendor.key");
    let rotate = |more: &[&str]| {
        let arguments = ["serve", "--key", &key, "--allow-readable-key", "--rotate-days", "30"];
        bench.run(arguments.iter().chain(more))
    };
    let book = ["--ledger", "sqlite:book.db"];
    assert_snapshot!(rotate(&book), @r"
    ------- stderr -------
    mintage: error[usage]: --rotate-days makes keys, and there is no folder to keep them in
    mintage: hint: name one with --keys-dir
    [exit status: 2]
    ");
    assert_snapshot!(rotate(&["--keys-dir", "keys"]), @r"
    ------- stderr -------
    mintage: error[usage]: --rotate-days goes with --key and --ledger
    mintage: hint: name the first key and the book
    [exit status: 2]
    ");
    assert_snapshot!(rotate(&[&book[..], &["--keys-dir", "keys"]].concat()), @r"
    ------- stderr -------
    mintage: error[file-unreadable]: `keys` is no folder, and new keys would be lost
    mintage: hint: make it, for the server's user alone
    [exit status: 3]
    ");
    std::fs::create_dir(bench.path("keys")).unwrap();
    let overlap = ["--keys-dir", "keys", "--rotate-overlap-days", "30"];
    assert_snapshot!(rotate(&[&book[..], &overlap].concat()), @r"
    ------- stderr -------
    mintage: error[usage]: keys are rotated every 30 days, and 30 days of overlap do not fit in
    mintage: hint: choose a shorter --rotate-overlap-days
    [exit status: 2]
    ");
    let keyring = ["-q", "mint", "keyring", "--allow-readable-key", "--key", &key, "-o", "keyring.json"];
    assert_eq!(bench.run(keyring).status, Some(0));
    assert_snapshot!(rotate(&[&book[..], &["--keys-dir", "keys", "--keyring", "keyring.json"]].concat()), @r"
    ------- stderr -------
    mintage: error[wrong-purpose]: the keyring does not let key ec192ae06d2b6cb0 sign licenses and, alone, keyrings
    mintage: hint: add it with `mint keyring --add FILE:keyring,license,proof,revocations`
    [exit status: 3]
    ");
    bench.write("passphrase", "correct horse battery staple");
    assert_eq!(bench.run(["keygen", "locked", "--passphrase-file", "passphrase"]).status, Some(0));
    let locked =
        ["serve", "--key", "locked.key", "--rotate-days", "30", "--keys-dir", "keys", "--ledger", "sqlite:book.db"];
    assert_eq!(bench.run(locked).status, Some(3));
}
