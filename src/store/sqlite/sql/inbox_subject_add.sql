INSERT OR IGNORE INTO inbox_subject (key, inbox) VALUES (?1, ?2)
