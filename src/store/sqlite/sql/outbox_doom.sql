INSERT OR IGNORE INTO outbox_doomed (id) VALUES (?1)
