-- Whether this process lives: it holds its lock shared. Only looked at, not tried: several that ask at once must not take each
-- other for the one they ask for.
SELECT EXISTS (
  SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database
  WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.classid = 20034 AND l.objid = ($1::bigint)::integer::oid
    AND l.mode = 'ShareLock' AND l.granted)
