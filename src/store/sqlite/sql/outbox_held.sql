SELECT o.row, o.id, o.cause, o.destination, o.message, o.state, o.attempts, o.queued, NULL, o.sealed
FROM outbox o JOIN stamp s ON s.row = o.stamp
WHERE o.state IN ('parked', 'unclear')
  AND (?1 IS NULL OR s.mandant = ?1) AND (?2 IS NULL OR o.partner = ?2)
ORDER BY o.row DESC LIMIT ?3
