CREATE TABLE mintage_schema (
    version BIGINT NOT NULL PRIMARY KEY
);

CREATE TABLE book (
    book_id TEXT NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL,
    revocation_sequence BIGINT NOT NULL,
    audit_sequence BIGINT NOT NULL,
    audit_hash TEXT NOT NULL
);

CREATE TABLE license (
    license_id TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    product TEXT,
    tier TEXT,
    label TEXT,
    state TEXT NOT NULL,
    reason TEXT,
    key_id TEXT NOT NULL,
    token TEXT NOT NULL,
    claims TEXT NOT NULL,
    license_key_hash TEXT,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    grace_until BIGINT NOT NULL,
    max_activations BIGINT,
    seats BIGINT,
    activations BIGINT NOT NULL,
    revoked_at BIGINT,
    grace_hours BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX license_by_license_key ON license (license_key_hash);
CREATE INDEX license_by_tenant ON license (tenant_id, license_id);
CREATE INDEX license_by_key ON license (key_id, license_id);
CREATE INDEX license_by_state ON license (state, grace_until);

CREATE TABLE audit (
    sequence BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    license_id TEXT,
    target TEXT,
    result TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_by_license ON audit (license_id, sequence);
