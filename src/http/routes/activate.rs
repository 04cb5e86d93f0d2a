//! `POST /activate`: a machine is bound to a license, and gets its proof.
//!
//! A client of the field names a fingerprint and is bound to that text; its nonce is made here, and its instance key is one
//! whose private half nobody holds. A client of ours sends the request that it would have written to a file.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::approve::assembly;
use super::book::take;
use super::issue::signer;
use super::machine::{filled, fingerprint, refused, refused_by_ledger, unknown_key};
use crate::code::Code;
use crate::dsse::{Envelope, Kind};
use crate::http::app::App;
use crate::http::call::{BODIES, Call, Reply};
use crate::http::checked::CheckedLicense;
use crate::http::problem::Problem;
use crate::http::schema::{Holds, Schema, may, must};
use crate::http::steps::Next;
use crate::id::{KeyId, decode_hex};
use crate::json::{Members, Value, Writer, canonical};
use crate::ledger::approval::Assembly;
use crate::ledger::license_key::LicenseKey;
use crate::ledger::{Found, LedgerError};
use crate::license::License;
use crate::operation::ledger::activate::Draft;
use crate::operation::proof::{Answer, Build, Fresh, SignedLicense};
use crate::proof::Proof;
use crate::request::{LicenseReference, Nonce, Request, word};

pub(super) static REQUEST: Schema = Schema {
    name: "ActivateRequest",
    about: "A machine that asks to be bound to a license",
    members: &[
        may("licenseKey", Holds::Text, "The license key"),
        may("machineFingerprint", Holds::Any, "The machine: a text, or an fp1 object"),
        may("productVersion", Holds::Text, "The version of the product that runs there"),
        may("environment", Holds::Text, "Where it runs, such as production"),
        may(
            "assemblyManifest",
            Holds::List(&Holds::Object(&ASSEMBLY)),
            "The assemblies that run there; once any is approved for the license, also an empty list must be sent",
        ),
        may(
            "request",
            Holds::Any,
            "A request for activation as a file holds it, with its license key, in place of the other members",
        ),
    ],
    open: true,
};

static ASSEMBLY: Schema = Schema {
    name: "AssemblyEntry",
    about: "An assembly that runs",
    members: &[
        must("assemblyName", Holds::Text, "Its name"),
        must("version", Holds::Text, "Its version"),
        must("sha256Hash", Holds::Text, "SHA-256 of its file, hex or base64"),
        may("publicKeyToken", Holds::Text, "The token of the key that it is signed with, 16 hex digits"),
    ],
    open: true,
};

pub(super) static RESPONSE: Schema = Schema {
    name: "ActivateResponse",
    about: "A machine that is bound to its license",
    members: &[
        must("activationJwt", Holds::Maybe(&Holds::Text), "Always null: a proof is signed by Ed25519, in one form"),
        must("activationProof", Holds::Text, "Base64 of the proof's file: what `mintage verify` judges"),
        must("error", Holds::Maybe(&Holds::Text), "Always null"),
        must("message", Holds::Text, "What was done"),
        must("proof", Holds::Object(&PROOF), "What the proof says, for people and programs; not signed in this form"),
        must("success", Holds::Bool, "Always true"),
    ],
    open: false,
};

static PROOF: Schema = Schema {
    name: "ActivationProof",
    about: "What a proof says",
    members: &[
        must("activatedAt", Holds::Time, "When the machine was activated"),
        must("activatedEnvironment", Holds::Maybe(&Holds::Text), "Where it runs"),
        must("allowedAssemblyHashes", Holds::List(&Holds::Object(&ASSEMBLY)), "What was asked for and is approved"),
        must("expiresAt", Holds::Time, "The last second of the proof"),
        must("features", Holds::List(&Holds::Text), "What the license grants"),
        must("heartbeatNonce", Holds::Text, "What the next heartbeat must carry"),
        must("licenseId", Holds::Text, "The license"),
        must("machineFingerprint", Holds::Any, "The machine"),
        must("maxSeats", Holds::Integer, "Concurrent uses, else machines; -1 for any number"),
        must("organizationName", Holds::Text, "Whom the license is for"),
        must("productVersion", Holds::Maybe(&Holds::Text), "What runs"),
        must("proofId", Holds::Text, "The activation; the same machine keeps it"),
        must("signingKeyId", Holds::Text, "The key that signed, 64 hex digits"),
        must("tier", Holds::Maybe(&Holds::Text), "The license's tier"),
    ],
    open: false,
};

/// Who asks, once that is read.
struct Asking {
    request: Request,
    assemblies: Option<Vec<Assembly>>,
    holds_key: bool,
}

/// The first step: reads what is asked, and has the license found.
pub(super) fn find(app: &App, call: &Call) -> Result<Next, Problem> {
    let ledger = Arc::clone(call.ledger()?);
    signer(call)?;
    app.may_guess(call.peer)?;
    let mut members = call.object(&REQUEST)?;
    let assemblies = assemblies(&mut members)?;
    let (request, assemblies, holds_key) = match take(&mut members, "request") {
        // A request of ours names its build; an empty list beside it says nothing.
        Some(value) => (of_ours(&value, &members)?, assemblies.filter(|named| !named.is_empty()), true),
        None => (of_the_field(app, call, members)?, assemblies, false),
    };
    let key = match &request.license {
        LicenseReference::Key(key) => Some(LicenseKey::parse(key).map_err(|_| unknown_key(app, call))?),
        LicenseReference::Id(_) | LicenseReference::Token(_) => None,
    };
    let asking = Asking { request, assemblies, holds_key };
    let Some(key) = key else { return judge(app, call, asking, true) };
    Ok(Next::ask(move |teller| {
        ledger.find_then(key.hash(), |found| teller.go_on(move |app, call| take_found(app, call, asking, found)));
    }))
}

/// The next step: puts the license itself in the place of its key.
fn take_found(
    app: &App,
    call: &Call,
    mut asking: Asking,
    found: Result<Option<Found>, LedgerError>,
) -> Result<Next, Problem> {
    let Found { token, approves } = found?.ok_or_else(|| unknown_key(app, call))?;
    asking.request.license = LicenseReference::Token(token);
    judge(app, call, asking, approves)
}

/// Judges license and request, then has what runs looked up where builds are approved, and the machine counted.
fn judge(app: &App, call: &Call, asking: Asking, approves: bool) -> Result<Next, Problem> {
    let LicenseReference::Token(text) = &asking.request.license else { return Err(Problem::internal("no token")) };
    let checked = call.roles.checked.license(text, &call.roles.keyring).map_err(|refusal| {
        app.guessed_wrong(call.peer);
        refused(&[refusal])
    })?;
    let (token, verified) = &*checked;
    let fresh = Fresh { proof_id: app.fresh_id()?, heartbeat_nonce: Nonce(app.fresh_bytes()?), now: call.now };
    let answer = Answer {
        license: SignedLicense { text: token.as_str(), token: verified },
        build: Build::AsRequested,
        product_version: None,
        expires_at: None,
        revocations: call.roles.revocations.clone(),
        fresh,
    };
    let Asking { request, assemblies, holds_key } = asking;
    let draft = Draft::of(&request, holds_key, &call.stamp_of_machine(), answer);
    let draft = draft.map_err(|refusals| refused(&refusals))?;
    if !approves {
        return count(call, draft, checked, assemblies);
    }
    Ok(Next::wait(move |_, call| {
        draft.approved(call.ledger()?, assemblies.as_deref()).map_err(refused_by_ledger)?;
        count(call, draft, checked, assemblies)
    }))
}

/// Has the machine counted.
fn count(
    call: &Call,
    draft: Draft,
    checked: CheckedLicense,
    assemblies: Option<Vec<Assembly>>,
) -> Result<Next, Problem> {
    let ledger = Arc::clone(call.ledger()?);
    Ok(Next::ask(move |teller| {
        draft.count_then(&ledger, |proof| {
            teller.go_on(move |_, call| {
                hand_out(call, proof, &checked, assemblies.as_deref().unwrap_or_default()).map(Next::Answer)
            });
        });
    }))
}

/// Signs the proof of a machine that has been counted.
fn hand_out(
    call: &Call,
    proof: Result<Proof, LedgerError>,
    checked: &CheckedLicense,
    assemblies: &[Assembly],
) -> Result<Reply, Problem> {
    let (signer, proof) = (signer(call)?, proof.map_err(refused_by_ledger)?);
    let Some(license) = checked.1.license() else { return Err(Problem::internal("no claims")) };
    let envelope = Envelope::sign(Kind::Proof, proof.to_payload().into_bytes(), &[signer]);
    let file = STANDARD.encode(envelope.to_json());
    let mut out = Writer::with_capacity(file.len() + 1_024);
    out.begin_object();
    out.name("activationJwt").null();
    out.name("activationProof").string(&file);
    out.name("error").null();
    out.name("message").string("License activated.");
    write_proof(out.name("proof"), &proof, license, assemblies, signer.public().id());
    out.name("success").bool(true);
    out.end_object();
    Ok(Reply::json(out.finish()))
}

/// Reads the list of assemblies, if there is one. A client of the field that sends an empty one says that none of them runs.
fn assemblies(members: &mut Members<'_>) -> Result<Option<Vec<Assembly>>, Problem> {
    let Some(Value::Array(items)) = take(members, "assemblyManifest") else { return Ok(None) };
    items.into_iter().map(|item| assembly(&mut ASSEMBLY.check(item)?)).collect::<Result<_, _>>().map(Some)
}

/// Reads the request of a client of ours, which says everything.
fn of_ours(value: &Value<'_>, beside: &Members<'_>) -> Result<Request, Problem> {
    let malformed = |message: String| Problem::new(Code::Malformed, message).hint(BODIES);
    if let Some((name, _)) = beside.iter().find(|(name, _)| REQUEST.members.iter().any(|member| member.name == name)) {
        return Err(malformed(format!("`{name}` goes into `request`, and does not stand beside it")));
    }
    let request = Request::parse(canonical(value).as_bytes());
    let request = request.map_err(|error| Problem::new(error.code(), format_args!("request: {error}")).hint(BODIES))?;
    // An id is no secret, so it opens nothing.
    match request.license {
        LicenseReference::Id(_) => Err(malformed("License key is required.".to_owned())),
        _ => Ok(request),
    }
}

/// Makes the request of a client of the field, which keeps no key.
fn of_the_field(app: &App, call: &Call, mut members: Members<'_>) -> Result<Request, Problem> {
    let missing = |message: &str| Problem::new(Code::Malformed, message).hint(BODIES);
    let key = filled(&mut members, "licenseKey").ok_or_else(|| missing("License key is required."))?;
    let fingerprint = fingerprint(&mut members, "machineFingerprint")?;
    let fingerprint = fingerprint.ok_or_else(|| missing("Machine fingerprint is required."))?;
    // What goes into a proof must be something that its reader takes.
    let checked = |text: Option<String>, name| text.map(|text| word(Value::String(text.into()), name)).transpose();
    let environment = checked(filled(&mut members, "environment"), "environment")?;
    let key = word(Value::String(key.into()), "licenseKey")?;
    let product_version = checked(filled(&mut members, "productVersion"), "productVersion")?;
    Ok(Request {
        license: LicenseReference::Key(key),
        fingerprint,
        environment,
        product: None,
        product_version,
        manifest_digest: None,
        nonce: Nonce(app.fresh_bytes()?),
        instance_key: app.nobodys_key()?,
        created_at: call.now,
    })
}

fn write_proof(out: &mut Writer, proof: &Proof, license: &License, assemblies: &[Assembly], key_id: KeyId) {
    let maybe = |out: &mut Writer, text: Option<&str>| match text {
        Some(text) => out.string(text),
        None => out.null(),
    };
    let seats = license.seats.or(license.max_activations).map_or(-1, i128::from);
    out.begin_object();
    out.name("activatedAt").plain(proof.activated_at);
    maybe(out.name("activatedEnvironment"), proof.environment.as_deref());
    out.name("allowedAssemblyHashes").begin_array();
    for assembly in assemblies {
        out.begin_object();
        out.name("assemblyName").string(&assembly.name);
        maybe(out.name("publicKeyToken"), assembly.public_key_token.as_deref());
        // Clients of the field compare it with what they compute themselves, which is base64.
        let hash = decode_hex::<32>(&assembly.sha256).map(|hash| STANDARD.encode(hash));
        out.name("sha256Hash").string(hash.as_ref().unwrap_or(&assembly.sha256));
        out.name("version").string(&assembly.version);
        out.end_object();
    }
    out.end_array();
    out.name("expiresAt").plain(proof.expires_at);
    out.name("features").begin_array();
    license.granted_features().iter().for_each(|feature| out.string(feature));
    out.end_array();
    out.name("heartbeatNonce").string(&proof.heartbeat_nonce.to_string());
    out.name("licenseId").string(&proof.license_id);
    proof.fingerprint.write(out.name("machineFingerprint"));
    out.name("maxSeats").integer(seats);
    out.name("organizationName").string(license.label.as_ref().unwrap_or(&license.tenant_id));
    maybe(out.name("productVersion"), proof.product_version.as_deref());
    out.name("proofId").string(&proof.proof_id);
    out.name("signingKeyId").plain(key_id);
    maybe(out.name("tier"), license.tier.as_deref());
    out.end_object();
}
