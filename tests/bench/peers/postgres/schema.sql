-- What a first version would be: a license with its count, machines with their proof, one function call per activation.
CREATE SCHEMA peer;
CREATE TABLE peer.license (
    license_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    max_activations BIGINT,
    activations BIGINT NOT NULL
);
CREATE TABLE peer.activation (
    proof_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    license_id TEXT COLLATE "C" NOT NULL REFERENCES peer.license (license_id),
    fingerprint TEXT COLLATE "C" NOT NULL,
    nonce TEXT NOT NULL,
    activated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    UNIQUE (license_id, fingerprint)
);
INSERT INTO peer.license SELECT 'lic-' || n, NULL, 0 FROM generate_series(0, 9999) n;

CREATE FUNCTION peer.activate(its_license TEXT, its_proof TEXT, its_machine TEXT) RETURNS BOOLEAN LANGUAGE plpgsql AS $$
DECLARE
    most BIGINT;
    held BIGINT;
BEGIN
    SELECT max_activations, activations INTO most, held FROM peer.license WHERE license_id = its_license FOR UPDATE;
    IF held >= most THEN
        RETURN FALSE;
    END IF;
    INSERT INTO peer.activation VALUES (its_proof, its_license, its_machine, 'AAAAAAAAAAAAAAAAAAAAAA==', 1767225601, 1767226600)
        ON CONFLICT (license_id, fingerprint) DO NOTHING;
    IF FOUND THEN
        UPDATE peer.license SET activations = activations + 1 WHERE license_id = its_license;
    END IF;
    RETURN TRUE;
END
$$;
