//! `POST /verify`.

use std::borrow::Cow;

use super::app::App;
use super::call::{Call, Reply};
use super::problem::Problem;
use super::schema::{Holds, Schema, may};
use crate::code::Code;
use crate::fingerprint::Machine;
use crate::json::{JsonError, Value};
use crate::operation::verify::{Against, license_bytes};
use crate::policy::{Context, MachineContext};
use crate::time::Timestamp;
use crate::verdict::EffectiveLimit;

pub(super) static REQUEST: Schema = Schema {
    name: "VerifyRequest",
    about: "A document and what it is judged against; what is left out is not asked",
    members: &[
        may("document", Holds::Text, "The document's text; this or `token`"),
        may("token", Holds::Text, "The license's text; this or `document`"),
        may("tenant", Holds::Text, "The tenant that runs the product"),
        may("product", Holds::Text, "The product that runs"),
        may("features", Holds::List(&Holds::Text), "Features about to be used"),
        may("usage", Holds::Map(&Holds::Count), "Current use by limit"),
        may("fingerprint", Holds::Text, "The machine's exact fingerprint"),
        may("anyMachine", Holds::Bool, "Whether any machine will do"),
        may("buildDate", Holds::When, "When the running build was made"),
        may("at", Holds::When, "Judge as of another time than now"),
    ],
    open: false,
};

pub(super) fn run(app: &App, call: &Call) -> Result<Reply, Problem> {
    let (members, document) = call.document(&REQUEST)?;
    let mut context = call.roles.context(call.now);
    for (name, value) in members {
        set(&mut context, &name, value, call.now)?;
    }
    if call.roles.keyring.keys().is_empty() {
        return Err(Problem::new(Code::NoTrustedKey, "this server was given no trusted public key"));
    }
    let against = Against { keyring: &call.roles.keyring, context: &context, secret: None };
    let verification = license_bytes(&document, against);
    let over = |limit: &&EffectiveLimit| context.usage.get(&limit.key).is_some_and(|used| *used > limit.value);
    verification.verdict.effective_limits.iter().filter(over).for_each(|limit| app.metrics.capped(&limit.key));
    Ok(Reply::json(verification.to_json()))
}

fn set(context: &mut Context, name: &str, value: Value<'_>, now: Timestamp) -> Result<(), Problem> {
    let when = |value: Value<'_>| -> Result<Timestamp, Problem> {
        let text = value.into_string(name)?;
        Timestamp::parse_when(&text, now)
            .map_err(|error| Problem::new(Code::Malformed, format_args!("{name}: {error}")))
    };
    match name {
        "tenant" => context.tenant = Some(value.into_string(name)?.into_owned()),
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
