DELETE FROM idempotency WHERE key = ANY($1::bytea[])
