//! Reads a proof.

use super::{ManifestBinding, Proof, ProofError};
use crate::fingerprint::Fingerprint;
use crate::id::KeyId;
use crate::json::{self, JsonError, Value};
use crate::request::{read_digest, read_key, read_nonce, read_token, understood, word};

impl Proof {
    /// Reads the payload of a proof, which nobody has vouched for.
    ///
    /// # Errors
    /// `Json`, `Fingerprint` and `Critical` for what is not as [`Proof::to_payload`] writes it.
    pub fn parse(payload: &[u8]) -> Result<Self, ProofError> {
        let [mut proof_id, mut license, mut license_id, mut tenant_id, mut environment, mut product, mut version] =
            [const { None }; 7];
        let (mut fingerprint, mut manifest, mut instance_key, mut sequence) = (None, None, None, None);
        let (mut nonce, mut heartbeat, mut activated_at, mut expires_at) = (None, None, None, None);
        for (name, value) in json::parse(payload)?.into_object("proof")? {
            match name.as_ref() {
                "activatedAt" => activated_at = Some(value.into_timestamp("activatedAt")?),
                "crit" => understood(value)?,
                "environment" => environment = Some(word(value, "environment")?),
                "expiresAt" => expires_at = Some(value.into_timestamp("expiresAt")?),
                "fingerprint" => {
                    let read = Fingerprint::from_json(value, "fingerprint");
                    fingerprint = Some(read.map_err(ProofError::Fingerprint)?);
                }
                "heartbeatNonce" => heartbeat = Some(read_nonce(value, "heartbeatNonce")?),
                "instanceKey" => instance_key = Some(read_key(value)?),
                "license" => license = Some(read_token(value)?),
                "licenseId" => license_id = Some(word(value, "licenseId")?),
                "manifest" => manifest = Some(read_manifest(value)?),
                "nonce" => nonce = Some(read_nonce(value, "nonce")?),
                "product" => product = Some(word(value, "product")?),
                "productVersion" => version = Some(word(value, "productVersion")?),
                "proofId" => proof_id = Some(word(value, "proofId")?),
                "revocationSequence" => sequence = Some(value.into_count("revocationSequence")?),
                "tenantId" => tenant_id = Some(word(value, "tenantId")?),
                _ => {}
            }
        }
        Ok(Self {
            proof_id: proof_id.ok_or(JsonError::Missing("proofId"))?,
            license: license.ok_or(JsonError::Missing("license"))?,
            license_id: license_id.ok_or(JsonError::Missing("licenseId"))?,
            tenant_id: tenant_id.ok_or(JsonError::Missing("tenantId"))?,
            fingerprint: fingerprint.ok_or(JsonError::Missing("fingerprint"))?,
            environment,
            product,
            product_version: version,
            manifest,
            nonce: nonce.ok_or(JsonError::Missing("nonce"))?,
            instance_key: instance_key.ok_or(JsonError::Missing("instanceKey"))?,
            heartbeat_nonce: heartbeat.ok_or(JsonError::Missing("heartbeatNonce"))?,
            activated_at: activated_at.ok_or(JsonError::Missing("activatedAt"))?,
            expires_at: expires_at.ok_or(JsonError::Missing("expiresAt"))?,
            revocation_sequence: sequence,
        })
    }
}

fn read_manifest(value: Value<'_>) -> Result<ManifestBinding, JsonError> {
    let fault = JsonError::value("manifest", "`{\"digest\"}` or `{\"keys\",\"product\"}`", &value);
    let (mut digest, mut keys, mut product) = (None, None, None);
    for (name, value) in value.into_object("manifest")? {
        match name.as_ref() {
            "digest" => digest = Some(read_digest(value, "digest")?),
            "keys" => {
                let items = value.into_array("keys")?;
                keys = Some(items.into_iter().map(read_key_id).collect::<Result<Vec<_>, _>>()?);
            }
            "product" => product = Some(word(value, "product")?),
            _ => {}
        }
    }
    match (digest, keys, product) {
        (Some(digest), None, None) => Ok(ManifestBinding::Digest(digest)),
        (None, Some(keys), Some(product)) if !keys.is_empty() => Ok(ManifestBinding::Keys { keys, product }),
        _ => Err(fault),
    }
}

fn read_key_id(value: Value<'_>) -> Result<KeyId, JsonError> {
    let text = value.into_string("keys")?;
    KeyId::parse(&text).map_err(|_| JsonError::value("keys", "key ids of 64 hex digits", &Value::String(text)))
}
