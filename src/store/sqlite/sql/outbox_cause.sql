SELECT cause FROM outbox WHERE id = ?1
