-- Duties of processes that died.
UPDATE duty SET lease_until = NULL WHERE lease_until IS NOT NULL AND lauf = ANY($1::bigint[])
