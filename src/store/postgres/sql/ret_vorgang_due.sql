-- Vorgaenge in which nothing is open since then, and what only leads to them (rows of the same id).
SELECT v.nr, v.key, v.subject_key FROM vorgang v
WHERE v.geaendert < $1 AND (v.state NOT IN ('eingegangen', 'beim-jugendamt', 'rueckfrage')
  OR EXISTS (SELECT 1 FROM vorgang m WHERE m.id = v.id AND m.geaendert < $1
    AND m.state NOT IN ('eingegangen', 'beim-jugendamt', 'rueckfrage')))
ORDER BY v.geaendert LIMIT $2::bigint
