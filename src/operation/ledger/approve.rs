//! `ledger approve`: which builds and assemblies may be activated.

use super::Stamp;
use crate::ledger::approval::{self, Approval, Assembly, Unapproved};
use crate::ledger::{Ledger, LedgerError};
use crate::manifest::{Identity, Manifest};

/// Approves assemblies for every license, or for some; returns how many approvals are new.
///
/// # Errors
/// `Refused` with `unknown-license`; `Unavailable`.
pub fn approve(
    ledger: &Ledger,
    stamp: &Stamp,
    assemblies: &[Assembly],
    license_ids: &[String],
    source: &str,
) -> Result<u64, LedgerError> {
    let scopes: Vec<Option<String>> =
        if license_ids.is_empty() { vec![None] } else { license_ids.iter().cloned().map(Some).collect() };
    let one = |(assembly, license_id): (&Assembly, &Option<String>)| Approval {
        assembly: assembly.clone(),
        license_id: license_id.clone(),
        source: source.to_owned(),
        now: stamp.now,
        actor: stamp.actor.clone(),
    };
    let pairs = assemblies.iter().flat_map(|assembly| scopes.iter().map(move |scope| (assembly, scope)));
    let approvals: Vec<Approval> = pairs.map(one).collect();
    ledger.write(move |transaction| {
        approvals.iter().try_fold(0, |count, approval| Ok(count + u64::from(approval::approve(transaction, approval)?)))
    })
}

/// Lists what a license may not be activated with.
///
/// # Errors
/// `Unavailable`.
pub fn unapproved(ledger: &Ledger, license_id: &str, assemblies: &[Assembly]) -> Result<Vec<Unapproved>, LedgerError> {
    ledger.read(|transaction| approval::unapproved(transaction, license_id, assemblies))
}

/// What a manifest approves: the build itself, under the product's name and by the digest that a request for activation
/// names, and every .NET assembly in it.
pub fn parts(manifest: &Manifest) -> Vec<Assembly> {
    let build = Assembly {
        name: manifest.product.clone(),
        version: manifest.version.clone(),
        sha256: manifest.sums_digest().to_string(),
        public_key_token: None,
    };
    let assemblies = manifest.files.iter().filter_map(|file| match &file.facts.identity {
        Some(Identity::Dotnet(assembly)) => Some(Assembly {
            name: assembly.name.clone(),
            version: assembly.informational_version.as_ref().unwrap_or(&assembly.version).clone(),
            sha256: file.facts.sha256.to_string(),
            public_key_token: assembly.public_key_token.clone(),
        }),
        _ => None,
    });
    std::iter::once(build).chain(assemblies).collect()
}
