//! What `fingerprint --request` and `activate --request-out` write: a request to activate a license on this machine.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mintage::code::Code;
use mintage::fingerprint::Fingerprint;
use mintage::manifest::MAX_MANIFEST_BYTES;
use mintage::operation::document::armored;
use mintage::operation::manifest::unverified;
use mintage::operation::proof::{request_salt, unverified_license};
use mintage::operation::verify::MAX_TEXT_BYTES;
use mintage::request::{LicenseReference, Nonce, Request};

use crate::enrol::{Enrol, Like};
use crate::failure::Failure;
use crate::instance::Instance;
use crate::output::Output;
use crate::qr::QrArgs;
use crate::render::Terminal;
use crate::{clock, files, random};

/// Says what is to be activated.
#[derive(Args, Debug)]
#[command(next_help_heading = "Activation requests")]
pub(crate) struct Activation {
    /// The license to activate
    #[arg(long, value_name = "FILE")]
    pub(crate) license: Option<PathBuf>,
    /// Where the product runs on this machine, such as `production`
    #[arg(long)]
    pub(crate) environment: Option<String>,
    /// The version of the product that runs
    #[arg(long, value_name = "VERSION")]
    pub(crate) product_version: Option<String>,
    /// The manifest of the build that runs
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// Write the request armored for mail, every line with its own check
    #[arg(long)]
    pub(crate) armor: bool,
    #[command(flatten)]
    pub(crate) instance: Instance,
    #[command(flatten)]
    pub(crate) qr: QrArgs,
}

pub(crate) fn run(
    activation: &Activation,
    enrol: &Enrol,
    output: &Output,
    terminal: &Terminal,
) -> anyhow::Result<ExitCode> {
    let Some(path) = &activation.license else {
        let message = "a request names the license that is to be activated";
        return Err(Failure::new(Code::Usage, message).hint("name its file with --license").into());
    };
    // Before a key is made for it: what is bound to be refused is refused at once.
    output.check()?;
    let license = read_license(path)?;
    let build = activation.manifest.as_deref().map(read_manifest).transpose()?;
    let like = match &license.fingerprint {
        Some(Fingerprint::Fp1(fp1)) => Some(Like::License(fp1.clone())),
        // So that the issuer knows a machine again that asks twice, and counts it once.
        _ => Some(Like::Salt(request_salt(license.license_id.as_deref().unwrap_or(&license.token)))),
    };
    let fingerprint = enrol.fingerprint(like.as_ref(), terminal)?;
    let key = activation.instance.create()?;
    let request = Request {
        license: LicenseReference::Token(license.token),
        fingerprint,
        environment: activation.environment.clone(),
        product: enrol.product.clone().or(license.product).or(build.as_ref().map(|build| build.product.clone())),
        product_version: activation.product_version.clone().or(build.as_ref().map(|build| build.version.clone())),
        manifest_digest: build.map(|build| build.sums_digest().0),
        nonce: Nonce(random::bytes()?),
        instance_key: key.public(),
        created_at: clock::now()?,
    };
    // What is asked for must be something that its reader takes.
    Request::parse(request.to_json().as_bytes())
        .map_err(|error| Failure::new(Code::Usage, format_args!("the request cannot be made: {error}")))?;
    activation.instance.remember(&request)?;
    let json = request.to_json();
    let text = if activation.armor { armored("request", &json) } else { format!("{json}\n") };
    let pictures = activation.qr.draw(&json, output.overwrite())?;
    output.write(&text, terminal)?;
    pictures.show(terminal);
    let whose = license.license_id.unwrap_or_else(|| "(sealed)".to_owned());
    terminal.note(&format!("request to activate license {whose}, instance key {}", key.public().id().kid()));
    Ok(ExitCode::SUCCESS)
}

fn read_license(path: &Path) -> anyhow::Result<mintage::operation::proof::Unverified> {
    let text = files::read(path, MAX_TEXT_BYTES)?;
    let about = |refusal: mintage::verdict::Refusal| {
        Failure::new(refusal.code, format_args!("license `{}`: {}", path.display(), refusal.message))
    };
    Ok(unverified_license(&text).map_err(about)?)
}

fn read_manifest(path: &Path) -> anyhow::Result<mintage::Manifest> {
    let text = files::read(path, MAX_MANIFEST_BYTES)?;
    Ok(unverified(&text)
        .map_err(|error| Failure::new(error.code(), format_args!("manifest `{}`: {error}", path.display())))?)
}
