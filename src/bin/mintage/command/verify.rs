//! `mintage verify`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mintage::code::Code;
use mintage::dsse::{Envelope, Kind};
use mintage::json;
use mintage::keyring::Keyring;
use mintage::operation::document::{Document, Opened};
use mintage::operation::revocations::{self, Admission};
use mintage::operation::verify::{self, Against, Verification};
use mintage::policy::Context;
use mintage::revocations::MAX_REVOCATIONS_BYTES;
use mintage::seal::SealSecret;
use mintage::state::VerifierState;
use mintage::time::Timestamp;
use mintage::trust::Established;
use mintage::verdict::{Refusal, State, Verdict};

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
use crate::verdict::Answer;

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
/// first that exists is the one judged. A variable that is empty counts as one that is not set.
///
/// WHEN is RFC 3339, a date (the end of that UTC day), a span from now such as 90d, 12h or 2w, or `never`. What names a
/// file must be one: a pipe is given as `-`, or as the shell's `<(…)`.
#[derive(Args, Debug, Default)]
pub(crate) struct Arguments {
    #[command(flatten)]
    plain: Plain,
    /// Refuse licenses that this signed list of revocations withdraws
    #[arg(long, value_name = "FILE")]
    revocations: Option<PathBuf>,
    /// How old the revocations may be, instead of until their successor is due: 12h, 7d, 2w
    #[arg(long, value_name = "SPAN", requires = "revocations", value_parser = span)]
    max_age: Option<i64>,
    /// Remember in FILE the latest time seen and the newest keyring and revocations; refuse a clock that was set back, and
    /// older ones
    #[arg(long, value_name = "FILE", conflicts_with = "batch")]
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
    /// Verify every line of a JSONL file: a token, or {"token":TEXT}; no line at all is no yes, but exit status 3
    #[arg(long, value_name = "FILE", conflicts_with = "document")]
    batch: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    activated: Activated,
    #[command(flatten)]
    build: verify_manifest::Build,
}

/// What a plain verification names: a license, whom to trust, and what is asked of it.
#[derive(Args, Debug, Default)]
pub(crate) struct Plain {
    /// The document's file, `-` for standard input, or the license itself
    #[arg(value_name = "DOC")]
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
    #[arg(long, value_name = "KEY=N", value_parser = crate::claims::amount)]
    usage: Vec<(String, u64)>,
    /// Refuse a license whose maintenance ended before the running build was made
    #[arg(long, value_name = "WHEN")]
    build_date: Option<String>,
    /// Judge as of another time than now; that time is held against --state, which learns of none that has not come
    #[arg(long, value_name = "WHEN")]
    at: Option<String>,
}

impl From<Plain> for Arguments {
    fn from(plain: Plain) -> Self {
        Self { plain, ..Self::default() }
    }
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let (bench, trusted) = Bench::set(arguments, terminal)?;
    if let Some(batch) = &arguments.batch {
        return bench.batch(batch, &trusted?);
    }
    if arguments.build.dir.is_some() {
        return bench.tree(&trusted?);
    }
    // A license that is named beside nothing is what is to be judged.
    let named = arguments.plain.document.as_deref().map(Path::new).or(arguments.build.license.as_deref());
    let Some(found) = document::find_license(named, terminal)? else {
        return Answer::of(&verify::absent(&bench.context), &[]).give(&arguments.output, terminal);
    };
    let opened = document::open(&found);
    if let Ok(Some(Opened { document: Document::Envelope(_, Some(Kind::Manifest)), .. })) = &opened {
        return Err(verify_manifest::needs_dir(arguments.plain.document.as_deref()));
    }
    let trusted = trusted?;
    match opened {
        Ok(opened) => bench.document(&found, opened, &trusted),
        Err(refusal) => Answer::of(&bench.refused(refusal), &[]).give(&arguments.output, terminal),
    }
}

/// What everything is judged with, set out before anything is judged.
struct Bench<'a> {
    arguments: &'a Arguments,
    terminal: &'a Terminal,
    context: Context,
    state: Option<VerifierState>,
    admission: Option<Admission>,
    secret: Option<SealSecret>,
}

impl<'a> Bench<'a> {
    /// Reads whom to trust, what is remembered and what was withdrawn. That nobody is trusted is an answer of its own: a
    /// license that is absent is so for everybody.
    fn set(arguments: &'a Arguments, terminal: &'a Terminal) -> anyhow::Result<(Self, anyhow::Result<Established>)> {
        let mut context = arguments.context()?;
        arguments.plain.trust.announce(terminal);
        let established = arguments.plain.trust.establish();
        let state = arguments.memory(&established, context.now, terminal)?;
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
        if arguments.plain.at.is_some() {
            terminal.note(&format!("judged as of {}, not as of now", context.now));
        }
        Ok((Self { arguments, terminal, context, state, admission, secret }, trusted))
    }

    fn batch(mut self, path: &Path, trusted: &Established) -> anyhow::Result<ExitCode> {
        self.context.machine = self.arguments.machine.whole_context(self.terminal)?;
        let against = self.against(&trusted.keyring);
        verify_batch::run(path, against, &self.arguments.output, self.terminal)
    }

    /// Judges a manifest against a folder.
    fn tree(mut self, trusted: &Established) -> anyhow::Result<ExitCode> {
        let (arguments, terminal) = (self.arguments, self.terminal);
        let license = match &arguments.build.license {
            Some(path) => Some(self.license(&document::read(path)?, &trusted.keyring)?.verdict),
            None => None,
        };
        let beside = verify_manifest::Beside {
            keyring: &trusted.keyring,
            product: arguments.plain.product.as_deref(),
            license: license.as_ref(),
            now: self.context.now,
            floor: self.context.floor,
        };
        let verdict = verify_manifest::judge(arguments.plain.document.as_deref(), &arguments.build, &beside, terminal)?;
        let made = verdict.manifest.as_ref().map(|manifest| manifest.created_at);
        let of_build = verdict.findings.is_valid().then_some([Some(verdict.as_of), made]);
        let seen = license.iter().flat_map(memory::times).chain(of_build.into_iter().flatten().flatten());
        self.remember(trusted, license.as_ref(), seen)?;
        Answer::of_tree(&verdict).give(&arguments.output, terminal)
    }

    /// Judges whatever was found; what is no document is judged, and refused, as a license.
    fn document(mut self, found: &Found, opened: Option<Opened>, trusted: &Established) -> anyhow::Result<ExitCode> {
        let (arguments, terminal, keyring) = (self.arguments, self.terminal, &trusted.keyring);
        arguments.activated.add_to(&mut self.context, keyring)?;
        let Verification { verdict, repairs } = match opened {
            Some(Opened { document: Document::Envelope(envelope, Some(Kind::Proof)), repairs }) => {
                Verification { verdict: self.proof(&envelope, keyring)?, repairs }
            }
            Some(Opened { document: Document::Envelope(envelope, Some(kind)), repairs }) => {
                repairs.iter().for_each(|repair| terminal.note(&format!("mended: {repair}")));
                let verdict = verify_proof::other(&envelope, kind, &arguments.activated, keyring, self.context.now)?;
                return Answer::of_document(&verdict).give(&arguments.output, terminal);
            }
            Some(Opened { document: Document::Request(_), .. }) => return Err(verify_proof::unjudged("request")),
            _ if arguments.plain.document.is_some() && arguments.build.license.is_some() => {
                let message = "--license names the license beside a manifest or a proof, and the document is neither";
                return Err(Failure::new(Code::Usage, message).hint("leave out one of the two").into());
            }
            _ => match arguments.activated.proof.as_deref() {
                None => self.license(found, keyring)?,
                Some(path) => {
                    let verdict = self.license_beside(found, &verify_proof::read_proof(path)?, keyring)?;
                    Verification { verdict, repairs: Vec::new() }
                }
            },
        };
        self.remember(trusted, Some(&verdict), memory::times(&verdict))?;
        Answer::of(&verdict, &repairs).give(&arguments.output, terminal)
    }

    /// Judges a proof, with the license inside it unless another is to take its place.
    fn proof(&self, envelope: &Envelope, keyring: &Keyring) -> anyhow::Result<Verdict> {
        match self.arguments.build.license.as_deref() {
            None => verify_proof::judge(envelope, self.running(keyring)),
            Some(path) => self.license_beside(&document::read(path)?, envelope, keyring),
        }
    }

    /// Judges a license beside a proof of its activation.
    fn license_beside(&self, found: &Found, proof: &Envelope, keyring: &Keyring) -> anyhow::Result<Verdict> {
        let context = verify_proof::admit(proof, found.text(), self.running(keyring))?;
        Ok(match found {
            Found::Text(text) => {
                verify::license_bytes(text, Against { context: &context, ..self.against(keyring) }).verdict
            }
            Found::TooLarge(error) => self.too_large(error),
        })
    }

    /// Judges a license, on this machine if the license asks for one.
    fn license(&mut self, found: &Found, keyring: &Keyring) -> anyhow::Result<Verification> {
        let text = match found {
            Found::Text(text) => text,
            Found::TooLarge(error) => {
                return Ok(Verification { verdict: self.too_large(error), repairs: Vec::new() });
            }
        };
        let bound = verify::unverified_fingerprint(text, self.secret.as_ref());
        let bound: Vec<_> = bound.iter().collect();
        self.context.machine = self.arguments.machine.here().context(&bound, self.terminal)?;
        Ok(verify::license_bytes(text, self.against(keyring)))
    }

    fn against<'b>(&'b self, keyring: &'b Keyring) -> Against<'b> {
        Against { keyring, context: &self.context, secret: self.secret.as_ref() }
    }

    fn running<'b>(&'b self, keyring: &'b Keyring) -> Running<'b> {
        let Self { arguments, terminal, context, secret, .. } = self;
        let (here, instance) = (arguments.machine.here(), &arguments.activated.instance);
        Running { keyring, context, secret: secret.as_ref(), here, instance, terminal }
    }

    /// Refuses what could not be read.
    fn refused(&self, refusal: Refusal) -> Verdict {
        Verdict::refused(State::Invalid, refusal, self.context.now, &self.context.defaults)
    }

    fn too_large(&self, error: &FileError) -> Verdict {
        self.refused(Refusal::new(error.code(), error))
    }

    /// Remembers what was seen, and the revocations that a license was judged with.
    fn remember(
        &mut self,
        trusted: &Established,
        license: Option<&Verdict>,
        seen: impl Iterator<Item = Timestamp>,
    ) -> anyhow::Result<()> {
        let (Some(path), Some(state)) = (&self.arguments.state, &mut self.state) else { return Ok(()) };
        // A time that was only asked about must not stand in the way of the true one.
        let come = if self.arguments.plain.at.is_some() { clock::now()? } else { Timestamp::NEVER };
        let seen = seen.filter(|time| *time <= come);
        let admission = self.admission.as_ref().filter(|_| license.is_some_and(memory::is_current));
        Ok(memory::remember(path, state, trusted, admission, seen)?)
    }
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

    /// Holds the trusted keys against what is remembered; the keyring among them is time evidence, unless another time than
    /// now is asked about.
    fn admitted(
        &self,
        trusted: Established,
        state: Option<&VerifierState>,
        context: &mut Context,
    ) -> anyhow::Result<Established> {
        trusted.admit(state, clock::now()?)?;
        if self.plain.at.is_none() {
            context.floor = context.floor.max(trusted.issued_at());
        }
        Ok(trusted)
    }

    fn context(&self) -> anyhow::Result<Context> {
        let now = clock::now()?;
        let as_of = self.plain.at.as_deref().map(|at| Timestamp::parse_when(at, now)).transpose()?;
        let mut context = Context::at(as_of.unwrap_or(now));
        context.tenant.clone_from(&self.plain.tenant);
        context.product.clone_from(&self.plain.product);
        context.features.clone_from(&self.plain.feature);
        context.usage = crate::claims::unique("--usage", &self.plain.usage)?;
        context.build_date =
            self.plain.build_date.as_deref().map(|date| Timestamp::parse_when(date, now)).transpose()?;
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
