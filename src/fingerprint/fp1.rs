//! [`Fp1`]: the document of weighted components, read strictly and written canonically.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::FingerprintError;
use super::component::{BOARD_SERIAL, Kdf, PRODUCT_UUID, is_name};
use super::digest::Digest;
use super::profile::Profile;
use super::reading::{Privilege, ReadOptions};
use crate::id::{Hex, decode_hex};
use crate::json::{JsonError, Members, Value, Writer, steers};

/// How many components a document may have.
pub(super) const MOST_COMPONENTS: usize = 32;

const MOST_DIGESTS: usize = 64;

/// A machine as weighted components, and the rule by which another is told from it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fp1 {
    /// The product it was made for; empty when none was named.
    pub product: String,
    /// 16 random bytes that keep the digests of one document apart from those of every other.
    pub salt: [u8; 16],
    /// The kind of machine it was read from.
    pub profile: Profile,
    /// The components, no name twice.
    pub components: Vec<Component>,
    /// How many points must match, at least 1 and at most `total`.
    pub threshold: u32,
    /// The sum of the weights.
    pub total: u32,
    /// Names of components that fail the comparison by being different, whatever else matches.
    pub veto: Vec<String>,
}

/// One source of identity.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Component {
    /// Its name, such as `os.machine-id`.
    pub name: String,
    /// The points it gives when it matches, in `1..=100`.
    pub weight: u32,
    /// How values become digests.
    pub kdf: Kdf,
    /// Digests of the values it had, in ascending order; any one of them matches.
    pub digests: Vec<Digest>,
}

impl Fp1 {
    /// Reads the members of an object; those that are not known are ignored.
    pub(super) fn from_members(members: Members<'_>) -> Result<Self, FingerprintError> {
        // The format comes first: a later one may give every other member another meaning.
        let format = members.iter().find(|(name, _)| name == "format").map(|(_, value)| value.clone());
        let format = required(format, "format")?.into_string("format")?;
        if format != "fp1" {
            return Err(FingerprintError::NewerFormat(format.into_owned()));
        }
        let [mut components, mut product, mut profile, mut salt, mut threshold, mut total, mut veto] =
            [const { None }; 7];
        for (name, value) in members {
            match &*name {
                "collector" => drop(value.into_string("collector")?),
                "components" => components = Some(value),
                "product" => product = Some(value),
                "profile" => profile = Some(value),
                "salt" => salt = Some(value),
                "threshold" => threshold = Some(value),
                "total" => total = Some(value),
                "veto" => veto = Some(value),
                _ => {}
            }
        }
        let components = read_components(required(components, "components")?)?;
        let sum = components.iter().map(|component| component.weight).sum();
        let total = bounded(&required(total, "total")?, "total", sum..=sum, "the sum of the weights")?;
        let threshold = required(threshold, "threshold")?;
        Ok(Self {
            product: read_product(required(product, "product")?)?,
            salt: read_salt(&required(salt, "salt")?)?,
            profile: read_profile(&required(profile, "profile")?)?,
            threshold: bounded(&threshold, "threshold", 1..=total, "an integer from 1 to the total")?,
            total,
            veto: read_veto(required(veto, "veto")?, &components)?,
            components,
        })
    }

    /// Writes the document canonically.
    pub(super) fn write(&self, out: &mut Writer) {
        out.begin_object();
        out.name("components").begin_array();
        for component in &self.components {
            component.write(out);
        }
        out.end_array();
        out.name("format").string("fp1");
        out.name("product").string(&self.product);
        out.name("profile").string(self.profile.as_str());
        out.name("salt").string(&STANDARD.encode(self.salt));
        out.name("threshold").integer(self.threshold.into());
        out.name("total").integer(self.total.into());
        out.name("veto").begin_array();
        for name in &self.veto {
            out.string(name);
        }
        out.end_array();
        out.end_object();
    }

    /// Returns the component of this name.
    pub(super) fn find(&self, name: &str) -> Option<&Component> {
        self.components.iter().find(|component| component.name == name)
    }

    /// Returns the options that read what this document holds.
    pub(super) fn read_options(&self) -> ReadOptions {
        let firmware = self.components.iter().any(|component| matches!(&*component.name, PRODUCT_UUID | BOARD_SERIAL));
        ReadOptions {
            privilege: if firmware { Privilege::Privileged } else { Privilege::Ordinary },
            profile: self.profile,
            supplied: Vec::new(),
        }
    }
}

impl Component {
    fn from_json(value: Value<'_>) -> Result<Self, FingerprintError> {
        let [mut name, mut weight, mut kdf, mut digests] = [const { None }; 4];
        for (member, value) in value.into_object("components")? {
            match &*member {
                "digests" => digests = Some(value),
                "kdf" => kdf = Some(value),
                "name" => name = Some(value),
                "weight" => weight = Some(value),
                _ => {}
            }
        }
        Ok(Self {
            name: read_name(&required(name, "name")?)?,
            weight: bounded(&required(weight, "weight")?, "weight", 1..=100, "an integer in 1..=100")?,
            kdf: read_kdf(&required(kdf, "kdf")?)?,
            digests: read_digests(required(digests, "digests")?)?,
        })
    }

    fn write(&self, out: &mut Writer) {
        out.begin_object();
        out.name("digests").begin_array();
        for digest in &self.digests {
            out.string(&Hex(digest).to_string());
        }
        out.end_array();
        out.name("kdf").string(self.kdf.as_str());
        out.name("name").string(&self.name);
        out.name("weight").integer(self.weight.into());
        out.end_object();
    }
}

/// Whether a text can stand as the product: a NUL would let two products share digests.
pub(super) fn is_product(text: &str) -> bool {
    text.len() <= 1_024 && !text.chars().any(steers)
}

fn required<'a>(value: Option<Value<'a>>, name: &'static str) -> Result<Value<'a>, JsonError> {
    value.ok_or(JsonError::Missing(name))
}

fn bounded(
    value: &Value<'_>,
    name: &str,
    range: std::ops::RangeInclusive<u32>,
    expected: &'static str,
) -> Result<u32, JsonError> {
    let number = match value {
        Value::Integer(number) => u32::try_from(*number).ok(),
        _ => None,
    };
    number.filter(|number| range.contains(number)).ok_or_else(|| JsonError::value(name, expected, value))
}

fn text<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn read_components(value: Value<'_>) -> Result<Vec<Component>, FingerprintError> {
    let fault = JsonError::value("components", "1..=32 components, no name twice", &value);
    let items = value.into_array("components")?;
    if !(1..=MOST_COMPONENTS).contains(&items.len()) {
        return Err(fault.into());
    }
    let components = items.into_iter().map(Component::from_json).collect::<Result<Vec<_>, _>>()?;
    let twice = (1..components.len()).any(|at| components[..at].iter().any(|other| other.name == components[at].name));
    if twice { Err(fault.into()) } else { Ok(components) }
}

fn read_digests(value: Value<'_>) -> Result<Vec<Digest>, JsonError> {
    let fault = JsonError::value("digests", "1..=64 digests", &value);
    let items = value.into_array("digests")?;
    if !(1..=MOST_DIGESTS).contains(&items.len()) {
        return Err(fault);
    }
    let digest = |item: &Value<'_>| {
        let digest = text(item).and_then(decode_hex);
        digest.ok_or_else(|| JsonError::value("digests", "digests of 32 lower-case hex digits", item))
    };
    let mut digests = items.iter().map(digest).collect::<Result<Vec<_>, _>>()?;
    digests.sort_unstable();
    digests.dedup();
    Ok(digests)
}

fn read_name(value: &Value<'_>) -> Result<String, JsonError> {
    let name = text(value).filter(|name| is_name(name)).map(str::to_owned);
    name.ok_or_else(|| JsonError::value("name", "1..=64 of `a-z`, `0-9`, `.` and `-`", value))
}

fn read_kdf(value: &Value<'_>) -> Result<Kdf, JsonError> {
    text(value).and_then(Kdf::parse).ok_or_else(|| JsonError::value("kdf", "`hmac-sha256` or `pbkdf2-200k`", value))
}

fn read_product(value: Value<'_>) -> Result<String, JsonError> {
    let fault = JsonError::value("product", "a string of at most 1,024 bytes without control characters", &value);
    let product = value.into_text("product")?;
    if is_product(&product) { Ok(product.into_owned()) } else { Err(fault) }
}

fn read_profile(value: &Value<'_>) -> Result<Profile, JsonError> {
    text(value).and_then(Profile::parse).ok_or_else(|| JsonError::value("profile", "`host` or `vm`", value))
}

fn read_salt(value: &Value<'_>) -> Result<[u8; 16], JsonError> {
    let salt = text(value).and_then(|text| STANDARD.decode(text).ok()).and_then(|bytes| bytes.try_into().ok());
    salt.ok_or_else(|| JsonError::value("salt", "16 bytes in base64", value))
}

fn read_veto(value: Value<'_>, components: &[Component]) -> Result<Vec<String>, JsonError> {
    let mut veto: Vec<String> = Vec::new();
    for item in value.into_array("veto")? {
        let name = text(&item).filter(|name| components.iter().any(|component| component.name == **name));
        let name = name.filter(|name| veto.iter().all(|other| other != name)).map(str::to_owned);
        veto.push(name.ok_or_else(|| JsonError::value("veto", "names of the components, none twice", &item))?);
    }
    Ok(veto)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Fingerprint;
    use super::*;
    use crate::code::Code;
    use crate::json::parse;

    const GOOD: &str = concat!(
        r#"{"components":[{"digests":["00000000000000000000000000000001","00000000000000000000000000000002"],"#,
        r#""kdf":"pbkdf2-200k","name":"net.mac","weight":2},"#,
        r#"{"digests":["ffffffffffffffffffffffffffffffff"],"kdf":"hmac-sha256","name":"os.machine-id","weight":3}],"#,
        r#""format":"fp1","product":"acme","profile":"host","salt":"AAECAwQFBgcICQoLDA0ODw==","#,
        r#""threshold":3,"total":5,"veto":["os.machine-id"]}"#
    );

    fn read(json: &str) -> Result<Fingerprint, FingerprintError> {
        Fingerprint::from_json(parse(json.as_bytes()).unwrap(), "fingerprint")
    }

    fn written(fingerprint: &Fingerprint) -> String {
        let mut out = Writer::default();
        fingerprint.write(&mut out);
        out.finish()
    }

    #[test]
    fn reads_and_writes_the_canonical_spelling() {
        assert_eq!(written(&read(GOOD).unwrap()), GOOD);
    }

    #[test]
    fn ignores_unknown_members_and_the_collector_and_sorts_digests() {
        let json = GOOD
            .replace(r#""format""#, r#""collector":"1.0 linux","later":[{"x":1.5}],"format""#)
            .replace(r#""kdf":"hmac"#, r#""seen":null,"kdf":"hmac"#)
            .replacen("0001", "0003", 1);
        let expected = GOOD.replace("0001\",\"", "0002\",\"").replacen("0002\"],", "0003\"],", 1);
        assert_eq!(written(&read(&json).unwrap()), expected);
    }

    #[test]
    fn refuses_hostile_documents() {
        let digests = |count: usize| vec![r#""00000000000000000000000000000001""#; count].join(",");
        let one = r#""ffffffffffffffffffffffffffffffff""#;
        for (part, bad) in [
            (r#""format":"fp1","#, ""),
            (r#""format":"fp1""#, r#""format":1"#),
            (r#""product":"acme","#, ""),
            (r#""product":"acme""#, r#""product":null"#),
            (r#""product":"acme""#, r#""product":"a\u0000b""#),
            (r#""profile":"host""#, r#""profile":"HOST""#),
            (r#""profile":"host""#, r#""profile":"container""#),
            ("AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0ODw"),
            ("AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0ODx=="),
            ("AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0ODxA="),
            (r#""threshold":3"#, r#""threshold":0"#),
            (r#""threshold":3"#, r#""threshold":6"#),
            (r#""threshold":3"#, r#""threshold":-1"#),
            (r#""threshold":3"#, r#""threshold":3.0"#),
            (r#""threshold":3"#, r#""threshold":4294967299"#),
            (r#""threshold":3,"#, ""),
            (r#""total":5"#, r#""total":4"#),
            (r#""total":5"#, r#""total":18446744073709551615"#),
            (r#""veto":["os.machine-id"]"#, r#""veto":["disk.root"]"#),
            (r#""veto":["os.machine-id"]"#, r#""veto":["os.machine-id","os.machine-id"]"#),
            (r#""veto":["os.machine-id"]"#, r#""veto":"os.machine-id""#),
            (r#""veto":["os.machine-id"]"#, r#""veto":[1]"#),
            (r#"],"format""#, r#"],"collector":{},"format""#),
            (r#""weight":2"#, r#""weight":0"#),
            (r#""weight":2"#, r#""weight":101"#),
            (r#""weight":2"#, r#""weight":"2""#),
            (r#""name":"net.mac","#, ""),
            (r#""name":"net.mac""#, r#""name":"os.machine-id""#),
            (r#""name":"net.mac""#, r#""name":"""#),
            (r#""name":"net.mac""#, r#""name":"net mac""#),
            (r#""name":"net.mac""#, r#""name":"net.\u202emac""#),
            (r#""kdf":"pbkdf2-200k""#, r#""kdf":"pbkdf2-900000k""#),
            (one, ""),
            (one, "7"),
            (one, r#""FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF""#),
            (one, r#""ffff""#),
            (one, &digests(65)),
        ] {
            assert_eq!(GOOD.matches(part).count(), 1, "{part}");
            let error = read(&GOOD.replace(part, bad)).unwrap_err();
            assert_eq!(error.code(), Code::Malformed, "{part} to {bad}");
        }
        let many = |count: usize| {
            let component = |at| format!(r#"{{"digests":[{one}],"kdf":"hmac-sha256","name":"x.c{at}","weight":1}}"#);
            let all: Vec<_> = (0..count).map(component).collect();
            let rest = r#""format":"fp1","product":"","profile":"vm","salt":"AAECAwQFBgcICQoLDA0ODw==","threshold":1"#;
            read(&format!(r#"{{"components":[{}],{rest},"total":{count},"veto":[]}}"#, all.join(",")))
        };
        assert!(many(32).is_ok());
        assert!(many(33).is_err());
        assert!(many(0).is_err());
    }

    fn any_fp1() -> impl Strategy<Value = Fp1> {
        let component =
            ("[a-z0-9-]{1,30}", 1..=100_u32, any::<bool>(), prop::collection::btree_set(any::<[u8; 16]>(), 1..=9));
        let components = prop::collection::vec(component, 1..=32).prop_map(|all| {
            let numbered = |(at, (name, weight, stretched, digests)): (usize, (String, _, _, _))| Component {
                name: format!("x.{name}.{at}"),
                weight,
                kdf: if stretched { Kdf::Pbkdf2 } else { Kdf::HmacSha256 },
                digests: std::collections::BTreeSet::into_iter(digests).collect(),
            };
            all.into_iter().enumerate().map(numbered).collect::<Vec<_>>()
        });
        (components, "[ -~é]{0,40}", any::<[u8; 16]>(), any::<bool>(), any::<prop::sample::Index>(), any::<bool>())
            .prop_map(|(components, product, salt, vm, at, vetoes)| {
                let total = components.iter().map(|component| component.weight).sum();
                let threshold = u32::try_from(at.index(total as usize)).unwrap() + 1;
                let veto = if vetoes { vec![components[at.index(components.len())].name.clone()] } else { Vec::new() };
                let profile = if vm { Profile::Vm } else { Profile::Host };
                Fp1 { product, salt, profile, components, threshold, total, veto }
            })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(fp1 in any_fp1()) {
            let fingerprint = Fingerprint::Fp1(fp1);
            let text = written(&fingerprint);
            prop_assert_eq!(&crate::json::canonical(&parse(text.as_bytes()).unwrap()), &text);
            prop_assert_eq!(read(&text).unwrap(), fingerprint);
        }
    }
}
