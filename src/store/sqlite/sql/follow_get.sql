SELECT state, since, looks FROM followed WHERE outbox = ?1
