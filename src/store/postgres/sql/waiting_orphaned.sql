-- Leases of processes that died.
UPDATE waiting SET lease_until = NULL, lauf = NULL WHERE lauf = ANY($1::bigint[])
