-- The lanes of order keys, made where they are missing, in one order for all processes. Either way the lane is locked until
-- the end of the transaction: the places drawn for its rows then follow the order of commit. One that is made may be leased at
-- once, see `lane_add`; one that stands is left as it is. Says whether it was made.
INSERT INTO lane AS l (nr, name, destination, next_try, lease_until, worker, lauf, fence, handed)
SELECT n.nr, n.name, n.destination, n.next_try, n.lease_until, g.worker, g.lauf, coalesce(g.fence, 0), g.handed
FROM unnest($1::bigint[], $2::bytea[], $3::text[], $4::bigint[], $5::bigint[]) AS n(nr, name, destination, next_try, lease_until)
LEFT JOIN (VALUES ($6::text, $7::bigint, 1::bigint, 9223372036854775807)) AS g(worker, lauf, fence, handed)
  ON n.lease_until IS NOT NULL
ORDER BY n.name
ON CONFLICT (name) DO UPDATE SET destination = l.destination
RETURNING l.name, l.nr, l.xmax = 0
