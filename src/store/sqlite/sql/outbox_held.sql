SELECT o.row, o.id, o.cause, o.destination, o.message, o.state, o.attempts, o.queued, NULL, o.sealed, f.state, f.due,
  CASE o.state WHEN 'sent' THEN coalesce(f.since, o.settled) END
FROM outbox o JOIN stamp s ON s.row = o.stamp LEFT JOIN followed f ON f.outbox = o.row
WHERE o.row IN (SELECT row FROM outbox WHERE state IN ('parked', 'unclear') UNION ALL SELECT outbox FROM followed WHERE state = 'failed'
    -- Only what should have been taken back is looked at after its time.
    UNION ALL SELECT outbox FROM followed WHERE state = 'open' AND due > until)
  AND (?1 IS NULL OR s.mandant = ?1) AND (?2 IS NULL OR o.partner = ?2)
ORDER BY o.row DESC LIMIT ?3
