DELETE FROM followed WHERE outbox = ?1
