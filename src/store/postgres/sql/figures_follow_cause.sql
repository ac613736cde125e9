-- The row of a destination that has to be confirmed first.
SELECT o.id, o.nr FROM followed f JOIN outbox o ON o.nr = f.nr JOIN stamp s ON s.nr = o.stamp
WHERE ($1::text IS NULL OR s.mandant = $1) AND ($2::text IS NULL OR o.partner = $2)
  AND f.destination = $3 AND f.state = 'open'
ORDER BY f.until LIMIT 1
