-- How many messages before a month (numbers before $1) are over, and the oldest; conditions as in ret_inbox_due.
SELECT count(*), min(i.committed) FROM inbox i
WHERE i.nr < $1 AND i.committed < $2
  AND i.state <> 'waiting' AND i.state NOT IN ('parked', 'quarantined')
  AND NOT EXISTS (SELECT 1 FROM waiting w WHERE w.inbox = i.nr)
  AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.cause = i.id AND o.state IS DISTINCT FROM 'sent')
