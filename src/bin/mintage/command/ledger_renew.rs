//! `mintage ledger renew`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mintage::code::Code;
use mintage::ledger::license_key::LicenseKey;
use mintage::license::License;
use mintage::operation::ledger::renew::{self, Difference};
use mintage::operation::mint;
use mintage::time::Timestamp;
use mintage::token::{Body, Token};

use crate::book::{Book, License as Named, stamp};
use crate::claims::{amount, count, unique};
use crate::command::mint::{in_the_book, secret, show_license_key};
use crate::failure::Failure;
use crate::keys::Signer;
use crate::output::Output;
use crate::render::{Terminal, spelled};
use crate::{clock, random};

/// Sign a new token for a license of the ledger
///
/// Shows what differs before it signs. The license keeps its id, its machines and every claim that is not named here.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    license: Named,
    /// The last second of validity
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// A number that the license caps; repeatable
    #[arg(long, value_name = "KEY=N", value_parser = amount)]
    limit: Vec<(String, u64)>,
    /// The features that the license grants, in place of those it has; repeatable
    #[arg(long, value_name = "NAME")]
    feature: Vec<String>,
    /// Days after expiry in which the limits still hold
    #[arg(long, value_name = "N")]
    grace_days: Option<u16>,
    /// Machines that may be bound
    #[arg(long, value_name = "N", value_parser = count)]
    max_activations: Option<u64>,
    /// Concurrent uses
    #[arg(long, value_name = "N", value_parser = count)]
    seats: Option<u64>,
    /// Builds dated later are not covered
    #[arg(long, value_name = "WHEN")]
    maintenance_until: Option<String>,
    /// Seal the claims with the secret in FILE, as those of the token before are
    #[arg(long, value_name = "FILE")]
    seal: Option<PathBuf>,
    /// When the token counts as issued; now if left out
    #[arg(long, value_name = "WHEN")]
    issued_at: Option<String>,
    /// Make a new license key for it, shown once; the one before stands for nothing any more. Where no claim is named
    /// beside it, nothing is signed, and the token stays
    #[arg(long)]
    license_key: bool,
    /// Show what would differ, and sign nothing
    #[arg(long, conflicts_with = "license_key")]
    dry_run: bool,
    #[command(flatten)]
    signer: Signer,
    #[command(flatten)]
    book: Book,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let now = clock::now()?;
    let ledger = arguments.book.open()?;
    let id = arguments.license.id(&ledger)?;
    let before = renew::find(&ledger, &id)?;
    let license_key = arguments.license_key.then(random::bytes).transpose()?;
    let license_key = license_key.map(|bytes| LicenseKey::from_random(&bytes));
    if let Some(license_key) = license_key.as_ref().filter(|_| arguments.names_no_claim()) {
        let held = renew::rekey(&ledger, &stamp(now), &id, license_key)?;
        terminal.note(&format!("license {id} has a new license key, and the one before stands for nothing any more"));
        let told = terminal.value(|| spelled(|out| held.write_with(Some(license_key), out))).map_err(Into::into);
        told.and_then(|()| show_license_key(license_key, terminal)).map_err(|error| in_the_book(&error, &id, true))?;
        return Ok(ExitCode::SUCCESS);
    }
    let is_sealed = Token::parse(&before.token).is_ok_and(|token| matches!(token.unverified_body(), Body::Sealed(_)));
    let secret = arguments.seal.as_deref().map(secret).transpose()?;
    if is_sealed && secret.is_none() {
        let message = format!("the claims of license {id} are sealed");
        return Err(Failure::new(Code::Usage, message).hint("name the secret with --seal").into());
    }
    let mut license = arguments.renewed(&before.license, now)?;
    let key = if arguments.dry_run { None } else { Some(arguments.signer.open()?) };
    if let Some(key) = &key {
        license.kid = Some(key.public().id().kid());
    }
    mint::check(&license)?;
    let differences = renew::differences(&before.license, &license);
    if differences.iter().all(|difference| difference.claim == "issuedAt") {
        terminal.note("no claim changes but the time of issue");
    }
    for Difference { claim, before, after } in differences {
        let absent = || "absent".to_owned();
        terminal.note(&format!("{claim}: {} -> {}", before.unwrap_or_else(absent), after.unwrap_or_else(absent)));
    }
    if let Some(most) = license.max_activations.filter(|most| *most < before.activations) {
        let machines = before.activations;
        terminal.warning(&format!("{machines} machines are activated, and {most} will be allowed: all of them stay"));
    }
    let Some(key) = key else {
        terminal.value(|| license.to_payload())?;
        terminal.note(&format!("dry run: nothing was signed{}", arguments.output.unwritten()));
        return Ok(ExitCode::SUCCESS);
    };
    arguments.output.check()?;
    let token = match &secret {
        None => mint::token(license.clone(), &key)?,
        Some(secret) => mint::sealed_token(&license, &key, secret, &random::bytes()?)?,
    };
    let (key_id, new) = (key.public().id(), license_key.as_ref());
    let prepared = arguments.output.prepare(format!("{token}\n"))?;
    let held = renew::renew(&ledger, &stamp(now), &before, license, token.to_string(), key_id, new)?;
    let hand_out = || -> anyhow::Result<()> {
        prepared.place(terminal)?.tell(|| spelled(|out| held.write_with(new, out)), terminal)?;
        terminal.note(&format!("renewed license {id}, signed by key {}", key_id.kid()));
        new.map_or(Ok(()), |license_key| show_license_key(license_key, terminal))
    };
    hand_out().map_err(|error| in_the_book(&error, &id, new.is_some()))?;
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    fn names_no_claim(&self) -> bool {
        let texts = [&self.expires, &self.maintenance_until, &self.issued_at];
        let numbers = [self.max_activations, self.seats, self.grace_days.map(u64::from)];
        let lists = self.limit.is_empty() && self.feature.is_empty();
        lists && texts.iter().all(|text| text.is_none()) && numbers.iter().all(Option::is_none) && self.seal.is_none()
    }

    fn renewed(&self, before: &License, now: Timestamp) -> anyhow::Result<License> {
        let mut license = before.clone();
        license.issued_at = self.issued_at.as_deref().map_or(Ok(now), |at| Timestamp::parse_when(at, now))?;
        let when = |text: &str| Timestamp::parse_when(text, license.issued_at);
        if let Some(expires) = &self.expires {
            license.expires_at = when(expires)?;
        }
        if let Some(until) = &self.maintenance_until {
            license.maintenance_until = Some(when(until)?);
        }
        license.limits.extend(unique("--limit", &self.limit)?);
        if !self.feature.is_empty() {
            license.features = Some(self.feature.clone());
        }
        license.grace_period_days = self.grace_days.unwrap_or(license.grace_period_days);
        license.max_activations = self.max_activations.or(license.max_activations);
        license.seats = self.seats.or(license.seats);
        Ok(license)
    }
}
