//! Writes a manifest in its one canonical spelling.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{FileFacts, Manifest, PREDICATE_TYPE, STATEMENT_TYPE, SUBJECT, Scope};
use crate::json::Writer;

impl Manifest {
    /// Returns the payload in its one canonical spelling.
    pub fn to_payload(&self) -> String {
        let mut out = Writer::default();
        out.begin_object();
        out.name("_type").string(STATEMENT_TYPE);
        self.write_predicate(out.name("predicate"));
        out.name("predicateType").string(PREDICATE_TYPE);
        out.name("subject").begin_array();
        out.begin_object();
        out.name("digest").begin_object();
        out.name("sha256").string(&self.sums_digest().to_string());
        out.end_object();
        out.name("name").string(SUBJECT);
        out.end_object();
        out.end_array();
        out.end_object();
        out.finish()
    }

    fn write_predicate(&self, out: &mut Writer) {
        out.begin_object();
        out.name("createdAt").integer(self.created_at.seconds().into());
        out.name("files").begin_array();
        for file in &self.files {
            out.begin_object();
            if let Some(identity) = &file.facts.identity {
                out.name("identity").begin_object();
                identity.write(out);
                out.end_object();
            }
            write_bytes(out, "path", file.path.as_bytes());
            file.facts.write(out);
            out.end_object();
        }
        out.end_array();
        out.name("links").begin_array();
        for link in &self.links {
            out.begin_object();
            write_bytes(out, "path", link.path.as_bytes());
            write_bytes(out, "target", &link.target);
            out.end_object();
        }
        out.end_array();
        out.name("product").string(&self.product);
        self.write_scope(out);
        self.write_source(out);
        out.name("version").string(&self.version);
        out.name("walk").begin_object();
        out.name("excludes").begin_array();
        self.walk.excludes.iter().for_each(|pattern| out.string(pattern));
        out.end_array();
        out.name("symlinks").string(self.walk.symlinks.as_str());
        out.end_object();
        out.end_object();
    }

    /// Writes what the manifest says without listing its files, times as RFC 3339.
    pub fn write_summary(&self, out: &mut Writer) {
        out.begin_object();
        out.name("createdAt").string(&self.created_at.to_string());
        out.name("files").integer(i128::try_from(self.files.len()).unwrap_or(i128::MAX));
        out.name("links").integer(i128::try_from(self.links.len()).unwrap_or(i128::MAX));
        out.name("product").string(&self.product);
        self.write_scope(out);
        self.write_source(out);
        out.name("version").string(&self.version);
        out.end_object();
    }

    fn write_scope(&self, out: &mut Writer) {
        out.name("scope").begin_object();
        out.name("kind").string(self.scope.as_str());
        if let Scope::Licenses(ids) = &self.scope {
            out.name("licenseIds").begin_array();
            ids.iter().for_each(|id| out.string(id));
            out.end_array();
        }
        out.end_object();
    }

    fn write_source(&self, out: &mut Writer) {
        let source = &self.source;
        out.name("source").begin_object();
        let members = [
            ("commit", &source.commit),
            ("kind", &Some(source.kind().to_owned())),
            ("provider", &source.provider),
            ("repository", &source.repository),
            ("runUrl", &source.run_url),
        ];
        for (name, value) in members {
            if let Some(value) = value {
                out.name(name).string(value);
            }
        }
        out.end_object();
    }
}

impl FileFacts {
    /// Writes the members `sha256` and `size`.
    pub(super) fn write(&self, out: &mut Writer) {
        out.name("sha256").string(&self.sha256.to_string());
        out.name("size").integer(self.size.into());
    }
}

/// Writes bytes as a member `NAME`, or as `NAMEB64` when they are not UTF-8.
pub(super) fn write_bytes(out: &mut Writer, name: &'static str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => out.name(name).string(text),
        Err(_) => out.key(&format!("{name}B64")).string(&STANDARD.encode(bytes)),
    }
}
