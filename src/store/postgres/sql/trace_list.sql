-- Across Mandanten: only for the steps' lookup.
SELECT s.key, s.vorgang FROM vorgang_spur s WHERE s.key = ANY($1::bytea[])
