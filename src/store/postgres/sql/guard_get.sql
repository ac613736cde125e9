-- Versions; a missing row is 0.
SELECT key, version FROM guard WHERE key = ANY($1::bytea[])
