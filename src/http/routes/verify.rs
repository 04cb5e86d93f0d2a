//! `POST /verify`.

use std::borrow::Cow;

use crate::code::Code;
use crate::dsse::Kind;
use crate::fingerprint::Machine;
use crate::http::app::App;
use crate::http::call::{Call, Reply};
use crate::http::enclosed::Strangers;
use crate::http::problem::Problem;
use crate::http::schema::{Holds, Schema, may};
use crate::json::{JsonError, Value};
use crate::keyring::Keyring;
use crate::operation::document::{self, Document, Opened};
use crate::operation::proof;
use crate::operation::signed;
use crate::operation::verify::{Against, Verification, license_bytes};
use crate::policy::{Context, MachineContext, ProofContext};
use crate::time::Timestamp;
use crate::verdict::{EffectiveLimit, Refusal, State, Verdict};

pub(super) static REQUEST: Schema = Schema {
    name: "VerifyRequest",
    about: "A document and what it is judged against; what is left out is not asked",
    members: &[
        may("document", Holds::Document, "The document's text; this or `token`"),
        may("token", Holds::Document, "The license's text; this or `document`"),
        may("tenant", Holds::Text, "The tenant that runs the product"),
        may("product", Holds::Text, "The product that runs"),
        may("features", Holds::List(&Holds::Text), "Features about to be used"),
        may("usage", Holds::Map(&Holds::Count), "Current use by limit"),
        may("fingerprint", Holds::Text, "The machine's exact fingerprint"),
        may("anyMachine", Holds::Bool, "Whether any machine will do"),
        may("environment", Holds::Text, "Where it runs, such as production"),
        may("productVersion", Holds::Text, "The version of the product that runs"),
        may("proof", Holds::Document, "The activation proof beside a license that demands one"),
        may("buildDate", Holds::When, "When the running build was made"),
        may("at", Holds::When, "Judge as of another time than now"),
    ],
    open: false,
};

pub(super) fn run(app: &App, call: &Call) -> Result<Reply, Problem> {
    let (members, document) = call.document(&REQUEST, Strangers::AreRefused)?;
    let mut context = call.roles.context(call.now);
    let mut proof = None;
    for (name, value) in members {
        match name.as_ref() {
            "proof" => proof = Some(value.into_text("proof")?.into_owned()),
            name => set(&mut context, name, value, call.now)?,
        }
    }
    if call.roles.keyring.keys().is_empty() {
        return Err(Problem::new(Code::NoTrustedKey, "this server was given no trusted public key"));
    }
    judge(app, &document, proof.as_deref(), &call.roles.keyring, &mut context).map(Reply::json)
}

/// Judges a document as `verify` does, beside a proof where there is one.
///
/// # Errors
/// What that command fails with: a document that is not judged alone, or beside a proof that is none.
fn judge(
    app: &App,
    document: &[u8],
    beside: Option<&str>,
    keyring: &Keyring,
    context: &mut Context,
) -> Result<String, Problem> {
    let refused = |refusal: Refusal| Problem::new(refusal.code, refusal.message);
    let beside = beside.map(|text| document::open(text.as_bytes()).and_then(|it| it.document.envelope(Kind::Proof)));
    let opened = match document::open(document) {
        // What is no document is judged, and refused, as a license.
        Err(refusal) if refusal.code == Code::WrongKind || std::str::from_utf8(document).is_err() => None,
        Err(refusal) => {
            let verdict = Verdict::refused(State::Invalid, refusal, context.now, &context.defaults);
            return Ok(Verification { verdict, repairs: Vec::new() }.to_json());
        }
        Ok(opened) => Some(opened),
    };
    let verification = match opened {
        Some(Opened { document: Document::Envelope(_, Some(Kind::Manifest)), .. }) => {
            let message = "this is a manifest, and no folder was named";
            return Err(
                Problem::new(Code::Usage, message).hint("verify it where the files are: `mintage verify --dir`")
            );
        }
        Some(Opened { document: Document::Request(_), .. }) => {
            let message = "this is a request, which nobody signs";
            return Err(Problem::new(Code::WrongKind, message).hint("see what it says with `mintage inspect`"));
        }
        Some(Opened { document: Document::Envelope(envelope, Some(kind)), .. }) if kind != Kind::Proof => {
            let proof = beside.transpose().map_err(refused)?;
            let beside = signed::Beside { keyring, proof: proof.as_ref(), now: context.now };
            return Ok(signed::verify(&envelope, kind, beside).to_json());
        }
        opened => {
            context.proof = beside.map_or(ProofContext::default(), |beside| match beside {
                Ok(envelope) => proof::admit(&envelope, Against { keyring, context, secret: None }, None),
                Err(refusal) => ProofContext::Refused(refusal),
            });
            let against = Against { keyring, context, secret: None };
            match opened {
                Some(Opened { document: Document::Envelope(envelope, Some(Kind::Proof)), repairs }) => {
                    Verification { verdict: proof::verify(&envelope, against, None), repairs }
                }
                _ => license_bytes(document, against),
            }
        }
    };
    let over = |limit: &&EffectiveLimit| context.usage.get(&limit.key).is_some_and(|used| *used > limit.value);
    verification.verdict.effective_limits.iter().filter(over).for_each(|limit| app.metrics.capped(&limit.key));
    Ok(verification.to_json())
}

fn set(context: &mut Context, name: &str, value: Value<'_>, now: Timestamp) -> Result<(), Problem> {
    let when = |value: Value<'_>| -> Result<Timestamp, Problem> {
        let text = value.into_string(name)?;
        Timestamp::parse_when(&text, now)
            .map_err(|error| Problem::new(Code::Malformed, format_args!("{name}: {error}")))
    };
    match name {
        "tenant" => context.tenant = Some(value.into_string(name)?.into_owned()),
        "environment" => context.environment = Some(value.into_string(name)?.into_owned()),
        "productVersion" => context.product_version = Some(value.into_string(name)?.into_owned()),
        "product" => context.product = Some(value.into_string(name)?.into_owned()),
        "features" => {
            let names = value.into_array(name)?.into_iter().map(|item| item.into_string(name).map(Cow::into_owned));
            context.features = names.collect::<Result<_, JsonError>>()?;
        }
        "usage" => {
            let counts = value.into_object(name)?.into_iter();
            let counts = counts.map(|(key, count)| Ok((key.to_string(), count.into_count(&key)?)));
            context.usage = counts.collect::<Result<_, JsonError>>()?;
        }
        "fingerprint" => {
            let exact = Some(value.into_string(name)?.into_owned());
            context.machine = MachineContext::This(Machine { exact, ..Machine::default() });
        }
        "anyMachine" if value == Value::Bool(true) => context.machine = MachineContext::Any,
        "buildDate" => context.build_date = Some(when(value)?),
        "at" => context.now = when(value)?,
        _ => {}
    }
    Ok(())
}
