CREATE TABLE activation (
    proof_id TEXT NOT NULL PRIMARY KEY,
    license_id TEXT NOT NULL REFERENCES license (license_id),
    fingerprint TEXT NOT NULL,
    instance_key TEXT,
    environment TEXT,
    product_version TEXT,
    nonce TEXT NOT NULL,
    last_nonce TEXT,
    last_reply TEXT,
    activated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    released_at BIGINT,
    release_reason TEXT,
    release TEXT
);
CREATE UNIQUE INDEX activation_held ON activation (license_id, fingerprint) WHERE released_at IS NULL;
CREATE INDEX activation_by_license ON activation (license_id, activated_at);
