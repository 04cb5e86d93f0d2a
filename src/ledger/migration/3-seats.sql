CREATE TABLE approval (
    approval_id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    public_key_token TEXT,
    license_id TEXT REFERENCES license (license_id),
    source TEXT NOT NULL,
    approved_at BIGINT NOT NULL,
    approved_by TEXT NOT NULL
);
CREATE INDEX approval_by_name ON approval (name, version);

CREATE TABLE lease (
    lease_id TEXT NOT NULL PRIMARY KEY,
    license_id TEXT NOT NULL REFERENCES license (license_id),
    holder TEXT NOT NULL,
    username TEXT,
    claimed_at BIGINT NOT NULL,
    renewed_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    borrowed BIGINT NOT NULL,
    ended_at BIGINT,
    end_reason TEXT
);
CREATE UNIQUE INDEX lease_held ON lease (license_id, holder) WHERE ended_at IS NULL;
CREATE INDEX lease_by_expiry ON lease (license_id, expires_at) WHERE ended_at IS NULL;

CREATE TABLE waiting (
    ticket TEXT NOT NULL PRIMARY KEY,
    license_id TEXT NOT NULL REFERENCES license (license_id),
    holder TEXT NOT NULL,
    since BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX waiting_holder ON waiting (license_id, holder);

CREATE TABLE installed (
    tenant_id TEXT NOT NULL PRIMARY KEY,
    license_id TEXT NOT NULL,
    token TEXT NOT NULL,
    source TEXT NOT NULL,
    installed_at BIGINT NOT NULL,
    installed_by TEXT NOT NULL,
    validated_at BIGINT,
    invalid_reason TEXT
);

CREATE TABLE usage (
    usage_key TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    limit_key TEXT NOT NULL,
    used BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX usage_by_tenant ON usage (tenant_id, limit_key);

CREATE TABLE session (
    session_id TEXT NOT NULL PRIMARY KEY,
    license_id TEXT NOT NULL,
    machine_id TEXT NOT NULL,
    username TEXT,
    client_username TEXT,
    client_hostname TEXT,
    is_ci BIGINT NOT NULL,
    version TEXT,
    started_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX session_by_start ON session (started_at, session_id);
