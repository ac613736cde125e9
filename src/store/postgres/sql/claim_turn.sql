-- One process at a time looks after the file of this name.
SELECT pg_advisory_xact_lock(20035, hashtext($1))
