INSERT OR IGNORE INTO backlog (connection, partner, looked) VALUES (?1, ?2, ?3)
