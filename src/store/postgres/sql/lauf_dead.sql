-- Of these processes the dead ones: a living one holds its lock. The lock is taken for this transaction only.
SELECT l.nr FROM unnest($1::bigint[]) AS l(nr) WHERE pg_try_advisory_xact_lock(20034, l.nr::integer)
