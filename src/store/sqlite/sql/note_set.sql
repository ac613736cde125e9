INSERT OR REPLACE INTO note (key, connection, value) VALUES (?1, ?2, ?3)
