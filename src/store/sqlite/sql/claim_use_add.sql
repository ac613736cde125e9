INSERT OR IGNORE INTO claim_use (name, sealed, data_key) VALUES (?1, ?2, ?3)
