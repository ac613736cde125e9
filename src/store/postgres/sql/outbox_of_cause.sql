-- What messages sent, in order.
SELECT o.nr, o.id, o.cause, o.destination, o.message, o.state, o.attempts, o.queued, l.next_try, f.state, f.due,
  CASE o.state WHEN 'sent' THEN coalesce(f.since, o.settled) END
FROM outbox o JOIN stamp s ON s.nr = o.stamp LEFT JOIN lane l ON l.nr = o.lane LEFT JOIN followed f ON f.nr = o.nr
WHERE o.cause = ANY($1::uuid[])
  -- A partner sees what goes to itself, not who else is told.
  AND ($2::text IS NULL OR s.mandant = $2) AND ($3::text IS NULL OR o.partner = $3)
ORDER BY o.folge
