//! `mintage inspect`, and what no command ever shows raw.

use insta::assert_snapshot;
use mintage::json::steers;

use crate::harness::{Bench, Outcome, example};
use crate::vectors::crafted::{token as spell, vendor};
use crate::verify::{NOW, bench, is_canonical, words};

/// Everything but how far away a time is, which depends on the day.
fn settled(outcome: &Outcome) -> String {
    let away = |line: &str| match line.find("Z, in ").or_else(|| line.find("Z, ").filter(|_| line.ends_with(" ago"))) {
        Some(at) => line[..=at].to_owned(),
        None => line.to_owned(),
    };
    outcome.to_string().lines().map(away).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_license_is_told_without_being_believed() {
    let bench = bench();
    let mut claims = words("--limit max_apps=25 --tier Free --product editor --grace-days 14 --fingerprint node-1");
    claims.extend(words("--activation proof --meta order=A-1 --seats 5 --max-activations 3"));
    claims.extend(["--label", "Acme Production"]);
    let token = bench.license(&claims);
    assert_snapshot!(settled(&bench.run(["inspect", &token])), @"
    NOT VERIFIED: this is what the text claims; nothing has been checked
    kind         license
    form         a token, 525 bytes; payload 327 bytes, signature 64 bytes
    license      lic-1
    tenant       acme
    label        Acme Production
    product      editor
    tier         Free
    signer       says key ec192ae06d2b6cb0
    issued       2026-01-01T00:00:00Z
    expires      2026-12-31T23:59:59Z
    grace        14 days, until 2027-01-14T23:59:59Z
    limit        max_apps = 25
    features     api.validate
    activations  at most 3
    seats        at most 5
    meta         order = A-1
    machine      exactly `node-1`
    would check  signature, clock, window, tenant, product, machine, activation proof, features, usage
    NOT VERIFIED: this is what the text claims; nothing has been checked
    [exit status: 0]
    ");
}

#[test]
fn programs_are_told_that_nothing_is_verified() {
    let bench = bench();
    let outcome = bench.run(["inspect", "--json", &bench.license(&[])]);
    assert_snapshot!(outcome, @r#"
    {"kind":"license","license":{"expiresAt":"2026-12-31T23:59:59Z","gracePeriodDays":0,"issuedAt":"2026-01-01T00:00:00Z","kid":"ec192ae06d2b6cb0","licenseId":"lic-1","limits":{},"tenantId":"acme"},"payload":{"exp":1798761599,"gracePeriodDays":0,"iat":1767225600,"kid":"ec192ae06d2b6cb0","licenseId":"lic-1","limits":{},"tenantId":"acme"},"repairs":[],"verified":false,"wouldCheck":["signature","clock","window","tenant","features","usage"]}
    [exit status: 0]
    "#);
    is_canonical(&outcome);
}

#[test]
fn it_reads_a_file_standard_input_and_an_argument() {
    let bench = bench();
    let token = bench.license(&[]);
    bench.write("acme.lic", &token);
    let from_file = bench.run(["inspect", "acme.lic"]);
    for outcome in
        [bench.run(["inspect", &token]), bench.run_with(["inspect", "-"], &token), bench.run_with(["inspect"], &token)]
    {
        assert_eq!((outcome.stdout(), outcome.status), (from_file.stdout(), Some(0)), "{outcome}");
    }
    let lines: Vec<&str> = from_file.stdout().lines().collect();
    assert!(lines[0].starts_with("NOT VERIFIED") && lines[lines.len() - 1].starts_with("NOT VERIFIED"), "{from_file}");
    assert_eq!(bench.run(["inspect", "gone.lic"]).status, Some(3));
    assert_eq!(bench.run_with(["inspect"], " \n").status, Some(1));
}

#[test]
fn an_object_is_a_private_key_only_where_it_names_its_type() {
    let bench = bench();
    bench.write("object.json", r#"{"d":{}}"#);
    bench.write("key.json", r#"{"crv":"Ed25519","d":"AA","kty":"OKP","x":"AA"}"#);
    let (object, key) = (bench.run(["inspect", "object.json"]), bench.run(["inspect", "key.json"]));
    assert!(object.status == Some(0) && object.stdout().contains("a JSON object, 8 bytes"), "{object}");
    assert!(key.status == Some(3) && key.to_string().contains("a private JWK"), "{key}");
}

#[test]
fn a_sealed_license_shows_that_it_is_sealed() {
    let bench = bench();
    bench.write("secret", [7; 32]);
    let outcome = bench.run(["inspect", &bench.license(&["--seal", "secret", "--label", "confidential"])]);
    assert_snapshot!(outcome, @"
    NOT VERIFIED: this is what the text claims; nothing has been checked
    kind    sealed-license
    form    a token, 517 bytes; payload 319 bytes, signature 64 bytes
    sealed  153 bytes under A256GCM; --unseal of `verify` opens it
    signer  says key ec192ae06d2b6cb0
    NOT VERIFIED: this is what the text claims; nothing has been checked
    [exit status: 0]
    ");
}

#[test]
fn a_broken_signature_does_not_hide_the_claims() {
    let bench = bench();
    let token = bench.license(&[]);
    let (payload, _) = token.split_once('.').unwrap();
    let cut = bench.run(["inspect", "--json", &token[..token.len() - 20]]);
    assert!(cut.status == Some(1) && cut.stdout().contains(r#""licenseId":"lic-1""#), "{cut}");
    let unsigned = bench.run(["inspect", "--json", payload]);
    assert!(unsigned.status == Some(1) && unsigned.stdout().contains(r#""licenseId":"lic-1""#), "{unsigned}");
    for outcome in [cut, unsigned] {
        is_canonical(&outcome);
        assert!(outcome.stdout().contains(r#""verified":false"#), "{outcome}");
    }
}

#[test]
fn text_that_is_no_license_is_told_apart() {
    let bench = bench();
    let words = bench.run_with(["inspect"], "hello, please find our license attached");
    assert_eq!(words.status, Some(1), "{words}");
    let document = bench.run_with(["inspect"], r#"{"kind":"acme/request/v1","nonce":"AA==","list":[1,2]}"#);
    assert_snapshot!(document, @"
    NOT VERIFIED: this is what the text claims; nothing has been checked
    kind     json
    form     a JSON object, 54 bytes
    member   kind: acme/request/v1
    members  kind, nonce, list
    NOT VERIFIED: this is what the text claims; nothing has been checked
    [exit status: 0]
    ");
    let twice = bench.run_with(["inspect"], r#"{"kind":1,"kind":2}"#);
    assert_snapshot!(twice, @"
    NOT VERIFIED: this is what the text claims; nothing has been checked
    kind     json
    refused  duplicate-member: the member `kind` stands twice in one object
    NOT VERIFIED: this is what the text claims; nothing has been checked
    ------- stderr -------
    mintage: error[duplicate-member]: the member `kind` stands twice in one object
    mintage: hint: no honest issuer writes this; ask for a fresh copy
    [exit status: 1]
    ");
    let utf_16 = bench.run_with(["inspect"], [0xff, 0xfe, b'e', 0]);
    assert_snapshot!(utf_16, @"
    NOT VERIFIED: this is what the text claims; nothing has been checked
    kind     unknown
    refused  damaged-text: the text is not UTF-8 but Unicode as Windows saves it (UTF-16)
    NOT VERIFIED: this is what the text claims; nothing has been checked
    ------- stderr -------
    mintage: error[damaged-text]: the text is not UTF-8 but Unicode as Windows saves it (UTF-16)
    mintage: hint: save it as UTF-8
    [exit status: 1]
    ");
}

#[test]
fn a_public_key_is_shown_in_every_form_and_read_from_each() {
    let bench = bench();
    let shown = bench.run(["inspect", "vendor.pub"]);
    assert_snapshot!(shown, @r#"
    NOT VERIFIED: this is what the text claims; nothing has been checked
    kind         public-key
    form         an Ed25519 public key
    key id       ec192ae06d2b6cb0f3df6376c53396f1f25328452d03d08fb4f51fdf07ccf70e
    kid          ec192ae06d2b6cb0
    SPKI base64  MCowBQYDK2VwAyEAewXX3PQ8rJfa0myDrGqwrrTUV3Kvm7VVzOhgIk0+BDc=
    hex          7b05d7dcf43cac97dad26c83ac6ab0aeb4d45772af9bb555cce860224d3e0437
    JWK          {"crv":"Ed25519","kty":"OKP","x":"ewXX3PQ8rJfa0myDrGqwrrTUV3Kvm7VVzOhgIk0-BDc"}
    PEM          -----BEGIN PUBLIC KEY-----
    PEM          MCowBQYDK2VwAyEAewXX3PQ8rJfa0myDrGqwrrTUV3Kvm7VVzOhgIk0+BDc=
    PEM          -----END PUBLIC KEY-----
    NOT VERIFIED: this is what the text claims; nothing has been checked
    [exit status: 0]
    "#);
    let key = vendor().public();
    let der = crate::mint::decode(&key.to_spki_base64());
    let forms = [key.to_pem(), key.to_spki_base64(), key.to_hex(), key.to_hex().to_uppercase(), key.to_jwk()];
    for form in forms.iter().map(|form| form.clone().into_bytes()).chain([der]) {
        let outcome = bench.run_with(["inspect"], form);
        assert_eq!((outcome.stdout(), outcome.status), (shown.stdout(), Some(0)), "{outcome}");
    }
    is_canonical(&bench.run(["inspect", "--json", "vendor.pub"]));
}

#[test]
fn a_private_key_shows_its_public_half_and_never_itself() {
    let bench = bench();
    let seed = crate::vectors::crafted::seed("vendor");
    let plain = bench.run(["inspect", &example("vendor.key")]);
    assert!(
        plain.stdout().contains(&vendor().public().to_hex()) && plain.stdout().contains("NOT encrypted"),
        "{plain}"
    );
    let hex = mintage::id::Hex(&seed).to_string();
    let json = bench.run(["inspect", "--json", &example("vendor.key")]);
    for outcome in [&plain, &json] {
        assert!(!outcome.to_string().contains(&hex), "the seed is shown");
        for part in
            std::fs::read_to_string(example("vendor.key")).unwrap().lines().filter(|line| !line.starts_with('-'))
        {
            assert!(!outcome.to_string().contains(part), "the key is shown");
        }
    }
    let locked = bench.run(["inspect", &example("locked.key")]);
    assert_snapshot!(locked, @"
    NOT VERIFIED: this is what the text claims; nothing has been checked
    kind    private-key
    form    an encrypted private key (PKCS#8)
    public  cannot be told without the passphrase; name it with --passphrase-file
    NOT VERIFIED: this is what the text claims; nothing has been checked
    [exit status: 0]
    ");
    let opened = bench.run(["inspect", &example("locked.key"), "--passphrase-file", &example("locked.passphrase")]);
    let public = std::fs::read_to_string(example("locked.pub")).unwrap();
    assert!(opened.stdout().contains(public.lines().nth(1).unwrap()) && opened.status == Some(0), "{opened}");
    bench.write("wrong", "not the passphrase\n");
    let wrong = bench.run(["inspect", &example("locked.key"), "--passphrase-file", "wrong"]);
    assert!(wrong.stderr().contains("error[bad-passphrase]") && wrong.status == Some(3), "{wrong}");
}

#[test]
fn keys_of_another_type_are_named() {
    let bench = bench();
    let ec = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEcjLb3E0kFFkfvqZwXVJCKKMVlLBkEyuO8oRwKSqfWE4R5cQXl4oWUwWJ6HJQNLLWFbDFAxLVR1VqFUxtLLNFGw==";
    assert_snapshot!(bench.run(["inspect", ec]), @"
    NOT VERIFIED: this is what the text claims; nothing has been checked
    kind     key
    refused  bad-key: this is an elliptic-curve (EC) key, and an Ed25519 key is needed
    NOT VERIFIED: this is what the text claims; nothing has been checked
    ------- stderr -------
    mintage: error[bad-key]: this is an elliptic-curve (EC) key, and an Ed25519 key is needed
    mintage: hint: check that the right file or text was given, and the whole of it; `mintage keygen` makes a pair for whoever signs
    [exit status: 3]
    ");
    let weak = bench.run(["inspect", &format!("01{}", "00".repeat(31))]);
    assert!(weak.stderr().contains("error[weak-key]"), "{weak}");
}

/// Texts that steer a terminal, reorder or hide what is shown, or end a line.
fn hostile() -> Vec<String> {
    let steering = [
        "\u{1b}[2J\u{1b}[H",
        "\u{1b}]0;owned\u{7}",
        "\u{1b}]52;c;b3duZWQ=\u{7}",
        "\u{1b}]8;;https://evil\u{1b}\\",
        "\u{1b}P+q\u{1b}\\",
        "\u{1b}c",
        "\u{9b}2J",
        "\u{9d}0;owned\u{9c}",
        "\u{90}q\u{9c}",
        "\r",
        "\n",
        "\u{8}",
        "\0",
        "\u{7f}",
        "\u{85}",
        "\u{b}",
    ];
    let bidi = [
        '\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}',
        '\u{2067}', '\u{2068}', '\u{2069}',
    ];
    let hiding = [
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{2060}',
        '\u{feff}',
        '\u{ad}',
        '\u{180e}',
        '\u{2028}',
        '\u{2029}',
        '\u{e0041}',
    ];
    let steering = steering.into_iter().map(|text| format!("a{text}b"));
    steering.chain(bidi.into_iter().chain(hiding).map(|char| format!("a{char}b"))).collect()
}

fn assert_harmless(outcome: &Outcome, what: &str) {
    for (name, stream) in [("standard output", &outcome.stdout), ("standard error", &outcome.stderr)] {
        let text = std::str::from_utf8(stream).unwrap_or_else(|_| panic!("{what}: {name} is not UTF-8"));
        let raw = text.chars().find(|char| *char != '\n' && steers(*char));
        assert_eq!(raw, None, "{what}: {name}: {text:?}");
    }
    assert!(matches!(outcome.status, Some(0..=3)), "{what}: {outcome}");
}

/// A license with every hostile text in every string that a license has, each behind a name of its own.
fn hostile_license() -> String {
    let quote = |text: &str| mintage::json::canonical(&mintage::json::Value::String(text.into()));
    let texts = hostile();
    let joined = quote(&texts.concat());
    let list: Vec<String> = texts.iter().map(|text| quote(text)).collect();
    let keys = |value: &dyn Fn(usize) -> String| -> String {
        list.iter().enumerate().map(|(at, key)| format!("{key}:{}", value(at))).collect::<Vec<_>>().join(",")
    };
    let numbers = keys(&|at| at.to_string());
    let words = keys(&|at| list[at].clone());
    format!(
        concat!(
            r#"{{"crit":["exp"],"exp":1798761599,"features":[{list}],"iat":1767225600,"label":{joined},"licenseId":{joined},"#,
            r#""limits":{{{numbers}}},"meta":{{{words}}},"product":{joined},"tenantId":{joined},"tier":{joined},{joined}:{joined}}}"#
        ),
        list = list.join(","),
        joined = joined,
        numbers = numbers,
        words = words
    )
}

#[test]
fn no_claim_reaches_a_terminal_raw() {
    let bench = bench();
    let payload = hostile_license();
    let signed = spell(&payload, vendor().sign(payload.as_bytes()));
    let unsigned = spell(&payload, [0; 64]);
    bench.write("signed.lic", &signed);
    bench.write("lines.jsonl", format!("{signed}\n{unsigned}\n"));
    bench.write("bare.json", &payload);
    let verify = ["verify", "--trust", "vendor.pub", "--at", NOW];
    for document in [signed.as_str(), &unsigned, "signed.lic", "bare.json"] {
        for json in [&[][..], &["--json"]] {
            assert_harmless(&bench.run(["inspect", document].iter().chain(json)), "inspect");
            assert_harmless(&bench.run(verify.iter().chain(&[document]).chain(json)), "verify");
            let asked = ["--tenant", "t", "--product", "p", "--feature", "f", document];
            assert_harmless(&bench.run(verify.iter().chain(&asked).chain(json)), "verify and ask");
        }
    }
    assert_harmless(&bench.run(verify.iter().chain(&["--batch", "lines.jsonl"])), "batch");
    let valid = bench.run(verify.iter().chain(&["signed.lic"]));
    assert_eq!(valid.status, Some(0), "{valid}");
}

#[test]
fn no_argument_or_fault_reaches_a_terminal_raw() {
    let bench = bench();
    let token = bench.license(&[]);
    for text in hostile().iter().filter(|text| !text.contains('\0')) {
        let pair = format!("{text}=1");
        let flag = format!("--{text}");
        let sets: [&[&str]; 15] = [
            &["inspect", text],
            &["verify", "--trust", "vendor.pub", text],
            &["verify", "--trust", text, &token],
            &["verify", "--trust", "vendor.pub", "--tenant", text, "--feature", text, "--product", text, &token],
            &["verify", "--trust", "vendor.pub", "--usage", &pair, "--at", NOW, &token],
            &["verify", "--trust", "vendor.pub", "--at", text, &token],
            &["verify", "--trust", "vendor.pub", "--unseal", text, &token],
            &["mint", "--dry-run", "--tenant", text, "--expires", "90d"],
            &["mint", "--dry-run", "--tenant", "acme", "--expires", text],
            &["mint", "--dry-run", "--tenant", "acme", "--expires", "90d", "--limit", &pair],
            &["mint", "--key", text, "--tenant", "acme", "--expires", "90d"],
            &["mint", "--batch", text, "--key", text],
            &["verify", "--usage", text],
            &["verify", &flag],
            &[text],
        ];
        for arguments in sets {
            assert_harmless(&bench.run(arguments), &format!("{arguments:?}"));
            assert_harmless(&bench.run(arguments.iter().chain(&["--json"])), &format!("{arguments:?} --json"));
        }
    }
}

#[test]
fn no_damaged_text_reaches_a_terminal_raw() {
    let bench = bench();
    let token = bench.license(&[]);
    for text in hostile() {
        let middle = token.len() / 2;
        for damaged in [
            format!("{text}{token}"),
            format!("{}{text}{}", &token[..middle], &token[middle..]),
            format!("{token}.{text}"),
            text,
        ] {
            harmless_on_input(&bench, &damaged);
        }
    }
}

fn harmless_on_input(bench: &Bench, text: &str) {
    assert_harmless(&bench.run_with(["inspect"], text), &format!("inspect {text:?}"));
    assert_harmless(
        &bench.run_with(["verify", "--trust", "vendor.pub", "--at", NOW, "-"], text),
        &format!("verify {text:?}"),
    );
}
