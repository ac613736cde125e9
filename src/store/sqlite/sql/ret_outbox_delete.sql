DELETE FROM outbox WHERE row = ?1
