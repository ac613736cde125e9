-- Leases of processes that died.
SELECT nr, handed FROM lane WHERE lease_until IS NOT NULL AND lauf = ANY($1::bigint[]) ORDER BY nr FOR UPDATE
