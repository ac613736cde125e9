-- Sends of a month that have arrived before $3, unless a row that has not left yet comes after them
-- or their far end is still to confirm them.
SELECT o.nr, o.id FROM outbox o
WHERE o.nr >= $1 AND o.nr < $2 AND o.state = 'sent' AND o.settled < $3
  AND NOT EXISTS (SELECT 1 FROM outbox n WHERE n.after = o.id AND n.state IS DISTINCT FROM 'sent')
  AND NOT EXISTS (SELECT 1 FROM followed f WHERE f.nr = o.nr AND f.state = 'open')
ORDER BY o.nr LIMIT $4::bigint
