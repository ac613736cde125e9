-- Whether this process may make keys anew in this transaction; one does at a time.
SELECT pg_try_advisory_xact_lock(20033, 9)
