-- Across Mandanten: only for the steps' lookup.
SELECT k.key, m.id, s.mandant, s.partner, c.nr, c.mandant_key, c.subject_key, c.data_key, c.head, c.body, c.note
FROM mirror_key k JOIN mirror m ON m.nr = k.mirror JOIN stamp s ON s.nr = m.stamp JOIN sealed c ON c.nr = m.nr
WHERE k.key = ANY($1::bytea[]) ORDER BY m.nr
