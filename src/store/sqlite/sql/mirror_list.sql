-- Narrowed to a Mandant and a partner; pages begin after the row of the given id.
SELECT m.id, s.mandant, s.partner, m.sealed, m.stamp, m.traceparent
FROM mirror m JOIN stamp s ON s.row = m.stamp
WHERE (?1 IS NULL OR s.mandant = ?1) AND (?2 IS NULL OR s.partner = ?2)
  AND m.row > COALESCE((SELECT a.row FROM mirror a WHERE a.id = ?3), 0)
ORDER BY m.row LIMIT ?4
