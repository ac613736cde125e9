-- Across Mandanten: only for the steps' lookup.
SELECT key, created FROM tombstone WHERE key = ANY($1::bytea[])
