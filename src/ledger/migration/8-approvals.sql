CREATE INDEX approval_by_license ON approval (license_id);
CREATE INDEX approval_by_sha256 ON approval (sha256);
