//! CycloneDX 1.6: a bill of materials of files.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::json::Writer;
use crate::manifest::{Identity, Manifest};

/// Writes one component of type `file` for each file; a name that is not UTF-8 stands in base64 beside its likeness.
pub(super) fn export(manifest: &Manifest) -> String {
    let mut out = Writer::default();
    out.begin_object();
    out.name("bomFormat").string("CycloneDX");
    out.name("components").begin_array();
    for file in &manifest.files {
        out.begin_object();
        out.name("hashes").begin_array();
        out.begin_object();
        out.name("alg").string("SHA-256");
        out.name("content").string(&file.facts.sha256.to_string());
        out.end_object();
        out.end_array();
        out.name("name").string(&file.path.to_string());
        if file.path.as_str().is_none() {
            out.name("properties").begin_array();
            out.begin_object();
            out.name("name").string("mintage:pathB64");
            out.name("value").string(&STANDARD.encode(file.path.as_bytes()));
            out.end_object();
            out.end_array();
        }
        out.name("type").string("file");
        let version = match &file.facts.identity {
            Some(Identity::Dotnet(assembly)) => Some(&assembly.version),
            Some(Identity::Jar { version, .. }) => version.as_ref(),
            _ => None,
        };
        if let Some(version) = version {
            out.name("version").string(version);
        }
        out.end_object();
    }
    out.end_array();
    out.name("metadata").begin_object();
    out.name("component").begin_object();
    out.name("name").string(&manifest.product);
    out.name("type").string("application");
    out.name("version").string(&manifest.version);
    out.end_object();
    out.name("timestamp").string(&manifest.created_at.to_string());
    out.end_object();
    out.name("specVersion").string("1.6");
    out.name("version").integer(1);
    out.end_object();
    out.finish()
}

#[cfg(test)]
mod tests {
    use crate::json;
    use crate::manifest::tests::manifest;

    #[test]
    fn files_are_components_with_their_hashes() {
        let text = manifest().to_cyclonedx();
        assert_eq!(json::canonical(&json::parse(text.as_bytes()).unwrap()), text);
        assert!(text.contains("{\"alg\":\"SHA-256\",\"content\":\"0101"), "{text}");
        assert!(text.contains("\"name\":\"mintage:pathB64\",\"value\":\"/w==\""), "{text}");
    }
}
