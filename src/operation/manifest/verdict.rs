//! [`TreeVerdict`]: whether a tree is the one that a manifest describes, and every way in which it is not.

use std::borrow::Cow;

use crate::code::Exit;
use crate::id::KeyId;
use crate::json::Writer;
use crate::manifest::Manifest;
use crate::manifest::compare::Comparison;
use crate::time::Timestamp;
use crate::verdict::{Check, Outcome, Refusal, write_checks};

/// The answer to "is this the build that was signed, and for this license?".
#[derive(Clone, Debug)]
#[must_use = "a verdict that nobody reads lets everything pass"]
pub struct TreeVerdict {
    /// Every reason for a "no"; none means yes.
    pub refusals: Vec<Refusal>,
    /// Every rule, in the order judged.
    pub checks: Vec<Check>,
    /// What is no reason for a "no" and should be known all the same.
    pub warnings: Vec<String>,
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
            refusals: Vec::new(),
            checks: Vec::new(),
            warnings: Vec::new(),
            as_of,
            key_id: None,
            manifest: None,
            comparison: None,
        }
    }

    pub(super) fn pass(&mut self, name: &'static str, detail: impl Into<Cow<'static, str>>) {
        self.checks.push(Check { name, outcome: Outcome::Pass, detail: detail.into() });
    }

    pub(super) fn fail(&mut self, name: &'static str, refusal: Refusal) {
        self.note_failure(name, refusal.message.clone());
        self.refusals.push(refusal);
    }

    /// Notes a rule that was broken for reasons that have been given.
    pub(super) fn note_failure(&mut self, name: &'static str, detail: String) {
        self.checks.push(Check { name, outcome: Outcome::Fail, detail: detail.into() });
    }

    /// Whether the answer is yes.
    pub fn is_valid(&self) -> bool {
        self.refusals.is_empty()
    }

    /// Returns the class of the exit status; `None` means yes. One certain "no" outweighs what could not be told.
    pub fn exit(&self) -> Option<Exit> {
        self.refusals.iter().map(|refusal| refusal.code.exit()).min()
    }

    /// Returns the verdict, with every difference, as canonical JSON.
    pub fn to_json(&self) -> String {
        let mut out = Writer::default();
        out.begin_object();
        out.name("asOf").string(&self.as_of.to_string());
        write_checks(out.name("checks"), &self.checks);
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
        out.name("refusals").begin_array();
        self.refusals.iter().for_each(|refusal| refusal.write(&mut out));
        out.end_array();
        out.name("verdict").string(if self.is_valid() { "valid" } else { "refused" });
        out.name("warnings").begin_array();
        self.warnings.iter().for_each(|warning| out.string(warning));
        out.end_array();
        out.end_object();
        out.finish()
    }
}
