-- How many Vorgaenge are over, and the oldest; conditions as in ret_vorgang_due.
SELECT count(*), min(v.geaendert) FROM vorgang v
WHERE v.geaendert < $1 AND (v.state NOT IN ('eingegangen', 'beim-jugendamt', 'rueckfrage')
  OR EXISTS (SELECT 1 FROM vorgang m WHERE m.id = v.id AND m.geaendert < $1
    AND m.state NOT IN ('eingegangen', 'beim-jugendamt', 'rueckfrage')))
