DELETE FROM tombstone WHERE key = ANY($1::bytea[])
