//! Writes a proof: canonically as the payload that is signed, and with readable times for people.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{ManifestBinding, Proof};
use crate::id::Hex;
use crate::json::Writer;
use crate::request::optional;
use crate::time::Timestamp;

impl Proof {
    /// Returns the payload in its one canonical spelling.
    pub fn to_payload(&self) -> String {
        // The license is the one long member, and all others together are seldom longer than this.
        let mut out = Writer::with_capacity(self.license.len() + 1_024);
        self.write(&mut out, |out, time| out.integer(time.seconds().into()));
        out.finish()
    }

    /// Writes the proof as verdicts show it: times in RFC 3339.
    pub fn write_readable(&self, out: &mut Writer) {
        self.write(out, |out, time| out.string(&time.to_string()));
    }

    fn write(&self, out: &mut Writer, time: fn(&mut Writer, Timestamp)) {
        out.begin_object();
        time(out.name("activatedAt"), self.activated_at);
        optional(out, "environment", self.environment.as_deref());
        time(out.name("expiresAt"), self.expires_at);
        self.fingerprint.write(out.name("fingerprint"));
        out.name("heartbeatNonce").string(&self.heartbeat_nonce.to_string());
        out.name("instanceKey").string(&STANDARD.encode(self.instance_key.as_bytes()));
        out.name("license").string(&self.license);
        out.name("licenseId").string(&self.license_id);
        if let Some(manifest) = &self.manifest {
            manifest.write(out.name("manifest"));
        }
        out.name("nonce").string(&self.nonce.to_string());
        optional(out, "product", self.product.as_deref());
        optional(out, "productVersion", self.product_version.as_deref());
        out.name("proofId").string(&self.proof_id);
        if let Some(sequence) = self.revocation_sequence {
            out.name("revocationSequence").integer(sequence.into());
        }
        out.name("tenantId").string(&self.tenant_id);
        out.end_object();
    }
}

impl ManifestBinding {
    fn write(&self, out: &mut Writer) {
        out.begin_object();
        match self {
            Self::Digest(digest) => out.name("digest").string(&Hex(digest).to_string()),
            Self::Keys { keys, product } => {
                out.name("keys").begin_array();
                keys.iter().for_each(|key| out.string(&key.to_string()));
                out.end_array();
                out.name("product").string(product);
            }
        }
        out.end_object();
    }
}
