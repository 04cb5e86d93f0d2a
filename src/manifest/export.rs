//! A manifest in the words of other systems. What is signed in none of these forms is the manifest itself.

mod cyclonedx;
mod muonroi;

use super::Manifest;
use crate::dsse::Envelope;
use crate::json::Writer;

impl Manifest {
    /// Returns the bodies that Muonroi's `assembly-whitelist/approve` takes, as one array: one for each assembly, and for
    /// each license where the scope names licenses.
    pub fn to_muonroi(&self) -> String {
        muonroi::export(self)
    }

    /// Returns a CycloneDX 1.6 bill of materials that lists the files with their hashes.
    pub fn to_cyclonedx(&self) -> String {
        cyclonedx::export(self)
    }
}

/// Returns a Sigstore bundle, version 0.3, around an envelope that a public key verifies: no certificate, no log.
pub fn sigstore_bundle(envelope: &Envelope) -> String {
    let hint = envelope.unverified_key_ids().next().unwrap_or_default().to_owned();
    let mut out = Writer::default();
    out.begin_object();
    out.name("dsseEnvelope").raw(&envelope.to_json());
    out.name("mediaType").string("application/vnd.dev.sigstore.bundle.v0.3+json");
    out.name("verificationMaterial").begin_object();
    out.name("publicKey").begin_object();
    out.name("hint").string(&hint);
    out.end_object();
    out.name("tlogEntries").begin_array();
    out.end_array();
    out.end_object();
    out.end_object();
    out.finish()
}
