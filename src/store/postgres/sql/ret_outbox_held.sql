-- Sends that wait for a person for too long.
SELECT o.nr, o.id, o.lane FROM outbox o
WHERE o.state IN ('parked', 'unclear') AND o.settled < $1 ORDER BY o.nr LIMIT $2::bigint
