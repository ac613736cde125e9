INSERT OR IGNORE INTO vorgang_spur (key, vorgang) VALUES (?1, ?2)
