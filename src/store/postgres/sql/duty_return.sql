-- Given back; who took it meanwhile keeps it.
UPDATE duty SET lease_until = NULL WHERE name = $1 AND fence = $2 AND lease_until IS NOT NULL
