-- Across Mandanten: only for the steps' lookup.
SELECT v.key, v.id, v.owner, v.state, v.deadline, c.nr, c.mandant_key, c.subject_key, c.data_key, c.head, c.body, c.note
FROM vorgang v JOIN sealed c ON c.nr = v.nr WHERE v.key = ANY($1::bytea[])
