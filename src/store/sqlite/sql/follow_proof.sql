SELECT o.traceparent, o.stamp, o.sealed, f.proof
FROM outbox o JOIN followed f ON f.outbox = o.row JOIN stamp s ON s.row = o.stamp
WHERE o.id = ?1 AND f.proof IS NOT NULL
  -- The scope, as for lists.
  AND (?2 IS NULL OR s.mandant = ?2) AND (?3 IS NULL OR o.partner = ?3)
