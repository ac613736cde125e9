-- Which message came first under a key.
SELECT message FROM idempotency WHERE key = ?1
