-- What has no order, is open and may not leave before a moment after ?1, in lanes that nobody holds, in the order in which it may: from the
-- lane ?3 of the moment ?2 on.
SELECT l.next_try, l.row, o.id, o.cause, o.message, o.sealed, o.not_before
FROM lane l JOIN outbox o ON o.lane = l.row AND o.state <> 'sent'
WHERE l.next_try IS NOT NULL AND l.lease_until IS NULL AND l.name IS NULL
  AND l.next_try >= ?2 AND (l.next_try > ?2 OR l.row > ?3)
  AND o.state IN ('queued', 'retrying') AND o.not_before > ?1
ORDER BY l.next_try, l.row LIMIT ?4
