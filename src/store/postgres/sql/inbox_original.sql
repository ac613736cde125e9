-- The scope, as for lists; only what was kept.
SELECT i.traceparent, i.stamp, i.nr
FROM inbox_id d JOIN inbox i ON i.nr = d.nr JOIN stamp s ON s.nr = i.stamp
WHERE d.id = $1 AND i.kept
  AND ($2::text IS NULL OR s.mandant = $2) AND ($3::text IS NULL OR s.partner = $3)
