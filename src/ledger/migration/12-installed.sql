-- That a license stands in the book because it is installed here was told by its reason alone, which other acts take away.
ALTER TABLE license ADD COLUMN installed BIGINT NOT NULL DEFAULT 0;
UPDATE license SET installed = 1 WHERE reason IN ('installed here', 'another license is installed here');
CREATE INDEX license_installed ON license (license_id) WHERE installed = 1;
