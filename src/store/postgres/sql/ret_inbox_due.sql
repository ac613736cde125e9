-- Messages of a month (numbers from $1 to before $2) that are settled since $3, do not run again and have nothing to leave.
SELECT i.nr, i.id FROM inbox i
WHERE i.nr >= $1 AND i.nr < $2 AND i.committed < $3
  AND i.state <> 'waiting' AND i.state NOT IN ('parked', 'quarantined')
  AND NOT EXISTS (SELECT 1 FROM waiting w WHERE w.inbox = i.nr)
  AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.cause = i.id AND o.state IS DISTINCT FROM 'sent')
ORDER BY i.nr LIMIT $4::bigint
