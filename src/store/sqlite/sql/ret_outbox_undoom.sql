DELETE FROM outbox_doomed WHERE id = ?1
