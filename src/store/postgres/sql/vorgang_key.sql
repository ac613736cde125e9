-- Vorgaenge that exist, with the key that wraps them.
SELECT key, nr, subject_key FROM vorgang WHERE key = ANY($1::bytea[])
