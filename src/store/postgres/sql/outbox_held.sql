-- Rows that wait for a person, newest first; what failed to be confirmed is a row of its own table.
SELECT o.nr, o.id, o.cause, o.destination, o.message, o.state, o.attempts, o.queued, NULL::bigint, f.state, f.due,
  CASE o.state WHEN 'sent' THEN coalesce(f.since, o.settled) END
FROM (SELECT h.nr FROM outbox h WHERE h.state IN ('parked', 'unclear') UNION ALL SELECT g.nr FROM followed g WHERE g.state = 'failed'
  -- Only what should have been taken back is looked at after its time.
  UNION ALL SELECT g.nr FROM followed g WHERE g.state = 'open' AND g.due > g.until) AS w
JOIN outbox o ON o.nr = w.nr JOIN stamp s ON s.nr = o.stamp LEFT JOIN followed f ON f.nr = o.nr
WHERE ($1::text IS NULL OR s.mandant = $1) AND ($2::text IS NULL OR o.partner = $2)
ORDER BY o.nr DESC LIMIT $3::bigint
