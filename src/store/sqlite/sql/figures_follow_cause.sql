-- The row of a destination that has to be confirmed first.
SELECT o.id, o.sealed FROM followed f JOIN outbox o ON o.row = f.outbox JOIN stamp s ON s.row = o.stamp
WHERE (?1 IS NULL OR s.mandant = ?1) AND (?2 IS NULL OR o.partner = ?2)
  AND f.destination = ?3 AND f.state = 'open'
ORDER BY f.until LIMIT 1
