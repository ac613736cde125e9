-- Leases lanes: each lease has a fence of its own.
UPDATE lane l SET lease_until = $3, worker = $4, lauf = $5, fence = l.fence + 1, handed = n.handed
FROM unnest($1::bigint[], $2::bigint[]) AS n(nr, handed) WHERE l.nr = n.nr
