SELECT content, message, conflict, state, codes FROM idempotency WHERE key = ?1
