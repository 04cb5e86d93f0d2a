//! Every kind of document at every door: only what a door is for gets in, and every other is refused by name. All are signed
//! by one key that is trusted for everything, so nothing but the kind can be the reason.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mintage::dsse::{Envelope, Kind, encode};
use mintage::key::SecretKey;
use mintage::key::file::KeyFile;
use mintage::keyring::document::KeyringDocument;
use mintage::keyring::{Keyring, Purpose, TrustedKey};
use mintage::{Code, License, Manifest, Revocations, Token, trust};

use crate::harness::{Bench, ISSUED, Outcome, example};

/// The documents of the house, each in a file named for its kind. The last ones have doors of their own elsewhere; here
/// they try every other.
const KINDS: [&str; 10] = [
    "license",
    "sealed-license",
    "keyring",
    "revocations",
    "manifest",
    "request",
    "proof",
    "release",
    "usage",
    "unlock",
];

/// A way in: what it is called, whom it lets in, the code that others are refused with unless they are excepted, and the
/// arguments with `@` for the document.
struct Door {
    name: &'static str,
    lets_in: &'static [&'static str],
    code: &'static str,
    except: &'static [(&'static str, &'static str)],
    line: &'static str,
}

/// What is no envelope is no JSON at all, or not that of one.
const NO_ENVELOPE: &[(&str, &str)] =
    &[("license", "malformed"), ("sealed-license", "malformed"), ("request", "malformed")];

const DOORS: [Door; 13] = [
    Door {
        name: "verify --proof",
        lets_in: &["proof"],
        code: "wrong-kind",
        except: &[],
        line: "verify license --trust vendor.pub --any-machine --proof @",
    },
    Door {
        name: "mint proof --request",
        lets_in: &["request"],
        code: "wrong-kind",
        except: &[],
        line: "mint proof --allow-readable-key --key vendor.key --license license --request @ -o out",
    },
    Door {
        name: "activate --install",
        lets_in: &[],
        code: "wrong-kind",
        except: &[("proof", "nonce-mismatch")],
        line: "activate --trust vendor.pub --fingerprint node-1 --proof @ --install installed",
    },
    Door {
        name: "verify --trust",
        lets_in: &["keyring"],
        code: "wrong-kind",
        except: &[("license", "bad-key"), ("sealed-license", "bad-key"), ("request", "bad-key")],
        line: "verify license --trust vendor.pub --trust @",
    },
    Door {
        name: "verify --revocations",
        lets_in: &["revocations"],
        code: "wrong-kind",
        except: NO_ENVELOPE,
        line: "verify license --trust vendor.pub --revocations @",
    },
    Door {
        name: "verify --manifest",
        lets_in: &["manifest"],
        code: "wrong-kind",
        except: NO_ENVELOPE,
        line: "verify license --trust vendor.pub --manifest @",
    },
    Door {
        name: "verify --dir",
        lets_in: &["manifest"],
        code: "wrong-kind",
        except: NO_ENVELOPE,
        line: "verify @ --trust vendor.pub --dir app",
    },
    Door {
        name: "verify --license",
        lets_in: &["license"],
        code: "wrong-kind",
        except: &[("sealed-license", "sealed")],
        line: "verify manifest --trust vendor.pub --dir app --license @",
    },
    Door {
        name: "verify --license --unseal",
        lets_in: &["license", "sealed-license"],
        code: "wrong-kind",
        except: &[],
        line: "verify manifest --trust vendor.pub --dir app --unseal secret --license @",
    },
    Door {
        name: "verify --state",
        lets_in: &[],
        code: "malformed",
        except: &[],
        line: "verify license --trust vendor.pub --state @",
    },
    Door {
        name: "mint keyring --previous",
        lets_in: &["keyring"],
        code: "wrong-kind",
        except: NO_ENVELOPE,
        line: "mint keyring --allow-readable-key --key vendor.key --previous @ -o out",
    },
    Door {
        name: "mint keyring --cosign",
        lets_in: &["keyring"],
        code: "wrong-kind",
        except: NO_ENVELOPE,
        line: "mint keyring --allow-readable-key --key ci.key --cosign @ -o out",
    },
    Door {
        name: "mint revocations --previous",
        lets_in: &["revocations"],
        code: "wrong-kind",
        except: NO_ENVELOPE,
        line: "mint revocations --allow-readable-key --key vendor.key --previous @ -o out",
    },
];

fn vendor() -> SecretKey {
    KeyFile::parse(&fs::read(example("vendor.key")).unwrap()).unwrap().open(None).unwrap()
}

/// An envelope of a kind that no command mints here.
fn envelope(kind: &str) -> String {
    let payload_type = format!("application/vnd.mintage.{kind}+json");
    let payload = br#"{"proofId":"p-1"}"#;
    let signature = STANDARD.encode(vendor().sign(&encode(&payload_type, payload)));
    let payload = STANDARD.encode(payload);
    format!(r#"{{"payload":"{payload}","payloadType":"{payload_type}","signatures":[{{"sig":"{signature}"}}]}}"#)
}

/// A folder that holds one document of each kind, a tree and the keys.
fn scene() -> Bench {
    let bench = Bench::new();
    for name in ["vendor.key", "vendor.pub", "ci.key", "ci.pub"] {
        bench.write(name, fs::read(example(name)).unwrap());
    }
    bench.write("app/readme", "read me");
    bench.write("secret", [7; 32]);
    let instance_key = STANDARD.encode(vendor().public().as_bytes());
    let request = format!(
        r#"{{"createdAt":0,"fingerprint":"node-1","instanceKey":"{instance_key}","kind":"mintage/request/v1",{}}}"#,
        r#""licenseId":"lic-1","nonce":"AAAAAAAAAAAAAAAAAAAAAA==""#
    );
    bench.write("request", request);
    for kind in ["release", "usage", "unlock"] {
        bench.write(kind, envelope(kind));
    }
    for line in [
        "mint --tenant acme --expires never --id lic-1 -o license",
        "mint --tenant acme --expires never --id lic-1 --seal secret -o sealed-license",
        "mint keyring --add vendor.pub:license,proof,manifest,revocations,keyring --add ci.pub:keyring -o keyring",
        "mint revocations --revoke lic-9 --next-update never -o revocations",
        "mint manifest app --product acme --version 1 -o manifest",
        "mint proof --request request --license license -o proof",
    ] {
        let fixed = ["-q", "--allow-readable-key", "--key", "vendor.key", "--issued-at", ISSUED];
        let minted = bench.run(line.split(' ').chain(fixed));
        assert_eq!(minted.status, Some(0), "{line}: {minted}");
    }
    bench
}

/// The code of the first error; `valid` where there is none.
fn told(outcome: &Outcome) -> &str {
    let code = || outcome.stderr().split_once("error[")?.1.split_once(']').map(|(code, _)| code);
    if outcome.status == Some(0) { "valid" } else { code().unwrap_or("no code") }
}

#[test]
fn only_what_a_door_is_for_gets_in() {
    let bench = scene();
    for door in &DOORS {
        for kind in KINDS {
            let outcome = bench.run(door.line.split(' ').map(|word| if word == "@" { kind } else { word }));
            let except = door.except.iter().find(|(excepted, _)| *excepted == kind).map(|(_, code)| *code);
            let expected = if door.lets_in.contains(&kind) { "valid" } else { except.unwrap_or(door.code) };
            assert_eq!(told(&outcome), expected, "{kind} at `{}`: {outcome}", door.name);
            // Whom to trust and what is remembered come before any question; whatever else is wrong is a no.
            if door.name.starts_with("verify --") && !["verify --trust", "verify --state"].contains(&door.name) {
                let code = Code::ALL.iter().find(|code| code.as_str() == expected);
                assert_eq!(outcome.status, Some(code.map_or(0, |code| code.exit().status().into())), "{outcome}");
            }
            let written = bench.path("out");
            assert_eq!(
                written.exists(),
                expected == "valid" && door.line.ends_with("out"),
                "{kind} at `{}`",
                door.name
            );
            let _ = fs::remove_file(written);
        }
    }
}

/// A function of the library that believes documents of one kind; says which, and the code of what it refuses.
type Verifier = (&'static str, fn(&str, &Keyring) -> Result<(), Code>);

fn parsed(text: &str) -> Result<Envelope, Code> {
    Envelope::parse(text.as_bytes()).map_err(|error| error.code())
}

const VERIFIERS: [Verifier; 5] = [
    ("license", |text, keyring| {
        let token = Token::parse(text).map_err(|error| error.code())?;
        let claims = token.verify(keyring).map_err(|error| error.code())?;
        claims.license().map(drop).ok_or(Code::Sealed)
    }),
    ("sealed-license", |text, keyring| {
        let token = Token::parse(text).map_err(|error| error.code())?;
        let claims = token.verify(keyring).map_err(|error| error.code())?;
        claims.license().map_or(Ok(()), |_| Err(Code::WrongKind))
    }),
    ("keyring", |text, keyring| {
        let bare: Vec<_> = keyring.keys().iter().map(|trusted| trusted.key.clone()).collect();
        trust::establish(&bare, &[parsed(text)?]).map(drop).map_err(|error| error.code())
    }),
    ("revocations", |text, keyring| {
        Revocations::verify(&parsed(text)?, keyring).map(drop).map_err(|error| error.code())
    }),
    ("manifest", |text, keyring| Manifest::verify(&parsed(text)?, keyring).map(drop).map_err(|error| error.code())),
];

#[test]
fn no_function_of_the_library_takes_one_kind_for_another() {
    let bench = scene();
    let keyring = Keyring::from(vendor().public());
    for (own, verify) in VERIFIERS {
        for kind in KINDS {
            let text = bench.read(kind);
            let answer = verify(text.trim_end(), &keyring);
            if kind == own {
                assert_eq!(answer, Ok(()), "{kind}");
                continue;
            }
            let named = [Code::WrongKind, Code::Malformed, Code::Sealed];
            assert!(answer.is_err_and(|code| named.contains(&code)), "{kind} as {own}: {answer:?}");
        }
    }
}

/// A payload that reads as the kind of its envelope, and changes hands under another's type.
#[test]
fn a_payload_under_the_type_of_another_kind_is_none_of_either() {
    let keyring = Keyring::from(vendor().public());
    let bench = scene();
    for from in ["keyring", "revocations", "manifest"] {
        for to in ["keyring", "revocations", "manifest"] {
            let payload = parsed(bench.read(from).trim_end()).unwrap().unverified_payload().to_vec();
            let kind = match to {
                "keyring" => Kind::Keyring,
                "revocations" => Kind::Revocations,
                _ => Kind::Manifest,
            };
            let signed = Envelope::sign(kind, payload, &[&vendor()]).to_json();
            let verify = VERIFIERS.iter().find(|(name, _)| *name == to).unwrap().1;
            assert_eq!(verify(&signed, &keyring).is_ok(), from == to, "{from} as {to}");
        }
    }
}

#[test]
fn a_key_for_one_purpose_signs_for_no_other() {
    let license = License::new(
        "lic-1".to_owned(),
        "acme".to_owned(),
        mintage::time::Timestamp::EPOCH,
        mintage::time::Timestamp::NEVER,
    );
    let token = Token::mint(license, &vendor());
    for purpose in Purpose::ALL {
        let mut keyring = Keyring::default();
        keyring.add(TrustedKey { purposes: vec![purpose], ..TrustedKey::bare(vendor().public()) });
        for kind in [Kind::Keyring, Kind::Manifest, Kind::Revocations] {
            let signed = Envelope::sign(kind, b"{}".to_vec(), &[&vendor()]);
            let answer = signed.verify(kind, &keyring, None, 1).map(drop).map_err(|error| error.code());
            let expected = if kind.purpose() == purpose { Ok(()) } else { Err(Code::WrongPurpose) };
            assert_eq!(answer, expected, "{kind:?} by a key for {}", purpose.as_str());
        }
        let answer = Token::parse(token.as_str()).unwrap().verify(&keyring).map(drop).map_err(|error| error.code());
        let expected = if purpose == Purpose::License { Ok(()) } else { Err(Code::WrongPurpose) };
        assert_eq!(answer, expected, "a license by a key for {}", purpose.as_str());
    }
}

#[test]
fn a_keyring_of_keys_is_read_by_its_own_reader_alone() {
    let bench = scene();
    let payload = |kind: &str| parsed(bench.read(kind).trim_end()).unwrap().unverified_payload().to_vec();
    assert!(KeyringDocument::parse(&payload("keyring")).is_ok());
    assert!(KeyringDocument::parse(&payload("revocations")).is_err());
    assert!(KeyringDocument::parse(&payload("manifest")).is_err());
}
