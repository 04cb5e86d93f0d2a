//! `mintage ledger approve`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mintage::manifest::{MAX_MANIFEST_BYTES, Scope};
use mintage::operation::ledger::approve;
use mintage::operation::manifest::signed;

use crate::book::{Book, stamp};
use crate::failure::Failure;
use crate::keys::{Trust, signer_hint};
use crate::render::{Terminal, spelled};
use crate::{clock, files};

/// Let a build be activated: the build of a signed manifest and every assembly in it
///
/// For every license, or for those that the manifest names, or for those named here.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The manifest
    #[arg(value_name = "MANIFEST")]
    manifest: PathBuf,
    /// Approve it for this license alone; repeatable
    #[arg(long, value_name = "ID")]
    for_license: Vec<String>,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    book: Book,
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let now = clock::now()?;
    let path = &arguments.manifest;
    let data = files::read(path, MAX_MANIFEST_BYTES)?;
    let fail = |code, message: String| {
        Failure::new(code, format!("manifest `{}`: {message}", path.display())).hint(signer_hint(code))
    };
    let verified = signed(&data, &arguments.trust.keyring()?);
    let manifest = verified.map_err(|error| fail(error.code(), error.to_string()))?.manifest;
    let licenses = match &manifest.scope {
        _ if !arguments.for_license.is_empty() => arguments.for_license.clone(),
        Scope::Licenses(licenses) => licenses.clone(),
        Scope::Global => Vec::new(),
    };
    let parts = approve::parts(&manifest);
    let ledger = arguments.book.make(now)?;
    let count = approve::approve(&ledger, &stamp(now), &parts, &licenses, manifest.source.kind())?;
    let scope = if licenses.is_empty() { "every license".to_owned() } else { licenses.join(", ") };
    let (product, version) = (&manifest.product, &manifest.version);
    terminal.value(|| {
        spelled(|out| {
            out.begin_object();
            out.name("added").integer(count.into());
            out.name("licenseIds").begin_array();
            licenses.iter().for_each(|id| out.string(id));
            out.end_array();
            out.name("product").string(product);
            out.name("version").string(version);
            out.end_object();
        })
    })?;
    terminal.note(&format!("approved {product} {version} for {scope}: {count} new approvals"));
    terminal.note("what activates there must show an approved build from now on");
    Ok(ExitCode::SUCCESS)
}
