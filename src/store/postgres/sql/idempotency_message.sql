-- Which messages came first under keys.
SELECT message FROM idempotency WHERE key = ANY($1::bytea[])
