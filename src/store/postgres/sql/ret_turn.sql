-- Whether this process may do the work of retention in this transaction; one does at a time.
SELECT pg_try_advisory_xact_lock(20033, 5)
