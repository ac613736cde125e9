-- Leases of a living process beyond those that it knows of.
SELECT nr, handed FROM lane
WHERE lease_until IS NOT NULL AND lauf = $1 AND nr <> ALL($2::bigint[]) ORDER BY nr FOR UPDATE
