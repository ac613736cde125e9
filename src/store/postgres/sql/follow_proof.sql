-- The scope, as for lists; only what has a proof.
SELECT o.traceparent, o.stamp, o.nr, f.proof
FROM outbox_id d JOIN outbox o ON o.nr = d.nr JOIN followed f ON f.nr = o.nr JOIN stamp s ON s.nr = o.stamp
WHERE d.id = $1 AND f.proof IS NOT NULL
  AND ($2::text IS NULL OR s.mandant = $2) AND ($3::text IS NULL OR o.partner = $3)
