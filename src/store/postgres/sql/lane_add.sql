-- Lanes without order: one row each. Those that the committing process sends itself are leased to it at once; what is in them is in
-- doubt then as soon as nobody ends the lease.
INSERT INTO lane (nr, destination, next_try, lease_until, worker, lauf, fence, handed)
SELECT n.nr, n.destination, n.next_try, n.lease_until, l.worker, l.lauf, coalesce(l.fence, 0), l.handed
FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[]) AS n(nr, destination, next_try, lease_until)
LEFT JOIN (VALUES ($5::text, $6::bigint, 1::bigint, 9223372036854775807)) AS l(worker, lauf, fence, handed)
  ON n.lease_until IS NOT NULL
