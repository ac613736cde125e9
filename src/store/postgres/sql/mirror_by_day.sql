-- Across Mandanten: only for the steps' lookup. From the blind day to its records and never the other way round.
SELECT m.ende, m.id, r.mandant, r.partner, r.nr, r.mandant_key, r.subject_key, r.data_key, r.head, r.body, r.note, m.changed
FROM mirror m CROSS JOIN LATERAL (
  SELECT s.mandant, s.partner, c.nr, c.mandant_key, c.subject_key, c.data_key, c.head, c.body, c.note
  FROM stamp s JOIN sealed c ON c.nr = m.nr
  WHERE s.nr = m.stamp LIMIT 1
) r
WHERE m.ende = ANY($1::bytea[]) ORDER BY r.nr
