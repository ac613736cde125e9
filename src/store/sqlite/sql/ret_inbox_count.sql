-- How many messages are over, and the oldest; conditions as in ret_inbox_due.
SELECT count(*), min(i.committed) FROM inbox i
WHERE i.committed < ?1 AND i.received < ?3 AND i.state <> 'waiting' AND (i.state IN ('parked', 'quarantined')) = ?2
  AND NOT EXISTS (SELECT 1 FROM waiting w WHERE w.inbox = i.row)
  AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.cause = i.id AND o.state <> 'sent')
