-- Bestaende that exist.
SELECT key, nr FROM bestand WHERE key = ANY($1::bytea[])
