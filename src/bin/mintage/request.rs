//! What `fingerprint --request` and `activate --request-out` write and `activate --server` sends: a request to activate a
//! license on this machine.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mintage::code::Code;
use mintage::fingerprint::Fingerprint;
use mintage::ledger::license_key::LicenseKey;
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
    let wanted = Wanted::of_license(path)?;
    let request = make(activation, enrol, &wanted, terminal)?;
    if let Err(error) = write(&request, activation, output, terminal) {
        // That it could not be written is what is reported.
        let _ = activation.instance.discard(&request.instance_key);
        return Err(error);
    }
    let whose = wanted.license_id.unwrap_or_else(|| "(sealed)".to_owned());
    terminal.note(&format!("request to activate license {whose}, instance key {}", request.instance_key.id().kid()));
    Ok(ExitCode::SUCCESS)
}

/// Writes the request where it is wanted, once it is remembered here.
fn write(request: &Request, activation: &Activation, output: &Output, terminal: &Terminal) -> anyhow::Result<()> {
    activation.instance.remember(request)?;
    let json = request.to_json();
    let text = if activation.armor { armored("request", &json) } else { format!("{json}\n") };
    let pictures = activation.qr.draw(&json, output.overwrite())?;
    output.hand_out(text, || json, terminal)?;
    pictures.show(terminal);
    Ok(())
}

/// What is to be activated, as far as this machine knows it.
pub(crate) struct Wanted {
    /// How the request names it.
    pub(crate) license: LicenseReference,
    /// Its id, where that is known.
    license_id: Option<String>,
    /// What the salt is made of, so that the issuer knows a machine again that asks twice, and counts it once.
    salt: String,
    product: Option<String>,
    fingerprint: Option<Fingerprint>,
}

impl Wanted {
    /// Takes the license of a file.
    pub(crate) fn of_license(path: &Path) -> anyhow::Result<Self> {
        let license = read_license(path)?;
        Ok(Self {
            salt: license.license_id.clone().unwrap_or_else(|| license.token.clone()),
            license: LicenseReference::Token(license.token),
            license_id: license.license_id,
            product: license.product,
            fingerprint: license.fingerprint,
        })
    }

    /// Takes a license key, which only its issuer can look up.
    pub(crate) fn of_license_key(text: &str) -> Self {
        let text = text.trim();
        // However it was typed, it is one key. Those of other makers are taken as they are.
        let spelled = LicenseKey::parse(text).map_or_else(|_| text.to_owned(), |key| key.reveal().to_string());
        let license = LicenseReference::Key(spelled.clone());
        Self { license, license_id: None, salt: spelled, product: None, fingerprint: None }
    }
}

/// Makes a request, and a key for it that this machine keeps.
pub(crate) fn make(
    activation: &Activation,
    enrol: &Enrol,
    wanted: &Wanted,
    terminal: &Terminal,
) -> anyhow::Result<Request> {
    let build = activation.manifest.as_deref().map(read_manifest).transpose()?;
    let like = match &wanted.fingerprint {
        Some(Fingerprint::Fp1(fp1)) => Like::License(fp1.clone()),
        _ => Like::Salt(request_salt(&wanted.salt)),
    };
    let fingerprint = enrol.fingerprint(Some(&like), terminal)?;
    let product = enrol.product.as_ref().or(wanted.product.as_ref()).or(build.as_ref().map(|build| &build.product));
    let version = activation.product_version.as_ref().or(build.as_ref().map(|build| &build.version));
    let key = activation.instance.create()?;
    let request = Request {
        license: wanted.license.clone(),
        fingerprint,
        environment: activation.environment.clone(),
        product: product.cloned(),
        product_version: version.cloned(),
        manifest_digest: build.as_ref().map(|build| build.sums_digest().0),
        nonce: Nonce(random::bytes()?),
        instance_key: key.public(),
        created_at: clock::now()?,
    };
    // What is asked for must be something that its reader takes.
    match Request::parse(request.to_json().as_bytes()) {
        Ok(request) => Ok(request),
        Err(error) => {
            activation.instance.discard(&request.instance_key)?;
            Err(Failure::new(Code::Usage, format_args!("the request cannot be made: {error}")).into())
        }
    }
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
