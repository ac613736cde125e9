-- The same term goes on, also where its lease ran out and nobody took the duty since.
UPDATE duty SET lease_until = $5 WHERE name = $1 AND fence = $2 AND lauf = $3 AND worker = $4 AND lease_until IS NOT NULL
