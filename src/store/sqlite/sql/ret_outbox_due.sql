-- What has arrived and is over, unless a row that has not left yet comes after it or its far end is still to confirm it.
SELECT o.row, o.id, o.sealed FROM outbox o
WHERE o.settled < ?1 AND o.queued < ?3 AND o.state = 'sent'
  AND NOT EXISTS (SELECT 1 FROM outbox n WHERE n.after = o.id AND n.state <> 'sent')
  AND NOT EXISTS (SELECT 1 FROM followed f WHERE f.outbox = o.row AND f.state = 'open')
ORDER BY o.settled LIMIT ?2
