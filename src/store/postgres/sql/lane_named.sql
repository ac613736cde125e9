-- The lanes of order keys, made where they are missing, in one order for all processes. Either way the lane is locked until
-- the end of the transaction: the places drawn for its rows then follow the order of commit. Says whether it was made.
INSERT INTO lane AS l (nr, name, destination, next_try)
SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::text[], $4::bigint[]) AS n(nr, name, destination, next_try)
ORDER BY n.name
ON CONFLICT (name) DO UPDATE SET destination = l.destination
RETURNING l.name, l.nr, l.xmax = 0
