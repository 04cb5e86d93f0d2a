//! `POST /api/v1/assembly-whitelist/approve` of Muonroi: one body for each assembly.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::json::Writer;
use crate::manifest::identity::Assembly;
use crate::manifest::{FileDigest, Identity, Manifest, Scope};

/// Writes the bodies sorted by name and version. Its clients compare the base64 of the digest, and take the version for
/// people where the assembly has one.
pub(super) fn export(manifest: &Manifest) -> String {
    let mut assemblies: Vec<(&Assembly, FileDigest)> = manifest
        .files
        .iter()
        .filter_map(|file| match &file.facts.identity {
            Some(Identity::Dotnet(assembly)) => Some((assembly, file.facts.sha256)),
            _ => None,
        })
        .collect();
    assemblies.sort_by_key(|(assembly, digest)| (&assembly.name, version(assembly), *digest));
    // Satellites and other copies of the same bytes are one approval.
    assemblies.dedup();
    let mut out = Writer::default();
    out.begin_array();
    for (assembly, digest) in assemblies {
        match &manifest.scope {
            Scope::Global => write(&mut out, manifest, assembly, digest, None),
            Scope::Licenses(ids) => ids.iter().for_each(|id| write(&mut out, manifest, assembly, digest, Some(id))),
        }
    }
    out.end_array();
    out.finish()
}

fn write(out: &mut Writer, manifest: &Manifest, assembly: &Assembly, digest: FileDigest, license: Option<&str>) {
    out.begin_object();
    out.name("approvalScope").string(if license.is_some() { "License" } else { "Global" });
    out.name("assemblyName").string(&assembly.name);
    or_null(out.name("licenseId"), license);
    or_null(out.name("publicKeyToken"), assembly.public_key_token.as_deref());
    out.name("sha256Hash").string(&STANDARD.encode(digest.0));
    out.name("source").string(manifest.source.kind());
    out.name("version").string(version(assembly));
    out.end_object();
}

fn version(assembly: &Assembly) -> &str {
    assembly.informational_version.as_ref().unwrap_or(&assembly.version)
}

fn or_null(out: &mut Writer, text: Option<&str>) {
    match text {
        Some(text) => out.string(text),
        None => out.null(),
    }
}

#[cfg(test)]
mod tests {
    use crate::manifest::tests::{assembly, manifest};
    use crate::manifest::{Identity, Scope};

    #[test]
    fn there_is_one_body_for_each_assembly_and_license() {
        let mut manifest = manifest();
        manifest.files[0].facts.identity = Some(Identity::Dotnet(assembly()));
        assert_eq!(
            manifest.to_muonroi(),
            "[{\"approvalScope\":\"Global\",\"assemblyName\":\"Acme.Core\",\"licenseId\":null,\"publicKeyToken\":null,\
             \"sha256Hash\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\",\"source\":\"manual\",\
             \"version\":\"1.2.0+abc\"}]"
        );
        manifest.scope = Scope::Licenses(vec!["LIC-1".to_owned(), "LIC-2".to_owned()]);
        let bodies = manifest.to_muonroi();
        assert_eq!(bodies.matches("\"approvalScope\":\"License\"").count(), 2);
        assert!(bodies.contains("\"licenseId\":\"LIC-2\""), "{bodies}");
    }
}
