CREATE TABLE activation_count (
    license_id TEXT NOT NULL PRIMARY KEY REFERENCES license (license_id),
    activations BIGINT NOT NULL
);
INSERT INTO activation_count (license_id, activations) SELECT license_id, activations FROM license;
ALTER TABLE license DROP COLUMN activations;

DROP INDEX activation_by_license;
CREATE INDEX activation_released ON activation (license_id) WHERE released_at IS NOT NULL;
