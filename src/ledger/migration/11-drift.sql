-- A machine that has drifted is known again by its fingerprint: the whole of it, and of those that can drift the digests by
-- which they are found among all that a license holds.
ALTER TABLE activation ADD COLUMN document TEXT;
CREATE TABLE activation_component (
    license_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    proof_id TEXT NOT NULL REFERENCES activation (proof_id),
    PRIMARY KEY (license_id, digest, proof_id)
);
CREATE INDEX activation_component_of ON activation_component (proof_id);
