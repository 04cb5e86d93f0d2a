-- SQLite, whose schema has this name, reads no page of the audit by this index; PostgreSQL does, and keeps its own.
DROP INDEX IF EXISTS main.audit_by_license;
