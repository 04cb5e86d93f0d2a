//! `fingerprint`: what a text binds to a machine, how this machine compares with it, and what there is to enrol.

use std::borrow::Cow;

use super::document::{Document, open, unarmored};
use super::text::decode;
use super::verify::read;
use crate::armor::Repair;
use crate::code::Code;
use crate::dsse::Kind;
use crate::fingerprint::{
    Comparison, EnrolError, Enrolment, Fingerprint, Fp1, Machine, Profile, Reading, ReadingState, Surroundings, enrol,
    short_id,
};
use crate::json::{self, JsonError, Members, Value, Writer};
use crate::proof::Proof;
use crate::seal::SealSecret;
use crate::token::Body;
use crate::unlock::Unlock;
use crate::verdict::Refusal;

/// What a text binds to a machine. Nothing of it is verified.
#[derive(Clone, Debug)]
pub struct Binding {
    /// What the text is: `fingerprint`, `license`, `proof`, `request` or `unlock`.
    pub kind: &'static str,
    /// The license that binds; `None` when the text is a bare fingerprint.
    pub license_id: Option<String>,
    /// The machine that is bound; `None` of a license that is bound to none.
    pub fingerprint: Option<Fingerprint>,
    /// What mail had done to the text.
    pub repairs: Vec<Repair>,
}

/// How this machine compares with a binding.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// The binding.
    pub binding: Binding,
    /// How the machine compares; `None` when the binding is to no machine.
    pub comparison: Option<Comparison>,
}

/// What was read from a machine, and what becomes of it.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What was read, in the order of reading.
    pub readings: Vec<Reading>,
    /// What the machine seems to run in.
    pub surroundings: Option<Surroundings>,
    /// The product that the fingerprint would be for.
    pub product: String,
    /// The kind of machine it would be read as.
    pub profile: Profile,
    /// The fingerprint, or why there would be none.
    pub enrolled: Result<Fp1, EnrolError>,
}

/// Reads what a text binds to a machine: an `fp1` object, an exact fingerprint as a JSON string, a proof, request or unlock,
/// or a license as pasted.
///
/// # Errors
/// `Sealed` for a license whose claims cannot be seen, `WrongKind` for another document, and whatever is wrong with the
/// text.
pub fn binding(bytes: &[u8], secret: Option<&SealSecret>) -> Result<Binding, Refusal> {
    let (text, mended) = decode(bytes)?;
    let (text, mut repairs) = unarmored(&text)?;
    let start = text.trim_start_matches('\u{feff}').trim();
    let mut binding = if start.starts_with(['{', '"']) { bare(start)? } else { of_license(&text, secret)? };
    repairs.splice(..0, mended);
    binding.repairs.splice(..0, repairs);
    Ok(binding)
}

/// Takes what a proof, request or unlock binds; `None` for anything else.
fn of_activation(text: &str) -> Option<Binding> {
    let (kind, license_id, fingerprint) = match open(text.as_bytes()).ok()?.document {
        Document::Request(request) => ("request", None, request.fingerprint),
        Document::Envelope(envelope, Some(Kind::Proof)) => {
            let proof = Proof::parse(envelope.unverified_payload()).ok()?;
            ("proof", Some(proof.license_id), proof.fingerprint)
        }
        Document::Envelope(envelope, Some(Kind::Unlock)) => {
            ("unlock", None, Unlock::parse(envelope.unverified_payload()).ok()?.fingerprint)
        }
        _ => return None,
    };
    Some(Binding { kind, license_id, fingerprint: Some(fingerprint), repairs: Vec::new() })
}

fn bare(text: &str) -> Result<Binding, Refusal> {
    if let Some(binding) = of_activation(text) {
        return Ok(binding);
    }
    let malformed = |error: JsonError| Refusal::new(error.code(), error);
    let value = json::parse(text.as_bytes()).map_err(malformed)?;
    if let Value::Object(members) = &value
        && let Some(kind) = other_kind(members)
    {
        return Err(Refusal::new(Code::WrongKind, format_args!("this is {kind}, neither a fingerprint nor a license")));
    }
    let fingerprint = Fingerprint::from_json(value, "fingerprint");
    let fingerprint = fingerprint.map_err(|error| Refusal::new(error.code(), error))?;
    Ok(Binding { kind: "fingerprint", license_id: None, fingerprint: Some(fingerprint), repairs: Vec::new() })
}

/// Names what an object is when it is plainly no fingerprint.
fn other_kind(members: &Members<'_>) -> Option<&'static str> {
    let has = |name: &str| members.iter().any(|(other, _)| other == name);
    match () {
        () if has("format") => None,
        () if has("payloadType") => Some("a signed envelope"),
        () => Some("a JSON document without a `format`"),
    }
}

fn of_license(text: &str, secret: Option<&SealSecret>) -> Result<Binding, Refusal> {
    let mut repairs = Vec::new();
    let token = read(text, &mut repairs)?;
    let license = match (token.unverified_body(), secret) {
        (Body::Open(license), _) => Cow::Borrowed(&**license),
        (Body::Sealed(sealed), Some(secret)) => {
            Cow::Owned(sealed.open(secret).map_err(|error| Refusal::new(Code::Sealed, error))?)
        }
        (Body::Sealed(_), None) => {
            let message = "the license is sealed, so which machine it is bound to cannot be seen";
            return Err(Refusal::new(Code::Sealed, message));
        }
    };
    let license_id = Some(license.license_id.clone());
    Ok(Binding { kind: "license", license_id, fingerprint: license.fingerprint.clone(), repairs })
}

impl Diagnosis {
    /// Compares a machine with a binding.
    pub fn new(binding: Binding, machine: &Machine) -> Self {
        let comparison = binding.fingerprint.as_ref().map(|fingerprint| fingerprint.compare(machine));
        Self { binding, comparison }
    }

    /// Returns the outcome as every output writes it: one of a comparison's, or `unbound`.
    pub fn outcome(&self) -> &'static str {
        self.comparison.as_ref().map_or("unbound", |comparison| comparison.outcome.as_str())
    }

    /// Returns why a license that is bound so would be refused here; `None` when it would not.
    pub fn refusal(&self) -> Option<Refusal> {
        let comparison = self.comparison.as_ref()?;
        comparison.code().map(|code| Refusal::new(code, &comparison.detail))
    }

    /// Returns the diagnosis as canonical JSON; `verified` is always false.
    pub fn to_json(&self) -> String {
        let mut out = Writer::default();
        out.begin_object();
        if let Some(comparison) = &self.comparison {
            out.name("components").begin_array();
            for component in &comparison.components {
                out.begin_object();
                out.name("name").string(&component.name);
                out.name("note").string(&component.note);
                out.name("outcome").string(component.outcome.as_str());
                out.name("veto").bool(component.veto);
                out.name("weight").integer(component.weight.into());
                out.end_object();
            }
            out.end_array();
            out.name("detail").string(&comparison.detail);
            strings(out.name("fragile"), &comparison.fragile);
        }
        out.name("kind").string(self.binding.kind);
        if let Some(id) = &self.binding.license_id {
            out.name("licenseId").string(id);
        }
        out.name("outcome").string(self.outcome());
        out.name("refusals").begin_array();
        self.refusal().iter().for_each(|refusal| refusal.write(&mut out));
        out.end_array();
        let repairs: Vec<_> = self.binding.repairs.iter().map(ToString::to_string).collect();
        strings(out.name("repairs"), &repairs);
        if let Some(comparison) = &self.comparison {
            out.name("score").integer(comparison.score.into());
            out.name("threshold").integer(comparison.threshold.into());
            out.name("total").integer(comparison.total.into());
        }
        out.name("verified").bool(false);
        out.end_object();
        out.finish()
    }
}

impl Explanation {
    /// Explains what enrolling these readings would give.
    pub fn new(readings: Vec<Reading>, surroundings: Option<Surroundings>, enrolment: Enrolment) -> Self {
        let enrolled = enrol(&readings, &enrolment);
        Self { readings, surroundings, product: enrolment.product, profile: enrolment.profile, enrolled }
    }

    /// Returns the explanation as canonical JSON. It holds no value that identifies the machine.
    pub fn to_json(&self) -> String {
        let mut out = Writer::default();
        out.begin_object();
        out.name("components").begin_array();
        for reading in &self.readings {
            let values = if let ReadingState::Ok(values) = &reading.state { values.len() } else { 0 };
            out.begin_object();
            out.name("name").string(&reading.name);
            out.name("note").string(&reading.note);
            out.name("state").string(reading.state.as_str());
            out.name("values").integer(values as i128);
            out.name("weight").integer(reading.weight().into());
            out.end_object();
        }
        out.end_array();
        match &self.surroundings {
            Some(surroundings) => {
                out.name("environment").begin_object();
                out.name("evidence").string(surroundings.evidence());
                out.name("kind").string(surroundings.kind());
                out.end_object();
            }
            None => out.name("environment").null(),
        }
        out.name("product").string(&self.product);
        out.name("profile").string(self.profile.as_str());
        out.name("refusals").begin_array();
        if let Err(error) = &self.enrolled {
            Refusal::new(error.code(), error).write(&mut out);
        }
        out.end_array();
        match &self.enrolled {
            Ok(fp1) => {
                out.name("rule").begin_object();
                out.name("threshold").integer(fp1.threshold.into());
                out.name("total").integer(fp1.total.into());
                strings(out.name("veto"), &fp1.veto);
                out.end_object();
            }
            Err(_) => out.name("rule").null(),
        }
        match short_id(&self.readings) {
            Some(id) => out.name("shortId").string(&id),
            None => out.name("shortId").null(),
        }
        out.end_object();
        out.finish()
    }
}

fn strings(out: &mut Writer, texts: &[String]) {
    out.begin_array();
    texts.iter().for_each(|text| out.string(text));
    out.end_array();
}
