-- The newest failure of a row that is still tried.
SELECT o.id, o.nr FROM outbox o JOIN stamp s ON s.nr = o.stamp
WHERE ($1::text IS NULL OR s.mandant = $1) AND ($2::text IS NULL OR o.partner = $2)
  AND o.destination = $3 AND o.state = 'retrying'
ORDER BY o.settled DESC LIMIT 1
