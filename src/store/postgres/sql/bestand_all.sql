-- Every Bestand with its content; there is one for each office.
SELECT b.key, c.nr, c.mandant_key, c.subject_key, c.data_key, c.head, c.body, c.note
FROM bestand b CROSS JOIN LATERAL (SELECT * FROM sealed s WHERE s.nr = b.nr LIMIT 1) c
