-- Across Mandanten: only for the steps' lookup.
SELECT b.key, c.nr, c.mandant_key, c.subject_key, c.data_key, c.head, c.body, c.note
FROM bestand b JOIN sealed c ON c.nr = b.nr WHERE b.key = ANY($1::bytea[])
