SELECT state FROM idempotency WHERE key = ?1
