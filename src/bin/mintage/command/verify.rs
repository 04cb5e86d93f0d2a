//! `mintage verify`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mintage::armor::Repair;
use mintage::code::Exit;
use mintage::dsse::{Envelope, Kind};
use mintage::json;
use mintage::keyring::Keyring;
use mintage::operation::document::{Document, Opened};
use mintage::operation::revocations;
use mintage::operation::verify::{self, Against, Verification};
use mintage::policy::Context;
use mintage::revocations::MAX_REVOCATIONS_BYTES;
use mintage::seal::SealSecret;
use mintage::state::VerifierState;
use mintage::time::Timestamp;
use mintage::trust::Established;
use mintage::verdict::{Outcome, Refusal, State, Verdict};

use crate::clock;
use crate::command::mint::secret;
use crate::command::verify_proof::{Activated, Running};
use crate::command::{verify_batch, verify_manifest, verify_proof};
use crate::document::{self, Found};
use crate::failure::Failure;
use crate::files::{self, FileError};
use crate::keys::Trust;
use crate::machine::Machine;
use crate::memory;
use crate::output::Output;
use crate::render::Terminal;

const DEFAULTS_HINT: &str = "write {\"max_apps\":3}";

/// The largest file of default-tier limits, in bytes.
const MAX_DEFAULTS_BYTES: usize = 1 << 20;

/// Verify a license, an activation proof, or any other signed document; a manifest against the files in --dir
///
/// For a yes all of this must hold: a trusted key signed it and may sign licenses; it is within its window or grace; the
/// clock is right; tenant, product and machine are the ones named; it grants every feature asked for; no limit is
/// exceeded. A proof is judged together with the license inside it, and must cover environment, version and build. Every
/// refusal is reported. No socket is ever opened.
///
/// Without DOC the license is MINTAGE_LICENSE (the text), else the file MINTAGE_LICENSE_FILE, else ./license.lic: the
/// first that exists is the one judged.
///
/// WHEN is RFC 3339, a date (the end of that UTC day), a span from now such as 90d, 12h or 2w, or `never`. What names a
/// file must be one: a pipe is given as `-`, or as the shell's `<(…)`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The document's file, `-` for standard input, or the license itself
    #[arg(value_name = "DOC", conflicts_with = "batch")]
    document: Option<String>,
    #[command(flatten)]
    trust: Trust,
    /// Refuse a license that is for another tenant than this
    #[arg(long)]
    tenant: Option<String>,
    /// Refuse a license that is for another product than this
    #[arg(long)]
    product: Option<String>,
    /// Refuse a license that does not grant this feature; repeatable
    #[arg(long, value_name = "NAME")]
    feature: Vec<String>,
    /// Refuse a license whose limit KEY is less than the N in use; repeatable
    #[arg(long, value_name = "KEY=N", value_parser = crate::claims::limit)]
    usage: Vec<(String, u64)>,
    /// Refuse a license whose maintenance ended before the running build was made
    #[arg(long, value_name = "WHEN")]
    build_date: Option<String>,
    /// Judge as of another time than now
    #[arg(long, value_name = "WHEN")]
    at: Option<String>,
    /// Refuse licenses that this signed list of revocations withdraws
    #[arg(long, value_name = "FILE")]
    revocations: Option<PathBuf>,
    /// How old the revocations may be, instead of until their successor is due: 12h, 7d, 2w
    #[arg(long, value_name = "SPAN", requires = "revocations", value_parser = span)]
    max_age: Option<i64>,
    /// Remember in FILE the latest time seen and the newest keyring and revocations; refuse a clock that was set back, and
    /// older ones
    #[arg(long, value_name = "FILE", conflicts_with_all = ["at", "batch"])]
    state: Option<PathBuf>,
    /// Limits of the default tier, which hold where no license in force sets them: a JSON object such as {"max_apps":3}
    #[arg(long, value_name = "FILE")]
    defaults: Option<PathBuf>,
    /// Open a sealed license with the secret in FILE
    #[arg(long, value_name = "FILE")]
    unseal: Option<PathBuf>,
    /// Start the memory in --state anew, once, as the issuer allows with an unlock
    #[arg(long, value_name = "FILE", requires = "state")]
    unlock: Option<PathBuf>,
    #[command(flatten)]
    machine: Machine,
    #[command(flatten)]
    activated: Activated,
    /// Verify every line of a JSONL file: a token, or {"token":TEXT}; no line at all is no yes, but exit status 3
    #[arg(long, value_name = "FILE")]
    batch: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    build: verify_manifest::Build,
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let mut context = arguments.context()?;
    arguments.trust.announce(terminal);
    let established = arguments.trust.establish();
    let mut state = arguments.memory(&established, context.now, terminal)?;
    context.floor = state.as_ref().and_then(|state| state.latest_seen);
    let trusted = established.and_then(|trusted| arguments.admitted(trusted, state.as_ref(), &mut context));
    let admission = match (&arguments.revocations, &trusted) {
        (Some(path), Ok(trusted)) => {
            let text = files::read_setting(path, MAX_REVOCATIONS_BYTES)?;
            Some(revocations::admit(text, &trusted.keyring, state.as_ref(), arguments.max_age, context.now))
        }
        _ => None,
    };
    if let Some(admission) = &admission {
        context.revocations = admission.context.clone();
        context.floor = context.floor.max(admission.issued_at());
    }
    let secret = arguments.unseal.as_deref().map(secret).transpose()?;
    if arguments.at.is_some() {
        terminal.note(&format!("judged as of {}, not as of now", context.now));
    }
    if let Some(batch) = &arguments.batch {
        context.machine = arguments.machine.whole_context(terminal)?;
        let against = Against { keyring: &trusted?.keyring, context: &context, secret: secret.as_ref() };
        return verify_batch::run(batch, against, &arguments.output, terminal);
    }
    if arguments.build.dir.is_some() {
        let trusted = trusted?;
        let keyring = &trusted.keyring;
        let path = arguments.build.license.as_deref();
        let found = path.map(document::read).transpose()?;
        let judged = found
            .map(|found| judge(&found, keyring, &mut context, arguments, secret.as_ref(), terminal))
            .transpose()?;
        let license = judged.map(|verification| verification.verdict);
        let product = arguments.product.as_deref();
        let (now, floor) = (context.now, context.floor);
        let beside = verify_manifest::Beside { keyring, product, license: license.as_ref(), now, floor };
        let verdict = verify_manifest::judge(arguments.document.as_deref(), &arguments.build, &beside, terminal)?;
        if let (Some(path), Some(state)) = (&arguments.state, &mut state) {
            let made = verdict.manifest.as_ref().map(|manifest| manifest.created_at);
            let of_build = verdict.is_valid().then_some([Some(verdict.as_of), made]);
            let seen = license.iter().flat_map(memory::times).chain(of_build.into_iter().flatten().flatten());
            let admission = admission.as_ref().filter(|_| license.as_ref().is_some_and(memory::is_current));
            memory::remember(path, state, &trusted, admission, seen)?;
        }
        return verify_manifest::answer(&verdict, &arguments.output, terminal);
    }
    verify_manifest::needs_dir(arguments.document.as_deref())?;
    let Some(found) = document::find_license(arguments.document.as_deref(), terminal)? else {
        return answer(&verify::absent(&context), &[], &arguments.output, terminal);
    };
    let trusted = trusted?;
    let keyring = &trusted.keyring;
    arguments.activated.add_to(&mut context, keyring)?;
    let Verification { verdict, repairs } = match document::open(&found)? {
        Some(Opened { document: Document::Envelope(envelope, Some(Kind::Proof)), repairs }) => {
            let running = arguments.running(keyring, &context, secret.as_ref(), terminal);
            let verdict = match arguments.build.license.as_deref() {
                None => verify_proof::judge(&envelope, running)?,
                Some(path) => judge_beside(&document::read(path)?, &envelope, running)?,
            };
            Verification { verdict, repairs }
        }
        Some(Opened { document: Document::Envelope(envelope, Some(kind)), repairs }) => {
            repairs.iter().for_each(|repair| terminal.note(&format!("mended: {repair}")));
            let (activated, output) = (&arguments.activated, &arguments.output);
            return verify_proof::other(&envelope, kind, activated, keyring, &context, output, terminal);
        }
        Some(Opened { document: Document::Request(_), .. }) => return Err(verify_proof::unjudged("request")),
        _ => match arguments.activated.proof.as_deref() {
            None => judge(&found, keyring, &mut context, arguments, secret.as_ref(), terminal)?,
            Some(path) => {
                let proof = verify_proof::read_proof(path)?;
                let verdict =
                    judge_beside(&found, &proof, arguments.running(keyring, &context, secret.as_ref(), terminal))?;
                Verification { verdict, repairs: Vec::new() }
            }
        },
    };
    if let (Some(path), Some(state)) = (&arguments.state, &mut state) {
        let admission = admission.as_ref().filter(|_| memory::is_current(&verdict));
        memory::remember(path, state, &trusted, admission, memory::times(&verdict))?;
    }
    answer(&verdict, &repairs, &arguments.output, terminal)
}

/// Judges a license beside a proof of its activation.
fn judge_beside(found: &Found, proof: &Envelope, running: Running<'_>) -> anyhow::Result<Verdict> {
    let context = verify_proof::admit(proof, found.text(), running)?;
    let against = Against { keyring: running.keyring, context: &context, secret: running.secret };
    Ok(match found {
        Found::Text(text) => verify::license_bytes(text, against).verdict,
        Found::TooLarge(error) => too_large(error, &context),
    })
}

fn too_large(error: &FileError, context: &Context) -> Verdict {
    Verdict::refused(State::Invalid, Refusal::new(error.code(), error), context.now, &context.defaults)
}

/// Judges what was found, on this machine if the license asks for one.
fn judge(
    found: &Found,
    keyring: &Keyring,
    context: &mut Context,
    arguments: &Arguments,
    secret: Option<&SealSecret>,
    terminal: &Terminal,
) -> anyhow::Result<Verification> {
    let text = match found {
        Found::Text(text) => text,
        Found::TooLarge(error) => {
            return Ok(Verification { verdict: too_large(error, context), repairs: Vec::new() });
        }
    };
    let bound = std::str::from_utf8(text).ok().and_then(|text| verify::unverified_fingerprint(text, secret));
    context.machine = arguments.machine.here().context(bound.iter().collect::<Vec<_>>().as_slice(), terminal)?;
    Ok(verify::license_bytes(text, Against { keyring, context, secret }))
}

/// Reads a span such as `12h`, in seconds.
fn span(text: &str) -> Result<i64, String> {
    let end = Timestamp::parse_when(text, Timestamp::EPOCH).map_err(|error| error.to_string())?;
    match text.as_bytes() {
        [b'0'..=b'9', .., b'h' | b'd' | b'w'] => Ok(end.seconds()),
        _ => Err("write a span: 12h, 7d, 2w".to_owned()),
    }
}

impl Arguments {
    /// Reads what is remembered, after an unlock has taken effect.
    fn memory(
        &self,
        trusted: &anyhow::Result<Established>,
        now: Timestamp,
        terminal: &Terminal,
    ) -> anyhow::Result<Option<VerifierState>> {
        let Some(path) = &self.state else { return Ok(None) };
        match (&self.unlock, trusted) {
            (Some(unlock), Ok(trusted)) => {
                let (here, instance) = (self.machine.here(), &self.activated.instance);
                let state = memory::unlock(path, unlock, &trusted.keyring, now, here, instance, terminal)?;
                terminal.note("the memory starts anew, as the issuer allows");
                Ok(Some(state))
            }
            _ => memory::read_state(path).map(Some),
        }
    }

    fn running<'a>(
        &'a self,
        keyring: &'a Keyring,
        context: &'a Context,
        secret: Option<&'a SealSecret>,
        terminal: &'a Terminal,
    ) -> Running<'a> {
        Running { keyring, context, secret, here: self.machine.here(), instance: &self.activated.instance, terminal }
    }

    /// Holds the trusted keys against what is remembered; the keyring among them is time evidence, unless another time than
    /// now is asked about.
    fn admitted(
        &self,
        trusted: Established,
        state: Option<&VerifierState>,
        context: &mut Context,
    ) -> anyhow::Result<Established> {
        trusted.admit(state, clock::now()?)?;
        if self.at.is_none() {
            context.floor = context.floor.max(trusted.issued_at());
        }
        Ok(trusted)
    }

    fn context(&self) -> anyhow::Result<Context> {
        let now = clock::now()?;
        let as_of = self.at.as_deref().map(|at| Timestamp::parse_when(at, now)).transpose()?;
        let mut context = Context::at(as_of.unwrap_or(now));
        context.tenant.clone_from(&self.tenant);
        context.product.clone_from(&self.product);
        context.features.clone_from(&self.feature);
        context.usage = crate::claims::unique("--usage", &self.usage)?;
        context.build_date = self.build_date.as_deref().map(|date| Timestamp::parse_when(date, now)).transpose()?;
        if let Some(path) = &self.defaults {
            context.defaults = defaults(path)?;
        }
        Ok(context)
    }
}

pub(crate) fn defaults(path: &Path) -> anyhow::Result<BTreeMap<String, u64>> {
    let data = files::read_setting(path, MAX_DEFAULTS_BYTES)?;
    let read = json::parse(&data).and_then(|value| value.into_object("defaults")).and_then(|members| {
        members.into_iter().map(|(key, value)| Ok((key.to_string(), value.into_count(&key)?))).collect()
    });
    read.map_err(|error| {
        let message = format!("default-tier limits `{}`: {error}", path.display());
        Failure::new(error.code(), message).hint(DEFAULTS_HINT).unable().into()
    })
}

/// Answers on standard output, gives reasons on standard error, and says yes or no by the exit status.
pub(crate) fn answer(
    verdict: &Verdict,
    repairs: &[Repair],
    output: &Output,
    terminal: &Terminal,
) -> anyhow::Result<ExitCode> {
    for repair in repairs {
        terminal.note(&format!("mended: {repair}"));
    }
    if terminal.json {
        output.write(&format!("{}\n", verdict.to_json(repairs)), terminal)?;
    } else {
        people(verdict, output, terminal)?;
    }
    if verdict.state == State::Grace {
        terminal.warning("the license is in its grace period; renew it");
    }
    for refusal in &verdict.refusals {
        terminal.error(Some(refusal.code), &refusal.message, &[refusal.code.hint()]);
    }
    Ok(verdict.exit().map_or(ExitCode::SUCCESS, |exit: Exit| ExitCode::from(exit.status())))
}

fn people(verdict: &Verdict, output: &Output, terminal: &Terminal) -> Result<(), FileError> {
    let mut lines = Vec::new();
    for check in &verdict.checks {
        let good = check.outcome != Outcome::Fail;
        let outcome = terminal.word(&format!("{:4}", check.outcome.as_str()), good);
        lines.push(format!("{outcome}  {:11}  {}", check.name, crate::render::shown(&check.detail)));
    }
    for limit in &verdict.effective_limits {
        let key = crate::render::shown(&limit.key);
        lines.push(format!("      {:11}  {key} = {} ({})", "limit", limit.value, limit.source.as_str()));
    }
    let answer = if verdict.is_valid() { "valid" } else { "refused" };
    lines.push(format!(
        "{}, {}, as of {}",
        terminal.word(answer, verdict.is_valid()),
        verdict.state.as_str(),
        verdict.as_of
    ));
    output.write(&(lines.join("\n") + "\n"), terminal)
}
