-- The state under a key of idempotency.
SELECT state FROM idempotency WHERE key = $1
