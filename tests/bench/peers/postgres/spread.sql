\set license random(0, 9999)
\set machine random(1, 9000000000000000000)
SELECT peer.activate('lic-' || :license, 'lic-' || :license || '/' || :machine, 'm' || :machine);
