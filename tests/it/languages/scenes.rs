//! The files that every example judges, each with what it must answer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mintage::dsse::{self, Kind};
use mintage::key::file::KeyFile;
use mintage::{Envelope, Keyring, PublicKey, SecretKey, Token};

use crate::harness::{Bench, ISSUED, example};

const KEYRING: &str = "application/vnd.mintage.keyring+json";
const PROOF: &str = "application/vnd.mintage.proof+json";
const REVOCATIONS: &str = "application/vnd.mintage.revocations+json";

/// What an example answers to a license.
pub(super) enum Expect {
    /// What mintage does.
    AsMintage,
    /// No, though mintage would mend the text.
    Strict,
    /// Anything but yes: mintage judges what the example does not.
    Closed,
}

pub(super) struct LicenseScene {
    pub(super) name: &'static str,
    pub(super) file: String,
    pub(super) key: String,
    pub(super) tenant: String,
    pub(super) expect: Expect,
}

pub(super) struct DocumentScene {
    pub(super) name: &'static str,
    pub(super) file: String,
    pub(super) payload_type: &'static str,
    /// What is printed with a yes.
    pub(super) payload: Option<Vec<u8>>,
}

/// Opens a published example key.
pub(crate) fn secret(name: &str) -> SecretKey {
    KeyFile::parse(&std::fs::read(example(name)).unwrap()).unwrap().open(None).unwrap()
}

/// Signs an envelope as mintage does.
fn signed(kind: Kind, payload: &str, keys: &[&str]) -> Envelope {
    let keys: Vec<_> = keys.iter().map(|name| secret(name)).collect();
    Envelope::sign(kind, payload.as_bytes().to_vec(), &keys.iter().collect::<Vec<_>>())
}

/// Turns one bit of base64 over.
fn turned(text: &str) -> String {
    let mut bytes = STANDARD.decode(text).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    STANDARD.encode(bytes)
}

/// Mints with further arguments.
fn mint(bench: &Bench, arguments: &[&str]) -> String {
    bench.mint(&[&["--tenant", "acme"], arguments].concat())
}

pub(super) fn licenses(bench: &Bench) -> Vec<LicenseScene> {
    use Expect::{AsMintage, Closed, Strict};
    let vendor = secret("vendor.key");
    let valid = mint(bench, &["--expires", "never", "--grace-days", "30"]);
    let (payload, signature) = valid.split_once('.').unwrap();
    let claims = String::from_utf8(STANDARD.decode(payload).unwrap()).unwrap();
    let with = |member: &str| Token::sign(&claims.replacen('{', &format!("{{{member},"), 1), &vendor).to_string();
    let rich = ["--tenant", "a\"c\\m[e.*", "--expires", "never", "--label", "x\",\"exp\":1,\"y", "--limit", "exp=5"]
        .into_iter()
        .chain(["--limit", "nbf=99999999999", "--feature", "a]b", "--feature", "c", "--meta", "tenantId=other"])
        .chain(["--meta", "a=}", "--product", "p", "--tier", "Free", "--seats", "4", "--not-before", "2026-01-02"])
        .chain(["--max-activations", "2"]);
    let rich = bench.mint(&rich.collect::<Vec<_>>());
    let document = signed(Kind::Keyring, &claims, &["vendor.key"]);
    let encoded = String::from_utf8(dsse::encode(document.payload_type(), claims.as_bytes())).unwrap();
    bench.write("secret", [7; 32]);
    let evil = STANDARD.encode(claims.replace("acme", "evil"));
    let short = STANDARD.encode(&STANDARD.decode(signature).unwrap()[..63]);
    // The last digit before the padding holds four bits that no byte takes.
    let (start, last) = signature.split_at(signature.len() - 3);
    let other = char::from(last.as_bytes()[0] + 1);
    let loose = format!("{payload}.{start}{other}==");
    let texts = [
        ("valid", valid.clone(), AsMintage),
        ("expired", mint(bench, &["--expires", "2026-01-31"]), AsMintage),
        ("in grace", mint(bench, &["--expires", "2026-01-31", "--grace-days", "3650"]), AsMintage),
        ("past its grace", mint(bench, &["--expires", "2026-01-02", "--grace-days", "5"]), AsMintage),
        ("not yet valid", mint(bench, &["--expires", "never", "--not-before", "9000-01-01"]), AsMintage),
        (
            "issued in the future",
            {
                let future = claims.replace(r#""iat":1767225600"#, r#""iat":253402300000"#);
                Token::sign(&future, &vendor).to_string()
            },
            AsMintage,
        ),
        ("tampered signature", format!("{payload}.{}", turned(signature)), AsMintage),
        ("short signature", format!("{payload}.{short}"), AsMintage),
        ("empty signature", format!("{payload}."), AsMintage),
        ("three parts", format!("{valid}.{signature}"), AsMintage),
        ("one part", payload.to_owned(), AsMintage),
        ("no text", String::new(), AsMintage),
        ("a document", document.to_json(), AsMintage),
        ("the signed bytes of a document", Token::sign(&encoded, &vendor).to_string(), AsMintage),
        ("no object", Token::sign("[]", &vendor).to_string(), AsMintage),
        ("sealed", mint(bench, &["--expires", "never", "--seal", "secret"]), AsMintage),
        ("without padding", valid.trim_end_matches('=').to_owned(), Strict),
        ("another spelling of the same signature", loose, Strict),
        ("bound to a machine", mint(bench, &["--expires", "never", "--fingerprint", "m-1"]), Closed),
        ("valid only with a proof", mint(bench, &["--expires", "never", "--activation", "proof"]), Closed),
        ("a member that must be understood", with(r#""crit":["new"],"new":1"#), Closed),
        ("another kind", with(r#""typ":"proof""#), Closed),
        ("a grace of another type", Token::sign(&claims.replace(":30,", r#":"30","#), &vendor).to_string(), Closed),
    ];
    let vendor_pub = example("vendor.pub");
    let scene = |name: &'static str, text: &str, key: &str, tenant: &str, expect: Expect| {
        let file = format!("{}.lic", name.replace(' ', "-"));
        bench.write(&file, format!("{text}\n"));
        LicenseScene { name, file, key: key.to_owned(), tenant: tenant.to_owned(), expect }
    };
    let mut scenes: Vec<_> =
        texts.into_iter().map(|(name, text, expect)| scene(name, &text, &vendor_pub, "acme", expect)).collect();
    scenes.push(scene("tampered payload", &format!("{evil}.{signature}"), &vendor_pub, "evil", AsMintage));
    scenes.push(scene("wrong key", &valid, &example("ci.pub"), "acme", AsMintage));
    scenes.push(scene("other tenant", &valid, &vendor_pub, "globex", AsMintage));
    scenes.push(scene("a part of the tenant", &valid, &vendor_pub, "acm", AsMintage));
    scenes.push(scene("all members", &rich, &vendor_pub, "a\"c\\m[e.*", AsMintage));
    scenes.push(scene("all members, a tenant in meta", &rich, &vendor_pub, "other", AsMintage));
    scenes.push(scene("all members, a tenant as pattern", &rich, &vendor_pub, "a\"c\\m[e.xx", AsMintage));
    scenes
}

pub(super) fn documents(bench: &Bench) -> Vec<DocumentScene> {
    let vendor = example("vendor.key");
    let ci = format!("{}:manifest", example("ci.pub"));
    let arguments = ["-q", "mint", "keyring", "--allow-readable-key", "--key", &vendor, "--add", &ci];
    let minted = bench.run(arguments.iter().chain(&["--issued-at", ISSUED]));
    assert_eq!(minted.status, Some(0), "{minted}");
    let minted = minted.stdout().trim_end().to_owned();
    let envelope = Envelope::parse(minted.as_bytes()).unwrap();
    let payload = String::from_utf8(envelope.unverified_payload().to_vec()).unwrap();
    let changed = minted.replace(&STANDARD.encode(&payload), &STANDARD.encode(payload.replace("active", "Active")));
    let signature = &minted[minted.find(r#""sig":""#).unwrap() + 7..][..88];
    let token = mint(bench, &["--expires", "never"]);
    let (claims, claims_signature) = token.split_once('.').unwrap();
    let smuggled = minted.replace(&STANDARD.encode(&payload), claims).replace(signature, claims_signature);
    let id = secret("vendor.key").public().id().to_string();
    let both = signed(Kind::Keyring, &payload, &["ci.key", "vendor.key"]).to_json();
    let bytes = payload.clone();
    let texts = [
        ("minted", minted.clone(), KEYRING),
        ("signed by another key before ours", both, KEYRING),
        ("with a key id that is a path", minted.replacen(&id, "../../etc/passwd", 1), KEYRING),
        ("spelled with white space", minted.replace("\":", "\" : ").replace(',', ",\n "), KEYRING),
        ("a proof", signed(Kind::Proof, &payload, &["vendor.key"]).to_json(), PROOF),
        ("a proof that is none", minted.clone(), PROOF),
        ("tampered payload", changed, KEYRING),
        ("tampered signature", minted.replace(signature, &turned(signature)), KEYRING),
        ("without padding", minted.replace("==\"", "\""), KEYRING),
        ("signed by a stranger", signed(Kind::Keyring, &payload, &["ci.key"]).to_json(), KEYRING),
        ("of another type", minted.clone(), REVOCATIONS),
        (
            "of another type, and signed as such",
            signed(Kind::Revocations, &payload, &["vendor.key"]).to_json(),
            KEYRING,
        ),
        ("with its type changed", minted.replace(KEYRING, REVOCATIONS), REVOCATIONS),
        ("with another type over ours", minted.replace(KEYRING, REVOCATIONS), KEYRING),
        ("a license", token.clone(), KEYRING),
        ("a license's payload and signature", smuggled, KEYRING),
        ("unsigned", minted.replace(&minted[minted.find('[').unwrap()..], "[]}"), KEYRING),
        ("no object", "[]".to_owned(), KEYRING),
        ("no text", String::new(), KEYRING),
    ];
    let keyring = Keyring::from(PublicKey::from_file_bytes(&std::fs::read(example("vendor.pub")).unwrap()).unwrap());
    let scene = |(name, text, payload_type): (&'static str, String, &'static str)| {
        let kind = Kind::of(payload_type).unwrap();
        let envelope = Envelope::parse(text.as_bytes());
        let verified = envelope.as_ref().ok().and_then(|envelope| envelope.verify(kind, &keyring, None, 1).ok());
        let payload = verified.map(|payload| payload.bytes().to_vec());
        let file = format!("{}.json", name.replace(' ', "-"));
        bench.write(&file, format!("{text}\n"));
        DocumentScene { name, file, payload_type, payload }
    };
    let scenes: Vec<_> = texts.into_iter().map(scene).collect();
    let yes = scenes.iter().filter_map(|scene| scene.payload.as_deref());
    assert!(yes.eq([bytes.as_bytes(); 5]), "the first five are the ones that verify");
    scenes
}
