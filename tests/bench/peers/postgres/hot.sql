\set machine random(1, 9000000000000000000)
SELECT peer.activate('lic-0', 'lic-0/' || :machine, 'm' || :machine);
