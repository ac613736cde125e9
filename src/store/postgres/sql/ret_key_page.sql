-- A page of keys in their own order.
SELECT key, seit FROM idempotency WHERE key > $1 ORDER BY key LIMIT $2::bigint
