-- The numbers of the processes of this store that live: each holds its lock in this database, and in no copy of it.
SELECT DISTINCT l.objid::bigint FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.classid = 20034 AND l.mode = 'ShareLock' AND l.granted
