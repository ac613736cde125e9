SELECT o.row, o.id, o.cause, o.destination, o.message, o.state, o.attempts, o.queued, l.next_try, o.sealed, f.state, f.due,
  CASE o.state WHEN 'sent' THEN coalesce(f.since, o.settled) END
FROM outbox o JOIN stamp s ON s.row = o.stamp LEFT JOIN lane l ON l.row = o.lane LEFT JOIN followed f ON f.outbox = o.row
WHERE o.cause = ?1
  -- A partner sees what goes to itself, not who else is told.
  AND (?2 IS NULL OR s.mandant = ?2) AND (?3 IS NULL OR o.partner = ?3)
ORDER BY o.row
