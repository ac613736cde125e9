-- Rows that wait for a person, newest first.
SELECT o.nr, o.id, o.cause, o.destination, o.message, o.state, o.attempts, o.queued, NULL::bigint
FROM outbox o JOIN stamp s ON s.nr = o.stamp
WHERE o.state IN ('parked', 'unclear')
  AND ($1::text IS NULL OR s.mandant = $1) AND ($2::text IS NULL OR o.partner = $2)
ORDER BY o.nr DESC LIMIT $3::bigint
