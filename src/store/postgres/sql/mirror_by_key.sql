-- Across Mandanten: only for the steps' lookup. From the key to its record and never the other way round, whatever the server thinks
-- of the tables' sizes.
SELECT k.key, r.id, r.mandant, r.partner, r.nr, r.mandant_key, r.subject_key, r.data_key, r.head, r.body, r.note,
  r.changed
FROM mirror_key k CROSS JOIN LATERAL (
  SELECT m.id, s.mandant, s.partner, c.nr, c.mandant_key, c.subject_key, c.data_key, c.head, c.body, c.note,
    m.changed
  FROM mirror m JOIN stamp s ON s.nr = m.stamp JOIN sealed c ON c.nr = m.nr
  WHERE m.nr = k.mirror LIMIT 1
) r
WHERE k.key = ANY($1::bytea[]) ORDER BY r.nr
