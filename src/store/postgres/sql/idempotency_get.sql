-- What stands under the keys.
SELECT key, content, message, conflict, state, codes FROM idempotency WHERE key = ANY($1::bytea[])
