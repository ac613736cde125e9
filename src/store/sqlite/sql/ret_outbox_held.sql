-- What waits for a person for too long.
SELECT o.row, o.id, o.sealed, o.lane FROM outbox o
WHERE o.settled < ?1 AND o.state IN ('parked', 'unclear') ORDER BY o.settled LIMIT ?2
