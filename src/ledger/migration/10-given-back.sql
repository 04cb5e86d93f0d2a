-- Who holds a seat gives it back by a document too: the key that its lease names, and what that key has signed.
ALTER TABLE lease ADD COLUMN instance_key TEXT;
ALTER TABLE lease ADD COLUMN release TEXT;
