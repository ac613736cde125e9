SELECT i.row, i.id, i.state, i.received, i.binding, i.route, i.message, s.partner, s.mandant, s.test, i.codes, i.size,
  s.decided_by, i.sealed
FROM inbox i JOIN stamp s ON s.row = i.stamp
-- The scope: a Mandant sees its own rows, a partner its own within one Mandant, the operator all.
WHERE (?1 IS NULL OR s.mandant = ?1) AND (?2 IS NULL OR s.partner = ?2)
  AND (?3 IS NULL OR i.id = ?3)
  AND (?4 IS NULL OR i.transport = ?4)
  -- States as a JSON list; an empty list means all.
  AND (?5 = '[]' OR i.state IN (SELECT value FROM json_each(?5)))
  -- Older than a given message.
  AND (?6 IS NULL OR i.row < (SELECT row FROM inbox WHERE id = ?6))
ORDER BY i.row DESC LIMIT ?7
