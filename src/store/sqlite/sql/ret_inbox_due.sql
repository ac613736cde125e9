-- Messages that are over: settled or (?3) waiting for a person, not about to run again, and nothing of them still has to leave.
SELECT i.row, i.id, i.sealed FROM inbox i
WHERE i.committed < ?1 AND i.received < ?4 AND i.state <> 'waiting' AND (i.state IN ('parked', 'quarantined')) = ?3
  AND NOT EXISTS (SELECT 1 FROM waiting w WHERE w.inbox = i.row)
  AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.cause = i.id AND o.state <> 'sent')
ORDER BY i.committed LIMIT ?2
