UPDATE outbox SET remembered = ?2 WHERE row = ?1
