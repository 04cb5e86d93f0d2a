//! `mintage verify`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mintage::code::{Code, Exit};
use mintage::json;
use mintage::keyring::Keyring;
use mintage::operation::revocations::{self, Admission};
use mintage::operation::verify::{self, Against, MAX_TEXT_BYTES, Verification};
use mintage::policy::Context;
use mintage::revocations::MAX_REVOCATIONS_BYTES;
use mintage::seal::SealSecret;
use mintage::state::{MAX_STATE_BYTES, VerifierState};
use mintage::time::Timestamp;
use mintage::trust::Established;
use mintage::verdict::{Outcome, Refusal, State, Verdict};

use crate::clock;
use crate::command::mint::secret;
use crate::command::{verify_batch, verify_manifest};
use crate::failure::Failure;
use crate::files::{self, FileError, Mode, Overwrite};
use crate::keys::Trust;
use crate::machine::Machine;
use crate::output::Output;
use crate::render::Terminal;

const DEFAULTS_HINT: &str = "write {\"max_apps\":3}";

/// The largest file of default-tier limits, in bytes.
const MAX_DEFAULTS_BYTES: usize = 1 << 20;

/// Verify a license, or a manifest against the files in --dir
///
/// For a yes all of this must hold: a trusted key signed it and may sign licenses; it is within its window or grace; the
/// clock is right; tenant, product and machine are the ones named; it grants every feature asked for; no limit is
/// exceeded. Every refusal is reported. No socket is ever opened.
///
/// Without DOC the license is MINTAGE_LICENSE (the text), else the file MINTAGE_LICENSE_FILE, else ./license.lic: the
/// first that exists is the one judged.
///
/// WHEN is RFC 3339, a date (the end of that UTC day), a span from now such as 90d, 12h or 2w, or `never`. What names a
/// file must be one: a pipe is given as `-`, or as the shell's `<(…)`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// License or manifest file, `-` for standard input, or the license itself
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
    #[arg(long, value_name = "KEY=N", value_parser = crate::command::mint::limit)]
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
    #[command(flatten)]
    machine: Machine,
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
    let mut state = arguments.state.as_deref().map(read_state).transpose()?;
    context.floor = state.as_ref().and_then(|state| state.latest_seen);
    let trusted = arguments.trusted(state.as_ref(), &mut context, terminal);
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
        let found = path.map(read).transpose()?;
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
            let seen = license.iter().flat_map(times).chain(of_build.into_iter().flatten().flatten());
            let admission = admission.as_ref().filter(|_| license.as_ref().is_some_and(is_current));
            remember(path, state, &trusted, admission, seen)?;
        }
        return verify_manifest::answer(&verdict, &arguments.output, terminal);
    }
    verify_manifest::needs_dir(arguments.document.as_deref())?;
    let Some(found) = find_license(arguments.document.as_deref(), terminal)? else {
        return answer(&Verification { verdict: verify::absent(&context), repairs: Vec::new() }, arguments, terminal);
    };
    let trusted = trusted?;
    let verification = judge(&found, &trusted.keyring, &mut context, arguments, secret.as_ref(), terminal)?;
    let verdict = &verification.verdict;
    if let (Some(path), Some(state)) = (&arguments.state, &mut state) {
        let admission = admission.as_ref().filter(|_| is_current(verdict));
        remember(path, state, &trusted, admission, times(verdict))?;
    }
    answer(&verification, arguments, terminal)
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
            let refusal = Refusal::new(error.code(), error);
            let verdict = Verdict::refused(State::Invalid, refusal, context.now, &context.defaults);
            return Ok(Verification { verdict, repairs: Vec::new() });
        }
    };
    let bound = std::str::from_utf8(text).ok().and_then(|text| verify::unverified_fingerprint(text, secret));
    context.machine = arguments.machine.context(bound.as_ref(), terminal)?;
    Ok(verify::license_bytes(text, Against { keyring, context, secret }))
}

/// Reads what was remembered; a file that is not there yet remembers nothing.
fn read_state(path: &Path) -> anyhow::Result<VerifierState> {
    if matches!(path.symlink_metadata(), Err(error) if error.kind() == std::io::ErrorKind::NotFound) {
        return Ok(VerifierState::default());
    }
    VerifierState::parse(&files::read_setting(path, MAX_STATE_BYTES)?).map_err(|error| {
        let message = format!("the state `{}` is damaged: {error}", path.display());
        let hint = "restore it from a backup; removing it forgets every time that was seen";
        Failure::new(error.code(), message).hint(hint).unable().into()
    })
}

/// Whether the list of revocations that a license was judged with is no older than it may be.
fn is_current(verdict: &Verdict) -> bool {
    verdict.refusals.iter().all(|refusal| refusal.code != Code::Stale)
}

/// The times that a verdict shows to have passed; one that refuses shows none.
fn times(verdict: &Verdict) -> impl Iterator<Item = Timestamp> {
    let issued = verdict.license.as_ref().map(|license| license.issued_at);
    [Some(verdict.as_of), issued].into_iter().flatten().filter(|_| verdict.is_valid())
}

/// Remembers the keyring that counts, an accepted list, and times that have passed; what was refused changes nothing.
fn remember(
    path: &Path,
    state: &mut VerifierState,
    trusted: &Established,
    admission: Option<&Admission>,
    times: impl Iterator<Item = Timestamp>,
) -> Result<(), FileError> {
    let before = state.clone();
    trusted.remember(state);
    admission.iter().for_each(|admission| admission.remember(state));
    times.for_each(|time| state.see(time));
    if *state == before {
        return Ok(());
    }
    files::write(path, format!("{}\n", state.to_json()).as_bytes(), Mode::Private, Overwrite::Update)
}

/// Reads a span such as `12h`, in seconds.
fn span(text: &str) -> Result<i64, String> {
    let end = Timestamp::parse_when(text, Timestamp::EPOCH).map_err(|error| error.to_string())?;
    match text.as_bytes() {
        [b'0'..=b'9', .., b'h' | b'd' | b'w'] => Ok(end.seconds()),
        _ => Err("write a span: 12h, 7d, 2w".to_owned()),
    }
}

/// What stands where a license is looked for.
enum Found {
    Text(Vec<u8>),
    /// Something larger than any license, which is refused as one.
    TooLarge(FileError),
}

/// Finds the license where it is looked for; the first place that holds one is the one judged, whatever comes of it.
fn find_license(document: Option<&str>, terminal: &Terminal) -> Result<Option<Found>, FileError> {
    match document {
        Some("-") => return read(Path::new("-")).map(Some),
        // A token begins like no file name that anyone would choose: `{"` in base64.
        Some(text) if text.starts_with("eyJ") && text.contains('.') && !Path::new(text).exists() => {
            return Ok(Some(Found::Text(text.as_bytes().to_owned())));
        }
        Some(path) => return read(Path::new(path)).map(Some),
        None => {}
    }
    if let Some(text) = std::env::var_os("MINTAGE_LICENSE").filter(|text| !text.is_empty()) {
        terminal.note("the license is the text of MINTAGE_LICENSE");
        return Ok(Some(Found::Text(text.into_encoded_bytes())));
    }
    if let Some(path) = std::env::var_os("MINTAGE_LICENSE_FILE").filter(|path| !path.is_empty()) {
        terminal.note(&format!("the license is `{}`, by MINTAGE_LICENSE_FILE", Path::new(&path).display()));
        return read(Path::new(&path)).map(Some);
    }
    let usual = Path::new("license.lic");
    match usual.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        _ => read(usual).map(Some),
    }
}

fn read(path: &Path) -> Result<Found, FileError> {
    match files::read(path, MAX_TEXT_BYTES) {
        Ok(text) => Ok(Found::Text(text)),
        Err(error) if error.code() == Code::Malformed => Ok(Found::TooLarge(error)),
        Err(error) => Err(error),
    }
}

impl Arguments {
    /// Gathers the trusted keys; the keyring among them is time evidence, unless another time than now is asked about.
    fn trusted(
        &self,
        state: Option<&VerifierState>,
        context: &mut Context,
        terminal: &Terminal,
    ) -> anyhow::Result<Established> {
        self.trust.announce(terminal);
        let trusted = self.trust.establish()?;
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
        context.usage = crate::command::mint::unique("--usage", &self.usage)?;
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
fn answer(verification: &Verification, arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let verdict = &verification.verdict;
    for repair in &verification.repairs {
        terminal.note(&format!("mended: {repair}"));
    }
    if terminal.json {
        arguments.output.write(&format!("{}\n", verification.to_json()), terminal)?;
    } else {
        people(verdict, arguments, terminal)?;
    }
    if verdict.state == State::Grace {
        terminal.warning("the license is in its grace period; renew it");
    }
    for refusal in &verdict.refusals {
        terminal.error(Some(refusal.code), &refusal.message, &[refusal.code.hint()]);
    }
    Ok(verdict.exit().map_or(ExitCode::SUCCESS, |exit: Exit| ExitCode::from(exit.status())))
}

fn people(verdict: &Verdict, arguments: &Arguments, terminal: &Terminal) -> Result<(), FileError> {
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
    arguments.output.write(&(lines.join("\n") + "\n"), terminal)
}
