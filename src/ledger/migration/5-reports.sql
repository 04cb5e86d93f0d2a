CREATE TABLE reported (
    report_id TEXT NOT NULL PRIMARY KEY,
    proof_id TEXT NOT NULL REFERENCES activation (proof_id),
    license_id TEXT NOT NULL REFERENCES license (license_id),
    as_of BIGINT NOT NULL,
    period_from BIGINT NOT NULL,
    period_to BIGINT NOT NULL,
    users BIGINT NOT NULL,
    sessions BIGINT NOT NULL,
    session_seconds BIGINT NOT NULL,
    most_seats BIGINT NOT NULL,
    document TEXT NOT NULL,
    imported_at BIGINT NOT NULL,
    imported_by TEXT NOT NULL
);
CREATE INDEX reported_by_license ON reported (license_id, as_of);
CREATE INDEX reported_by_proof ON reported (proof_id, as_of);
