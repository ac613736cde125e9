SELECT 1 FROM outbox WHERE id = ?1
