-- Messages that are taken anew when they are repeated. One walk through all keys.
DELETE FROM idempotency WHERE message = ANY($1::uuid[])
