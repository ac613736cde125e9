SELECT i.traceparent, i.stamp, i.sealed
FROM inbox i JOIN stamp s ON s.row = i.stamp
WHERE i.id = ?1 AND i.kept = 1
  -- The scope, as for lists.
  AND (?2 IS NULL OR s.mandant = ?2) AND (?3 IS NULL OR s.partner = ?3)
