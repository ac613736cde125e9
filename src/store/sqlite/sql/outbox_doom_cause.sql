INSERT OR IGNORE INTO outbox_doomed (id) SELECT id FROM outbox WHERE cause = ?1 AND state <> 'sent'
