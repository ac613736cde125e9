-- Messages that wait for a person for too long.
SELECT i.nr, i.id FROM inbox i
WHERE i.state IN ('parked', 'quarantined') AND i.committed < $1
  AND NOT EXISTS (SELECT 1 FROM waiting w WHERE w.inbox = i.nr)
  AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.cause = i.id AND o.state IS DISTINCT FROM 'sent')
LIMIT $2::bigint
