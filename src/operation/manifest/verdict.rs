//! [`TreeVerdict`]: whether a tree is the one that a manifest describes, and every way in which it is not.

use crate::id::KeyId;
use crate::json::Writer;
use crate::manifest::Manifest;
use crate::manifest::compare::Comparison;
use crate::time::Timestamp;
use crate::verdict::{Findings, Refusal, write_checks, write_refusals};

/// The answer to "is this the build that was signed, and for this license?".
#[derive(Clone, Debug)]
#[must_use = "a verdict that nobody reads lets everything pass"]
pub struct TreeVerdict {
    /// Every rule, and every reason for a "no".
    pub findings: Findings,
    /// What is no reason for a "no" and should be known all the same.
    pub warnings: Vec<Refusal>,
    /// The time it was judged for.
    pub as_of: Timestamp,
    /// The key that signed, once that is proved.
    pub key_id: Option<KeyId>,
    /// The manifest, once it is proved.
    pub manifest: Option<Manifest>,
    /// How the tree differs from it, once it was looked at.
    pub comparison: Option<Comparison>,
}

impl TreeVerdict {
    pub(super) fn new(as_of: Timestamp) -> Self {
        Self {
            findings: Findings::default(),
            warnings: Vec::new(),
            as_of,
            key_id: None,
            manifest: None,
            comparison: None,
        }
    }

    /// Returns the verdict, with every difference, as canonical JSON.
    pub fn to_json(&self) -> String {
        let mut out = Writer::default();
        out.begin_object();
        out.name("asOf").string(&self.as_of.to_string());
        write_checks(&self.findings.checks, &mut out);
        match &self.comparison {
            Some(comparison) => comparison.write(out.name("files")),
            None => out.name("files").null(),
        }
        match self.key_id {
            Some(id) => out.name("keyId").string(&id.to_string()),
            None => out.name("keyId").null(),
        }
        out.name("kind").string("manifest");
        match &self.manifest {
            Some(manifest) => manifest.write_summary(out.name("manifest")),
            None => out.name("manifest").null(),
        }
        write_refusals(&self.findings.refusals, &mut out);
        out.name("verdict").string(if self.findings.is_valid() { "valid" } else { "refused" });
        out.name("warnings").begin_array();
        self.warnings.iter().for_each(|warning| warning.write(&mut out));
        out.end_array();
        out.end_object();
        out.finish()
    }
}
