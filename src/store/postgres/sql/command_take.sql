-- Waiting commands, taken by this process alone.
UPDATE command c SET state = 'taken', lauf = $2
FROM (SELECT nr FROM command WHERE state = 'waiting' ORDER BY nr LIMIT $1::bigint FOR UPDATE SKIP LOCKED) n
WHERE c.nr = n.nr
RETURNING c.nr, c.id, c.what, c.at, c.sealed
