-- Messages that are looked for, newest first: by the index of their ids, which begin with the moment of receipt.
SELECT i.row, i.id, i.state, i.received, i.binding, i.route, i.message, s.partner, s.mandant, s.test, i.codes, i.size,
  s.decided_by, i.sealed
FROM inbox i JOIN stamp s ON s.row = i.stamp
WHERE i.id BETWEEN ?3 AND ?4
  -- The scope: a Mandant sees its own rows, a partner its own within one Mandant, the operator all.
  AND (?1 IS NULL OR s.mandant = ?1) AND (?2 IS NULL OR s.partner = ?2)
  -- States as a JSON list; an empty list means all.
  AND (?5 = '[]' OR i.state IN (SELECT value FROM json_each(?5)))
  -- Older than a given message.
  AND (?6 IS NULL OR i.id < ?6)
  AND (?8 IS NULL OR s.partner = ?8) AND (?9 IS NULL OR i.route = ?9) AND (?10 IS NULL OR i.message = ?10)
  AND (?11 IS NULL OR instr(' ' || i.codes || ' ', ' ' || ?11 || ' ') > 0)
ORDER BY i.id DESC LIMIT ?7
