//! `mintage mint manifest`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use mintage::code::{Code, Exit};
use mintage::dsse::{Envelope, Kind};
use mintage::json::Writer;
use mintage::manifest::export::sigstore_bundle;
use mintage::manifest::{BuildSource, MAX_MANIFEST_BYTES, Manifest, Scope, Symlinks, Walk};
use mintage::operation::manifest::{Patterns, TreeFault, build, ci, clashes};
use mintage::time::Timestamp;
use mintage::verdict::Refusal;

use crate::clock;
use crate::failure::Failure;
use crate::keys::Signer;
use crate::output::Output;
use crate::render::Terminal;
use crate::tree::{self, Own};

/// Faults that are shown one by one; the rest are counted.
const SHOWN_FAULTS: usize = 20;

/// Mint a manifest: the files of a build, each with its digest
///
/// Every regular file below DIR is listed, sorted by path; nothing is left out unless --exclude says so. Symbolic links are
/// refused unless --symlinks record lists them, and are never followed. Anything else, such as a socket, is refused and
/// never opened. The output file itself is no part of the build. Files say what they are (.NET assembly, ELF, JAR), for
/// people; what is checked are the digests.
///
/// A pattern is over the whole path: `*` stays within a name, `**` spans folders (`**/*.pdb`), and a folder that matches is
/// left out with all that is in it.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The folder of the build
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    signer: Signer,
    /// The product
    #[arg(long)]
    product: String,
    /// Its version
    #[arg(long)]
    version: String,
    /// Approve the build for every license; so it is unless --for-license is given
    #[arg(long, value_name = "SCOPE", value_parser = ["global"], conflicts_with = "for_license")]
    scope: Option<String>,
    /// Approve the build for this license alone; repeatable
    #[arg(long, value_name = "ID")]
    for_license: Vec<String>,
    /// Leave out what matches a pattern; signed, so that a verifier leaves it out too; repeatable
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// What to do with symbolic links
    #[arg(long, value_name = "WHAT", default_value = "reject")]
    symlinks: Links,
    /// Say where the build came from: GitHub Actions, GitLab CI, Azure Pipelines and Jenkins tell it
    #[arg(long)]
    ci: bool,
    /// When the manifest counts as made; now if left out
    #[arg(long, value_name = "WHEN")]
    issued_at: Option<String>,
    /// What to write; only dsse and sigstore-bundle are signed, and only they need --key
    #[arg(long, value_name = "FORMAT", default_value = "dsse")]
    format: Format,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Links {
    Record,
    Reject,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// DSSE envelope: what `verify` reads
    Dsse,
    /// What `sha256sum -c` reads
    Sha256sum,
    /// What Sigstore's verifiers read, and `verify` too
    SigstoreBundle,
    /// Bodies of Muonroi's assembly-whitelist/approve
    Muonroi,
    /// CycloneDX 1.6 bill of materials
    Cyclonedx,
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let blank = arguments.blank()?;
    announce(&blank, terminal);
    arguments.output.check()?;
    // Whoever has no key hears of it before the tree is read.
    let key = arguments.format.is_signed().then(|| arguments.signer.open()).transpose()?;
    let own = arguments.output.file().map(|path| Own::output(path, &arguments.folder)).unwrap_or_default();
    let manifest = match tree::reading(&own, terminal, |reading| build(&arguments.folder, blank, reading)) {
        Ok(manifest) => manifest,
        Err(faults) => return refuse(&faults, terminal),
    };
    let clashes: Vec<String> = clashes(&manifest).iter().map(ToString::to_string).collect();
    let warned: Vec<_> = clashes.iter().map(|text| (Some(Code::PathClash), text.as_str())).collect();
    terminal.warnings(&warned);
    let envelope = key.as_ref().map(|key| {
        let payload = manifest.to_payload().into_bytes();
        Envelope::sign(Kind::Manifest, payload, &[key])
    });
    let document = match (arguments.format, &envelope) {
        (Format::Sha256sum, _) => manifest.to_sums(),
        (Format::Muonroi, _) => line(manifest.to_muonroi()),
        (Format::Cyclonedx, _) => line(manifest.to_cyclonedx()),
        (Format::SigstoreBundle, Some(envelope)) => line(sigstore_bundle(envelope)),
        (_, Some(envelope)) => line(envelope.to_json()),
        (_, None) => Vec::new(),
    };
    if envelope.is_some() && document.len() > MAX_MANIFEST_BYTES {
        let message = format!("the manifest has {} bytes, and no verifier reads more than 64 MiB", document.len());
        return Err(Failure::new(Code::Usage, message)
            .hint("leave files out, or sign parts of the build apart")
            .into());
    }
    // Sums are no JSON, and may hold names that are not UTF-8.
    let value = || match arguments.format {
        Format::Sha256sum => manifest.to_payload(),
        _ => String::from_utf8_lossy(document.trim_ascii_end()).into_owned(),
    };
    arguments.output.hand_out(&document, value, terminal)?;
    let signed = match &key {
        Some(key) => format!("signed by key {}", key.public().id().kid()),
        None => "not signed".to_owned(),
    };
    let (product, version) = (&manifest.product, &manifest.version);
    terminal.note(&format!("minted the manifest of {product} {version}: {} files, {signed}", manifest.files.len()));
    Ok(ExitCode::SUCCESS)
}

fn line(text: String) -> Vec<u8> {
    let mut bytes = text.into_bytes();
    bytes.push(b'\n');
    bytes
}

impl Format {
    fn is_signed(self) -> bool {
        matches!(self, Self::Dsse | Self::SigstoreBundle)
    }
}

impl Arguments {
    /// Everything that the manifest says but the files and links.
    fn blank(&self) -> anyhow::Result<Manifest> {
        let now = clock::now()?;
        let created_at = self.issued_at.as_deref().map_or(Ok(now), |at| Timestamp::parse_when(at, now))?;
        Patterns::new(&self.exclude).map_err(|error| {
            Failure::new(Code::Usage, format_args!("--exclude: {error}")).hint("write --exclude '**/*.pdb'")
        })?;
        let mut ids = self.for_license.clone();
        ids.sort();
        ids.dedup();
        let symlinks = match self.symlinks {
            Links::Record => Symlinks::Record,
            Links::Reject => Symlinks::Reject,
        };
        Ok(Manifest {
            product: self.product.clone(),
            version: self.version.clone(),
            created_at,
            scope: if ids.is_empty() { Scope::Global } else { Scope::Licenses(ids) },
            source: if self.ci { from_ci()? } else { BuildSource::default() },
            walk: Walk { symlinks, excludes: self.exclude.clone() },
            files: Vec::new(),
            links: Vec::new(),
        })
    }
}

fn from_ci() -> anyhow::Result<BuildSource> {
    ci::detect(|name| std::env::var(name).ok()).map_err(|error| {
        let hint = "run it in GitHub Actions, GitLab CI, Azure Pipelines or Jenkins, or leave out --ci";
        Failure::new(Code::Usage, error).hint(hint).into()
    })
}

fn announce(manifest: &Manifest, terminal: &Terminal) {
    match &manifest.scope {
        Scope::Global => terminal.note("approved for every license (scope global)"),
        Scope::Licenses(ids) => terminal.note(&format!("approved for {} alone (scope license)", ids.join(", "))),
    }
    let source = &manifest.source;
    let told = [
        ("built by", &source.provider),
        ("repository", &source.repository),
        ("commit", &source.commit),
        ("run", &source.run_url),
    ];
    for (name, value) in told {
        value.iter().for_each(|value| terminal.note(&format!("{name} {value}")));
    }
    let missing: Vec<&str> = told[1..].iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
    if let Some(provider) = source.provider.as_ref().filter(|_| !missing.is_empty()) {
        let missing = missing.join(" and no ");
        terminal.warning(&format!("the environment of {provider} names no {missing}; the manifest says nothing of it"));
    }
}

/// Tells people the first faults and programs all of them.
fn refuse(faults: &[TreeFault], terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let mut hints: Vec<&str> = faults.iter().map(|fault| fault.code().hint()).collect();
    hints.sort_unstable();
    hints.dedup();
    if terminal.json {
        let message = faults.first().map(ToString::to_string).unwrap_or_default();
        let mut out = Writer::default();
        out.begin_object();
        out.name("code").string(faults.first().map_or("internal", |fault| fault.code().as_str()));
        out.name("error").string(&message);
        out.name("hints").begin_array();
        hints.iter().for_each(|hint| out.string(hint));
        out.end_array();
        out.name("message").string(&message);
        out.name("refusals").begin_array();
        faults.iter().for_each(|fault| Refusal::new(fault.code(), fault).write(&mut out));
        out.end_array();
        out.end_object();
        terminal.data(format!("{}\n", out.finish()).as_bytes())?;
    }
    for fault in faults.iter().take(SHOWN_FAULTS) {
        terminal.error(Some(fault.code()), &fault.to_string(), &[]);
    }
    let more = faults.len().saturating_sub(SHOWN_FAULTS);
    if more > 0 {
        terminal.note(&format!("and {more} more"));
    }
    let exit = faults.iter().map(|fault| fault.code().exit()).min().unwrap_or(Exit::Unable);
    hints.iter().for_each(|hint| terminal.note(&format!("hint: {hint}")));
    Ok(ExitCode::from(exit.status()))
}
