//! `mintage mint`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use mintage::armor;
use mintage::code::Code;
use mintage::fingerprint::RuleError;
use mintage::id::Kid;
use mintage::key::SecretKey;
use mintage::keyring::Keyring;
use mintage::ledger::license_key::LicenseKey;
use mintage::license::{License, MAX_TOKEN_BYTES};
use mintage::operation::draft::Draft;
use mintage::operation::ledger::issue::{self, Record};
use mintage::operation::mint::{self, Form, MintError, Minted, Moment, Times};
use mintage::operation::plans::Plans;
use mintage::operation::verify;
use mintage::seal::SealSecret;
use mintage::time::Timestamp;

use crate::book::{Book, stamp};
use crate::claims::Claims;
use crate::command::{mint_batch, mint_keyring, mint_manifest, mint_proof, mint_revocations, mint_unlock};
use crate::failure::Failure;
use crate::files;
use crate::keys::{Signer, Trust};
use crate::output::Output;
use crate::qr::QrArgs;
use crate::render::Terminal;
use crate::{clock, random, times};

/// The largest file of plans or secret file, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// Mint a license
///
/// Prints the token, one line. WHEN is RFC 3339, a date (the end of that UTC day), a span such as 90d, 12h or 2w counted
/// from the time of issue, or `never`. `--max-foo-bar N` is short for `--limit max_foo_bar=N`.
///
/// Example: `mintage mint --key vendor.key --tenant acme --expires 90d --max-apps 25 --feature reports -o acme.lic`
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    document: Option<Document>,
    #[command(flatten)]
    pub(crate) signer: Signer,
    #[command(flatten)]
    claims: Claims,
    /// TOML file that defines the vendor's plans, and so which names exist
    #[arg(long, value_name = "FILE")]
    plans: Option<PathBuf>,
    /// Seal the claims with the secret in FILE (at least 32 bytes, all of them used)
    #[arg(long, value_name = "FILE")]
    seal: Option<PathBuf>,
    /// Write the token armored for mail, every line with its own check
    #[arg(long, conflicts_with = "batch")]
    armor: bool,
    /// Verify what was written as of its first second of validity, and remove it if that fails; against the key's own public
    /// half unless --trust names keys
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    trust: Trust,
    /// Mint a license for every row of a CSV or JSONL file (`-` for JSONL on standard input), columns named as the claims
    #[arg(long, value_name = "FILE", conflicts_with = "qr")]
    pub(crate) batch: Option<PathBuf>,
    /// Print the payloads that would be signed, or sealed first, and sign and write nothing; their `kid` is there once
    /// --key is named
    #[arg(long, conflicts_with = "qr")]
    pub(crate) dry_run: bool,
    /// Go on with an interrupted batch, minting no row twice
    #[arg(long, requires = "batch", requires = "output")]
    pub(crate) resume: bool,
    /// Make a license key for it, shown once, to activate with; the ledger keeps its hash
    #[arg(long, conflicts_with = "batch")]
    license_key: bool,
    #[command(flatten)]
    pub(crate) book: Book,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    qr: QrArgs,
}

/// Documents other than the license.
#[derive(Debug, Subcommand)]
enum Document {
    Keyring(mint_keyring::Arguments),
    Manifest(mint_manifest::Arguments),
    Proof(mint_proof::Arguments),
    Revocations(mint_revocations::Arguments),
    Unlock(mint_unlock::Arguments),
}

/// What one command line mints with, for one license or for many.
pub(crate) struct Minting {
    pub(crate) base: Draft,
    pub(crate) plans: Option<Plans>,
    pub(crate) secret: Option<SealSecret>,
    pub(crate) now: Timestamp,
}

impl Minting {
    pub(crate) fn form(&self) -> Form {
        if self.secret.is_some() { Form::Sealed } else { Form::Open }
    }
}

impl Arguments {
    /// Returns the short id of the key that would sign; `None` when a dry run names no key.
    pub(crate) fn kid(&self) -> anyhow::Result<Option<Kid>> {
        self.signer.key.as_ref().map(|_| Ok(self.signer.open()?.public().id().kid())).transpose()
    }

    /// Returns the keys that --verify verifies with.
    pub(crate) fn verifying(&self, key: &SecretKey) -> anyhow::Result<Option<Keyring>> {
        match self.verify {
            false => Ok(None),
            true if self.trust.trust.is_empty() => Ok(Some(Keyring::from(key.public()))),
            true => self.trust.keyring().map(Some),
        }
    }
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    match &arguments.document {
        Some(Document::Keyring(arguments)) => return mint_keyring::run(arguments, terminal),
        Some(Document::Manifest(arguments)) => return mint_manifest::run(arguments, terminal),
        Some(Document::Proof(arguments)) => return mint_proof::run(arguments, terminal),
        Some(Document::Revocations(arguments)) => return mint_revocations::run(arguments, terminal),
        Some(Document::Unlock(arguments)) => return mint_unlock::run(arguments, terminal),
        None => {}
    }
    let minting = Minting {
        base: arguments.claims.draft()?,
        plans: arguments.plans.as_deref().map(plans).transpose()?,
        secret: arguments.seal.as_deref().map(secret).transpose()?,
        now: clock::now()?,
    };
    match &arguments.batch {
        Some(batch) => mint_batch::run(batch, arguments, &minting, terminal),
        None => mint_one(arguments, minting, terminal),
    }
}

fn mint_one(arguments: &Arguments, minting: Minting, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let moment = Moment { now: minting.now, fresh_id: random::license_id()? };
    let form = minting.form();
    let mut license = mint::license(minting.base, minting.plans.as_ref(), &moment).map_err(explain)?;
    mint::check_length(&license, form).map_err(explain)?;
    times::announce(&Times::from(&license), minting.now, terminal);
    arguments.output.check()?;
    if arguments.dry_run {
        license.kid = arguments.kid()?;
        return dry_run(&license, arguments, terminal);
    }
    let ledger = arguments.book.make_if_named(minting.now)?;
    if arguments.license_key && ledger.is_none() {
        let failure = Failure::new(Code::Usage, "a license key is of no use without a ledger");
        return Err(failure.hint("name one with --ledger or MINTAGE_LEDGER").into());
    }
    let license_key = arguments.license_key.then(random::bytes).transpose()?;
    let license_key = license_key.map(|bytes| LicenseKey::from_random(&bytes));
    let key = arguments.signer.open()?;
    // Signing sets it; what is shown is what is signed.
    license.kid = Some(key.public().id().kid());
    let token = match &minting.secret {
        None => mint::token(license.clone(), &key)?,
        Some(secret) => mint::sealed_token(&license, &key, secret, &random::bytes()?)?,
    };
    let text = if arguments.armor { armor::wrap("LICENSE", token.as_str()) } else { format!("{token}\n") };
    let keyring = arguments.verifying(&key)?;
    // Before anything is written, so that what --force would replace stays; what was written is checked again below.
    if let Some(keyring) = &keyring {
        check(&text, keyring, minting.secret.as_ref())?;
    }
    let pictures = arguments.qr.draw(token.as_str(), arguments.output.overwrite())?;
    let prepared = arguments.output.prepare(text)?;
    if let Some(ledger) = &ledger {
        let minted = Record {
            license: license.clone(),
            token: token.to_string(),
            key_id: key.public().id(),
            license_key: license_key.clone(),
        };
        // Before anybody is handed it: what is out there and not in the book could never be withdrawn.
        issue::record(ledger, &stamp(minting.now), vec![minted])?;
    }
    let hand_out = || -> anyhow::Result<()> {
        let handed_out = prepared.place(terminal)?;
        if let (Some(keyring), Some(path)) = (&keyring, arguments.output.file()) {
            let written = files::read(path, 2 * MAX_TOKEN_BYTES).map_err(anyhow::Error::from);
            let written = written.and_then(|data| Ok(String::from_utf8(data)?));
            let checked = written.and_then(|text| check(&text, keyring, minting.secret.as_ref()));
            checked.with_context(|| format!("`{}` is taken back", path.display()))?;
        }
        let (id, kid) = (&license.license_id, key.public().id().kid());
        terminal.note(&format!("minted license {id} for tenant {}, signed by key {kid}", license.tenant_id));
        let minted = Minted { license: license.clone(), token, key_id: key.public().id() };
        handed_out.tell(|| minted.to_json_with(license_key.as_ref()), terminal)?;
        license_key.as_ref().map_or(Ok(()), |license_key| show_license_key(license_key, terminal))
    };
    hand_out().map_err(|error| match &ledger {
        Some(_) => in_the_book(&error, &license.license_id, license_key.is_some()),
        None => error,
    })?;
    pictures.show(terminal);
    Ok(ExitCode::SUCCESS)
}

/// Shows a license key the one time that it is shown.
pub(crate) fn show_license_key(license_key: &LicenseKey, terminal: &Terminal) -> anyhow::Result<()> {
    if terminal.json {
        return Ok(());
    }
    Ok(terminal.say(&format!("license key {}, which is shown this once", license_key.reveal().as_str()))?)
}

/// Says that a license was recorded before it could be handed out, and how it is come by.
pub(crate) fn in_the_book(error: &anyhow::Error, id: &str, has_license_key: bool) -> anyhow::Error {
    let token = format!("`mintage ledger show {id} --token` prints its token");
    let hint = if has_license_key {
        format!("{token}, and `mintage ledger renew {id} --license-key` makes another license key")
    } else {
        token
    };
    Failure::too_late(error, format_args!("license {id} is in the ledger all the same")).hint(hint).into()
}

fn dry_run(license: &License, arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    terminal.data(format!("{}\n", license.to_payload()).as_bytes())?;
    terminal.note(&format!("dry run: nothing was signed{}", arguments.output.unwritten()));
    Ok(ExitCode::SUCCESS)
}

fn check(text: &str, keyring: &Keyring, secret: Option<&SealSecret>) -> anyhow::Result<()> {
    verify::minted(text, keyring, secret).map_or(Ok(()), |refusal| Err(MintError::Refused(None, refusal).into()))
}

/// Points a claim at the flag that gives it.
pub(crate) fn explain(error: MintError) -> anyhow::Error {
    let flag = match &error {
        MintError::Missing(names) => match names[..] {
            ["tenantId"] => "name the tenant with --tenant",
            ["exp"] => "say when with --expires: 2027-01-31, 90d or never",
            _ => "write `mintage mint --key vendor.key --tenant acme --expires 90d`",
        },
        MintError::Fingerprint(RuleError::Weak(_)) => {
            "ask for a fingerprint of more (--privileged, --component), or accept this one with --allow-weak"
        }
        MintError::Time(..) => "write 2027-01-31, 2027-01-31T12:00:00Z, 90d, 12h, 2w or never",
        _ => return error.into(),
    };
    Failure::new(error.code(), &error).hint(flag).into()
}

pub(crate) fn plans(path: &Path) -> anyhow::Result<Plans> {
    let text = String::from_utf8(files::read_setting(path, MAX_BYTES)?);
    let text = text.map_err(|_| {
        Failure::new(Code::Usage, format_args!("`{}` is not UTF-8", path.display())).hint("save the file as UTF-8")
    })?;
    Plans::parse(&text).map_err(|error| {
        let message = format!("plans `{}`: {error}", path.display());
        Failure::new(error.code(), message).hint("mend that file there; no option is at fault").into()
    })
}

/// Reads the secret of sealed licenses: every byte of the file.
pub(crate) fn secret(path: &Path) -> anyhow::Result<SealSecret> {
    crate::process::keep_secrets();
    let data = files::read_setting(path, MAX_BYTES)?;
    SealSecret::new(data).with_context(|| format!("secret file `{}`", path.display()))
}
