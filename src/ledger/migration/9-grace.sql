-- A withdrawal that says nothing of grace is not one that allows none.
ALTER TABLE license ADD COLUMN said_grace_hours BIGINT;
UPDATE license SET said_grace_hours = grace_hours WHERE grace_hours > 0;
ALTER TABLE license DROP COLUMN grace_hours;
ALTER TABLE license RENAME COLUMN said_grace_hours TO grace_hours;
